// Loops that `kimera bench microstructure` times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::bench {

// Legal events by order around a wandering price: adds and cancels near the touch for the most
// part, some modifies, executions at the best price. The same seed gives the same stream.
[[nodiscard]] std::vector<model::Record> order_stream(std::size_t n, std::uint64_t seed);

enum class Measured : std::uint8_t {
  Book = 0,      // the bare book
  Top = 1,       // and top-of-book measures
  Analyzer = 2,  // and the whole analyzer, its row written at every record
};

// Seconds that the loop over the records took, the book being built and warm before it. `check`
// receives a number made of the last state, so that nothing can be left out.
[[nodiscard]] double measure_records(std::span<const model::Record> records, Measured what,
                                     std::int64_t& check);

}  // namespace kimera::bench
