#include "kimera/microstructure/analyzer.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace kimera::microstructure {

namespace {

using market::BookState;
using model::kNoPrice;

// Rank of a price on its side: the greater, the better; no price is worse than any.
template <unsigned S>
std::int64_t rank(const market::Level& level) noexcept {
  if (level.price_ticks == kNoPrice) return kNoPrice;
  return S == 0 ? level.price_ticks : -level.price_ticks;
}

const AnalyzerConfig& checked(const AnalyzerConfig& c) {
  if (c.typical_depth_lots <= 0 || c.bucket_lots <= 0 || c.horizon_ns <= 0)
    throw std::invalid_argument("typical_depth_lots, bucket_lots and horizon_ns must be positive");
  if (c.vpin_window == 0 || c.kyle_window < 3 || c.max_pending == 0)
    throw std::invalid_argument("vpin_window and max_pending from 1, kyle_window from 3");
  return c;
}

// The slope of `_slopes` in kimera.microstructure.price_response, operation by operation.
double slope_of(const std::array<double, 6>& s) noexcept {
  const double n = s[0];
  const double vxx = s[3] - s[1] * s[1] / n;
  const double vxy = s[4] - s[1] * s[2] / n;
  const bool usable = n > 2.0 && vxx > 1e-12 * std::max(s[3], 1e-300);
  return usable ? vxy / vxx : kNone;
}

}  // namespace

FlowMeasures::FlowMeasures(const AnalyzerConfig& config)
    : config_(checked(config)),
      pending_(config.max_pending),
      kyle_ring_(config.kyle_window),
      gaps_(config.vpin_window, 0),
      room_(config.bucket_lots) {}

void FlowMeasures::advance(std::int64_t now, FeatureRow& row) noexcept {
  prior_mid2_ = row.mid2_ticks;
  order_is_now_ = false;
  const auto state = static_cast<BookState>(row.state);
  if (row.ts_ns != model::kNoTime && (state == BookState::Normal || state == BookState::Locked)) {
    const std::int64_t stood = now - row.ts_ns;
    spread_time_.add_product(row.spread_ticks, stood);
    time_.add(stood);
    row.quoted_spread_ticks = spread_time_.over(time_);
  }
  if (pending_head_ == pending_tail_) return;
  bool settled = false;
  while (pending_head_ != pending_tail_) {
    const Pending& p = pending_[pending_head_ % pending_.size()];
    if (p.due_ns >= now) break;
    settle(p, row.mid2_ticks);
    settled = true;
    ++pending_head_;
  }
  if (settled) {
    row.realised_spread_ticks = realised_.over(realised_lots_);
    row.price_impact_ticks = impact_.over(realised_lots_);
  }
}

void FlowMeasures::settle(const Pending& p, std::int64_t mid2) noexcept {
  if (mid2 == kNoPrice) return;
  realised_.add_product(p.sign * (p.price2 - mid2), p.lots);
  impact_.add_product(p.sign * (mid2 - p.mid2), p.lots);
  realised_lots_.add(p.lots);
}

void FlowMeasures::trade(std::int64_t price, std::int64_t lots, std::int64_t sign,
                         FeatureRow& row) noexcept {
  if (!order_is_now_) {
    close_order(row);
    has_order_ = order_is_now_ = true;
    order_flow_ = 0;
    order_mid2_ = prior_mid2_;
  }
  order_flow_ += sign * lots;
  order_price_ = price;
  if (sign != 0 && prior_mid2_ != kNoPrice) {
    effective_.add_product(sign * (2 * price - prior_mid2_), lots);
    effective_lots_.add(lots);
    row.effective_spread_ticks = effective_.over(effective_lots_);
    if (pending_tail_ - pending_head_ == pending_.size()) {
      ++dropped_;
    } else {
      pending_[pending_tail_++ % pending_.size()] =
          Pending{row.ts_ns + config_.horizon_ns, 2 * price, prior_mid2_, sign, lots};
    }
  }
  fill_buckets(lots, sign, row);
}

