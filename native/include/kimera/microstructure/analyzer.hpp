// The streaming analyzer of one instrument: every record updates the measures, in bounded memory.
//
//   analyzer.apply(record, book)   after book.apply(record); true when a feature but the time
//                                  changed
//
// Trades are Execute and Trade records. Those of one time stamp with the same flow are one order
// where a measure speaks of orders (Kyle, Roll). The mid a trade met is that at the end of the
// time stamp before its own. A record whose time runs backwards counts as of the latest time.
// Sums are 64-bit integers; the one that would overflow makes its measure NaN for good.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/market/book_types.hpp"
#include "kimera/microstructure/features.hpp"
#include "kimera/model/record.hpp"

namespace kimera::microstructure {

struct AnalyzerConfig {
  std::int64_t typical_depth_lots = 1'000;  // D0 of the liquidity score, > 0
  std::int64_t bucket_lots = 10'000;        // VPIN, > 0
  std::uint32_t vpin_window = 50;           // buckets, > 0
  std::uint32_t kyle_window = 500;          // orders, >= 3
  std::int64_t horizon_ns = 1'000'000'000;  // realised spread, > 0
  std::uint32_t max_pending = 1U << 16U;    // trades that wait for their horizon
  std::uint32_t micro_imbalances = 0;       // shape of the micro-price table; 0 = none
  std::uint32_t micro_spreads = 0;
};

// Sum of integers that knows when it no longer is one.
class ExactSum {
 public:
  void add(std::int64_t value) noexcept { lost_ |= __builtin_add_overflow(sum_, value, &sum_); }
  void add_product(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t product = 0;
    lost_ |= __builtin_mul_overflow(a, b, &product);
    add(product);
  }
  [[nodiscard]] bool lost() const noexcept { return lost_; }
  [[nodiscard]] double over(const ExactSum& total) const noexcept {
    if (lost_ || total.lost_ || total.sum_ == 0) return kNone;
    return static_cast<double>(sum_) / static_cast<double>(total.sum_);
  }
  [[nodiscard]] double value() const noexcept { return lost_ ? kNone : static_cast<double>(sum_); }

 private:
  std::int64_t sum_ = 0;
  bool lost_ = false;
};

// Everything that is moved by trades and time, apart from the book.
class FlowMeasures {
 public:
  explicit FlowMeasures(const AnalyzerConfig& config);

  // Time has moved from row.ts_ns to `now`: what was due is settled at the state in `row`.
  void advance(std::int64_t now, FeatureRow& row) noexcept;
  void trade(std::int64_t price, std::int64_t lots, std::int64_t sign, FeatureRow& row) noexcept;

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Pending {
    std::int64_t due_ns;
    std::int64_t price2;
    std::int64_t mid2;
    std::int64_t sign;
    std::int64_t lots;
  };
  // Running sums of the regression of mid changes on flow: count, x, y, xx, xy, yy.
  using Sums = std::array<double, 6>;

  void settle(const Pending& p, std::int64_t mid2) noexcept;
  void close_order(FeatureRow& row) noexcept;
  void fill_buckets(std::int64_t lots, std::int64_t sign, FeatureRow& row) noexcept;
  void finish_bucket() noexcept;

  AnalyzerConfig config_;
  // Quoted, effective and realised spreads.
  ExactSum spread_time_;
  ExactSum time_;
  ExactSum effective_;
  ExactSum effective_lots_;
  ExactSum realised_;
  ExactSum impact_;
  ExactSum realised_lots_;
  std::vector<Pending> pending_;
  std::uint64_t pending_head_ = 0;
  std::uint64_t pending_tail_ = 0;
  std::uint64_t dropped_ = 0;
  std::int64_t prior_mid2_ = model::kNoPrice;  // at the end of the time stamp before
  // The order that is open: trades of the latest time stamp that had any.
  bool has_order_ = false;
  bool order_is_now_ = false;
  std::int64_t order_flow_ = 0;
  std::int64_t order_price_ = 0;
  std::int64_t order_mid2_ = model::kNoPrice;
  Sums kyle_{};
  std::vector<Sums> kyle_ring_;
  std::uint64_t kyle_count_ = 0;
  // Roll: price changes from order to order.
  std::uint64_t prices_ = 0;
  std::int64_t last_price_ = 0;
  double last_change_ = 0.0;
  std::array<double, 4> roll_{};  // pairs, now, before, product
  // VPIN.
  std::vector<std::int64_t> gaps_;
  std::uint64_t buckets_ = 0;
  std::int64_t gap_sum_ = 0;
  std::int64_t room_;
  std::int64_t net_ = 0;
};

class Analyzer {
 public:
  // micro_table: adjustments [ticks], row-major spreads x imbalances; empty = no micro-price.
  Analyzer(const AnalyzerConfig& config, std::span<const double> micro_table);

