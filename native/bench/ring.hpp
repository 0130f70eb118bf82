// Loops over two cores that `kimera bench runtime` times: the ring, Boost's queue where its headers
// were found, and the raw exchange of one cache line, which says how far apart the cores are now.
#pragma once

#include <cstdint>

namespace kimera::bench {

enum class Handover : std::uint8_t {
  RingOne = 0,       // gated ring, push() and pop() of one record
  RingSpan = 1,      // gated ring, claim/commit and peek/consume in place
  RingObserved = 2,  // overwriting ring, push() and copies of a validated batch
  BoostOne = 3,      // boost::lockfree::spsc_queue, push() and pop() of one record
  BoostMany = 4,     // the same, arrays of 64
};
enum class Between : std::uint8_t { Threads = 0, Processes = 1 };

[[nodiscard]] bool has_boost() noexcept;
[[nodiscard]] const char* boost_version() noexcept;

// Records per second through a queue of 4,096 records from one pinned thread or process to
// another; 0 when it cannot be measured (no Boost, one core). RingObserved counts what arrived.
[[nodiscard]] double handover_per_s(Handover queue, Between parties, std::uint64_t n_records);

struct RoundTrip {
  double p50_ns = 0;
  double p99_ns = 0;
};
// A record there and back over two gated rings; one word there and back over two cache lines.
[[nodiscard]] RoundTrip ring_round_trip(std::uint64_t n_trips);
[[nodiscard]] RoundTrip line_round_trip(std::uint64_t n_trips);

}  // namespace kimera::bench
