// Buy and sell arrivals that excite themselves and each other (Hawkes 1971), with kernels that
// are sums of exponentials:
//
//   intensity_i(t) = baseline_i(t) + sum over events j before t of sum_k
//                    branching_ij weight_k decay_k exp(-decay_k (t - t_j))      [1/s]
//
// With exponential kernels the excitation is a state of two numbers per kernel which only decays
// between events, so a step costs O(1) whatever the past (Ozaki 1979), and the intensity now
// bounds the intensity until the next event: Ogata's thinning (1981) is exact.
//
// The baseline may change, but only at candidate times, where set_baseline() says so.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "kimera/runtime/random.hpp"

namespace kimera::market {

inline constexpr std::size_t kHawkesKernels = 2;

struct HawkesParameters {
  double baseline_hz = 1;      // of each of the two streams, >= 0
  double branching_self = 0;   // events of the same stream caused by one event, >= 0
  double branching_cross = 0;  // of the other stream; self + cross < 1, or it explodes
  std::array<double, kHawkesKernels> decay_hz{1, 10};   // > 0
  std::array<double, kHawkesKernels> weight{0.5, 0.5};  // sum 1

  [[nodiscard]] double branching() const noexcept { return branching_self + branching_cross; }
};

class Hawkes {
 public:
  explicit Hawkes(const HawkesParameters& parameters) noexcept
      : parameters_(parameters), baseline_hz_(parameters.baseline_hz) {}

  void set_baseline(double baseline_hz) noexcept { baseline_hz_ = baseline_hz; }

  [[nodiscard]] double intensity(std::size_t stream) const noexcept {
    double sum = baseline_hz_;
    for (const double x : excitation_[stream]) sum += x;
    return sum;
  }
  [[nodiscard]] double intensity() const noexcept { return intensity(0) + intensity(1); }

  // Seconds to the next candidate; infinity when nothing can happen any more.
  [[nodiscard]] double next_candidate(runtime::Random& random) noexcept {
    bound_ = intensity();
    return bound_ > 0 ? random.exponential(1 / bound_) : HUGE_VAL;
  }

  // At the candidate, `elapsed_s` after the last: -1 if it is thinned away, else the stream.
  [[nodiscard]] int accept(double elapsed_s, runtime::Random& random) noexcept {
    for (std::size_t k = 0; k < kHawkesKernels; ++k) {
      const double kept = std::exp(-parameters_.decay_hz[k] * elapsed_s);
      excitation_[0][k] *= kept;
      excitation_[1][k] *= kept;
    }
    const double level = random.uniform() * bound_;
    const double first = intensity(0);
    if (level >= first + intensity(1)) return -1;
    const std::size_t stream = level < first ? 0 : 1;
    excite(stream);
    return static_cast<int>(stream);
  }

  void excite(std::size_t stream) noexcept {
    for (std::size_t k = 0; k < kHawkesKernels; ++k) {
      const double jump = parameters_.weight[k] * parameters_.decay_hz[k];
      excitation_[stream][k] += parameters_.branching_self * jump;
      excitation_[1 - stream][k] += parameters_.branching_cross * jump;
    }
  }

 private:
  HawkesParameters parameters_;
  double baseline_hz_;
  double bound_ = 0;
  std::array<std::array<double, kHawkesKernels>, 2> excitation_{};
};

}  // namespace kimera::market
