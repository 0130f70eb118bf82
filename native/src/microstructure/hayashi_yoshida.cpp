#include "kimera/microstructure/hayashi_yoshida.hpp"

#include <algorithm>
#include <cstddef>

namespace kimera::microstructure {

double hayashi_yoshida(const Ticks& a, const Ticks& b, std::int64_t shift_ns) noexcept {
  if (a.ts_ns.size() < 2 || b.ts_ns.size() < 2) return 0.0;
  // Each return of `a` meets one run of returns of `b`; their prices telescope, so the run is
  // price[last] - price[first - 1], and both ends only move forward.
  const std::size_t n_b = b.ts_ns.size();
  double sum = 0.0;
  std::size_t low = 1;   // first interval of b that ends after a's begins
  std::size_t high = 0;  // last interval of b that begins before a's ends
  for (std::size_t i = 1; i < a.ts_ns.size(); ++i) {
    const std::int64_t begin = a.ts_ns[i - 1];
    const std::int64_t end = a.ts_ns[i];
    while (low < n_b && b.ts_ns[low] + shift_ns <= begin) ++low;
    high = std::max(high, low - 1);
    while (high + 1 < n_b && b.ts_ns[high] + shift_ns < end) ++high;
    if (low == n_b) break;
    if (high < low) continue;
    sum += (a.price[i] - a.price[i - 1]) * (b.price[high] - b.price[low - 1]);
  }
  return sum;
}

}  // namespace kimera::microstructure
