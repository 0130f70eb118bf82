// Workloads and loops of `kimera bench book`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::bench {

// A market of one instrument: a fair price walks at random, makers add, cancel and modify around
// it, takers hit the touch when it moves through. Every event is legal, the book never crosses.
struct BookWorkload {
  std::size_t n_events = 1'000'000;
  std::uint64_t seed = 7;
  std::uint32_t n_live = 2000;    // resting orders it tends to
  std::uint32_t max_depth = 200;  // farthest add from the fair price, ticks
  std::vector<model::Record> by_order;
  std::vector<model::Record> by_price;  // the levels each event changed

  void make();
};

// Applies all records to a new book and folds the best prices and sizes after each into a digest,
// so that the work cannot be left out and two books can be compared.
struct BookRun {
  std::uint64_t digest = 0;
  double seconds = 0;
  std::uint64_t n_errors = 0;
};

[[nodiscard]] BookRun run_l3(std::span<const model::Record> records);
[[nodiscard]] BookRun run_l2(std::span<const model::Record> records);
// The plainest fast book: an array by price, an open-addressing table by id, no checks, no bounds.
[[nodiscard]] BookRun run_plain_l3(std::span<const model::Record> records);
[[nodiscard]] BookRun run_plain_l2(std::span<const model::Record> records);

}  // namespace kimera::bench
