#include "kimera/market/replay_venue.hpp"

#include <bit>
#include <cmath>

namespace kimera::market {

using model::kNoPrice;
using model::OrderType;
using model::Record;
using model::RefusalCode;
using model::ReportAct;
using model::Side;
using model::TimeInForce;

ReplayVenue::ReplayVenue(const ReplayVenueConfig& config)
    : config_(config), pool_(config.max_orders), hint_(std::bit_ceil(config.max_orders), 0) {
  lines_.reserve(config.n_instruments);
  for (std::uint32_t i = 0; i < config.n_instruments; ++i) lines_.emplace_back(config);
  free_.reserve(config.max_orders);
  for (std::uint32_t i = config.max_orders; i-- > 0;) free_.push_back(i);
}

void ReplayVenue::feed(std::span<const Record> batch) noexcept {
  at_ = batch.data();
  end_ = batch.data() + batch.size();
  advance();
}

// A record nobody of ours can be touched by.
void ReplayVenue::take(Line& line, const Record& r) noexcept {
  if (r.kind == model::Kind::Status) {
    const auto status = static_cast<model::Status>(r.action);
    line.trading = status != model::Status::Halted && status != model::Status::Closed;
    return;
  }
  static_cast<void>(line.book.apply(r));
}

// The recorded total at a price where own orders may rest went from `before` to `after`.
void ReplayVenue::queue_moved(Line& line, Side side, std::int64_t price, std::int64_t before,
                              std::int64_t after) noexcept {
  const OwnSide& own = line.own[side_index(side)];
  const bool by_order = line.book.kind() == BookKind::ByOrder;
  for (std::size_t i = 0; i < own.size(); ++i) {
    OwnOrder& order = pool_[own[i]];
    if (order.price_ticks != price) continue;
    if (by_order) {
      // Only the nameless lots of the level can have changed, and they stand ahead of all.
      order.ahead_lots = std::max<std::int64_t>(0, order.ahead_lots + after - before);
      continue;
    }
    const std::int64_t fallen = std::max<std::int64_t>(0, before - after);
    const std::int64_t by_trades = std::min(fallen, order.traded_lots);
    order.traded_lots -= by_trades;
    const std::int64_t cancelled = fallen - by_trades;
    if (cancelled > 0) {
      order.ahead_estimate =
          ahead_after_cancel(config_.queue, order.ahead_estimate, before - by_trades, cancelled);
    }
    order.ahead_estimate = std::min(order.ahead_estimate, static_cast<double>(after));
  }
}

// `lots` of a recorded order that had `lots_before` ahead of it left the queue at `price`. The
// recorded orders ahead of ours are a prefix of the queue, so that one was ahead of ours exactly
// when less stood before it than before us.
void ReplayVenue::ahead_gone(Line& line, Side side, std::int64_t price, std::int64_t lots_before,
                             std::int64_t lots) noexcept {
  const OwnSide& own = line.own[side_index(side)];
  for (std::size_t i = 0; i < own.size(); ++i) {
    OwnOrder& order = pool_[own[i]];
    if (order.price_ticks == price && lots_before < order.ahead_lots) {
      order.ahead_lots = std::max<std::int64_t>(0, order.ahead_lots - lots);
    }
  }
}

void ReplayVenue::limit_consumed(Line& line, const Record& r) noexcept {
  if (r.delta_action() == model::Action::Clear) {
    line.consumed.clear();
  } else if (line.book.kind() == BookKind::ByOrder) {
    // A modification may have left any price of the side: look at each.
    line.consumed.limit_all(
        [&line](Side side, std::int64_t price) { return line.book.size_at(side, price); });
  } else if (r.side <= Side::Ask) {
    line.consumed.limit(r.side, r.price_ticks, line.book.size_at(r.side, r.price_ticks));
  }
  if (line.consumed.empty()) refresh(line);
}

RefusalCode ReplayVenue::check(const Record& order) const noexcept {
  if (order.instrument_id - 1U >= lines_.size()) return RefusalCode::UnknownInstrument;
  if (order.size_lots <= 0) return RefusalCode::BadSize;
  if (order.side > Side::Ask) return RefusalCode::NotSupported;
  const Line& line = lines_[order.instrument_id - 1];
  const OrderType type = model::order_type(order.detail);
  const TimeInForce tif = model::time_in_force(order.detail);
  const std::uint16_t options = model::order_options(order.detail);
  const bool limit = type == OrderType::Limit;
  if (!limit && type != OrderType::Market) return RefusalCode::NotSupported;
  if (tif > TimeInForce::Fok || (options & ~model::order_option::kPostOnly) != 0) {
    return RefusalCode::NotSupported;
  }
  if (limit && !in_range(order.price_ticks)) return RefusalCode::BadPrice;
  if (!line.trading) return RefusalCode::NotTrading;
  if (find(order.order_id) != kAbsent) return RefusalCode::DuplicateOrderId;
  const bool crosses = limit && would_cross(line, order.side, order.price_ticks);
  if ((options & model::order_option::kPostOnly) != 0 && (crosses || !limit)) {
    return RefusalCode::WouldCross;
  }
  const OwnSide& facing = line.own[side_index(model::opposite(order.side))];
  if (!facing.empty() &&
      (!limit || facing.best_key() + key_of(side_index(order.side), order.price_ticks) >= 0)) {
    return RefusalCode::SelfTrade;
  }
  const std::int64_t bound = limit ? order.price_ticks : kNoPrice;
  if (!limit && available(line, order.side, bound, 1) == 0) return RefusalCode::NoLiquidity;
  if (tif == TimeInForce::Fok &&
      available(line, order.side, bound, order.size_lots) < order.size_lots) {
    return RefusalCode::CannotFill;
  }
  if (free_.empty()) return RefusalCode::BookFull;
  return RefusalCode::None;
}

bool ReplayVenue::would_cross(const Line& line, Side side, std::int64_t limit) const noexcept {
  const Side facing = model::opposite(side);
  const Level best = line.book.best(facing);
  if (best.price_ticks == kNoPrice) return false;
  return key_of(side_index(facing), best.price_ticks) + key_of(side_index(side), limit) >= 0;
}

// Lots an order of `side` could take at `limit` (kNoPrice: at any price), at most `wanted`.
std::int64_t ReplayVenue::available(const Line& line, Side side, std::int64_t limit,
                                    std::int64_t wanted) const noexcept {
  const Side facing = model::opposite(side);
  const unsigned f = side_index(facing);
  Level levels[kSweepLevels];
  const std::size_t n = line.book.levels(facing, levels);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < n && sum < wanted; ++i) {
    if (limit != kNoPrice && key_of(f, levels[i].price_ticks) + key_of(1 - f, limit) < 0) break;
    sum += std::max<std::int64_t>(
        0, levels[i].size_lots - line.consumed.at(facing, levels[i].price_ticks));
  }
  return std::min(sum, wanted);
}

