// Continuous trading: price first, then displayed before hidden, then time. Every order passes
// through here, so the functions are inline.
#pragma once

#include <algorithm>

#include "matching_engine_records.hpp"

namespace kimera::market {

using matching::kNil;
using matching::Ladder;
using matching::Order;
using matching::Place;
using model::Action;
using model::kNoPrice;
using model::OrderType;
using model::RefusalCode;
using model::ReportAct;
using model::SelfTradePrevention;
using model::TimeInForce;
namespace option = model::order_option;

// The lowest key of the opposite ladder that a price reaches; 0 reaches everything.
[[nodiscard]] inline std::int32_t reach(const Ladder& opposite, std::int64_t price_ticks) noexcept {
  return price_ticks == kNoPrice ? 0 : opposite.key_of(price_ticks);
}

inline bool MatchingEngine::valid_price(const Book& b, std::int64_t price_ticks) const noexcept {
  return price_ticks >= b.rules.lowest_ticks && price_ticks <= b.rules.highest_ticks &&
         b.ticks.allows(price_ticks);
}

inline bool MatchingEngine::valid_size(const Book& b, std::int64_t lots) const noexcept {
  return lots >= b.rules.min_lots && lots <= b.rules.max_lots &&
         (b.rules.lot_step == 1 || lots % b.rules.lot_step == 0);
}

// The checks run in a fixed order and the first that fails names the refusal: instrument, actor,
// kind, sizes, prices, phase, identity, bounds.
inline RefusalCode MatchingEngine::check_new(const Book* b, const OrderTicket& t) const noexcept {
  const model::Record& r = t.order;
  if (b == nullptr) return RefusalCode::UnknownInstrument;
  if (r.actor_id == 0 || r.actor_id > config_.max_actors) return RefusalCode::UnknownActor;
  if (r.detail == 0) {  // a plain limit order
    if (r.side > model::Side::Ask) return RefusalCode::NotSupported;
    if (!valid_size(*b, r.size_lots)) return RefusalCode::BadSize;
    if (!valid_price(*b, r.price_ticks)) return RefusalCode::BadPrice;
  } else {
    if (const auto code = check_kind(t); code != RefusalCode::None) return code;
    if (const auto code = check_sizes(*b, t); code != RefusalCode::None) return code;
    if (const auto code = check_prices(*b, t); code != RefusalCode::None) return code;
  }
  if (r.detail != 0 || b->status != model::Status::Trading) {
    const auto code = check_phase(*b, model::order_type(r.detail), model::time_in_force(r.detail),
                                  model::order_options(r.detail));
    if (code != RefusalCode::None) return code;
  }
  // Ids mostly rise: above all that the actor has used there is nothing to look up.
  if (r.order_id <= actor_last_id_[r.actor_id] &&
      index_.find(r.actor_id, r.order_id) != matching::kNil) {
    return RefusalCode::DuplicateOrderId;
  }
  if (pool_.full() || actor_orders_[r.actor_id] >= config_.max_orders_per_actor) {
    return RefusalCode::BookFull;
  }
  return RefusalCode::None;
}

inline void MatchingEngine::settle(Book& b) noexcept {
  if (b.pegs.head == kNil && b.trade_high == kNoPrice) return;
  settle_all(b);
}

inline bool MatchingEngine::would_take(const Book& b, const Incoming& in) const noexcept {
  const BookSide& against = b.sides[index_of(model::opposite(in.side))];
  const std::int32_t best = std::max(against.shown.best_key(), against.hidden.best_key());
  return best >= reach(against.shown, in.price_ticks);
}

inline RefusalCode MatchingEngine::check_liquidity(Book& b, const Incoming& in) const noexcept {
  if (in.tif == TimeInForce::Day && in.options == 0 && in.type == OrderType::Limit) {
    return RefusalCode::None;
  }
  const bool waits = in.type == OrderType::Stop || in.type == OrderType::StopLimit ||
                     in.type == OrderType::Pegged || is_auction_only(in.tif);
  if (waits) return RefusalCode::None;
  if (has_option(in.options, option::kPostOnly) && would_take(b, in)) {
    return RefusalCode::WouldCross;
  }
  if (in.tif == TimeInForce::Fok && available(b, in, in.leaves) < in.leaves) {
    return RefusalCode::CannotFill;
  }
  if (has_option(in.options, option::kMinQuantity) && available(b, in, in.min_lots) < in.min_lots) {
    return RefusalCode::CannotFill;
  }
  const bool at_once = in.type == OrderType::Market || in.tif == TimeInForce::Ioc;
  return at_once && !would_take(b, in) ? RefusalCode::NoLiquidity : RefusalCode::None;
}

// How much `in` could trade, counted until `wanted`. An own order is passed over where it would
// be cancelled out of the way, and ends the count where it would stop or shrink the incoming one.
inline std::int64_t MatchingEngine::available(const Book& b, const Incoming& in,
                                              std::int64_t wanted) const noexcept {
  const BookSide& against = b.sides[index_of(model::opposite(in.side))];
  const std::int32_t limit = reach(against.shown, in.price_ticks);
  std::int32_t shown = against.shown.best_key();
  std::int32_t hidden = against.hidden.best_key();
  std::int64_t sum = 0;
  while (sum < wanted && std::max(shown, hidden) >= limit) {
    const bool is_hidden = hidden > shown;
    const Ladder& ladder = is_hidden ? against.hidden : against.shown;
    std::int32_t& key = is_hidden ? hidden : shown;
    std::int64_t queued = 0;    // of this level, first tranches only
    std::int64_t reserved = 0;  // icebergs come again after everybody else at the level
    for (Slot s = ladder.level(key).head; s != kNil; s = pool_[s].next) {
      const Order& o = pool_[s];
      if (o.actor_id == in.actor_id && in.self_trade != SelfTradePrevention::None) {
        if (in.self_trade == SelfTradePrevention::CancelResting) continue;
        return sum + queued;
      }
      queued += o.open_lots;
      reserved += o.reserve_lots;
    }
    sum += queued + reserved;
    key = ladder.worse(key);
  }
  return sum;
}

inline void MatchingEngine::match(Book& b, Incoming& in) noexcept {
  BookSide& against = b.sides[index_of(model::opposite(in.side))];
  const std::int32_t limit = reach(against.shown, in.price_ticks);
  while (in.leaves > 0) {
    const std::int32_t shown = against.shown.best_key();
    const std::int32_t hidden = against.hidden.best_key();
    Ladder& ladder = hidden > shown ? against.hidden : against.shown;
    const std::int32_t key = std::max(shown, hidden);
    if (key < limit) return;
    const Slot first = ladder.level(key).head;
    const Order& o = pool_[first];
    if (o.actor_id == in.actor_id && in.self_trade != SelfTradePrevention::None) {
      if (prevent_self_trade(b, in, first) == Flow::Stop) return;
      continue;
    }
    fill(b, in, first, std::min(in.leaves, o.open_lots));
  }
}

// One pair trades at the resting order's price (a dark venue has set `deal_ticks`).
inline void MatchingEngine::fill(Book& b, Incoming& in, Slot resting, std::int64_t lots) noexcept {
  const Order& o = pool_[resting];
  const std::int64_t price = dark() ? in.deal_ticks : o.price_ticks;
  if (o.place == Place::Shown) {
    delta(Action::Execute, o, {price, lots});
  } else {
    print(in.side, {price, lots, 0, model::flag::kHidden});
  }
  report(ReportAct::Filled, o, {price, lots, 0, model::flag::kMaker});
  report(ReportAct::Filled, in, {price, lots});
  in.leaves -= lots;
  ++counters_.fills;
  note_trade(b, price);
  take_from_queue(b, resting, lots);
}

inline MatchingEngine::Flow MatchingEngine::prevent_self_trade(Book& b, Incoming& in,
                                                               Slot resting) noexcept {
  constexpr auto kCode = static_cast<std::uint32_t>(RefusalCode::SelfTrade);
  const SelfTradePrevention mode = in.self_trade;
  const bool both = mode == SelfTradePrevention::CancelBoth;
  ++counters_.self_trades;
  if (mode == SelfTradePrevention::DecrementBoth) {
    const Order& o = pool_[resting];
    const std::int64_t lots = std::min(in.leaves, o.open_lots);
    report(ReportAct::Cancelled, o, {asked_price(resting), lots, kCode});
    report(ReportAct::Cancelled, in, {in.price_ticks, lots, kCode});
    if (o.place == Place::Shown) delta(Action::Cancel, o, {o.price_ticks, lots});
    in.leaves -= lots;
    take_from_queue(b, resting, lots);
    return Flow::Go;
  }
  if (mode == SelfTradePrevention::CancelResting || both) {
    const Order& o = pool_[resting];
    report(ReportAct::Cancelled, o, {asked_price(resting), o.leaves(), kCode});
    withdraw(b, resting);
    forget(b, resting);
    if (!both) return Flow::Go;
  }
  report(ReportAct::Cancelled, in, {in.price_ticks, in.leaves, kCode});
  in.leaves = 0;
  return Flow::Stop;
}

// The head of its queue, or in a dark book any member, has lost `lots`; the tape says so already.
inline void MatchingEngine::take_from_queue(Book& b, Slot slot, std::int64_t lots) noexcept {
  Order& o = pool_[slot];
  Ladder& ladder = ladder_of(b, o);
  ladder.level(ladder.key_of(o.price_ticks)).lots -= lots;
  o.open_lots -= lots;
  if (o.open_lots > 0) return;
  if (o.reserve_lots > 0) {
    refresh(b, slot);
  } else {
    // The next in the queue may be filled next: its successor and its place in the index are far.
    if (const Slot next = o.next; next != kNil) {
      __builtin_prefetch(&pool_[pool_[next].next]);
      index_.prefetch(pool_[next].actor_id, pool_[next].client_id);
    }
    leave(b, slot);
    forget(b, slot);
  }
}

// An iceberg shows its next part, under a new id and at the end of the queue, so that the tape
// does not tell it from a new order.
inline void MatchingEngine::refresh(Book& b, Slot slot) noexcept {
  Order& o = pool_[slot];
  Ladder& ladder = b.sides[index_of(o.side)].shown;
  pool_.dequeue(ladder, slot, false);
  o.open_lots = std::min(pool_.terms(slot).display_lots, o.reserve_lots);
  o.reserve_lots -= o.open_lots;
  o.venue_order_id = ++last_order_id_;
  pool_.enqueue(ladder, slot, false);
  delta(Action::Add, o, {o.price_ticks, o.open_lots});
}

inline void MatchingEngine::cancel_rest(Book& b, const Incoming& in, RefusalCode code) noexcept {
  report(ReportAct::Cancelled, in, {in.price_ticks, in.leaves, static_cast<std::uint32_t>(code)});
  if (in.slot != kNil) forget(b, in.slot);
}

inline void MatchingEngine::rest_or_cancel(Book& b, Incoming& in, Action act) noexcept {
  if (in.leaves == 0) {
    if (in.slot != kNil) forget(b, in.slot);
    return;
  }
  if (in.type == OrderType::Market || in.tif == TimeInForce::Ioc || in.tif == TimeInForce::Fok) {
    return cancel_rest(b, in, RefusalCode::NoLiquidity);
  }
  const bool hides = has_option(in.options, option::kHidden) || in.type == OrderType::Midpoint;
  const Place place = hides || dark() ? Place::Hidden : Place::Shown;
  in.slot = keep(b, in);
  if (!join(b, in.slot, place, act)) cancel_rest(b, in, RefusalCode::BookFull);
}

// Write the order down under its slot, a new one if it has none; it is in no ladder yet.
inline MatchingEngine::Slot MatchingEngine::keep(Book& b, const Incoming& in) noexcept {
  const bool is_new = in.slot == kNil;
  const Slot slot = is_new ? pool_.take() : in.slot;
  Order& o = pool_[slot];
  const bool iceberg = has_option(in.options, option::kIceberg);
  o.price_ticks = in.price_ticks;
  o.open_lots = iceberg ? std::min(in.display_lots, in.leaves) : in.leaves;
  o.reserve_lots = in.leaves - o.open_lots;
  o.venue_order_id = in.venue_order_id;
  o.client_id = in.client_id;
  o.actor_id = in.actor_id;
  o.options = in.options;
  o.book = b.index;
  o.side = in.side;
  o.place = Place::Parked;
  o.type = in.type;
  o.tif = in.tif;
  if (!is_new) return slot;
  if ((static_cast<unsigned>(in.type) | static_cast<unsigned>(in.tif) | in.options) != 0) {
    matching::Terms& t = pool_.terms(slot);
    const std::int64_t offset = in.peg_offset_ticks == kNoPrice ? 0 : in.peg_offset_ticks;
    t = {in.price_ticks, in.display_lots, in.min_lots, offset, kNil, kNil, Place::Free};
    if (is_peg(in.type)) pool_.append(b.pegs, slot);
    if (is_auction_only(in.tif)) pool_.append(b.auction, slot);
  }
  index_.insert(in.actor_id, in.client_id, slot);
  ++actor_orders_[in.actor_id];
  return slot;
}

// Enter a queue at its end. False when the ladder has no room for one more level.
inline bool MatchingEngine::join(Book& b, Slot slot, Place place, Action act) noexcept {
  Order& o = pool_[slot];
  o.place = place;
  Ladder& ladder = ladder_of(b, o);
  if (!ladder.has_room(ladder.key_of(o.price_ticks))) {
    o.place = Place::Parked;
    if (act == Action::Modify) delta(Action::Cancel, o, {o.price_ticks, 0});
    return false;
  }
  pool_.enqueue(ladder, slot, is_peg(o.type));
  if (place == Place::Shown) delta(act, o, {o.price_ticks, o.open_lots});
  return true;
}

// Out of its ladder, if it is in one; says nothing.
inline void MatchingEngine::leave(Book& b, Slot slot) noexcept {
  Order& o = pool_[slot];
  if (o.place == Place::Parked) return;
  pool_.dequeue(ladder_of(b, o), slot, is_peg(o.type));
  o.place = Place::Parked;
}

// Out of its ladder, and the tape says so.
inline void MatchingEngine::withdraw(Book& b, Slot slot) noexcept {
  const Order& o = pool_[slot];
  if (o.place == Place::Shown) delta(Action::Cancel, o, {o.price_ticks, o.open_lots});
  leave(b, slot);
}

// The order is over. It must have left its ladder.
inline void MatchingEngine::forget(Book& b, Slot slot) noexcept {
  const Order& o = pool_[slot];
  if (is_peg(o.type)) pool_.remove(b.pegs, slot);
  if (is_auction_only(o.tif)) pool_.remove(b.auction, slot);
  index_.erase(o.actor_id, o.client_id);
  --actor_orders_[o.actor_id];
  pool_.give_back(slot);
}

}  // namespace kimera::market
