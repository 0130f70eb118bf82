#include "kimera/runtime/clock.hpp"

#include <limits>

namespace kimera::runtime {
namespace {

bool tsc_is_invariant() noexcept {
#if defined(__x86_64__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  if (__get_cpuid(0x80000007U, &a, &b, &c, &d) == 0) return false;
  return (d & (1U << 8U)) != 0;
#else
  return false;
#endif
}

}  // namespace

// The tightest of several pairs: an interruption between the two readings shows as a wide one.
TscClock::Reading TscClock::read_both() noexcept {
  Reading best{};
  std::uint64_t narrowest = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 16; ++i) {
    const std::uint64_t before = ticks();
    const std::int64_t at = SystemClock{}.monotonic_ns();
    const std::uint64_t width = ticks() - before;
    if (width < narrowest) {
      narrowest = width;
      best = {before + width / 2, at};
    }
  }
  return best;
}

TscClock::TscClock(std::int64_t calibration_ns) noexcept : invariant_(tsc_is_invariant()) {
  first_ = read_both();
  while (SystemClock{}.monotonic_ns() - first_.monotonic_ns < calibration_ns) {
  }
  recalibrate();
}

void TscClock::recalibrate() noexcept {
  const Reading now = read_both();
  const auto elapsed_ticks = static_cast<double>(now.ticks - first_.ticks);
  const auto elapsed_ns = static_cast<double>(now.monotonic_ns - first_.monotonic_ns);
  if (elapsed_ticks > 0 && elapsed_ns > 0) {
    ns_per_tick_q32_ = static_cast<std::uint64_t>(elapsed_ns / elapsed_ticks * 4294967296.0);
  }
  base_ticks_ = now.ticks;
  base_ns_ = now.monotonic_ns;
  const SystemClock kernel;
  epoch_offset_ns_ = kernel.now_ns() - kernel.monotonic_ns();
}

}  // namespace kimera::runtime
