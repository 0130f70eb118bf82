// The impatient side: noise, information, momentum, large orders, arbitrage.
#include <algorithm>
#include <cmath>

#include "kimera/market/order_flow_agents.hpp"

namespace kimera::market {
namespace {

using model::kNoPrice;
using model::Side;

HawkesParameters hawkes_of(const NoiseTaking& p) noexcept {
  return {.baseline_hz = p.base_rate_hz,
          .branching_self = p.branching_self,
          .branching_cross = p.branching_cross,
          .decay_hz = {p.slow_decay_hz, p.fast_decay_hz},
          .weight = {1 - p.fast_weight, p.fast_weight}};
}

// The side whose quotes a taker meets.
std::int64_t offered(const Touch& touch, Side taker) noexcept {
  return touch.lots(model::opposite(taker));
}

std::int64_t soon(OrderFlow& flow, runtime::Random& random, double rate_hz) noexcept {
  return rate_hz > 0 ? flow.now_ns() + ns_of(random.exponential() / rate_hz) : kNever;
}

}  // namespace

std::int64_t draw_lots(runtime::Random& random, double median_lots, double log_std) noexcept {
  const double lots = median_lots * std::exp(log_std * random.normal());
  return std::max<std::int64_t>(1, std::llround(std::min(lots, 1e15)));
}

std::int64_t slipped(const Touch& touch, Side side, double bp) noexcept {
  const std::int64_t best = touch.price(model::opposite(side));
  if (best == kNoPrice) return kNoPrice;
  const double limit = static_cast<double>(best) * (1 + sign_of(side) * bp * kBp);
  return std::max<std::int64_t>(1, std::llround(limit));
}

std::uint32_t choose_book(const OrderFlow& flow, std::size_t asset, Side side,
                          runtime::Random& random) noexcept {
  const auto& venues = flow.parameters().venues;
  if (random.chance(0.5)) {
    std::uint32_t best = flow.book_of(0, asset);
    for (std::size_t v = 1; v < venues.size(); ++v) {
      const std::uint32_t book = flow.book_of(v, asset);
      const std::int64_t price = flow.touch(book).price(model::opposite(side));
      const std::int64_t known = flow.touch(best).price(model::opposite(side));
      if (price == kNoPrice) continue;
      const bool better = known == kNoPrice || (side == Side::Bid ? price < known : price > known);
      if (better) best = book;
    }
    return best;
  }
  double total = 0;
  for (const auto& venue : venues) total += venue.taker_share;
  double level = random.uniform() * total;
  std::size_t v = 0;
  while (v + 1 < venues.size() && level >= venues[v].taker_share) level -= venues[v++].taker_share;
  return flow.book_of(v, asset);
}

// ---- noise

NoiseTaker::NoiseTaker(OrderFlow& flow, std::uint32_t self, std::size_t asset)
    : self_(self),
      asset_(asset),
      hawkes_(hawkes_of(flow.parameters().noise_taking)),
      last_ns_(flow.now_ns()) {
  const double wait_s = hawkes_.next_candidate(flow.participant(self).random);
  if (wait_s < 1e9) static_cast<void>(flow.schedule(self, flow.now_ns() + ns_of(wait_s)));
}

std::int64_t NoiseTaker::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  const auto& p = flow.parameters().noise_taking;
  Participant& me = flow.participant(self_);
  const double elapsed_s = static_cast<double>(flow.now_ns() - last_ns_) * 1e-9;
  last_ns_ = flow.now_ns();
  const int stream = hawkes_.accept(elapsed_s, me.random);
  hawkes_.set_baseline(p.base_rate_hz * flow.parameters().assets[asset_].activity *
                       flow.pace(asset_));
  if (stream >= 0) {
    const Side side = stream == 0 ? Side::Bid : Side::Ask;
    const std::uint32_t book = choose_book(flow, asset_, side, me.random);
    const Touch touch = flow.touch(book);
    std::int64_t lots = draw_lots(me.random, p.size_units * flow.unit_lots(asset_), p.size_log_std);
    if (me.random.chance(p.touch_probability)) lots = std::min(lots, offered(touch, side));
    static_cast<void>(flow.take(me, book, side, slipped(touch, side, p.slippage_bp), lots));
  }
  return flow.now_ns() + ns_of(hawkes_.next_candidate(me.random));
}

// ---- information

