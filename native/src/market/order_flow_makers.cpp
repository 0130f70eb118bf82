// The patient side: queue-reactive makers and market makers.
#include <algorithm>
#include <cmath>

#include "kimera/market/order_flow_agents.hpp"

namespace kimera::market {
namespace {

using model::kNoPrice;
using model::Side;

constexpr int kOpeningOrders = 80;    // by each queue-reactive maker
constexpr std::size_t kMaxPulls = 8;  // stale quotes pulled in one wake-up

std::int64_t to_lots(double lots) noexcept {
  return std::max<std::int64_t>(1, std::llround(std::min(lots, 1e15)));
}

}  // namespace

void Belief::start(const OrderFlow& flow, std::uint32_t book) noexcept {
  ticks = flow.value_ticks(flow.book(book).asset);
  last_ns = flow.now_ns();
}

double Belief::look(const OrderFlow& flow, std::uint32_t book, const Terms& terms,
                    runtime::Random& random) noexcept {
  const double elapsed_s = static_cast<double>(flow.now_ns() - last_ns) * 1e-9;
  const double weight = 1 - std::exp(-terms.rate_hz * elapsed_s);
  const double value = flow.value_ticks(flow.book(book).asset);
  ticks += weight * (value * (1 + terms.noise_bp * kBp * random.normal()) - ticks);
  last_ns = flow.now_ns();
  return ticks;
}

// ---- queue-reactive makers

QueueReactiveMaker::QueueReactiveMaker(OrderFlow& flow, std::uint32_t self, std::uint32_t book,
                                       double belief_rate_hz)
    : self_(self), book_(book), belief_rate_hz_(belief_rate_hz) {
  const auto& p = flow.parameters();
  const FlowBook& b = flow.book(book);
  activity_ = p.venues[b.venue].activity;
  depth_lots_ = p.venues[b.venue].depth * flow.unit_lots(b.asset);
  belief_.start(flow, book);
  static_cast<void>(flow.schedule(self, flow.now_ns()));
}

std::int64_t QueueReactiveMaker::next(OrderFlow& flow) noexcept {
  const auto& p = flow.parameters().queue_reactive;
  Participant& me = flow.participant(self_);
  const double pace = activity_ * flow.pace(flow.book(book_).asset);
  add_rate_ = p.add_rate_hz * pace;
  const double each = p.cancel_rate_hz + p.touch_cancel_rate_hz * (1 + p.imbalance_cancel);
  cancel_rate_ = each * pace * static_cast<double>(me.orders.size());
  return flow.now_ns() + ns_of(me.random.exponential() / (add_rate_ + cancel_rate_));
}

std::int64_t QueueReactiveMaker::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  if (!opened_) {
    open(flow);
  } else if (flow.participant(self_).random.uniform() * (add_rate_ + cancel_rate_) < add_rate_) {
    add(flow);
  } else {
    consider_cancel(flow);
  }
  return next(flow);
}

void QueueReactiveMaker::open(OrderFlow& flow) noexcept {
  opened_ = true;
  const auto& p = flow.parameters();
  Participant& me = flow.participant(self_);
  const double half = 0.5 * p.opening_spread_bp * kBp * belief_.ticks;
  for (int i = 0; i < kOpeningOrders; ++i) {
    const Side side = i % 2 == 0 ? Side::Bid : Side::Ask;
    const double bp =
        p.queue_reactive.placement_bp * (me.random.pareto(p.queue_reactive.placement_exponent) - 1);
    const double away = half + bp * kBp * belief_.ticks;
    const double price = belief_.ticks + (side == Side::Bid ? -away : away);
    place(flow, side, std::llround(std::max(1.0, price)), bp);
  }
}

void QueueReactiveMaker::place(OrderFlow& flow, Side side, std::int64_t price,
                               double distance_bp) noexcept {
  const auto& p = flow.parameters().queue_reactive;
  Participant& me = flow.participant(self_);
  const double growth = std::pow(1 + distance_bp / p.placement_bp, p.size_growth);
  const double lots = depth_lots_ * growth * std::exp(p.size_log_std * me.random.normal());
  static_cast<void>(flow.quote(me, book_, side, price, to_lots(lots)));
}

