// Covariance of two price series observed at their own times (Hayashi and Yoshida 2005).
#pragma once

#include <cstdint>
#include <span>

namespace kimera::microstructure {

struct Ticks {
  std::span<const std::int64_t> ts_ns;  // strictly increasing
  std::span<const double> price;        // log prices, same length
};

// Sum of products of returns whose intervals (t_{i-1}, t_i] overlap, the times of `b` moved by
// shift_ns first. One pass, O(n + m).
[[nodiscard]] double hayashi_yoshida(const Ticks& a, const Ticks& b,
                                     std::int64_t shift_ns) noexcept;

}  // namespace kimera::microstructure
