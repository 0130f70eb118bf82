#include "kimera/runtime/random.hpp"

#include <algorithm>
#include <numbers>

namespace kimera::runtime {
namespace detail {
namespace {

// <cmath> is not constexpr in C++20, and tables made at load time would be unordered against
// other static objects. These three are run by the compiler only, for the 2 x 257 edges.
constexpr double const_exp(double x) noexcept {
  const bool negative = x < 0;
  const double magnitude = negative ? -x : x;
  double halved = magnitude;
  int halvings = 0;
  for (; halved > 0.125; ++halvings) halved /= 2;
  long double sum = 1;
  long double term = 1;
  for (int i = 1; i < 24; ++i) {
    term *= static_cast<long double>(halved) / i;
    sum += term;
  }
  for (int i = 0; i < halvings; ++i) sum *= sum;
  return static_cast<double>(negative ? 1 / sum : sum);
}

constexpr double const_log(double y) noexcept {
  int doublings = 0;
  auto mantissa = static_cast<long double>(y);
  for (; mantissa < 1; --doublings) mantissa *= 2;
  for (; mantissa >= 2; ++doublings) mantissa /= 2;
  const long double z = (mantissa - 1) / (mantissa + 1);  // at most 1/3
  long double power = z;
  long double sum = 0;
  for (int i = 1; i < 60; i += 2) {
    sum += power / i;
    power *= z * z;
  }
  return static_cast<double>(2 * sum + doublings * std::numbers::ln2_v<long double>);
}

constexpr double const_sqrt(double y) noexcept {
  long double x = y > 1 ? static_cast<long double>(y) : 1;
  for (int i = 0; i < 64; ++i) x = (x + static_cast<long double>(y) / x) / 2;
  return static_cast<double>(x);
}

// Where the tail begins and the area of one layer, for 256 layers (Doornik 2005, table 1, and
// Marsaglia and Tsang 2000).
constexpr double kNormalTail = 3.6541528853610088;
constexpr double kNormalArea = 0.00492867323399;
constexpr double kExponentialTail = 7.69711747013104972;
constexpr double kExponentialArea = 0.0039496598225815571993;

constexpr double normal_height(double x) noexcept {
  return const_exp(-0.5 * x * x);
}
constexpr double normal_edge_at(double height) noexcept {
  return const_sqrt(-2 * const_log(height));
}
constexpr double exponential_height(double x) noexcept {
  return const_exp(-x);
}
constexpr double exponential_edge_at(double height) noexcept {
  return -const_log(height);
}

template <typename Height, typename Edge>
constexpr Ziggurat make_ziggurat(double tail, double area, Height height, Edge edge) noexcept {
  Ziggurat z{};
  z.x[0] = area / height(tail);
  z.f[0] = 0;
  z.x[1] = tail;
  z.f[1] = height(tail);
  for (std::size_t i = 2; i < 256; ++i) {
    z.x[i] = edge(area / z.x[i - 1] + z.f[i - 1]);
    z.f[i] = height(z.x[i]);
  }
  z.x[256] = 0;
  z.f[256] = 1;
  return z;
}

}  // namespace

constinit const Ziggurat kNormalZiggurat =
    make_ziggurat(kNormalTail, kNormalArea, normal_height, normal_edge_at);
constinit const Ziggurat kExponentialZiggurat =
    make_ziggurat(kExponentialTail, kExponentialArea, exponential_height, exponential_edge_at);

}  // namespace detail

using detail::kExponentialZiggurat;
using detail::kNormalZiggurat;

void Random::jump() noexcept {
  constexpr State kPolynomial{0x180EC6D33CFD0ABAULL, 0xD5A61266F0C9392CULL, 0xA9582618E03FC9AAULL,
                              0x39ABDC4529B1661CULL};
  State sum{};
  for (const std::uint64_t word : kPolynomial) {
    for (unsigned bit = 0; bit < 64; ++bit) {
      if ((word >> bit) & 1U) {
        for (std::size_t i = 0; i < sum.size(); ++i) sum[i] ^= state_[i];
      }
      static_cast<void>(next());
    }
  }
  state_ = sum;
}

double Random::normal_edge(std::size_t layer, double x) noexcept {
  if (layer == 0) {
    // The tail beyond x[1], by Marsaglia's method (1964).
    double beyond = 0;
    double height = 0;
    do {
      beyond = -std::log(uniform_positive()) / kNormalZiggurat.x[1];
      height = -std::log(uniform_positive());
    } while (2 * height < beyond * beyond);
    return x < 0 ? -kNormalZiggurat.x[1] - beyond : kNormalZiggurat.x[1] + beyond;
  }
  const double low = kNormalZiggurat.f[layer];
  const double height = low + uniform() * (kNormalZiggurat.f[layer + 1] - low);
  return height < std::exp(-0.5 * x * x) ? x : normal();
}

double Random::exponential_edge(std::size_t layer, double x) noexcept {
  if (layer == 0) return kExponentialZiggurat.x[1] - std::log(uniform_positive());
  const double low = kExponentialZiggurat.f[layer];
  const double height = low + uniform() * (kExponentialZiggurat.f[layer + 1] - low);
  return height < std::exp(-x) ? x : exponential();
}

double Random::gamma(double shape) noexcept {
  if (shape < 1) return gamma(shape + 1) * std::pow(uniform_positive(), 1 / shape);
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(uniform_positive()) < 0.5 * x * x + d * (1 - v + std::log(v))) return d * v;
  }
}

namespace {

// ln k!, exact sums below 10, Stirling's series with three terms above (error below 1e-11).
double log_factorial(double k) noexcept {
  constexpr std::array<double, 10> kSmall{0,
                                          0,
                                          0.6931471805599453,
                                          1.791759469228055,
                                          3.1780538303479458,
                                          4.787491742782046,
                                          6.579251212010101,
                                          8.525161361065415,
                                          10.60460290274525,
                                          12.801827480081469};
  if (k < 10) return kSmall[static_cast<std::size_t>(k)];
  constexpr double kHalfLogTwoPi = 0.9189385332046728;
  const double n = k + 1;
  const double inverse = 1 / n;
  const double square = inverse * inverse;
  return (n - 0.5) * std::log(n) - n + kHalfLogTwoPi +
         inverse * (1.0 / 12 - square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680)));
}

}  // namespace

std::uint64_t Random::poisson(double mean) noexcept {
  if (!(mean > 0)) return 0;
  if (mean >= 10) return poisson_rejection(mean);
  const double limit = std::exp(-mean);
  std::uint64_t count = 0;
  for (double product = uniform_positive(); product > limit; product *= uniform_positive()) ++count;
  return count;
}

// PTRS: transformed rejection with squeeze (Hoermann 1993, "The transformed rejection method for
// generating Poisson random variables").
std::uint64_t Random::poisson_rejection(double mean) noexcept {
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = uniform() - 0.5;
    const double v = uniform_positive();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= squeeze) return static_cast<std::uint64_t>(k);
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double left = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (left <= k * log_mean - mean - log_factorial(k)) return static_cast<std::uint64_t>(k);
  }
}

}  // namespace kimera::runtime
