// What follows a trade or a change of the best prices: pegs move, stops are elected.
#include <algorithm>

#include "matching_engine_match.hpp"

namespace kimera::market {

using matching::kNil;
using matching::Ladder;
using matching::Order;
using matching::Place;
using matching::Terms;
using model::Action;
using model::kNoPrice;
using model::OrderType;
using model::RefusalCode;
using model::ReportAct;
using model::Side;
using model::Status;
using model::TimeInForce;
namespace option = model::order_option;

// Until nothing moves any more. It ends: a peg moves only when firm prices change, which follow
// only from trades here, and each stop is elected once.
void MatchingEngine::settle_all(Book& b) noexcept {
  if (b.status != Status::Trading || dark()) return;
  for (;;) {
    if (b.pegs.head != kNil && follow_reference(b)) continue;
    if (b.trade_high != kNoPrice && elect_stop(b)) continue;
    break;
  }
  b.trade_high = b.trade_low = kNoPrice;
}

// The best displayed price that does not itself follow another.
std::int64_t MatchingEngine::firm_best(const Book& b, Side side) const noexcept {
  const Ladder& ladder = b.sides[index_of(side)].shown;
  for (std::int32_t key = ladder.best_key(); key >= 0; key = ladder.worse(key)) {
    const auto& level = ladder.level(key);
    if (level.n_orders > level.n_pegged) return ladder.price_of(key);
  }
  return kNoPrice;
}

bool MatchingEngine::note_reference(Book& b) noexcept {
  const std::array<std::int64_t, 2> now{firm_best(b, Side::Bid), firm_best(b, Side::Ask)};
  if (now == b.reference) return false;
  b.reference = now;
  return true;
}

// Where a peg stands at the present reference; kNoPrice: nowhere. A midpoint between two prices is
// rounded away from the other side, so that it never locks a displayed order.
std::int64_t MatchingEngine::peg_price(const Book& b, Side side, OrderType type,
                                       const Terms& terms) const noexcept {
  const bool buys = side == Side::Bid;
  const std::int64_t bid = b.reference[0];
  const std::int64_t ask = b.reference[1];
  std::int64_t price;
  if (type == OrderType::Midpoint) {
    if (bid == kNoPrice || ask == kNoPrice) return kNoPrice;
    price = buys ? (bid + ask) / 2 : (bid + ask + 1) / 2;
  } else {
    const std::int64_t own = b.reference[index_of(side)];
    if (own == kNoPrice) return kNoPrice;
    price = buys ? own - terms.peg_offset_ticks : own + terms.peg_offset_ticks;
  }
  if (terms.limit_ticks != kNoPrice) {
    price = buys ? std::min(price, terms.limit_ticks) : std::max(price, terms.limit_ticks);
  }
  if (price < b.rules.lowest_ticks || price > b.rules.highest_ticks) return kNoPrice;
  if (type == OrderType::Pegged) {
    price = buys ? b.ticks.at_or_below(price) : b.ticks.at_or_above(price);
    if (price < b.rules.lowest_ticks || price > b.rules.highest_ticks) return kNoPrice;
  }
  return price;
}

// Whether a midpoint order may enter at the midpoint of the moment; without one it may only wait.
RefusalCode MatchingEngine::check_midpoint(Book& b, const Incoming& in) noexcept {
  static_cast<void>(note_reference(b));
  Terms terms{};
  terms.limit_ticks = in.price_ticks;
  Incoming probe = in;
  probe.price_ticks = peg_price(b, in.side, in.type, terms);
  if (probe.price_ticks == kNoPrice) {
    if (has_option(in.options, option::kMinQuantity)) return RefusalCode::CannotFill;
    return in.tif == TimeInForce::Ioc ? RefusalCode::NoLiquidity : RefusalCode::None;
  }
  return check_liquidity(b, probe);
}

// Give a parked peg its place; a midpoint order may trade on the way.
void MatchingEngine::place_peg(Book& b, Slot slot) noexcept {
  move_peg(b, slot, Place::Parked);
}

void MatchingEngine::move_peg(Book& b, Slot slot, Place from) noexcept {
  Order& o = pool_[slot];
  const std::int64_t price = peg_price(b, o.side, o.type, pool_.terms(slot));
  if (price == kNoPrice) {
    if (from == Place::Shown) {
      delta(Action::Cancel, o, {o.price_ticks, o.open_lots});
      o.venue_order_id = 0;
    }
    return;
  }
  Incoming in = incoming(slot);
  in.price_ticks = price;
  // A primary peg stands at or behind a firm price of its own side and so cannot trade here.
  if (o.type == OrderType::Midpoint) match(b, in);
  if (in.venue_order_id == 0) in.venue_order_id = ++last_order_id_;  // it had left the tape
  rest_or_cancel(b, in, from == Place::Shown ? Action::Modify : Action::Add);
}

// All that must move leave their queues first, so that none trades at a price of the past.
bool MatchingEngine::follow_reference(Book& b) noexcept {
  if (!note_reference(b)) return false;
  for (Slot s = b.pegs.head; s != kNil; s = pool_.terms(s).next) {
    const Order& o = pool_[s];
    Terms& t = pool_.terms(s);
    const std::int64_t now = o.place == Place::Parked ? kNoPrice : o.price_ticks;
    if (peg_price(b, o.side, o.type, t) == now) continue;
    t.moving_from = o.place;
    leave(b, s);
  }
  for (Slot s = b.pegs.head; s != kNil;) {
    Terms& t = pool_.terms(s);
    const Slot next = t.next;
    if (t.moving_from == Place::Free) {
      s = next;
      continue;
    }
    const Place from = t.moving_from;
    t.moving_from = Place::Free;
    const std::uint64_t before = counters_.fills + counters_.self_trades;
    move_peg(b, s, from);
    // What it met may have been its successor in this list.
    s = counters_.fills + counters_.self_trades == before ? next : b.pegs.head;
  }
  return true;
}

void MatchingEngine::park_pegs(Book& b) noexcept {
  for (Slot s = b.pegs.head; s != kNil; s = pool_.terms(s).next) {
    if (pool_[s].place == Place::Shown) {
      withdraw(b, s);
      pool_[s].venue_order_id = 0;
    } else {
      leave(b, s);
    }
  }
  b.reference = {kNoPrice, kNoPrice};
}

// The next stop that the trades since the last look have met: buys by rising trigger, then sells
// by falling trigger, each in order of entry.
bool MatchingEngine::elect_stop(Book& b) noexcept {
  Ladder& buys = b.sides[0].stops;
  if (!buys.empty() && buys.best_price() <= b.trade_high) {
    elect(b, buys.level(buys.best_key()).head);
    return true;
  }
  Ladder& sells = b.sides[1].stops;
  if (!sells.empty() && sells.best_price() >= b.trade_low) {
    elect(b, sells.level(sells.best_key()).head);
    return true;
  }
  return false;
}

void MatchingEngine::elect(Book& b, Slot slot) noexcept {
  Order& o = pool_[slot];
  report(ReportAct::Triggered, o, {o.price_ticks, o.open_lots});
  leave(b, slot);
  Incoming in = incoming(slot);
  in.price_ticks = pool_.terms(slot).limit_ticks;
  in.type = o.type == OrderType::Stop ? OrderType::Market : OrderType::Limit;
  if (in.tif == TimeInForce::Fok && available(b, in, in.leaves) < in.leaves) {
    return cancel_rest(b, in, RefusalCode::CannotFill);
  }
  match(b, in);
  rest_or_cancel(b, in, Action::Add);
}

}  // namespace kimera::market