void QueueReactiveMaker::add(OrderFlow& flow) noexcept {
  const auto& p = flow.parameters().queue_reactive;
  Participant& me = flow.participant(self_);
  const double fair = belief_.look(flow, book_, {belief_rate_hz_, p.belief_noise_bp}, me.random);
  const Touch touch = flow.touch(book_);
  pull_stale(flow, touch, fair);
  const bool near = me.random.chance(p.join_probability);
  if (near && narrow(flow, flow.touch(book_), fair)) return;
  const Side side = me.random.chance(0.5) ? Side::Bid : Side::Ask;
  const double sign = side == Side::Bid ? 1.0 : -1.0;
  double distance_bp = 0;
  if (!near) distance_bp = p.placement_bp * (me.random.pareto(p.placement_exponent) - 1);
  // From the touch of its own side, but nobody bids above what he believes.
  double from = fair;
  if (const std::int64_t best = touch.price(side); best != kNoPrice) {
    const auto best_ticks = static_cast<double>(best);
    from = sign > 0 ? std::min(best_ticks, fair) : std::max(best_ticks, fair);
  }
  const double exact = from - sign * distance_bp * kBp * fair;
  const auto price = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(side == Side::Bid ? std::floor(exact) : std::ceil(exact)));
  const auto queue = static_cast<double>(flow.size_at(book_, side, price)) / depth_lots_;
  if (!me.random.chance(1 / (1 + queue / p.queue_full_units))) return;
  place(flow, side, price, distance_bp);
}

// Quotes inside a spread wider than a tick: a bid below the belief when that lies in the upper
// half, an offer above it otherwise. Each quote roughly halves the gap.
bool QueueReactiveMaker::narrow(OrderFlow& flow, const Touch& touch, double fair) noexcept {
  if (!touch.two_sided() || touch.ask_ticks - touch.bid_ticks < 2) return false;
  const bool bid = fair > touch.mid();
  const std::int64_t price =
      bid ? std::min(static_cast<std::int64_t>(fair), touch.ask_ticks - 1)
          : std::max(static_cast<std::int64_t>(fair) + 1, touch.bid_ticks + 1);
  place(flow, bid ? Side::Bid : Side::Ask, price, 0);
  return true;
}

void QueueReactiveMaker::pull_stale(OrderFlow& flow, const Touch& touch, double fair) noexcept {
  const double slack = flow.parameters().queue_reactive.stale_bp * kBp * fair;
  const bool bid_stale =
      touch.bid_ticks != kNoPrice && static_cast<double>(touch.bid_ticks) > fair + slack;
  const bool ask_stale =
      touch.ask_ticks != kNoPrice && static_cast<double>(touch.ask_ticks) < fair - slack;
  if (!bid_stale && !ask_stale) return;
  Participant& me = flow.participant(self_);
  std::size_t pulled = 0;
  for (std::size_t i = me.orders.size(); i > 0 && pulled < kMaxPulls; --i) {
    const std::uint32_t slot = me.orders.slot_at(i - 1);
    const OwnOrder& order = me.orders[slot];
    const auto price = static_cast<double>(order.price_ticks);
    const bool stale = order.side == Side::Bid ? price > fair + slack : price < fair - slack;
    if (!stale) continue;
    flow.cancel(me, slot);
    ++pulled;
  }
}

