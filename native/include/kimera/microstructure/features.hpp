// One row of features: what the analyzer says after a record. Integers first, then numbers made
// of them by one IEEE expression each, so that a batch computation gives the same bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kimera/model/record.hpp"

namespace kimera::microstructure {

inline constexpr std::size_t kLevels = 5;
inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

struct FeatureRow {
  // Whole numbers. Prices are model::kNoPrice where a side is empty.
  std::int64_t ts_ns = model::kNoTime;  // greatest event time so far
  std::int64_t bid_ticks = model::kNoPrice;
  std::int64_t ask_ticks = model::kNoPrice;
  std::int64_t mid2_ticks = model::kNoPrice;    // bid + ask [half ticks]
  std::int64_t spread_ticks = model::kNoPrice;  // ask - bid
  std::int64_t state = 0;                       // market::BookState
  std::int64_t bid_lots = 0;
  std::int64_t ask_lots = 0;
  std::int64_t bid_depth_lots = 0;  // best kLevels levels
  std::int64_t ask_depth_lots = 0;
  std::array<std::int64_t, kLevels> ofi{};  // running order-flow imbalance of each level [lots]
  std::int64_t adds = 0;                    // running counts
  std::int64_t cancels = 0;
  std::int64_t trades = 0;
  std::int64_t volume_lots = 0;  // running sums
  std::int64_t signed_volume_lots = 0;
  std::int64_t late = 0;  // records whose time ran backwards
  // Numbers. NaN = not defined yet, or not for this book.
  double imbalance_1 = kNone;
  double imbalance_5 = kNone;
  double weighted_mid_ticks = kNone;
  double micro_price_ticks = kNone;  // NaN without a fitted table
  double bid_slope = kNone;          // lots per tick
  double ask_slope = kNone;
  double liquidity_score = 0.0;
  double quoted_spread_ticks = kNone;     // time-weighted so far
  double effective_spread_ticks = kNone;  // size-weighted so far
  double realised_spread_ticks = kNone;   // of the trades whose horizon has passed
  double price_impact_ticks = kNone;
  double kyle_lambda = kNone;          // ticks per lot, all orders so far
  double kyle_lambda_rolling = kNone;  // the last kyle_window orders
  double roll_spread_ticks = kNone;
  double realised_variance = 0.0;  // sum of squared mid changes [half ticks^2]
  double vpin = kNone;
  double cancel_trade_ratio = kNone;
  double trade_imbalance = kNone;  // signed / total volume so far
};

static_assert(std::is_standard_layout_v<FeatureRow> && std::is_trivially_copyable_v<FeatureRow>);
static_assert(sizeof(FeatureRow) == (16 + kLevels + 18) * 8, "eight bytes a feature, no padding");

// Copies a row in vector-sized pieces: for this size compilers choose a string instruction, whose
// start alone costs more than the copy.
inline void copy_row(const FeatureRow& row, void* out) noexcept {
  constexpr std::size_t kPiece = 32;
  const char* from = reinterpret_cast<const char*>(&row);
  char* to = static_cast<char*>(out);
  std::size_t at = 0;
#pragma GCC unroll 16
  for (; at + kPiece <= sizeof(FeatureRow); at += kPiece) std::memcpy(to + at, from + at, kPiece);
  std::memcpy(to + at, from + at, sizeof(FeatureRow) % kPiece);
}

}  // namespace kimera::microstructure
