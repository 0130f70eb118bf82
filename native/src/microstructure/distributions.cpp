#include "kimera/microstructure/distributions.hpp"

#include <cmath>
#include <cstddef>

namespace kimera::microstructure {

namespace {

// Continued fraction of the regularised incomplete beta function, by Lentz's method; converges
// quickly for x < (a + 1) / (a + b + 2), which the caller sees to.
double beta_fraction(double a, double b, double x) noexcept {
  constexpr double kTiny = 1e-300;
  constexpr double kEnough = 1e-16;
  constexpr int kMost = 500;
  const auto away = [](double v) { return std::abs(v) < kTiny ? kTiny : v; };
  double c = 1.0;
  double d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
  double h = d;
  for (int m = 1; m <= kMost; ++m) {
    const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
    d = 1.0 / away(1.0 + even * d);
    c = away(1.0 + even / c);
    h *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
    d = 1.0 / away(1.0 + odd * d);
    c = away(1.0 + odd / c);
    const double change = d * c;
    h *= change;
    if (std::abs(change - 1.0) < kEnough) break;
  }
  return h;
}

// std::lgamma writes the global signgam, which two threads would race on.
double log_gamma(double x) noexcept {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double incomplete_beta(double a, double b, double x) noexcept {
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  const double front = std::exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * std::log(x) +
                                b * std::log1p(-x));
  if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(a, b, x) / a;
  return 1.0 - front * beta_fraction(b, a, 1.0 - x) / b;
}

}  // namespace

void normal_cdf(std::span<const double> z, std::span<double> out) noexcept {
  constexpr double kRootHalf = 0.70710678118654752440;
  for (std::size_t i = 0; i < z.size(); ++i) out[i] = 0.5 * std::erfc(-z[i] * kRootHalf);
}

void student_t_cdf(std::span<const double> t, double dof, std::span<double> out) noexcept {
  for (std::size_t i = 0; i < t.size(); ++i) {
    if (std::isnan(t[i])) {
      out[i] = t[i];
      continue;
    }
    // From the near end: the middle for small t, the tail for large, so that neither cancels.
    const double square = t[i] * t[i];
    if (square < dof) {
      const double middle = 0.5 * incomplete_beta(0.5, 0.5 * dof, square / (dof + square));
      out[i] = t[i] > 0.0 ? 0.5 + middle : 0.5 - middle;
    } else {
      const double tail = 0.5 * incomplete_beta(0.5 * dof, 0.5, dof / (dof + square));
      out[i] = t[i] > 0.0 ? 1.0 - tail : tail;
    }
  }
}

}  // namespace kimera::microstructure
