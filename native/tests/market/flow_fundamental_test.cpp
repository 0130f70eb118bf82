// Oracles: moments in closed form.
#include <cmath>
#include <vector>

#include <doctest/doctest.h>
#include "kimera/market/fundamental.hpp"

using kimera::market::AssetFundamental;
using kimera::market::Fundamental;
using kimera::market::FundamentalParameters;
using kimera::runtime::Random;

namespace {

std::vector<std::vector<double>> log_returns(const FundamentalParameters& p,
                                             const std::vector<AssetFundamental>& assets,
                                             std::int64_t step_ns, int n, std::uint64_t seed) {
  Fundamental path(p, assets, 1'000, Random(seed));
  std::vector<std::vector<double>> out(assets.size());
  std::vector<double> last(assets.size());
  for (std::size_t a = 0; a < assets.size(); ++a) last[a] = std::log(path.value_ticks(a, 1'000));
  for (int i = 1; i <= n; ++i) {
    const std::int64_t now = 1'000 + i * step_ns;
    path.advance(now);
    for (std::size_t a = 0; a < assets.size(); ++a) {
      const double value = std::log(path.value_ticks(a, now));
      out[a].push_back(value - last[a]);
      last[a] = value;
    }
  }
  return out;
}

double moment(const std::vector<double>& x, int order) {
  double sum = 0;
  for (const double v : x) sum += std::pow(v, order);
  return sum / static_cast<double>(x.size());
}

const std::vector<AssetFundamental> kPair{
    {.value_ticks = 6e6, .volatility_bp = 1.2, .common_loading = 0.9, .jump_bp = 4},
    {.value_ticks = 2.7e5, .volatility_bp = 1.5, .common_loading = 0.8, .jump_bp = 4}};

}  // namespace

TEST_CASE("fundamental: a diffusion without jumps or nervousness is a correlated Brownian motion") {
  FundamentalParameters p;
  p.news_rate_hz = 0;
  p.log_volatility_std = 0;
  p.jump_rate_hz = 0;
  const auto r = log_returns(p, kPair, 100'000'000, 20'000, 4);
  CHECK(std::sqrt(moment(r[0], 2)) * 1e4 == doctest::Approx(1.2 * std::sqrt(0.1)).epsilon(0.02));
  CHECK(std::sqrt(moment(r[1], 2)) * 1e4 == doctest::Approx(1.5 * std::sqrt(0.1)).epsilon(0.02));
  double cross = 0;
  for (std::size_t i = 0; i < r[0].size(); ++i) cross += r[0][i] * r[1][i];
  cross /= static_cast<double>(r[0].size()) * std::sqrt(moment(r[0], 2) * moment(r[1], 2));
  CHECK(cross == doctest::Approx(0.72).epsilon(0.03));  // product of the loadings
  CHECK(moment(r[0], 4) / std::pow(moment(r[0], 2), 2) == doctest::Approx(3).epsilon(0.06));
}

TEST_CASE("fundamental: news in pieces keeps variance and correlation, and has known kurtosis") {
  FundamentalParameters p;
  p.log_volatility_std = 0;
  p.jump_rate_hz = 0;
  p.news_rate_hz = 4;
  const auto r = log_returns(p, kPair, 500'000'000, 40'000, 4);
  const double variance = moment(r[0], 2);
  CHECK(variance * 1e8 == doctest::Approx(1.2 * 1.2 * 0.5).epsilon(0.03));
  double cross = 0;
  for (std::size_t i = 0; i < r[0].size(); ++i) cross += r[0][i] * r[1][i];
  cross /= static_cast<double>(r[0].size()) * std::sqrt(variance * moment(r[1], 2));
  CHECK(cross == doctest::Approx(0.72).epsilon(0.04));
  // Two compound Poisson sums of Gaussians with 2 pieces each on average: excess kurtosis is
  // 3 / 2 times the sum of squared shares of the variance, 0.81 common and 0.19 own.
  const double excess = 1.5 * (0.81 * 0.81 + 0.19 * 0.19);
  CHECK(moment(r[0], 4) / (variance * variance) - 3 == doctest::Approx(excess).epsilon(0.15));
}

TEST_CASE("fundamental: jumps add their variance") {
  FundamentalParameters p;
  p.news_rate_hz = 0;
  p.log_volatility_std = 0;
  p.jump_rate_hz = 0.5;
  p.step_s = 0.01;
  const auto r = log_returns(p, kPair, 1'000'000'000, 20'000, 4);
  // Laplace of mean size m has variance 2 m^2; common and own jumps, 0.5 of each a second.
  const double variance = 1.2 * 1.2 + 2 * 0.5 * 2 * 16;
  CHECK(moment(r[0], 2) * 1e8 == doctest::Approx(variance).epsilon(0.06));
}

TEST_CASE("fundamental: log volatility has the standard deviation asked for, and long memory") {
  FundamentalParameters p;
  p.step_s = 0.05;
  p.log_volatility_std = 0.6;
  p.fastest_s = 1;
  p.scale_ratio = 3;
  Fundamental path(p, {kPair[0]}, 0, Random(9));
  std::vector<double> x;
  for (int i = 0; i < 60'000; ++i) {
    path.advance(i * 500'000'000LL);
    x.push_back(std::log(path.nervousness(0, i * 500'000'000LL)));
  }
  const double mean = moment(x, 1);
  for (auto& v : x) v -= mean;
  CHECK(mean == doctest::Approx(-0.36).epsilon(0.15));
  CHECK(std::sqrt(moment(x, 2)) == doctest::Approx(0.6).epsilon(0.12));
  const auto variogram = [&](std::size_t lag) {
    double sum = 0;
    for (std::size_t i = lag; i < x.size(); ++i) sum += (x[i] - x[i - lag]) * (x[i] - x[i - lag]);
    return sum / static_cast<double>(x.size() - lag);
  };
  // Increments grow as lag^H between the scales: 2 H = 0.2 (rough), far from a diffusion's 1.
  const double slope = std::log(variogram(64) / variogram(4)) / std::log(16);
  CHECK(slope > 0.1);
  CHECK(slope < 0.5);
}

TEST_CASE("fundamental: the path depends on the seed, not on who asks when") {
  const FundamentalParameters p;
  Fundamental often(p, kPair, 0, Random(3));
  Fundamental seldom(p, kPair, 0, Random(3));
  Fundamental other(p, kPair, 0, Random(4));
  for (std::int64_t t = 0; t <= 2'000'000'000; t += 700'000) often.advance(t);
  often.advance(2'000'000'000);
  seldom.advance(2'000'000'000);
  other.advance(2'000'000'000);
  CHECK(often.value_ticks(1, 2'500'000'000) == seldom.value_ticks(1, 2'500'000'000));
  CHECK(often.value_ticks(1, 2'500'000'000) != other.value_ticks(1, 2'500'000'000));
}

TEST_CASE("fundamental: what is seen ahead comes true") {
  const FundamentalParameters p;
  Fundamental path(p, kPair, 0, Random(3));
  path.advance(1'000'000'000);
  const double ahead = path.value_ticks(0, 1'400'000'000);
  path.advance(1'400'000'000);
  CHECK(path.value_ticks(0, 1'400'000'000) == ahead);
}