void ReplayVenue::rest(Line& line, const Record& order, std::int64_t leaves) noexcept {
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  std::uint32_t& hint = hint_[order.order_id & (hint_.size() - 1)];
  const std::uint64_t there = pool_[hint].order_id;
  if (there != 0 && (there & (hint_.size() - 1)) == (order.order_id & (hint_.size() - 1))) {
    clashed_ = true;
  }
  hint = slot;
  OwnOrder& o = pool_[slot];
  o.order_id = order.order_id;
  o.price_ticks = order.price_ticks;
  o.leaves_lots = leaves;
  o.ahead_lots = line.book.size_at(order.side, order.price_ticks);
  o.ahead_estimate = static_cast<double>(o.ahead_lots);
  o.traded_lots = 0;
  o.instrument_id = order.instrument_id;
  o.actor_id = order.actor_id;
  o.side = order.side;
  line.own[side_index(order.side)].insert(pool_, slot);
  line.watched = true;
}

void ReplayVenue::drop(Line& line, std::uint32_t slot) noexcept {
  line.own[side_index(pool_[slot].side)].erase(pool_, slot);
  pool_[slot].order_id = 0;
  free_.push_back(slot);
  refresh(line);
}

void ReplayVenue::refresh(Line& line) noexcept {
  line.watched = !line.own[0].empty() || !line.own[1].empty() || !line.consumed.empty();
}

// Where an order id was last put, by its low bits; only ids that clash there need a search.
std::uint32_t ReplayVenue::find(std::uint64_t order_id) const noexcept {
  if (order_id == 0) return kAbsent;
  const std::uint32_t slot = hint_[order_id & (hint_.size() - 1)];
  if (pool_[slot].order_id == order_id) return slot;
  if (!clashed_) return kAbsent;
  for (std::uint32_t i = 0; i < pool_.size(); ++i) {
    if (pool_[i].order_id == order_id) return i;
  }
  return kAbsent;
}

double ReplayVenue::lots_ahead(std::uint64_t order_id) const noexcept {
  const std::uint32_t slot = find(order_id);
  if (slot == kAbsent) return -1;
  const OwnOrder& order = pool_[slot];
  return config_.book == BookKind::ByOrder ? static_cast<double>(order.ahead_lots)
                                           : order.ahead_estimate;
}

Record ReplayVenue::report(const Record& order, ReportAct act, std::int64_t price,
                           std::int64_t lots) noexcept {
  Record r{};
  r.ts_event_ns = now_ns_;
  r.ts_recv_ns = model::kNoTime;
  r.sequence = ++report_sequence_;
  r.order_id = order.order_id;
  r.price_ticks = price;
  r.size_lots = lots;
  r.instrument_id = order.instrument_id;
  r.venue_id = order.venue_id;
  r.actor_id = order.actor_id;
  r.kind = model::Kind::Report;
  r.action = static_cast<std::uint8_t>(act);
  r.side = order.side;
  return r;
}

}  // namespace kimera::market
