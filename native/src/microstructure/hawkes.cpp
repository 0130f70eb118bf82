#include "kimera/microstructure/hawkes.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kimera::microstructure {

namespace {

// Sum of exp(-beta (t - t_j)) over earlier events, and of (t - t_j) times that: the whole memory
// of an exponential kernel. Events wait in `tied` until time has moved on.
struct Memory {
  double sum = 0.0;
  double moment = 0.0;
  double tied = 0.0;

  void advance(double gap, double decay) noexcept {
    sum += tied;
    moment = decay * (moment + gap * sum);
    sum *= decay;
    tied = 0.0;
  }
};

// Sum of logarithms by products: one std::log for many factors. The product is kept within the
// range of a double by taking its exponent away.
class LogSum {
 public:
  void add(double value) noexcept {
    product_ *= value;
    if (!(product_ > kLow && product_ < kHigh)) [[unlikely]]
      fold();
  }
  [[nodiscard]] double value() const noexcept {
    return sum_ + std::log(product_) + static_cast<double>(exponent_) * kLn2;
  }

 private:
  static constexpr double kLow = 0x1p-500;
  static constexpr double kHigh = 0x1p500;
  static constexpr double kLn2 = 0.69314718055994530942;

  void fold() noexcept {
    if (!(product_ > 0.0) || std::isinf(product_)) {  // zero, NaN or beyond: say so in the sum
      sum_ += std::log(product_);
      product_ = 1.0;
      return;
    }
    int exponent = 0;
    product_ = std::frexp(product_, &exponent);
    exponent_ += exponent;
  }

  double product_ = 1.0;
  double sum_ = 0.0;
  std::int64_t exponent_ = 0;
};

// exp(-beta gap) for a block of events at a time: free of the chain through the sums, so that the
// calls overlap.
constexpr std::size_t kBlock = 256;

void decays(std::span<const double> times, std::size_t from, std::size_t n, double beta,
            double* gap, double* decay) noexcept {
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t at = from + i;
    gap[i] = at == 0 ? times[0] : times[at] - times[at - 1];
  }
  for (std::size_t i = 0; i < n; ++i) decay[i] = std::exp(-beta * gap[i]);
}

struct Tail {
  double lost = 0.0;    // sum of 1 - exp(-beta (end - t_i))
  double moment = 0.0;  // sum of (end - t_i) exp(-beta (end - t_i))
};

Tail tail_of(const Memory& last, double gap, double beta, std::size_t n) noexcept {
  Memory at_end = last;
  at_end.advance(gap, std::exp(-beta * gap));
  return {static_cast<double>(n) - at_end.sum, at_end.moment};
}

}  // namespace

HawkesScore hawkes_score(std::span<const double> times, double end,
                         const HawkesParameters& p) noexcept {
  const std::size_t n = times.size();
  Memory memory;
  LogSum logs;
  HawkesScore s{0.0, -end, 0.0, 0.0};
  const double jump = p.alpha * p.beta;
  double gap[kBlock];
  double decay[kBlock];
  for (std::size_t from = 0; from < n; from += kBlock) {
    const std::size_t count = std::min(kBlock, n - from);
    decays(times, from, count, p.beta, gap, decay);
    for (std::size_t i = 0; i < count; ++i) {
      if (gap[i] > 0.0) memory.advance(gap[i], decay[i]);
      const double rate = p.mu + jump * memory.sum;
      const double inverse = 1.0 / rate;
      logs.add(rate);
      s.d_mu += inverse;
      s.d_alpha += p.beta * memory.sum * inverse;
      s.d_beta += p.alpha * (memory.sum - p.beta * memory.moment) * inverse;
      memory.tied += 1.0;
    }
  }
  const double rest = n == 0 ? end : end - times[n - 1];
  const Tail tail = tail_of(memory, rest, p.beta, n);
  s.log_likelihood = logs.value() - p.mu * end - p.alpha * tail.lost;
  s.d_alpha -= tail.lost;
  s.d_beta -= p.alpha * tail.moment;
  return s;
}

double hawkes_log_likelihood(std::span<const double> times, double end,
                             const HawkesParameters& p) noexcept {
  const std::size_t n = times.size();
  LogSum logs;
  const double jump = p.alpha * p.beta;
  double sum = 0.0;
  double tied = 0.0;
  double gap[kBlock];
  double decay[kBlock];
  for (std::size_t from = 0; from < n; from += kBlock) {
    const std::size_t count = std::min(kBlock, n - from);
    decays(times, from, count, p.beta, gap, decay);
    for (std::size_t i = 0; i < count; ++i) {
      if (gap[i] > 0.0) {
        sum = (sum + tied) * decay[i];
        tied = 0.0;
      }
      logs.add(p.mu + jump * sum);
      tied += 1.0;
    }
  }
  const double rest = n == 0 ? end : end - times[n - 1];
  const double left = (sum + tied) * std::exp(-p.beta * rest);
  return logs.value() - p.mu * end - p.alpha * (static_cast<double>(n) - left);
}

void hawkes_residuals(std::span<const double> times, const HawkesParameters& p,
                      std::span<double> residual) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double gap = i == 0 ? times[0] : times[i] - times[i - 1];
    const double decay = std::exp(-p.beta * gap);
    residual[i] = p.mu * gap + p.alpha * sum * (1.0 - decay);
    sum = sum * decay + 1.0;
  }
}

double hawkes_multivariate_score(std::span<const double> times, std::span<const std::int64_t> marks,
                                 double end, std::span<const double> mu,
                                 std::span<const double> alpha, std::span<const double> beta,
                                 std::span<double> gradient) {
  const std::size_t d = mu.size();
  std::vector<Memory> memory(d * d);
  std::vector<double> count(d, 0.0);
  LogSum logs;
  std::fill(gradient.begin(), gradient.end(), 0.0);
  const auto d_alpha = gradient.subspan(d, d * d);
  const auto d_beta = gradient.subspan(d + d * d, d * d);
  const auto advance = [&](double gap) {
    for (std::size_t k = 0; k < d * d; ++k) memory[k].advance(gap, std::exp(-beta[k] * gap));
  };
  double before = 0.0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] > before) advance(times[i] - before);
    before = std::max(before, times[i]);
    const auto m = static_cast<std::size_t>(marks[i]);
    double rate = mu[m];
    for (std::size_t k = 0; k < d; ++k)
      rate += alpha[m * d + k] * beta[m * d + k] * memory[m * d + k].sum;
    logs.add(rate);
    gradient[m] += 1.0 / rate;
    for (std::size_t k = 0; k < d; ++k) {
      const Memory& past = memory[m * d + k];
      d_alpha[m * d + k] += beta[m * d + k] * past.sum / rate;
      d_beta[m * d + k] += alpha[m * d + k] * (past.sum - beta[m * d + k] * past.moment) / rate;
    }
    for (std::size_t r = 0; r < d; ++r) memory[r * d + m].tied += 1.0;
    count[m] += 1.0;
  }
  advance(end - before);
  double value = logs.value();
  for (std::size_t m = 0; m < d; ++m) {
    value -= mu[m] * end;
    gradient[m] -= end;
    for (std::size_t k = 0; k < d; ++k) {
      const double lost = count[k] - memory[m * d + k].sum;
      value -= alpha[m * d + k] * lost;
      d_alpha[m * d + k] -= lost;
      d_beta[m * d + k] -= alpha[m * d + k] * memory[m * d + k].moment;
    }
  }
  return value;
}

}  // namespace kimera::microstructure
