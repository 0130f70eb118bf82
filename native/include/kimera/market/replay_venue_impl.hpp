// Bodies of ReplayVenue that depend on the sink. Included by replay_venue.hpp only.
#pragma once

#include <algorithm>
#include <cmath>

#include "kimera/market/replay_venue.hpp"

namespace kimera::market {

inline void ReplayVenue::advance() noexcept {
  if (at_ == end_) [[unlikely]] {
    next_ns_ = kNever;
    return;
  }
  const std::int64_t t = at_->ts_event_ns;
  if (t < now_ns_) [[unlikely]] {
    ++counters_.time_backwards;
    next_ns_ = now_ns_;
    return;
  }
  next_ns_ = t;
}

template <class Sink>
void ReplayVenue::step(Sink&& sink) noexcept {
  const model::Record& r = *at_;
  now_ns_ = next_ns_;
  ++at_;
  ++counters_.records;
  advance();
  if (end_ - at_ > kAhead && at_[kAhead].instrument_id - 1U < lines_.size()) [[likely]]
    lines_[at_[kAhead].instrument_id - 1U].book.expect(at_[kAhead]);
  if (r.instrument_id - 1U >= lines_.size()) [[unlikely]] {
    ++counters_.unknown_instrument;
    return;
  }
  Line& line = lines_[r.instrument_id - 1U];
  if (r.kind == model::Kind::Delta && !line.watched) [[likely]] {
    static_cast<void>(line.book.apply(r));
    sink(r);
    return;
  }
  if (r.kind == model::Kind::Order || r.kind == model::Kind::Report) [[unlikely]] {
    ++counters_.foreign_records;
    return;
  }
  sink(r);
  if (line.watched) {
    take_watched(line, r, sink);
  } else {
    take(line, r);
  }
}

template <class Sink>
void ReplayVenue::take_watched(Line& line, const model::Record& r, Sink& sink) noexcept {
  const bool quote_book = r.kind == model::Kind::Quote && line.book.quotes_are_the_book();
  if (r.kind != model::Kind::Delta && !quote_book) {
    take(line, r);
    return;
  }
  if (quote_book || r.delta_action() == model::Action::Level) {
    by_price(line, r, sink);
  } else if (line.book.kind() == BookKind::ByOrder) {
    by_order(line, r, sink);
  } else if (r.delta_action() == model::Action::Trade ||
             r.delta_action() == model::Action::Execute) {
    traded(line, r, sink);
    take(line, r);
  } else {
    by_price(line, r, sink);
  }
  if (!line.consumed.empty()) limit_consumed(line, r);
}

// One change of an order-by-order tape. What stood ahead is read before the change, what follows
// from it is done after, and only if the book took the change.
template <class Sink>
void ReplayVenue::by_order(Line& line, const model::Record& r, Sink& sink) noexcept {
  using model::Action;
  const Action action = r.delta_action();
  if (action == Action::Execute || action == Action::Fill) {
    executed(line, r, sink);
    return;
  }
  if (action == Action::Trade) {
    if ((r.flags & model::flag::kHidden) != 0) traded(line, r, sink);
    return;
  }
  if (action == Action::Add) {
    if (is_error(line.book.apply(r))) return;
    crossed(line, r.side, r.price_ticks, r.size_lots, sink);
    return;
  }
  if (action != Action::Cancel && action != Action::Modify) {
    take(line, r);
    return;
  }
  const OrderView old = line.book.by_order().order(r.order_id);
  const bool own_there =
      old.order_id != 0 && line.own[side_index(old.side)].may_hold(old.price_ticks);
  const std::int64_t lots_before = own_there ? line.book.by_order().size_ahead(r.order_id) : 0;
  if (is_error(line.book.apply(r)) || old.order_id == 0) return;
  std::int64_t gone = old.size_lots;
  if (action == Action::Modify) {
    const bool kept = r.price_ticks == old.price_ticks && r.size_lots <= old.size_lots;
    if (kept) gone = old.size_lots - r.size_lots;
  } else if (r.size_lots != 0) {
    gone = r.size_lots;
  }
  if (own_there) ahead_gone(line, old.side, old.price_ticks, lots_before, gone);
  if (action == Action::Modify && r.price_ticks != old.price_ticks) {
    crossed(line, old.side, r.price_ticks, r.size_lots, sink);
  }
}

// Lots of a recorded resting order were executed: own orders with a better price, or at the same
// price and ahead of that order, would have been filled in its stead.
template <class Sink>
void ReplayVenue::executed(Line& line, const model::Record& r, Sink& sink) noexcept {
  if (r.side > model::Side::Ask) {
    take(line, r);
    return;
  }
  OwnSide& own = line.own[side_index(r.side)];
  const std::int64_t key = key_of(side_index(r.side), r.price_ticks);
  if (own.empty() || own.best_key() < key) {
    take(line, r);
    return;
  }
  const std::int64_t lots_before = line.book.by_order().size_ahead(r.order_id);
  const bool changes = r.delta_action() == model::Action::Execute;
  if (changes && is_error(line.book.apply(r))) return;
  std::int64_t left = r.size_lots;
  for (std::size_t i = 0; i < own.size() && left > 0;) {
    const std::uint32_t slot = own[i];
    OwnOrder& order = pool_[slot];
    const std::int64_t own_key = key_of(side_index(r.side), order.price_ticks);
    if (own_key < key) break;
    if (own_key == key && lots_before < order.ahead_lots) {
      if (changes) order.ahead_lots = std::max<std::int64_t>(0, order.ahead_lots - r.size_lots);
      ++i;
      continue;
    }
    const std::int64_t lots = std::min(left, order.leaves_lots);
    left -= lots;
    if (lots == order.leaves_lots) {
      fill(line, slot, lots, sink);  // gone: the next order is now at i
    } else {
      fill(line, slot, lots, sink);
      ++i;
    }
  }
}

// A level was set (or changed by an order feed kept as totals).
template <class Sink>
void ReplayVenue::by_price(Line& line, const model::Record& r, Sink& sink) noexcept {
  if (r.side > model::Side::Ask) {
    take(line, r);
    return;
  }
  const unsigned s = side_index(r.side);
  const bool own_there = line.own[s].may_hold(r.price_ticks);
  const OwnSide& facing = line.own[1 - s];
  // Keys of the two sides mirror each other: prices cross when the keys do not sum below zero.
  const bool crosses = !facing.empty() && facing.best_key() + key_of(s, r.price_ticks) >= 0;
  if (!own_there && !crosses) {
    take(line, r);
    return;
  }
  const std::int64_t before = line.book.size_at(r.side, r.price_ticks);
  if (is_error(line.book.apply(r))) return;
  const std::int64_t after = line.book.size_at(r.side, r.price_ticks);
  if (own_there) queue_moved(line, r.side, r.price_ticks, before, after);
  if (crosses && after > before) crossed(line, r.side, r.price_ticks, after - before, sink);
}

// A trade print: `side` is the taker's, so own orders on the other side are the ones it met.
template <class Sink>
void ReplayVenue::traded(Line& line, const model::Record& r, Sink& sink) noexcept {
  model::Side resting = model::opposite(r.side);
  if (r.delta_action() == model::Action::Execute) resting = r.side;
  if (resting > model::Side::Ask) {
    const Level bid = line.book.best(model::Side::Bid);
    const Level ask = line.book.best(model::Side::Ask);
    if (bid.price_ticks != model::kNoPrice && r.price_ticks <= bid.price_ticks) {
      resting = model::Side::Bid;
    } else if (ask.price_ticks != model::kNoPrice && r.price_ticks >= ask.price_ticks) {
      resting = model::Side::Ask;
    } else {
      return;
    }
  }
  const unsigned s = side_index(resting);
  const std::int64_t key = key_of(s, r.price_ticks);
  const bool by_order = line.book.kind() == BookKind::ByOrder;
  std::int64_t filled = 0;
  for (std::size_t i = 0; i < line.own[s].size();) {
    const std::uint32_t slot = line.own[s][i];
    OwnOrder& order = pool_[slot];
    const std::int64_t own_key = key_of(s, order.price_ticks);
    if (own_key < key) break;
    std::int64_t ahead = 0;
    if (own_key == key) {
      // A part of a lot that is estimated ahead is ahead: rounding is against us.
      ahead = by_order ? order.ahead_lots
                       : static_cast<std::int64_t>(std::ceil(order.ahead_estimate - 1e-9));
      if (!by_order) {
        order.ahead_estimate =
            std::max(0.0, order.ahead_estimate - static_cast<double>(r.size_lots));
        order.traded_lots += r.size_lots;
      }
    }
    const std::int64_t lots = std::min(order.leaves_lots, r.size_lots - filled - ahead);
    if (lots <= 0) {
      ++i;
      continue;
    }
    filled += lots;
    if (lots < order.leaves_lots) ++i;
    fill(line, slot, lots, sink);
  }
}

// `lots` arrived on side `arriving` at `price`: own orders on the other side at that price or
// better would have traded with them.
template <class Sink>
void ReplayVenue::crossed(Line& line, model::Side arriving, std::int64_t price, std::int64_t lots,
                          Sink& sink) noexcept {
  const unsigned s = side_index(arriving);
  OwnSide& own = line.own[1 - s];
  const std::int64_t key = key_of(s, price);
  while (lots > 0 && !own.empty() && own.best_key() + key >= 0) {
    const std::uint32_t slot = own[0];
    const std::int64_t taken = std::min(lots, pool_[slot].leaves_lots);
    lots -= taken;
    fill(line, slot, taken, sink);
  }
}

template <class Sink>
void ReplayVenue::fill(Line& line, std::uint32_t slot, std::int64_t lots, Sink& sink) noexcept {
  OwnOrder& order = pool_[slot];
  model::Record r{};
  r.order_id = order.order_id;
  r.instrument_id = order.instrument_id;
  r.actor_id = order.actor_id;
  r.side = order.side;
  r = report(r, model::ReportAct::Filled, order.price_ticks, lots);
  r.flags = model::flag::kMaker;
  order.leaves_lots -= lots;
  if (order.leaves_lots == 0) drop(line, slot);
  sink(r);
}

template <class Sink>
void ReplayVenue::refuse(const model::Record& request, model::ReportAct act,
                         model::RefusalCode code, Sink& sink) noexcept {
  model::Record r = report(request, act, request.price_ticks, request.size_lots);
  r.detail = static_cast<std::uint32_t>(code);
  sink(r);
}

template <class Sink>
void ReplayVenue::submit(const model::Record& order, Sink&& sink) noexcept {
  now_ns_ = std::max(now_ns_, order.ts_event_ns);
  if (next_ns_ != kNever) next_ns_ = std::max(next_ns_, now_ns_);
  switch (order.order_act()) {
    case model::OrderAct::Cancel:
      cancel(order, sink);
      return;
    case model::OrderAct::Replace:
      replace(order, sink);
      return;
    case model::OrderAct::Terms:  // icebergs and the like: a tape cannot say how they fill
      refuse(order, model::ReportAct::Rejected, model::RefusalCode::NotSupported, sink);
      return;
    case model::OrderAct::New:
      break;
  }
  const model::RefusalCode code = check(order);
  if (code != model::RefusalCode::None) {
    refuse(order, model::ReportAct::Rejected, code, sink);
    return;
  }
  sink(report(order, model::ReportAct::Accepted, order.price_ticks, order.size_lots));
  accept(lines_[order.instrument_id - 1], order, sink);
}

// A checked order takes what it may and rests with the rest, if it is one that rests.
template <class Sink>
void ReplayVenue::accept(Line& line, const model::Record& order, Sink& sink) noexcept {
  const std::int64_t taken = take_liquidity(line, order, sink);
  const std::int64_t leaves = order.size_lots - taken;
  if (leaves == 0) return;
  const bool rests = model::order_type(order.detail) == model::OrderType::Limit &&
                     model::time_in_force(order.detail) == model::TimeInForce::Day;
  if (rests) {
    rest(line, order, leaves);
  } else {
    sink(report(order, model::ReportAct::Expired, order.price_ticks, leaves));
  }
}

template <class Sink>
std::int64_t ReplayVenue::take_liquidity(Line& line, const model::Record& order,
                                         Sink& sink) noexcept {
  const bool market = model::order_type(order.detail) == model::OrderType::Market;
  const model::Side facing = model::opposite(order.side);
  const unsigned f = side_index(facing);
  if (!market && !would_cross(line, order.side, order.price_ticks)) return 0;
  Level levels[kSweepLevels];
  std::int64_t taken = 0;
  const std::size_t n = line.book.levels(facing, levels);
  for (std::size_t i = 0; i < n && taken < order.size_lots; ++i) {
    if (!market && key_of(f, levels[i].price_ticks) + key_of(1 - f, order.price_ticks) < 0) break;
    const std::int64_t shown =
        levels[i].size_lots - line.consumed.at(facing, levels[i].price_ticks);
    const std::int64_t lots = std::min(order.size_lots - taken, shown);
    if (lots <= 0) continue;
    taken += lots;
    if (config_.consumption == Consumption::Remember) {
      line.consumed.add(facing, levels[i].price_ticks, lots);
    }
    sink(report(order, model::ReportAct::Filled, levels[i].price_ticks, lots));
  }
  refresh(line);
  return taken;
}

template <class Sink>
void ReplayVenue::cancel(const model::Record& request, Sink& sink) noexcept {
  const std::uint32_t slot = find(request.order_id);
  if (slot == kAbsent) {
    refuse(request, model::ReportAct::CancelRejected, model::RefusalCode::TooLate, sink);
    return;
  }
  const OwnOrder order = pool_[slot];
  drop(lines_[order.instrument_id - 1], slot);
  model::Record r = request;
  r.side = order.side;
  r.instrument_id = order.instrument_id;
  sink(report(r, model::ReportAct::Cancelled, order.price_ticks, order.leaves_lots));
}

// Less at the same price keeps the place; anything else is a new order under the same id.
template <class Sink>
void ReplayVenue::replace(const model::Record& request, Sink& sink) noexcept {
  const std::uint32_t slot = find(request.order_id);
  if (slot == kAbsent) {
    refuse(request, model::ReportAct::CancelRejected, model::RefusalCode::TooLate, sink);
    return;
  }
  OwnOrder& order = pool_[slot];
  model::Record r = request;
  r.side = order.side;
  r.instrument_id = order.instrument_id;
  r.detail = model::order_detail(model::OrderType::Limit, model::TimeInForce::Day);
  if (r.size_lots <= 0 || r.price_ticks == model::kNoPrice) {
    refuse(r, model::ReportAct::CancelRejected, model::RefusalCode::BadSize, sink);
    return;
  }
  if (r.price_ticks == order.price_ticks && r.size_lots <= order.leaves_lots) {
    order.leaves_lots = r.size_lots;
    sink(report(r, model::ReportAct::Replaced, r.price_ticks, r.size_lots));
    return;
  }
  Line& line = lines_[order.instrument_id - 1];
  drop(line, slot);
  sink(report(r, model::ReportAct::Replaced, r.price_ticks, r.size_lots));
  accept(line, r, sink);
}

}  // namespace kimera::market