InformedTaker::InformedTaker(OrderFlow& flow, std::uint32_t self, std::size_t asset)
    : self_(self), asset_(asset) {
  const auto& p = flow.parameters().informed_taking;
  static_cast<void>(flow.schedule(self, soon(flow, flow.participant(self).random, p.wake_rate_hz)));
}

std::int64_t InformedTaker::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  const auto& p = flow.parameters().informed_taking;
  Participant& me = flow.participant(self_);
  const double value = flow.value_ticks(asset_, ns_of(p.horizon_s));
  const double edge = p.edge_bp * kBp * value;
  const std::int64_t lots = draw_lots(me.random, p.size_units * flow.unit_lots(asset_), 0.5);
  for (std::size_t v = 0; v < flow.parameters().venues.size(); ++v) {
    const std::uint32_t book = flow.book_of(v, asset_);
    const Touch touch = flow.touch(book);
    if (touch.ask_ticks != kNoPrice && static_cast<double>(touch.ask_ticks) < value - edge) {
      static_cast<void>(flow.take(me, book, Side::Bid, static_cast<std::int64_t>(value - edge),
                                  lots, Tells::Nothing));
    } else if (touch.bid_ticks != kNoPrice && static_cast<double>(touch.bid_ticks) > value + edge) {
      static_cast<void>(flow.take(me, book, Side::Ask, static_cast<std::int64_t>(value + edge) + 1,
                                  lots, Tells::Nothing));
    }
  }
  return soon(flow, me.random,
              p.wake_rate_hz * flow.parameters().assets[asset_].activity * flow.pace(asset_));
}

// ---- momentum

MomentumFollower::MomentumFollower(OrderFlow& flow, std::uint32_t self, std::size_t asset)
    : self_(self), asset_(asset), last_ns_(flow.now_ns()) {
  fast_ = slow_ = flow.fundamental_ticks(asset);
  const auto& p = flow.parameters().momentum_herd;
  static_cast<void>(flow.schedule(self, soon(flow, flow.participant(self).random, p.wake_rate_hz)));
}

std::int64_t MomentumFollower::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  const auto& p = flow.parameters().momentum_herd;
  Participant& me = flow.participant(self_);
  const Touch lead = flow.touch(flow.book_of(0, asset_));
  const double elapsed_s = static_cast<double>(flow.now_ns() - last_ns_) * 1e-9;
  last_ns_ = flow.now_ns();
  if (lead.two_sided()) {
    fast_ += (1 - std::exp(-elapsed_s / p.fast_s)) * (lead.mid() - fast_);
    slow_ += (1 - std::exp(-elapsed_s / p.slow_s)) * (lead.mid() - slow_);
    // It holds nothing until the averages part by `entry_bp`, its limit at twice that.
    const double signal = (fast_ - slow_) / (slow_ * kBp * p.entry_bp);
    const double excess = std::clamp(std::abs(signal) - 1, 0.0, 1.0);
    const double unit = flow.unit_lots(asset_);
    const double wanted = std::copysign(excess * p.inventory_units * unit, signal);
    double held = 0;
    for (std::size_t v = 0; v < flow.parameters().venues.size(); ++v) {
      held += static_cast<double>(me.position_lots[flow.book_of(v, asset_)]);
    }
    if (std::abs(wanted - held) > p.size_units * unit) {
      const Side side = wanted > held ? Side::Bid : Side::Ask;
      const std::uint32_t book = choose_book(flow, asset_, side, me.random);
      const Touch touch = flow.touch(book);
      const std::int64_t lots = std::min(draw_lots(me.random, p.size_units * unit, 0.7),
                                         static_cast<std::int64_t>(std::abs(wanted - held)));
      static_cast<void>(flow.take(me, book, side, slipped(touch, side, 1), lots));
    }
  }
  return soon(flow, me.random, p.wake_rate_hz);
}

// ---- large orders

MetaOrderSlot::MetaOrderSlot(OrderFlow& flow, std::uint32_t self, std::size_t asset)
    : self_(self), asset_(asset) {
  const auto& p = flow.parameters().meta_orders;
  const double rate = p.arrival_rate_hz / p.slots;
  static_cast<void>(flow.schedule(self, soon(flow, flow.participant(self).random, rate)));
}

