#include "kimera/strategy/context.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace kimera::strategy {

using model::OrderAct;
using model::Record;
using model::RefusalCode;
using model::ReportAct;
using model::Side;

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

bool later(const Timer& a, const Timer& b) noexcept {
  return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.sequence > b.sequence;
}

}  // namespace

Context::Context(std::span<const ContextInstrument> instruments,
                 std::span<const portfolio::LedgerInstrument> ledger, const ContextBounds& bounds,
                 const market::BookCapacity& capacity)
    : next_timer_ns_(kNever),
      tops_(instruments.size()),
      mids2_(instruments.size(), model::kNoPrice),
      instruments_(instruments.begin(), instruments.end()),
      ledger_(ledger),
      orders_(std::size_t{bounds.max_orders} + 1),
      max_requests_(bounds.max_requests),
      max_timers_(bounds.max_timers) {
  if (bounds.max_orders == 0 || bounds.max_orders >= kSlotMask) {
    throw std::invalid_argument("max_orders must be from 1 to 65534");
  }
  if (ledger.size() != instruments.size()) {
    throw std::invalid_argument("one ledger entry per instrument is needed");
  }
  books_.reserve(instruments.size());
  for (const ContextInstrument& i : instruments) books_.emplace_back(i.book, capacity);
  free_.reserve(bounds.max_orders);
  for (std::uint32_t slot = bounds.max_orders; slot > 0; --slot) free_.push_back(slot);
  requests_.reserve(bounds.max_requests);
  timers_.reserve(bounds.max_timers);
}

RefusalCode Context::check(const OrderAsk& ask) const noexcept {
  if (ask.instrument_id - 1U >= tops_.size()) return RefusalCode::UnknownInstrument;
  if (ask.size_lots <= 0) return RefusalCode::BadSize;
  if (ask.side > Side::Ask) return RefusalCode::NotSupported;
  const bool limit = model::order_type(ask.detail) == model::OrderType::Limit;
  if (limit && !market::in_range(ask.price_ticks)) return RefusalCode::BadPrice;
  if (free_.empty() || requests_.size() >= max_requests_) return RefusalCode::BookFull;
  return RefusalCode::None;
}

Submitted Context::submit(const OrderAsk& ask) noexcept {
  if (const RefusalCode code = check(ask); code != RefusalCode::None) return {0, deny(code)};
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  OpenOrder& order = orders_[slot];
  order.order_id = (++order_sequence_ << 16U) | slot;
  order.price_ticks = ask.price_ticks;
  order.leaves_lots = ask.size_lots;
  order.instrument_id = ask.instrument_id;
  order.side = ask.side;
  order.state = OrderState::Sent;
  request(OrderAct::New, order, ask.price_ticks, ask.size_lots, ask.detail);
  return {order.order_id, RefusalCode::None};
}

RefusalCode Context::cancel(std::uint64_t order_id) noexcept {
  if (order(order_id) == nullptr) return deny(RefusalCode::UnknownOrder);
  OpenOrder& o = orders_[order_id & kSlotMask];
  if (requests_.size() >= max_requests_) return deny(RefusalCode::BookFull);
  o.state = OrderState::Closing;
  request(OrderAct::Cancel, o, model::kNoPrice, 0, 0);
  return RefusalCode::None;
}

RefusalCode Context::replace(std::uint64_t order_id, std::int64_t price_ticks,
                             std::int64_t size_lots) noexcept {
  const OpenOrder* o = order(order_id);
  if (o == nullptr) return deny(RefusalCode::UnknownOrder);
  if (size_lots <= 0) return deny(RefusalCode::BadSize);
  if (!market::in_range(price_ticks)) return deny(RefusalCode::BadPrice);
  if (requests_.size() >= max_requests_) return deny(RefusalCode::BookFull);
  request(OrderAct::Replace, *o, price_ticks, size_lots, 0);
  return RefusalCode::None;
}

void Context::request(OrderAct act, const OpenOrder& order, std::int64_t price_ticks,
                      std::int64_t size_lots, std::uint32_t detail) noexcept {
  Record r{};
  r.ts_event_ns = model::kNoTime;
  r.ts_recv_ns = now_ns_;
  r.order_id = order.order_id;
  r.price_ticks = price_ticks;
  r.size_lots = size_lots;
  r.instrument_id = order.instrument_id;
  r.detail = detail;
  r.venue_id = instruments_[order.instrument_id - 1].venue_id;
  r.actor_id = 1;
  r.kind = model::Kind::Order;
  r.action = static_cast<std::uint8_t>(act);
  r.side = order.side;
  requests_.push_back(r);  // within the reserved bound: checked by the callers
}

bool Context::take_report(const Record& r, std::int64_t mid2) noexcept {
  const bool filled = r.report_act() == ReportAct::Filled;
  if (filled && !ledger_.apply(r, mid2)) return false;
  const std::uint64_t slot = r.order_id & kSlotMask;
  if (slot >= orders_.size() || orders_[slot].order_id != r.order_id || r.order_id == 0) {
    return filled;  // the order is gone already; a late fill still counts
  }
  OpenOrder& order = orders_[slot];
  switch (r.report_act()) {
    case ReportAct::Accepted:
    case ReportAct::Triggered:
      if (order.state == OrderState::Sent) order.state = OrderState::Open;
      break;
    case ReportAct::Filled:
      order.leaves_lots -= r.size_lots;
      if (order.leaves_lots <= 0) release(order);
      break;
    case ReportAct::Replaced:
      order.price_ticks = r.price_ticks;
      order.leaves_lots = r.size_lots;
      break;
    case ReportAct::Rejected:
    case ReportAct::Cancelled:
    case ReportAct::Expired:
    case ReportAct::Denied:
      release(order);
      break;
    case ReportAct::CancelRejected:
      // The order was gone, or rests on: its own reports say which.
      if (order.state == OrderState::Closing) order.state = OrderState::Open;
      break;
  }
  return true;
}

void Context::release(OpenOrder& order) noexcept {
  const auto slot = static_cast<std::uint32_t>(order.order_id & kSlotMask);
  order = OpenOrder{};
  free_.push_back(slot);
}

bool Context::set_timer(std::int64_t at_ns, std::uint64_t timer_id) noexcept {
  if (timers_.size() >= max_timers_) {
    ++timers_refused_;
    return false;
  }
  timers_.push_back(Timer{std::max(at_ns, now_ns_), ++timer_sequence_, timer_id});
  std::push_heap(timers_.begin(), timers_.end(), later);
  next_timer_ns_ = timers_.front().at_ns;
  return true;
}

Timer Context::pop_timer() noexcept {
  std::pop_heap(timers_.begin(), timers_.end(), later);
  const Timer timer = timers_.back();
  timers_.pop_back();
  next_timer_ns_ = timers_.empty() ? kNever : timers_.front().at_ns;
  return timer;
}

}  // namespace kimera::strategy