// The order before is complete: its flow, the move of the mid from it to this one, its price.
void FlowMeasures::close_order(FeatureRow& row) noexcept {
  if (!has_order_) return;
  if (order_mid2_ != kNoPrice && prior_mid2_ != kNoPrice) {
    const double x = static_cast<double>(order_flow_);
    const double y = static_cast<double>(prior_mid2_ - order_mid2_) / 2.0;
    kyle_[0] += 1.0;
    kyle_[1] += x;
    kyle_[2] += y;
    kyle_[3] += x * x;
    kyle_[4] += x * y;
    kyle_[5] += y * y;
    Sums& oldest = kyle_ring_[kyle_count_++ % kyle_ring_.size()];
    if (kyle_count_ >= kyle_ring_.size()) {
      Sums window = kyle_;
      if (kyle_count_ > kyle_ring_.size())
        for (std::size_t i = 0; i < window.size(); ++i) window[i] -= oldest[i];
      row.kyle_lambda_rolling = slope_of(window);
    }
    oldest = kyle_;
    row.kyle_lambda = slope_of(kyle_);
  }
  if (prices_++ > 0) {
    const auto change = static_cast<double>(order_price_ - last_price_);
    if (prices_ > 2) {
      roll_[0] += 1.0;
      roll_[1] += change;
      roll_[2] += last_change_;
      roll_[3] += change * last_change_;
      if (roll_[0] >= 2.0) {
        const double covariance = (roll_[3] - roll_[1] * roll_[2] / roll_[0]) / (roll_[0] - 1.0);
        row.roll_spread_ticks = covariance > 0.0 ? kNone : 2.0 * std::sqrt(-covariance);
      }
    }
    last_change_ = change;
  }
  last_price_ = order_price_;
}

void FlowMeasures::finish_bucket() noexcept {
  std::int64_t& oldest = gaps_[buckets_++ % gaps_.size()];
  gap_sum_ += std::abs(net_) - oldest;
  oldest = std::abs(net_);
  net_ = 0;
  room_ = config_.bucket_lots;
}

void FlowMeasures::fill_buckets(std::int64_t lots, std::int64_t sign, FeatureRow& row) noexcept {
  const std::uint64_t before = buckets_;
  while (lots >= room_) {
    net_ += sign * room_;
    lots -= room_;
    finish_bucket();
    // Buckets that one trade fills alone are alike: count those that would be overwritten.
    const std::int64_t alike = lots / config_.bucket_lots;
    const auto window = static_cast<std::int64_t>(gaps_.size());
    if (alike > 2 * window) {
      const std::int64_t rounds = (alike - window) / window;
      buckets_ += static_cast<std::uint64_t>(rounds * window);
      lots -= rounds * window * config_.bucket_lots;
    }
  }
  net_ += sign * lots;
  room_ -= lots;
  if (buckets_ != before && buckets_ >= gaps_.size())
    row.vpin = static_cast<double>(gap_sum_) /
               (static_cast<double>(gaps_.size()) * static_cast<double>(config_.bucket_lots));
}

Analyzer::Analyzer(const AnalyzerConfig& config, std::span<const double> micro_table)
    : config_(config), flow_(config), micro_table_(micro_table.begin(), micro_table.end()) {
  if (micro_table_.size() != std::size_t{config.micro_imbalances} * config.micro_spreads)
    throw std::invalid_argument("micro_table must have micro_spreads x micro_imbalances values");
}

template <unsigned S>
bool Analyzer::exchange(const Side& now, bool broken) noexcept {
  Side& held = sides_[S];
  bool changed = false;
  for (std::size_t m = 0; m < kLevels; ++m) {
    const market::Level& after = now.level[m];
    const market::Level& before = held.level[m];
    if (after.price_ticks == before.price_ticks && after.size_lots == before.size_lots) continue;
    changed = true;
    if (broken) continue;
    const std::int64_t better = rank<S>(after);
    const std::int64_t worse = rank<S>(before);
    const std::int64_t gained =
        (better >= worse ? after.size_lots : 0) - (better <= worse ? before.size_lots : 0);
    row_.ofi[m] += S == 0 ? gained : -gained;
  }
  if (changed) {
    held = now;
    held.depth_lots = 0;
    for (const market::Level& level : held.level) held.depth_lots += level.size_lots;
    touched_ = kPrices;
  }
  return changed;
}

template bool Analyzer::exchange<0>(const Side& now, bool broken) noexcept;
template bool Analyzer::exchange<1>(const Side& now, bool broken) noexcept;

bool Analyzer::count(const model::Record& r, model::Action action, bool broken) noexcept {
  switch (action) {
    case model::Action::Add:
      if (broken) return false;
      ++row_.adds;
      return true;
    case model::Action::Cancel:
      if (broken) return false;
      ++row_.cancels;
      break;
    case model::Action::Execute:
    case model::Action::Trade: {
      if (r.size_lots <= 0 || r.price_ticks == kNoPrice) return false;
      // Execute names the side that rested, Trade that of the taker.
      const model::Side taker = action == model::Action::Execute ? model::opposite(r.side) : r.side;
      const std::int64_t sign = taker == model::Side::Bid ? 1 : taker == model::Side::Ask ? -1 : 0;
      ++row_.trades;
      row_.volume_lots += r.size_lots;
      row_.signed_volume_lots += sign * r.size_lots;
      flow_.trade(r.price_ticks, r.size_lots, sign, row_);
      row_.trade_imbalance =
          static_cast<double>(row_.signed_volume_lots) / static_cast<double>(row_.volume_lots);
      break;
    }
    default:
      return false;
  }
  if (row_.trades > 0)
    row_.cancel_trade_ratio = static_cast<double>(row_.cancels) / static_cast<double>(row_.trades);
  return true;
}