std::int64_t MetaOrderSlot::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  const auto& p = flow.parameters().meta_orders;
  Participant& me = flow.participant(self_);
  const double pace = flow.parameters().assets[asset_].activity * flow.pace(asset_);
  if (leaves_lots_ == 0) {
    const double units =
        std::min(p.size_units * me.random.pareto(p.size_exponent), p.size_cap_units);
    leaves_lots_ = std::max<std::int64_t>(1, std::llround(units * flow.unit_lots(asset_)));
    side_ = me.random.chance(0.5) ? Side::Bid : Side::Ask;
    label_ =
        flow.begin_label(kMetaOrderLabel, me, flow.book_of(0, asset_), true, side_, leaves_lots_);
  }
  child(flow);
  if (leaves_lots_ > 0) return soon(flow, me.random, p.child_rate_hz * pace);
  flow.end_label(label_, me);
  return soon(flow, me.random, p.arrival_rate_hz / p.slots * pace);
}

void MetaOrderSlot::child(OrderFlow& flow) noexcept {
  const auto& p = flow.parameters().meta_orders;
  Participant& me = flow.participant(self_);
  const std::uint32_t book = choose_book(flow, asset_, side_, me.random);
  const Touch touch = flow.touch(book);
  std::int64_t lots =
      draw_lots(me.random, p.child_size_units * flow.unit_lots(asset_), p.child_log_std);
  lots = std::min({lots, leaves_lots_, std::max<std::int64_t>(1, offered(touch, side_))});
  leaves_lots_ -= flow.take(me, book, side_, slipped(touch, side_, p.slippage_bp), lots);
}

// ---- arbitrage

Arbitrageur::Arbitrageur(OrderFlow& flow, std::uint32_t self, std::size_t asset)
    : self_(self), asset_(asset) {
  const auto& p = flow.parameters().arbitrage;
  static_cast<void>(flow.schedule(self, soon(flow, flow.participant(self).random, p.wake_rate_hz)));
}

std::int64_t Arbitrageur::wake(OrderFlow& flow, std::uint32_t tag) noexcept {
  if (tag > 0) {  // a leg arrives
    arrive(flow, in_flight_[tag - 1]);
    return kNever;
  }
  search(flow);
  return soon(flow, flow.participant(self_).random, flow.parameters().arbitrage.wake_rate_hz);
}

// The widest gap between a bid and an offer of two venues, taken on both sides.
void Arbitrageur::search(OrderFlow& flow) noexcept {
  const auto& p = flow.parameters().arbitrage;
  const std::size_t n = flow.parameters().venues.size();
  for (std::size_t sell = 0; sell < n; ++sell) {
    for (std::size_t buy = 0; buy < n; ++buy) {
      if (sell == buy) continue;
      const std::uint32_t sell_book = flow.book_of(sell, asset_);
      const std::uint32_t buy_book = flow.book_of(buy, asset_);
      const Touch high = flow.touch(sell_book);
      const Touch low = flow.touch(buy_book);
      if (high.bid_ticks == kNoPrice || low.ask_ticks == kNoPrice) continue;
      const auto gap = static_cast<double>(high.bid_ticks - low.ask_ticks);
      if (gap < p.edge_bp * kBp * static_cast<double>(low.ask_ticks)) continue;
      const auto cap = static_cast<std::int64_t>(p.size_units * flow.unit_lots(asset_));
      const std::int64_t lots =
          std::max<std::int64_t>(1, std::min({high.bid_lots, low.ask_lots, cap}));
      if (launch(flow, {sell_book, Side::Ask, high.bid_ticks, lots})) {
        static_cast<void>(launch(flow, {buy_book, Side::Bid, low.ask_ticks, lots}));
      }
    }
  }
}

bool Arbitrageur::launch(OrderFlow& flow, const Leg& leg) noexcept {
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].lots != 0) continue;
    const std::int64_t at = flow.now_ns() + ns_of(flow.parameters().arbitrage.latency_s);
    if (!flow.schedule(self_, at, static_cast<std::uint32_t>(i + 1))) return false;
    in_flight_[i] = leg;
    return true;
  }
  return false;
}

void Arbitrageur::arrive(OrderFlow& flow, Leg& leg) noexcept {
  Participant& me = flow.participant(self_);
  static_cast<void>(flow.take(me, leg.book, leg.side, leg.limit_ticks, leg.lots));
  leg.lots = 0;
}

}  // namespace kimera::market
