// Oracles: the closed form of the stationary rate, and the time-rescaling theorem with the
// intensity computed from its definition, by brute force over the whole past (Papangelou 1972).
#include <algorithm>
#include <cmath>
#include <vector>

#include <doctest/doctest.h>
#include "kimera/market/hawkes.hpp"

using kimera::market::Hawkes;
using kimera::market::HawkesParameters;
using kimera::market::kHawkesKernels;
using kimera::runtime::Random;

namespace {

struct Arrival {
  double at_s;
  int stream;
};

std::vector<Arrival> simulate(const HawkesParameters& p, double horizon_s, std::uint64_t seed) {
  Hawkes hawkes(p);
  Random random(seed);
  std::vector<Arrival> out;
  double now = 0;
  for (;;) {
    const double wait = hawkes.next_candidate(random);
    now += wait;
    if (now > horizon_s) return out;
    const int stream = hawkes.accept(wait, random);
    if (stream >= 0) out.push_back({now, stream});
  }
}

// Integral of the intensity of `stream` over [from, to], over all arrivals before `from`.
double compensator(const HawkesParameters& p, const std::vector<Arrival>& past, std::size_t n_past,
                   int stream, double from, double to) {
  double sum = p.baseline_hz * (to - from);
  for (std::size_t i = 0; i < n_past; ++i) {
    const double branching = past[i].stream == stream ? p.branching_self : p.branching_cross;
    for (std::size_t k = 0; k < kHawkesKernels; ++k) {
      sum += branching * p.weight[k] *
             (std::exp(-p.decay_hz[k] * (from - past[i].at_s)) -
              std::exp(-p.decay_hz[k] * (to - past[i].at_s)));
    }
  }
  return sum;
}

const HawkesParameters kClustered{.baseline_hz = 1.5,
                                  .branching_self = 0.5,
                                  .branching_cross = 0.2,
                                  .decay_hz = {0.8, 15},
                                  .weight = {0.4, 0.6}};

}  // namespace

TEST_CASE("hawkes: the rate is the baseline over one minus the branching ratio") {
  const double horizon = 20'000;
  const auto arrivals = simulate(kClustered, horizon, 11);
  const double expected = 2 * kClustered.baseline_hz / (1 - kClustered.branching());  // 10 a second
  const double rate = static_cast<double>(arrivals.size()) / horizon;
  // Variance of the count is rate / (1 - n)^2 per second for long horizons (Hawkes 1971).
  const double error = std::sqrt(expected / horizon) / (1 - kClustered.branching());
  CHECK(std::abs(rate - expected) < 4 * error);
  const auto buys = std::count_if(arrivals.begin(), arrivals.end(),
                                  [](const Arrival& a) { return a.stream == 0; });
  CHECK(std::abs(static_cast<double>(buys) / static_cast<double>(arrivals.size()) - 0.5) < 0.02);
}

TEST_CASE("hawkes: rescaled by the brute-force intensity, arrivals are a unit Poisson process") {
  const auto arrivals = simulate(kClustered, 400, 2);
  REQUIRE(arrivals.size() > 1'500);
  for (const int stream : {0, 1}) {
    std::vector<double> gaps;
    double mass = 0;
    double from = 0;
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      mass += compensator(kClustered, arrivals, i, stream, from, arrivals[i].at_s);
      from = arrivals[i].at_s;
      if (arrivals[i].stream != stream) continue;
      gaps.push_back(1 - std::exp(-mass));  // uniform if the gaps are exponential
      mass = 0;
    }
    std::sort(gaps.begin(), gaps.end());
    double distance = 0;  // Kolmogorov-Smirnov
    const auto n = static_cast<double>(gaps.size());
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      distance = std::max({distance, std::abs(gaps[i] - static_cast<double>(i) / n),
                           std::abs(gaps[i] - static_cast<double>(i + 1) / n)});
    }
    CHECK(distance < 1.63 / std::sqrt(n));  // the 1 % point
  }
}

TEST_CASE("hawkes: without branching the counts are Poisson, with it they are over-dispersed") {
  const auto fano = [](const HawkesParameters& p) {
    std::vector<double> counts(2'000, 0);
    for (const auto& a : simulate(p, 2'000, 3)) ++counts[static_cast<std::size_t>(a.at_s)];
    double mean = 0;
    for (const double c : counts) mean += c / 2'000;
    double variance = 0;
    for (const double c : counts) variance += (c - mean) * (c - mean) / 2'000;
    return variance / mean;
  };
  HawkesParameters poisson = kClustered;
  poisson.branching_self = poisson.branching_cross = 0;
  CHECK(std::abs(fano(poisson) - 1) < 0.15);
  CHECK(fano(kClustered) > 2);
}

TEST_CASE("hawkes: no baseline and no past means no arrival") {
  Hawkes silent({.baseline_hz = 0});
  Random random(1);
  CHECK(std::isinf(silent.next_candidate(random)));
}
