// Workloads and loops of `kimera bench itch`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kimera::bench {

// A day of ITCH 5.0 in BinaryFILE framing: stocks of Zipf activity around wandering prices, every
// message legal, executions in the order of the queues, books never crossed. The same seed gives
// the same bytes.
struct ItchWorkload {
  std::size_t n_messages = 2'000'000;
  std::uint64_t seed = 42;
  std::uint32_t n_symbols = 100;
  std::uint32_t depth = 400;  // orders a stock tends to
  std::vector<std::uint8_t> bytes;

  void make();
};

struct ItchRun {
  std::uint64_t messages = 0;
  std::uint64_t digest = 0;
  double seconds = 0;
};

// Full books of all symbols with their queues; the digest is over every best level at the end.
[[nodiscard]] ItchRun run_itch_books(std::span<const std::uint8_t> data);
// Decodes every field of every order message, and keeps a digest of them: no books.
[[nodiscard]] ItchRun run_itch_decode(std::span<const std::uint8_t> data);

}  // namespace kimera::bench