// A resting order is cancelled faster near the touch, and faster still where its queue is thin
// against the other side's: the price is about to move through it.
void QueueReactiveMaker::consider_cancel(OrderFlow& flow) noexcept {
  const auto& p = flow.parameters().queue_reactive;
  Participant& me = flow.participant(self_);
  if (me.orders.size() == 0) return;
  const std::uint32_t slot = me.orders.slot_at(me.random.below(me.orders.size()));
  const OwnOrder& order = me.orders[slot];
  const Touch touch = flow.touch(book_);
  const std::int64_t best = touch.price(order.side);
  const double away_bp =
      std::abs(static_cast<double>(best - order.price_ticks)) / (kBp * belief_.ticks);
  double rate = p.cancel_rate_hz;
  const double near = p.touch_cancel_rate_hz * std::exp(-away_bp / p.touch_fade_bp);
  const auto own = static_cast<double>(touch.lots(order.side));
  const auto other = static_cast<double>(touch.lots(model::opposite(order.side)));
  rate += near * (1 + p.imbalance_cancel * other / (own + other + 1));
  const double highest = p.cancel_rate_hz + p.touch_cancel_rate_hz * (1 + p.imbalance_cancel);
  if (me.random.uniform() * highest < rate) flow.cancel(me, slot);
}

// ---- market makers

MarketMaker::MarketMaker(OrderFlow& flow, std::uint32_t self, std::uint32_t book)
    : self_(self), book_(book) {
  const auto& p = flow.parameters().market_making;
  levels_ = std::min(kMaxLevels, static_cast<std::size_t>(p.levels));
  belief_.start(flow, book);
  static_cast<void>(flow.schedule(self, flow.now_ns()));
}

std::int64_t MarketMaker::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  const auto& p = flow.parameters().market_making;
  const FlowBook& b = flow.book(book_);
  const auto& venue = flow.parameters().venues[b.venue];
  Participant& me = flow.participant(self_);
  const double fair = belief_.look(flow, book_, {p.belief_rate_hz, p.belief_noise_bp}, me.random);
  const double unit = flow.unit_lots(b.asset) * venue.depth;
  const double inventory = static_cast<double>(me.position_lots[book_]) / unit;
  const double lean_bp =
      (p.half_spread_bp + p.level_step_bp) * std::clamp(inventory / p.inventory_units, -2.0, 2.0);
  const double centre = fair * (1 - lean_bp * kBp);
  double away_bp = p.half_spread_bp;
  double step_bp = p.level_step_bp;
  double size = p.size_units * unit;
  for (std::size_t level = 0; level < levels_; ++level) {
    const Touch touch = flow.touch(book_);
    auto bid = static_cast<std::int64_t>(std::floor(centre * (1 - away_bp * kBp)));
    auto ask = static_cast<std::int64_t>(std::ceil(centre * (1 + away_bp * kBp)));
    if (touch.ask_ticks != kNoPrice) bid = std::min(bid, touch.ask_ticks - 1);
    if (touch.bid_ticks != kNoPrice) ask = std::max(ask, touch.bid_ticks + 1);
    requote(flow, 0, level, std::max<std::int64_t>(1, bid), to_lots(size));
    requote(flow, 1, level, std::max<std::int64_t>(2, ask), to_lots(size));
    away_bp += step_bp;
    step_bp *= p.level_growth;
    size *= p.size_growth;
  }
  const double rate = p.refresh_rate_hz * venue.activity * flow.pace(b.asset);
  return flow.now_ns() + ns_of(me.random.exponential() / rate);
}

void MarketMaker::requote(OrderFlow& flow, std::size_t ladder, std::size_t level,
                          std::int64_t target, std::int64_t lots) noexcept {
  const auto& p = flow.parameters().market_making;
  Participant& me = flow.participant(self_);
  std::uint64_t& id = ids_[ladder][level];
  if (const OwnOrder* order = me.orders.find(id); order != nullptr) {
    // Deep quotes move less often than those at the touch.
    const double slack = p.requote_bp * (1 + static_cast<double>(level)) * kBp * belief_.ticks;
    const auto off = static_cast<double>(std::abs(order->price_ticks - target));
    if (off <= slack && order->leaves_lots * 2 > lots) return;
    flow.cancel(me, static_cast<std::uint32_t>(id & 0xFFFFU));
  }
  id = 0;
  const Side side = ladder == 0 ? Side::Bid : Side::Ask;
  const std::size_t before = me.orders.size();
  if (flow.quote(me, book_, side, target, lots)) {
    id = me.orders[me.orders.slot_at(before)].order_id;
  }
}

}  // namespace kimera::market
