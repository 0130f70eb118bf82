// Time is injected. Wall times are int64 ns since the Unix epoch; durations come from a monotonic
// clock. A component takes a Clock; only this header reads the machine's.
#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <ctime>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace kimera::runtime {

template <typename T>
concept Clock = requires(T clock) {
  { clock.now_ns() } noexcept -> std::same_as<std::int64_t>;
  { clock.monotonic_ns() } noexcept -> std::same_as<std::int64_t>;
};

// The kernel's clocks through the vDSO, about 20 ns a call.
class SystemClock {
 public:
  [[nodiscard]] std::int64_t now_ns() const noexcept { return read(CLOCK_REALTIME); }
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept { return read(CLOCK_MONOTONIC); }

 private:
  [[nodiscard]] static std::int64_t read(clockid_t id) noexcept {
    timespec t{};
    clock_gettime(id, &t);
    return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
  }
};

// The processor's time stamp counter, about 10 ns a call, set against CLOCK_MONOTONIC when it is
// made and again by recalibrate(). Falls back to the kernel where the counter is not invariant.
class TscClock {
 public:
  // Spins for `calibration_ns`: 10 ms gives about 1e-6 relative error in the rate.
  explicit TscClock(std::int64_t calibration_ns = 10'000'000) noexcept;

  [[nodiscard]] static std::uint64_t ticks() noexcept {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return static_cast<std::uint64_t>(SystemClock{}.monotonic_ns());
#endif
  }
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept {
    if (!invariant_) return SystemClock{}.monotonic_ns();
    return base_ns_ + ticks_to_ns(ticks() - base_ticks_);
  }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return monotonic_ns() + epoch_offset_ns_; }

  [[nodiscard]] std::int64_t ticks_to_ns(std::uint64_t ticks) const noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::int64_t>((static_cast<Wide>(ticks) * ns_per_tick_q32_) >> 32U);
  }
  [[nodiscard]] double ticks_per_ns() const noexcept {
    return 4294967296.0 / static_cast<double>(ns_per_tick_q32_);
  }
  [[nodiscard]] bool invariant() const noexcept { return invariant_; }
  // Measure the rate over all the time since construction and take a new base; call it from the
  // slow lane, about once a second, never while another thread reads.
  void recalibrate() noexcept;

 private:
  struct Reading {
    std::uint64_t ticks;
    std::int64_t monotonic_ns;
  };
  [[nodiscard]] static Reading read_both() noexcept;

  bool invariant_ = false;
  std::uint64_t ns_per_tick_q32_ = std::uint64_t{1} << 32U;
  std::uint64_t base_ticks_ = 0;
  std::int64_t base_ns_ = 0;
  std::int64_t epoch_offset_ns_ = 0;
  Reading first_{};
};

// A clock that moves when told: simulation, replay and tests.
class ManualClock {
 public:
  explicit constexpr ManualClock(std::int64_t start_ns = 0) noexcept
      : start_ns_(start_ns), now_ns_(start_ns) {}

  [[nodiscard]] constexpr std::int64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] constexpr std::int64_t monotonic_ns() const noexcept { return now_ns_ - start_ns_; }
  // Move to a time that is not earlier; an earlier one is refused (false).
  [[nodiscard]] constexpr bool advance_to(std::int64_t time_ns) noexcept {
    if (time_ns < now_ns_) return false;
    now_ns_ = time_ns;
    return true;
  }

 private:
  std::int64_t start_ns_;
  std::int64_t now_ns_;
};

static_assert(Clock<SystemClock> && Clock<TscClock> && Clock<ManualClock>);

}  // namespace kimera::runtime
