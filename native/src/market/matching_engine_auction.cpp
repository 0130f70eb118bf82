// Statuses, and the auctions on the way between them.
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
using model::ReportAct;
using model::Side;
using model::Status;
using model::TimeInForce;

void MatchingEngine::change_status(Book& b, Status status) noexcept {
  const Status old = b.status;
  if (status == old) return;
  if (!dark()) {
    if (old == Status::Trading) park_pegs(b);
    const auto closing = old == Status::ClosingAuction ? Closing::Yes : Closing::No;
    if (status == Status::Trading || closing == Closing::Yes) uncross(b, closing);
  }
  b.status = status;
  model::Record& r = outbox_.add_public();
  r.kind = model::Kind::Status;
  r.action = static_cast<std::uint8_t>(status);
  if (status == Status::ClosingAuction) join_closing(b);
  if (status == Status::Closed) return expire_all(b);
  if (status != Status::Trading) return;
  if (dark()) return cross_dark(b);
  if (b.last_trade != kNoPrice && b.trade_high == kNoPrice) note_trade(b, b.last_trade);
  settle(b);
}

namespace {

[[nodiscard]] bool takes_part(TimeInForce tif, bool closing) noexcept {
  return tif == TimeInForce::AtOpen || (tif == TimeInForce::AtClose && closing);
}

}  // namespace

void MatchingEngine::uncross(Book& b, Closing closing) noexcept {
  const Cross cross = equilibrium(b, closing);
  if (cross.volume_lots > 0) {
    fill_auction_side(b, Side::Bid, cross, closing);
    fill_auction_side(b, Side::Ask, cross, closing);
    print(Side::None, {cross.price_ticks, cross.volume_lots, model::trade_flag::kAuction});
    note_trade(b, cross.price_ticks);
  }
  for (Slot s = b.auction.head; s != kNil;) {
    const Slot next = pool_.terms(s).next;
    if (takes_part(pool_[s].tif, closing == Closing::Yes)) expire(b, s);
    s = next;
  }
}

std::int64_t MatchingEngine::auction_market_lots(const Book& b, Side side,
                                                 Closing closing) const noexcept {
  std::int64_t lots = 0;
  for (Slot s = b.auction.head; s != kNil; s = pool_.terms(s).next) {
    const Order& o = pool_[s];
    if (o.type == OrderType::Market && o.side == side &&
        takes_part(o.tif, closing == Closing::Yes)) {
      lots += o.open_lots;
    }
  }
  return lots;
}

std::int64_t MatchingEngine::level_leaves(const Ladder& ladder, std::int32_t key) const noexcept {
  std::int64_t lots = 0;
  for (Slot s = ladder.level(key).head; s != kNil; s = pool_[s].next) lots += pool_[s].leaves();
  return lots;
}

namespace {

// Walks one ladder in the order of rising prices.
struct RisingPrices {
  const Ladder& ladder;
  bool from_worst;  // bids: the worst price is the lowest
  std::int32_t key;

  RisingPrices(const Ladder& l, Side side)
      : ladder(l), from_worst(side == Side::Bid), key(from_worst ? l.worst_key() : l.best_key()) {}
  [[nodiscard]] bool done() const noexcept { return key < 0; }
  [[nodiscard]] std::int64_t price() const noexcept { return ladder.price_of(key); }
  void advance() noexcept { key = from_worst ? ladder.better(key) : ladder.worse(key); }
};

struct Candidate {
  std::int64_t price = kNoPrice;
  std::int64_t volume = 0;
  std::int64_t imbalance = 0;
  std::int64_t distance = 0;

  [[nodiscard]] bool beats(const Candidate& other) const noexcept {
    if (volume != other.volume) return volume > other.volume;
    if (imbalance != other.imbalance) return imbalance < other.imbalance;
    return distance < other.distance;  // equal: the lower price, which was seen first, stays
  }
};

// The price of [low, high] nearest to the reference that the tick table allows; kNoPrice: none.
[[nodiscard]] std::int64_t nearest(const TickTable& ticks, std::int64_t low, std::int64_t high,
                                   std::int64_t reference) noexcept {
  const std::int64_t first = ticks.at_or_above(low);
  const std::int64_t last = ticks.at_or_below(high);
  if (first > high || last < low) return kNoPrice;
  if (reference == kNoPrice || reference <= first) return first;
  if (reference >= last) return last;
  const std::int64_t under = ticks.at_or_below(reference);
  const std::int64_t over = ticks.at_or_above(reference);
  return over - reference < reference - under ? over : under;
}

}  // namespace

