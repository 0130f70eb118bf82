// The stream the backtest is measured on: one instrument's order flow around a fair value that
// wanders, as orders (L3) and as totals per price with trade prints (L2). Legal by construction:
// cancels name live orders, executions hit the head of the best queue, the book never crosses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::bench {

struct StreamShape {
  std::size_t n_events = 1'000'000;  // at least so many L3 records
  std::uint64_t seed = 7;
  std::size_t live_orders = 2000;  // resting, about
  std::int64_t max_depth_ticks = 200;
  double mean_gap_us = 500;
  double feed_latency_us = 200;
};

struct Stream {
  std::vector<model::Record> l3;
  std::vector<model::Record> l2;
};

[[nodiscard]] Stream make_stream(const StreamShape& shape);

}  // namespace kimera::bench