void Analyzer::book_features() noexcept {
  state_stale_ = stale_;
  if ((touched_ & kPrices) != 0 || row_.state == static_cast<std::int64_t>(BookState::Stale) ||
      stale_)
    price_features();
  if (touched_ != 0) size_features();
  touched_ = 0;
}

// What depends on prices alone.
void Analyzer::price_features() noexcept {
  row_.bid_ticks = sides_[0].level[0].price_ticks;
  row_.ask_ticks = sides_[1].level[0].price_ticks;
  row_.state = static_cast<std::int64_t>(stale_ ? BookState::Stale
                                                : market::state_of(row_.bid_ticks, row_.ask_ticks));
  if (row_.bid_ticks == kNoPrice || row_.ask_ticks == kNoPrice) {
    row_.mid2_ticks = row_.spread_ticks = kNoPrice;
    return;
  }
  row_.spread_ticks = row_.ask_ticks - row_.bid_ticks;
  row_.mid2_ticks = row_.bid_ticks + row_.ask_ticks;
  if (row_.mid2_ticks != last_mid2_) {
    if (last_mid2_ != kNoPrice) {
      const std::int64_t move = row_.mid2_ticks - last_mid2_;
      variance_.add_product(move, move);
      row_.realised_variance = variance_.value();
    }
    last_mid2_ = row_.mid2_ticks;
  }
  const std::int64_t width = row_.spread_ticks > 1 ? row_.spread_ticks : 1;
  spread_points_ = row_.spread_ticks < 0 ? kNone : 40.0 / static_cast<double>(width);
  for (unsigned s = 0; s < 2; ++s) {
    const std::int64_t last = sides_[s].level[sides_[s].n - 1].price_ticks;
    reach2_[s] = std::abs(2 * last - row_.mid2_ticks);
  }
}

// What depends on sizes too; prices are as price_features left them.
void Analyzer::size_features() noexcept {
  const std::int64_t b = row_.bid_depth_lots = sides_[0].depth_lots;
  const std::int64_t a = row_.ask_depth_lots = sides_[1].depth_lots;
  const std::int64_t total = b + a;
  const bool two_sided = row_.mid2_ticks != kNoPrice;
  if ((touched_ & (kTop | kPrices)) != 0) {
    row_.bid_lots = sides_[0].level[0].size_lots;
    row_.ask_lots = sides_[1].level[0].size_lots;
    const std::int64_t top = row_.bid_lots + row_.ask_lots;
    row_.imbalance_1 =
        top > 0 ? static_cast<double>(row_.bid_lots - row_.ask_lots) / static_cast<double>(top)
                : kNone;
    row_.weighted_mid_ticks = kNone;
    if (two_sided)
      row_.weighted_mid_ticks =
          static_cast<double>(row_.bid_ticks) +
          static_cast<double>(row_.spread_ticks * row_.bid_lots) / static_cast<double>(top);
    row_.micro_price_ticks = two_sided && !micro_table_.empty() ? micro_price() : kNone;
  }
  row_.imbalance_5 = total > 0 ? static_cast<double>(b - a) / static_cast<double>(total) : kNone;
  if (!two_sided) {
    row_.bid_slope = row_.ask_slope = kNone;
    row_.liquidity_score = 0.0;
    return;
  }
  row_.bid_slope =
      reach2_[0] > 0 ? static_cast<double>(2 * b) / static_cast<double>(reach2_[0]) : kNone;
  row_.ask_slope =
      reach2_[1] > 0 ? static_cast<double>(2 * a) / static_cast<double>(reach2_[1]) : kNone;
  // |b - a| / total is |imbalance_5|: taking a sign away rounds nothing.
  row_.liquidity_score =
      spread_points_ +
      40.0 * static_cast<double>(total) / static_cast<double>(total + config_.typical_depth_lots) +
      20.0 * (1.0 - std::abs(row_.imbalance_5));
}

// The states of `quote_states` in kimera.microstructure.micro_price.
double Analyzer::micro_price() const noexcept {
  const std::int64_t spread = row_.spread_ticks;
  const auto buckets = static_cast<std::int64_t>(config_.micro_imbalances);
  if (spread < 1 || spread > static_cast<std::int64_t>(config_.micro_spreads)) return kNone;
  const std::int64_t total = row_.bid_lots + row_.ask_lots;
  const std::int64_t bucket = 2 * row_.bid_lots <= total
                                  ? std::min(buckets * row_.bid_lots / total, buckets - 1)
                                  : buckets - 1 - buckets * row_.ask_lots / total;
  const auto index = static_cast<std::size_t>((spread - 1) * buckets +
                                              std::clamp<std::int64_t>(bucket, 0, buckets - 1));
  return static_cast<double>(row_.mid2_ticks) / 2.0 + micro_table_[index];
}

}  // namespace kimera::microstructure