// Demand and supply are constant between the prices of orders, so each stretch of prices has one
// candidate: its price nearest to the reference. Most volume wins, then least imbalance, then
// nearness to the reference (the last trade, else the instrument's), then the lower price.
MatchingEngine::Cross MatchingEngine::equilibrium(const Book& b, Closing closing) const noexcept {
  const BookSide& bids = b.sides[0];
  const BookSide& asks = b.sides[1];
  std::int64_t demand = auction_market_lots(b, Side::Bid, closing);
  std::int64_t supply = auction_market_lots(b, Side::Ask, closing);
  RisingPrices buys[] = {{bids.shown, Side::Bid}, {bids.hidden, Side::Bid}};
  RisingPrices sells[] = {{asks.shown, Side::Ask}, {asks.hidden, Side::Ask}};
  for (const Ladder* ladder : {&bids.shown, &bids.hidden}) {
    for (auto key = ladder->best_key(); key >= 0; key = ladder->worse(key)) {
      demand += level_leaves(*ladder, key);
    }
  }
  const std::int64_t reference = b.last_trade != kNoPrice ? b.last_trade : b.rules.reference_ticks;
  Candidate best;
  for (std::int64_t low = b.rules.lowest_ticks; low <= b.rules.highest_ticks;) {
    std::int64_t high = b.rules.highest_ticks;
    for (auto& walk : sells) {
      for (; !walk.done() && walk.price() <= low; walk.advance()) {
        supply += level_leaves(walk.ladder, walk.key);
      }
      if (!walk.done()) high = std::min(high, walk.price() - 1);
    }
    for (auto& walk : buys) {
      for (; !walk.done() && walk.price() < low; walk.advance()) {
        demand -= level_leaves(walk.ladder, walk.key);
      }
      if (!walk.done()) high = std::min(high, walk.price());
    }
    Candidate here{nearest(b.ticks, low, high, reference), std::min(demand, supply),
                   std::abs(demand - supply), 0};
    if (reference != kNoPrice) here.distance = std::abs(here.price - reference);
    if (here.price != kNoPrice && here.volume > 0 && here.beats(best)) best = here;
    low = high + 1;
  }
  return {best.price, best.volume};
}

// Market orders in order of entry, then limit orders by price, displayed, time.
void MatchingEngine::fill_auction_side(Book& b, Side side, const Cross& cross,
                                       Closing closing) noexcept {
  std::int64_t wanted = cross.volume_lots;
  for (Slot s = b.auction.head; s != kNil && wanted > 0;) {
    const Slot next = pool_.terms(s).next;
    const Order& o = pool_[s];
    if (o.type == OrderType::Market && o.side == side &&
        takes_part(o.tif, closing == Closing::Yes)) {
      wanted -= fill_in_auction(b, s, cross, wanted);
    }
    s = next;
  }
  BookSide& own = b.sides[index_of(side)];
  while (wanted > 0) {
    Ladder& ladder = own.hidden.best_key() > own.shown.best_key() ? own.hidden : own.shown;
    wanted -= fill_in_auction(b, ladder.level(ladder.best_key()).head, cross, wanted);
  }
}

std::int64_t MatchingEngine::fill_in_auction(Book& b, Slot slot, const Cross& cross,
                                             std::int64_t wanted) noexcept {
  using model::trade_flag::kAuction;
  using model::trade_flag::kNoPrint;
  Order& o = pool_[slot];
  const std::int64_t lots = std::min(wanted, o.leaves());
  const std::int64_t open = std::min(lots, o.open_lots);
  if (o.place == Place::Shown) {
    delta(Action::Execute, o, {cross.price_ticks, open, kAuction | kNoPrint});
  }
  report(ReportAct::Filled, o, {cross.price_ticks, lots, kAuction});
  ++counters_.fills;
  o.reserve_lots -= lots - open;
  if (o.place != Place::Parked) {
    take_from_queue(b, slot, open);
  } else if ((o.open_lots -= open) == 0) {
    forget(b, slot);
  }
  return lots;
}

// Orders for the close join the auction when it begins, behind what rests undisplayed.
void MatchingEngine::join_closing(Book& b) noexcept {
  for (Slot s = b.auction.head; s != kNil;) {
    const Slot next = pool_.terms(s).next;
    const Order& o = pool_[s];
    const bool waits = o.place == Place::Parked && o.type == OrderType::Limit;
    if (waits && o.tif == TimeInForce::AtClose && !join(b, s, Place::Hidden, Action::None)) {
      cancel_rest(b, incoming(s), RefusalCode::BookFull);
    }
    s = next;
  }
}

void MatchingEngine::expire(Book& b, Slot slot) noexcept {
  report(ReportAct::Expired, pool_[slot], {asked_price(slot), pool_[slot].leaves()});
  withdraw(b, slot);
  forget(b, slot);
}

// The day is over. Each expiry is a message of its own.
void MatchingEngine::expire_all(Book& b) noexcept {
  for (Slot s = 1; s < pool_.end(); ++s) {
    if (pool_[s].place == Place::Free || pool_[s].book != b.index) continue;
    outbox_.finish();
    expire(b, s);
  }
}

}  // namespace kimera::market
