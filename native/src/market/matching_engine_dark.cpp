// A dark venue: nothing is displayed, everything trades at the midpoint of a reference quote.
//
// Orders queue by limit price and time (a midpoint order without a limit is the keenest). A trade
// happens where both limits reach the midpoint and its size is at least what both sides ask for;
// an order whose minimum is not met is passed over and keeps its place.
#include <algorithm>

#include "matching_engine_match.hpp"

namespace kimera::market {

using matching::kNil;
using matching::Ladder;
using matching::Order;
using matching::Place;
using model::Action;
using model::kNoPrice;
using model::OrderType;
using model::RefusalCode;
using model::SelfTradePrevention;
using model::Side;
using model::Status;
using model::TimeInForce;
namespace option = model::order_option;

// Whole ticks: half a tick is rounded down. A venue that trades at half ticks halves its tick and
// gives displayed prices a step of two.
std::int64_t MatchingEngine::midpoint(const Book& b) const noexcept {
  if (b.reference[0] == kNoPrice || b.reference[1] == kNoPrice) return kNoPrice;
  return (b.reference[0] + b.reference[1]) / 2;
}

namespace {

[[nodiscard]] bool reaches(Side side, std::int64_t limit, std::int64_t mid) noexcept {
  if (limit == kNoPrice) return true;
  return side == Side::Bid ? limit >= mid : limit <= mid;
}
// The least size an order accepts in one trade.
[[nodiscard]] std::int64_t least(std::uint16_t options, std::int64_t min_lots,
                                 std::int64_t leaves) noexcept {
  return has_option(options, option::kMinQuantity) ? std::min(min_lots, leaves) : 1;
}

}  // namespace

RefusalCode MatchingEngine::check_dark(const Book& b, Incoming& in) const noexcept {
  const bool fill_or_kill = in.tif == TimeInForce::Fok;
  if (!fill_or_kill && in.tif != TimeInForce::Ioc && in.type != OrderType::Market) {
    return RefusalCode::None;
  }
  const RefusalCode refusal = fill_or_kill ? RefusalCode::CannotFill : RefusalCode::NoLiquidity;
  const std::int64_t mid = midpoint(b);
  if (mid == kNoPrice || !reaches(in.side, in.price_ticks, mid)) return refusal;
  in.deal_ticks = mid;
  const Ladder& against = b.sides[index_of(model::opposite(in.side))].hidden;
  if (!fill_or_kill) {
    return dark_partner(against, in) == kNil ? refusal : RefusalCode::None;
  }
  std::int64_t left = in.leaves;
  const std::int32_t limit = against.key_of(mid);
  for (auto key = against.best_key(); key >= limit && left > 0; key = against.worse(key)) {
    for (Slot s = against.level(key).head; s != kNil && left > 0; s = pool_[s].next) {
      const Order& o = pool_[s];
      const std::int64_t lots = std::min(left, o.open_lots);
      if (lots < least(o.options, pool_.terms(s).min_lots, o.open_lots)) continue;
      if (o.actor_id == in.actor_id && in.self_trade != SelfTradePrevention::None) {
        if (in.self_trade == SelfTradePrevention::CancelResting) continue;
        return refusal;
      }
      left -= lots;
    }
  }
  return left == 0 ? RefusalCode::None : refusal;
}

void MatchingEngine::trade_or_rest_dark(Book& b, Incoming& in) noexcept {
  match_dark(b, in);
  const bool keenest =
      in.price_ticks == kNoPrice && in.type == OrderType::Midpoint && in.tif == TimeInForce::Day;
  if (keenest) {
    in.price_ticks = in.side == Side::Bid ? b.rules.highest_ticks : b.rules.lowest_ticks;
  }
  rest_or_cancel(b, in, Action::Add);
  if (!keenest) return;
  const Slot slot = index_.find(in.actor_id, in.client_id);
  if (slot != kNil) pool_.terms(slot).limit_ticks = kNoPrice;
}

void MatchingEngine::match_dark(Book& b, Incoming& in) noexcept {
  const std::int64_t mid = midpoint(b);
  if (mid == kNoPrice || !reaches(in.side, in.price_ticks, mid)) return;
  in.deal_ticks = mid;
  const Ladder& against = b.sides[index_of(model::opposite(in.side))].hidden;
  // After each trade from the start: what was passed over may fit what is left.
  while (in.leaves > 0) {
    const Slot partner = dark_partner(against, in);
    if (partner == kNil) return;
    const Order& o = pool_[partner];
    if (o.actor_id == in.actor_id && in.self_trade != SelfTradePrevention::None) {
      if (prevent_self_trade(b, in, partner) == Flow::Stop) return;
      continue;
    }
    fill(b, in, partner, std::min(in.leaves, o.open_lots));
  }
}

// The first in the queue that can trade with `in`; kNil: nobody.
MatchingEngine::Slot MatchingEngine::dark_partner(const Ladder& against,
                                                  const Incoming& in) const noexcept {
  const std::int32_t limit = against.key_of(in.deal_ticks);
  const std::int64_t own_least = least(in.options, in.min_lots, in.leaves);
  for (auto key = against.best_key(); key >= limit; key = against.worse(key)) {
    for (Slot s = against.level(key).head; s != kNil; s = pool_[s].next) {
      const Order& o = pool_[s];
      const std::int64_t lots = std::min(in.leaves, o.open_lots);
      if (lots >= own_least && lots >= least(o.options, pool_.terms(s).min_lots, o.open_lots)) {
        return s;
      }
    }
  }
  return kNil;
}

// The midpoint has moved: resting buys, in their order, meet resting sells and count as takers.
void MatchingEngine::cross_dark(Book& b) noexcept {
  const std::int64_t mid = midpoint(b);
  if (mid == kNoPrice || b.status != Status::Trading) return;
  Ladder& buys = b.sides[0].hidden;
  const std::int32_t limit = buys.key_of(mid);
  for (auto key = buys.best_key(); key >= limit;) {
    Slot s = buys.level(key).head;
    while (s != kNil) {
      const Slot next = pool_[s].next;
      Incoming in = incoming(s);
      in.slot = kNil;  // it stays in its queue
      in.price_ticks = asked_price(s);
      const std::int64_t before = in.leaves;
      match_dark(b, in);
      if (in.leaves != before) take_from_queue(b, s, before - in.leaves);
      s = next;
    }
    key = buys.worse(key);
  }
}

void MatchingEngine::handle_reference(std::uint32_t instrument_id, std::int64_t bid,
                                      std::int64_t ask, std::int64_t ts) noexcept {
  if (ts >= next_event_ns()) run_schedule(ts);
  now_ns_ = std::max(now_ns_, ts);
  Book* b = find_book(instrument_id);
  const auto known = [&](std::int64_t price) {
    return price == kNoPrice || (price >= b->rules.lowest_ticks && price <= b->rules.highest_ticks);
  };
  if (b == nullptr || !dark() || !known(bid) || !known(ask)) {
    ++counters_.ignored;
    return;
  }
  outbox_.stamp(now_ns_, instrument_id);
  b->reference = {bid, ask};
  cross_dark(*b);
  finish(*b);
}

}  // namespace kimera::market