  template <market::Book B>
  bool apply(const model::Record& r, const B& book) noexcept {
    const std::int64_t now = r.ts_event_ns;
    if (now > row_.ts_ns) {
      flow_.advance(now, row_);
      row_.ts_ns = now;
    } else if (now < row_.ts_ns) {
      ++row_.late;
    }
    if (r.kind != model::Kind::Delta) return false;
    const model::Action action = r.delta_action();
    constexpr unsigned kBreak = model::flag::kGapBefore | model::flag::kSnapshot;
    const bool broken = (r.flags & kBreak) != 0 || action == model::Action::Clear;
    if (broken || stale_) [[unlikely]]
      stale_ = book.state() == market::BookState::Stale;
    bool changed = state_stale_ != stale_;
    if (action != model::Action::Trade && action != model::Action::Fill)
      changed |= refresh_sides(r, book, broken);
    if (changed) book_features();
    return count(r, action, broken) || changed;
  }

  [[nodiscard]] const FeatureRow& row() const noexcept { return row_; }
  // Trades whose realised spread was given up because too many were waiting.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return flow_.dropped(); }

 private:
  struct Side {
    std::array<market::Level, kLevels> level{};
    std::size_t n = 0;
    std::int64_t depth_lots = 0;
  };
  // What has changed since the numbers were last made: sizes at the best level, sizes below it,
  // or the prices themselves.
  static constexpr unsigned kDeep = 1;
  static constexpr unsigned kTop = 2;
  static constexpr unsigned kPrices = 4;

  template <market::Book B>
  bool refresh_sides(const model::Record& r, const B& book, bool broken) noexcept {
    const bool both = r.side == model::Side::None || broken;
    bool changed = false;
    if (both || r.side == model::Side::Bid)
      changed |= beyond(r, 0) ? false : refresh<0>(r, book, broken);
    if (both || r.side == model::Side::Ask)
      changed |= beyond(r, 1) ? false : refresh<1>(r, book, broken);
    return changed;
  }

  // Whether the record touches only prices worse than the levels we look at. A Modify may come
  // from anywhere, a record that names no price too, and an execution may be printed at another
  // price than the order rested at.
  [[nodiscard]] bool beyond(const model::Record& r, unsigned s) const noexcept {
    const Side& side = sides_[s];
    if (side.n < kLevels || r.price_ticks == model::kNoPrice) return false;
    const model::Action action = r.delta_action();
    if (action == model::Action::Modify || action == model::Action::Execute ||
        action == model::Action::Clear)
      return false;
    const std::int64_t last = side.level[kLevels - 1].price_ticks;
    return s == 0 ? r.price_ticks < last : r.price_ticks > last;
  }

  template <unsigned S, market::Book B>
  bool refresh(const model::Record& r, const B& book, bool broken) noexcept {
    constexpr model::Side kSide = S == 0 ? model::Side::Bid : model::Side::Ask;
    Side& side = sides_[S];
    // Most changes are of the size of one level that was there and stays.
    if (r.price_ticks != model::kNoPrice && r.delta_action() != model::Action::Modify && !broken) {
      for (std::size_t m = 0; m < side.n; ++m) {
        if (side.level[m].price_ticks != r.price_ticks) continue;
        const std::int64_t lots = book.size_at(kSide, r.price_ticks);
        if (lots == 0) break;
        const std::int64_t gained = lots - side.level[m].size_lots;
        if (gained == 0) break;  // then what changed is elsewhere
        side.level[m].size_lots = lots;
        side.depth_lots += gained;
        row_.ofi[m] += S == 0 ? gained : -gained;
        touched_ |= m == 0 ? kTop | kDeep : kDeep;
        return true;
      }
    }
    Side now;
    now.n = book.levels(kSide, std::span<market::Level>(now.level));
    return exchange<S>(now, broken);
  }

  template <unsigned S>
  bool exchange(const Side& now, bool broken) noexcept;
  bool count(const model::Record& r, model::Action action, bool broken) noexcept;
  void book_features() noexcept;
  void size_features() noexcept;
  void price_features() noexcept;
  [[nodiscard]] double micro_price() const noexcept;

  AnalyzerConfig config_;
  FeatureRow row_;
  std::array<Side, 2> sides_;
  FlowMeasures flow_;
  std::vector<double> micro_table_;
  ExactSum variance_;
  std::int64_t last_mid2_ = model::kNoPrice;
  double spread_points_ = kNone;          // of the liquidity score
  std::array<std::int64_t, 2> reach2_{};  // from the mid to the last level [half ticks]
  unsigned touched_ = 0;
  bool stale_ = false;
  bool state_stale_ = false;
};

}  // namespace kimera::microstructure
