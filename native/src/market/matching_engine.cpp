// Requests: what comes in and where it goes.
#include "kimera/market/matching_engine.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "matching_engine_match.hpp"

namespace kimera::market {

using matching::Best;
using matching::kNil;
using matching::Order;
using matching::Place;
using model::Action;
using model::kNoPrice;
using model::OrderAct;
using model::OrderType;
using model::RefusalCode;
using model::ReportAct;
using model::Side;
using model::Status;
using model::TimeInForce;
namespace option = model::order_option;

namespace {

constexpr std::uint32_t kMaxInstrumentId = 1U << 24U;
constexpr std::int64_t kMaxWindowTicks = 1 << 24;
constexpr std::uint32_t kMaxOrders = 1U << 28U;
constexpr std::int64_t kMaxTotalLots = std::int64_t{1} << 62;

void check(bool good, const InstrumentRules& r, const char* what) {
  if (!good) {
    throw std::invalid_argument("instrument " + std::to_string(r.instrument_id) + ": " + what);
  }
}

void check_rules(const InstrumentRules& r) {
  check(r.instrument_id >= 1 && r.instrument_id < kMaxInstrumentId, r,
        "the id must be in 1..2^24 - 1");
  check(r.lowest_ticks >= 1, r, "lowest_ticks must be at least 1");
  check(r.highest_ticks >= r.lowest_ticks, r, "highest_ticks must not be below lowest_ticks");
  check(r.highest_ticks - r.lowest_ticks < kMaxWindowTicks, r,
        "the price window may be at most 2^24 ticks wide");
  check(r.lot_step >= 1 && r.min_lots >= 1 && r.max_lots >= r.min_lots, r,
        "lot_step and min_lots must be at least 1, max_lots at least min_lots");
}

VenueConfig checked(VenueConfig config) {
  if (config.max_orders < 1 || config.max_orders > kMaxOrders) {
    throw std::invalid_argument("max_orders must be in 1..2^28, was " +
                                std::to_string(config.max_orders));
  }
  for (const auto& rules : config.instruments) {
    check_rules(rules);
    check(rules.max_lots <= kMaxTotalLots / config.max_orders, rules,
          "max_lots x max_orders may be at most 2^62, so that no sum overflows");
  }
  return config;
}

}  // namespace

std::size_t to_records(const OrderTicket& ticket, std::span<model::Record, 2> out) noexcept {
  const bool plain = ticket.trigger_ticks == kNoPrice && ticket.peg_offset_ticks == kNoPrice &&
                     ticket.display_lots == 0 && ticket.min_lots == 0;
  std::size_t n = 0;
  if (!plain) {
    model::Record& terms = out[n++];
    terms = ticket.order;
    terms.action = static_cast<std::uint8_t>(OrderAct::Terms);
    terms.price_ticks =
        ticket.trigger_ticks != kNoPrice ? ticket.trigger_ticks : ticket.peg_offset_ticks;
    terms.size_lots = ticket.display_lots;
    terms.detail = static_cast<std::uint32_t>(ticket.min_lots);
  }
  out[n++] = ticket.order;
  return n;
}

MatchingEngine::MatchingEngine(VenueConfig config)
    : config_(checked(std::move(config))),
      pool_(config_.max_orders),
      index_(config_.max_orders),
      outbox_(config_.venue_id),
      actor_orders_(std::size_t{config_.max_actors} + 1),
      actor_last_id_(std::size_t{config_.max_actors} + 1),
      actor_self_trade_(std::size_t{config_.max_actors} + 1) {
  books_.reserve(config_.instruments.size());
  schedule_.reserve(config_.max_schedule);
  for (const auto& rules : config_.instruments) {
    if (rules.instrument_id >= by_id_.size()) by_id_.resize(rules.instrument_id + 1, 0);
    check(by_id_[rules.instrument_id] == 0, rules, "is configured twice");
    Book& b = books_.emplace_back();
    b.index = static_cast<std::uint32_t>(books_.size() - 1);
    by_id_[rules.instrument_id] = b.index + 1;
    b.instrument_id = rules.instrument_id;
    b.status = config_.initial_status;
    b.rules = rules;
    b.ticks = TickTable(rules.ticks);
    const auto ladder = [&](Best best) {
      return matching::Ladder(rules.lowest_ticks, rules.highest_ticks, best, config_.max_levels);
    };
    // A buy stop is met by rising prices, so its nearest trigger is the lowest.
    b.sides[0] = {ladder(Best::Highest), ladder(Best::Highest), ladder(Best::Lowest), {}};
    b.sides[1] = {ladder(Best::Lowest), ladder(Best::Lowest), ladder(Best::Highest), {}};
  }
}

void MatchingEngine::set_self_trade(std::uint16_t actor_id,
                                    model::SelfTradePrevention mode) noexcept {
  if (actor_id > config_.max_actors) return;
  actor_self_trade_[actor_id] = static_cast<std::uint8_t>(static_cast<unsigned>(mode) + 1);
}

void MatchingEngine::handle(const model::Record& request) noexcept {
  const bool is_order = request.kind == model::Kind::Order;
  if (is_order && request.order_act() == OrderAct::Terms) {
    if (has_terms_) ++counters_.unmatched_terms;
    has_terms_ = true;
    terms_ = request;
    return;
  }
  if (!has_terms_) {
    plain_.order = request;  // its terms are never set
    return handle(plain_);
  }
  has_terms_ = false;
  OrderTicket ticket{.order = request};
  if (is_order && terms_.actor_id == request.actor_id && terms_.order_id == request.order_id &&
      terms_.instrument_id == request.instrument_id) {
    ticket.trigger_ticks = ticket.peg_offset_ticks = terms_.price_ticks;
    ticket.display_lots = terms_.size_lots;
    ticket.min_lots = terms_.detail;
  } else {
    ++counters_.unmatched_terms;
  }
  handle(ticket);
}

void MatchingEngine::handle(const OrderTicket& ticket) noexcept {
  const model::Record& r = ticket.order;
  if (r.ts_event_ns >= next_event_ns()) run_schedule(r.ts_event_ns);
  now_ns_ = std::max(now_ns_, r.ts_event_ns);
  outbox_.stamp(now_ns_, r.instrument_id);
  if (r.kind == model::Kind::Order) {
    switch (r.order_act()) {
      case OrderAct::New:
        return enter(ticket);
      case OrderAct::Cancel:
        return cancel(r);
      case OrderAct::Replace:
        return replace(ticket);
      case OrderAct::Terms:
        break;
    }
  } else if (r.kind == model::Kind::Status && r.action <= 5) {
    return handle_status(r.instrument_id, static_cast<Status>(r.action), r.ts_event_ns);
  }
  ++counters_.ignored;
}

MatchingEngine::Incoming MatchingEngine::incoming(const OrderTicket& t) const noexcept {
  const model::Record& r = t.order;
  Incoming in;
  in.actor_id = r.actor_id;
  in.options = model::order_options(r.detail);
  in.side = r.side;
  in.type = model::order_type(r.detail);
  in.tif = model::time_in_force(r.detail);
  in.self_trade = self_trade_mode(in.actor_id);
  in.client_id = r.order_id;
  const bool unpriced = in.type == OrderType::Market || in.type == OrderType::Stop;
  in.price_ticks = unpriced ? kNoPrice : r.price_ticks;
  in.leaves = r.size_lots;
  in.display_lots = t.display_lots;
  in.min_lots = t.min_lots;
  in.trigger_ticks = t.trigger_ticks;
  in.peg_offset_ticks = t.peg_offset_ticks;
  return in;
}

// An order that is known and comes in again, with all its leaves.
MatchingEngine::Incoming MatchingEngine::incoming(Slot slot) const noexcept {
  const Order& o = pool_[slot];
  const matching::Terms& t = pool_.terms(slot);
  Incoming in;
  in.slot = slot;
  in.actor_id = o.actor_id;
  in.options = o.options;
  in.side = o.side;
  in.type = o.type;
  in.tif = o.tif;
  in.self_trade = self_trade_mode(in.actor_id);
  in.client_id = o.client_id;
  in.venue_order_id = o.venue_order_id;
  in.price_ticks = o.price_ticks;
  in.leaves = o.leaves();
  in.display_lots = t.display_lots;
  in.min_lots = t.min_lots;
  in.peg_offset_ticks = t.peg_offset_ticks;
  return in;
}

void MatchingEngine::enter(const OrderTicket& ticket) noexcept {
  ++counters_.orders;
  const model::Record& r = ticket.order;
  index_.prefetch(r.actor_id, r.order_id);  // needed last, if the order comes to rest
  Book* b = find_book(r.instrument_id);
  RefusalCode code = check_new(b, ticket);
  if (code == RefusalCode::None && r.detail == 0 && b->status == Status::Trading && !dark()) {
    return enter_limit(*b, r);
  }
  Incoming in;
  if (code == RefusalCode::None) {
    in = incoming(ticket);
    if (dark()) {
      code = check_dark(*b, in);
    } else if (b->status == Status::Trading) {
      code = in.type == OrderType::Midpoint ? check_midpoint(*b, in) : check_liquidity(*b, in);
    }
  }
  if (code != RefusalCode::None) {
    refuse(ReportAct::Rejected, r, code);
    return outbox_.finish();
  }
  in.venue_order_id = ++last_order_id_;
  actor_last_id_[r.actor_id] = std::max(actor_last_id_[r.actor_id], r.order_id);
  report(ReportAct::Accepted, in, {in.price_ticks, in.leaves, low32(in.venue_order_id)});
  trade_or_rest(*b, in);
  settle(*b);
  finish(*b);
}

// Most orders: a plain limit order in continuous trading.
void MatchingEngine::enter_limit(Book& b, const model::Record& r) noexcept {
  Incoming in;
  in.actor_id = r.actor_id;
  in.side = r.side;
  in.self_trade = self_trade_mode(r.actor_id);
  in.client_id = r.order_id;
  in.venue_order_id = ++last_order_id_;
  in.price_ticks = r.price_ticks;
  in.leaves = r.size_lots;
  actor_last_id_[r.actor_id] = std::max(actor_last_id_[r.actor_id], r.order_id);
  report(ReportAct::Accepted, in, {in.price_ticks, in.leaves, low32(in.venue_order_id)});
  match(b, in);
  if (in.leaves > 0) rest_or_cancel(b, in, Action::Add);
  settle(b);
  finish(b);
}

void MatchingEngine::trade_or_rest(Book& b, Incoming& in) noexcept {
  if (dark()) return trade_or_rest_dark(b, in);
  if (is_auction_only(in.tif)) return wait_for_auction(b, in);
  const bool peg = is_peg(in.type) && in.tif == TimeInForce::Day;
  if (peg) {
    const Slot slot = keep(b, in);
    if (b.status != Status::Trading) return;
    static_cast<void>(note_reference(b));
    return place_peg(b, slot);
  }
  if (in.type == OrderType::Stop || in.type == OrderType::StopLimit) {
    return wait_for_trigger(b, keep(b, in), in.trigger_ticks);
  }
  if (in.type == OrderType::Midpoint) {  // at once or not at all: check_midpoint found a price
    matching::Terms terms{};
    terms.limit_ticks = in.price_ticks;
    in.price_ticks = peg_price(b, in.side, in.type, terms);
  }
  if (b.status == Status::Trading) match(b, in);
  rest_or_cancel(b, in, Action::Add);
}

// A trigger that the last trade has passed already elects the order at once, in settle().
void MatchingEngine::wait_for_trigger(Book& b, Slot slot, std::int64_t trigger_ticks) noexcept {
  pool_[slot].price_ticks = trigger_ticks;
  if (!join(b, slot, Place::Stop, Action::None)) {
    Incoming in = incoming(slot);
    in.price_ticks = asked_price(slot);
    return cancel_rest(b, in, RefusalCode::BookFull);
  }
  if (b.last_trade != kNoPrice && b.trade_high == kNoPrice) note_trade(b, b.last_trade);
}

// Limit orders queue undisplayed; a closing auction's wait aside until it begins, and market
// orders need no queue.
void MatchingEngine::wait_for_auction(Book& b, const Incoming& in) noexcept {
  Incoming kept = in;
  kept.slot = keep(b, in);
  const bool early = in.tif == TimeInForce::AtClose && b.status != Status::ClosingAuction;
  if (early || in.type == OrderType::Market) return;
  if (!join(b, kept.slot, Place::Hidden, Action::None)) {
    cancel_rest(b, kept, RefusalCode::BookFull);
  }
}

void MatchingEngine::cancel(const model::Record& request) noexcept {
  ++counters_.cancels;
  const Slot slot = index_.find(request.actor_id, request.order_id);
  if (slot == kNil) {
    refuse(ReportAct::CancelRejected, request, missing(request));
    return outbox_.finish();
  }
  const Order& o = pool_[slot];
  Book& b = books_[o.book];
  outbox_.stamp(now_ns_, b.instrument_id);
  report(ReportAct::Cancelled, o, {asked_price(slot), o.leaves()});
  withdraw(b, slot);
  forget(b, slot);
  settle(b);
  finish(b);
}

void MatchingEngine::replace(const OrderTicket& ticket) noexcept {
  ++counters_.replaces;
  const model::Record& r = ticket.order;
  const Slot slot = index_.find(r.actor_id, r.order_id);
  if (slot == kNil) {
    refuse(ReportAct::CancelRejected, r, missing(r));
    return outbox_.finish();
  }
  Book& b = books_[pool_[slot].book];
  outbox_.stamp(now_ns_, b.instrument_id);
  const OrderTicket asked = completed(slot, ticket);
  const RefusalCode code = check_replace(b, slot, asked);
  if (code != RefusalCode::None) {
    refuse(ReportAct::CancelRejected, r, code);
    return outbox_.finish();
  }
  if (only_shrinks(slot, asked)) {
    shrink(b, slot, asked.order.size_lots);
  } else if (pool_[slot].type == OrderType::Limit && !is_auction_only(pool_[slot].tif)) {
    reenter_limit(b, slot, asked);
  } else {
    reenter(b, slot, asked);
  }
  settle(b);
  finish(b);
}

OrderTicket MatchingEngine::completed(Slot slot, const OrderTicket& ticket) const noexcept {
  const Order& o = pool_[slot];
  const matching::Terms& t = pool_.terms(slot);
  OrderTicket asked = ticket;
  asked.order.side = o.side;
  asked.order.detail = model::order_detail(o.type, o.tif, o.options);
  const bool unpriced = o.type == OrderType::Market || o.type == OrderType::Stop;
  if (unpriced || ticket.order.price_ticks == kNoPrice) asked.order.price_ticks = asked_price(slot);
  if (!has_option(o.options, option::kIceberg)) {
    asked.display_lots = 0;
  } else if (ticket.display_lots == 0) {
    asked.display_lots = t.display_lots;
  }
  if (o.place == Place::Stop && ticket.trigger_ticks == kNoPrice) {
    asked.trigger_ticks = o.price_ticks;
  }
  if (o.type == OrderType::Pegged && ticket.peg_offset_ticks == kNoPrice) {
    asked.peg_offset_ticks = t.peg_offset_ticks;
  }
  return asked;
}

bool MatchingEngine::only_shrinks(Slot slot, const OrderTicket& asked) const noexcept {
  const Order& o = pool_[slot];
  const matching::Terms& t = pool_.terms(slot);
  const bool iceberg = has_option(o.options, option::kIceberg);
  return asked.order.size_lots <= o.leaves() && asked.order.price_ticks == asked_price(slot) &&
         (!iceberg || asked.display_lots == t.display_lots) &&
         (o.place != Place::Stop || asked.trigger_ticks == o.price_ticks) &&
         (o.type != OrderType::Pegged || asked.peg_offset_ticks == t.peg_offset_ticks);
}

// Smaller at the same place in the queue: an iceberg's reserve goes first.
void MatchingEngine::shrink(Book& b, Slot slot, std::int64_t lots) noexcept {
  Order& o = pool_[slot];
  report(ReportAct::Replaced, o, {asked_price(slot), lots, low32(o.venue_order_id)});
  const std::int64_t open = std::min(o.open_lots, lots);
  const std::int64_t less = o.open_lots - open;
  o.reserve_lots = lots - open;
  if (less == 0) return;
  o.open_lots = open;
  if (o.place == Place::Parked) return;
  matching::Ladder& ladder = ladder_of(b, o);
  ladder.level(ladder.key_of(o.price_ticks)).lots -= less;
  if (o.place == Place::Shown) delta(Action::Modify, o, {o.price_ticks, open});
}

// A limit order that moves or grows: it goes to the end of the queue and may trade on the way. On
// the tape it is a Modify, or, when it trades, a Cancel and what is left under a new id.
void MatchingEngine::reenter_limit(Book& b, Slot slot, const OrderTicket& asked) noexcept {
  Order& o = pool_[slot];
  Incoming in = incoming(slot);
  in.price_ticks = asked.order.price_ticks;
  in.leaves = asked.order.size_lots;
  const bool trading = b.status == Status::Trading;
  const bool takes = trading && !dark() && would_take(b, in);
  if (takes) in.venue_order_id = ++last_order_id_;
  if (has_option(o.options, option::kIceberg)) {
    in.display_lots = pool_.terms(slot).display_lots = asked.display_lots;
  }
  report(ReportAct::Replaced, in, {in.price_ticks, in.leaves, low32(in.venue_order_id)});
  if (takes) {
    withdraw(b, slot);
    match(b, in);
  } else {
    leave(b, slot);
    if (dark()) return trade_or_rest_dark(b, in);
  }
  rest_or_cancel(b, in, takes ? Action::Add : Action::Modify);
}

// Everything that does not simply stand in a queue of its own price.
void MatchingEngine::reenter(Book& b, Slot slot, const OrderTicket& asked) noexcept {
  Order& o = pool_[slot];
  matching::Terms& t = pool_.terms(slot);
  const Place place = o.place;
  withdraw(b, slot);
  if (place == Place::Shown) o.venue_order_id = ++last_order_id_;
  report(ReportAct::Replaced, o,
         {asked.order.price_ticks, asked.order.size_lots, low32(o.venue_order_id)});
  o.open_lots = asked.order.size_lots;
  t.limit_ticks = asked.order.price_ticks;
  if (dark()) {
    Incoming in = incoming(slot);
    in.price_ticks = t.limit_ticks;
    return trade_or_rest_dark(b, in);
  }
  if (is_peg(o.type)) {
    t.peg_offset_ticks = asked.peg_offset_ticks;
    pool_.remove(b.pegs, slot);
    pool_.append(b.pegs, slot);
    if (b.status == Status::Trading) place_peg(b, slot);
  } else if (place == Place::Stop) {
    wait_for_trigger(b, slot, asked.trigger_ticks);
  } else if (o.type == OrderType::Limit) {
    o.price_ticks = asked.order.price_ticks;
    const bool queued = place == Place::Hidden;
    if (queued && !join(b, slot, Place::Hidden, Action::None)) {
      cancel_rest(b, incoming(slot), RefusalCode::BookFull);
    }
  }
}

void MatchingEngine::finish(Book& b) noexcept {
  quote_changes(b);
  outbox_.finish();
}

void MatchingEngine::handle_status(std::uint32_t instrument_id, Status status,
                                   std::int64_t ts) noexcept {
  if (ts >= next_event_ns()) run_schedule(ts);
  apply_status(instrument_id, status, ts);
}

void MatchingEngine::apply_status(std::uint32_t instrument_id, Status status,
                                  std::int64_t ts) noexcept {
  now_ns_ = std::max(now_ns_, ts);
  Book* b = find_book(instrument_id);
  if (b == nullptr) {
    ++counters_.ignored;
    return;
  }
  outbox_.stamp(now_ns_, instrument_id);
  change_status(*b, status);
  finish(*b);
}

bool MatchingEngine::schedule(std::int64_t ts_ns, std::uint32_t instrument_id,
                              Status status) noexcept {
  if (schedule_.size() == config_.max_schedule) return false;
  const Timed timed{ts_ns, instrument_id, status};
  // Latest first; of equal times the one scheduled first is the last, because it comes first.
  const auto at = std::find_if(schedule_.begin(), schedule_.end(),
                               [&](const Timed& other) { return other.ts_ns <= ts_ns; });
  schedule_.insert(at, timed);
  return true;
}

void MatchingEngine::run_schedule(std::int64_t ts) noexcept {
  while (!schedule_.empty() && schedule_.back().ts_ns <= ts) {
    const Timed timed = schedule_.back();
    schedule_.pop_back();
    apply_status(timed.instrument_id, timed.status, timed.ts_ns);
  }
  now_ns_ = std::max(now_ns_, ts);
}

OrderState MatchingEngine::order(std::uint16_t actor_id, std::uint64_t client_id) const noexcept {
  const Slot slot = index_.find(actor_id, client_id);
  if (slot == kNil) return {};
  const Order& o = pool_[slot];
  const bool shown = o.place == Place::Shown;
  return {true, o.side, o.price_ticks, o.leaves(), shown ? o.open_lots : 0, o.venue_order_id};
}

std::int64_t MatchingEngine::lots_ahead(std::uint16_t actor_id,
                                        std::uint64_t client_id) const noexcept {
  Slot slot = index_.find(actor_id, client_id);
  if (slot == kNil || pool_[slot].place != Place::Shown) return -1;
  std::int64_t lots = 0;
  while ((slot = pool_[slot].prev) != kNil) lots += pool_[slot].open_lots;
  return lots;
}

}  // namespace kimera::market
