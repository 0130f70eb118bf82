// Scripted manipulation with a known truth. Each script is the textbook pattern, run through the
// matching engine like any other order; where it succeeds depends on how the market answers.
#include <algorithm>
#include <cmath>

#include "kimera/market/order_flow_agents.hpp"

namespace kimera::market {
namespace {

using model::kNoPrice;
using model::opposite;
using model::Side;

constexpr std::size_t kSpoofTurns = 5;  // placing, three waits, cancelling
constexpr std::size_t kLayers = 6;
constexpr double kLayerStepBp = 0.08;
constexpr std::uint32_t kStops = 12;  // a side's stops that a stop run aims at
constexpr std::uint32_t kMaxExits = 100;
constexpr std::size_t kStuffed = 64;  // orders of a quote stuffer resting at a time

std::int64_t toward(std::int64_t price, Side side, double bp) noexcept {
  const double away = static_cast<double>(price) * bp * kBp;
  return price + std::llround(side == Side::Bid ? -away : away);
}

}  // namespace

Manipulator::Manipulator(OrderFlow& flow, std::uint32_t self, std::uint32_t second,
                         const Episode& episode)
    : self_(self),
      second_(second),
      episode_(episode),
      book_(flow.book_of(static_cast<std::size_t>(episode.venue_id - 1), episode.asset)),
      begin_ns_(flow.parameters().start_ns + episode.start_ns),
      end_ns_(begin_ns_ + episode.duration_ns) {
  static_cast<void>(flow.schedule(self, begin_ns_));
}

std::int64_t Manipulator::lots(const OrderFlow& flow, double units) const noexcept {
  const double unit = flow.unit_lots(episode_.asset);
  return std::max<std::int64_t>(1, std::llround(units * unit * episode_.intensity));
}

double Manipulator::progress(const OrderFlow& flow) const noexcept {
  return static_cast<double>(flow.now_ns() - begin_ns_) / static_cast<double>(end_ns_ - begin_ns_);
}

std::int64_t Manipulator::wake(OrderFlow& flow, std::uint32_t /*tag*/) noexcept {
  Participant& me = flow.participant(self_);
  if (label_ == 0) {
    side_ = me.random.chance(0.5) ? Side::Bid : Side::Ask;
    label_ =
        flow.begin_label(static_cast<std::uint8_t>(episode_.kind), me, book_, false, Side::None, 0);
  }
  if (flow.now_ns() >= end_ns_) return finish(flow);
  return std::min(act(flow), end_ns_);
}

// The episode ends with its orders; what it left in the hand goes back to the market in pieces.
// A liquidity shock is a true wish to trade and keeps what it got.
std::int64_t Manipulator::finish(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  if (exits_ == 0) {
    flow.cancel_all(me);
    flow.cancel_all(flow.participant(second_));
    flow.end_label(label_, me);
  }
  const std::int64_t held = me.position_lots[book_];
  if (held == 0 || episode_.kind == Manipulation::LiquidityShock || exits_++ == kMaxExits) {
    return kNever;
  }
  const Side side = held > 0 ? Side::Ask : Side::Bid;
  static_cast<void>(
      flow.take(me, book_, side, slipped(flow.touch(book_), side, 5), std::abs(held)));
  return flow.now_ns() + ns_of(0.1 + 0.1 * me.random.uniform());
}

std::int64_t Manipulator::act(OrderFlow& flow) noexcept {
  switch (episode_.kind) {
    case Manipulation::Spoofing:
      return spoof(flow, 1);
    case Manipulation::Layering:
      return spoof(flow, kLayers);
    case Manipulation::QuoteStuffing:
      return stuff(flow);
    case Manipulation::MomentumIgnition:
      return ignite(flow);
    case Manipulation::WashTrades:
      return wash(flow);
    case Manipulation::StopRun:
      return run_stops(flow);
    case Manipulation::LiquidityShock:
      return shock(flow);
  }
  return kNever;
}

// Large orders near the touch on one side (one, or a ladder of layers), a small true one at the
// touch of the other; the large ones are cancelled before they can trade. Then the sides change.
std::int64_t Manipulator::spoof(OrderFlow& flow, std::size_t layers) noexcept {
  Participant& me = flow.participant(self_);
  const Touch touch = flow.touch(book_);
  if (turn_ % kSpoofTurns == 0 && touch.two_sided()) {
    const auto n = static_cast<double>(layers);
    for (std::size_t i = 0; i < layers; ++i) {
      const double bp = kLayerStepBp * static_cast<double>(i + 1);
      const std::int64_t price = toward(touch.price(side_), side_, bp);
      static_cast<void>(flow.quote(me, book_, side_, price, lots(flow, 120 / n)));
    }
    const Side genuine = opposite(side_);
    static_cast<void>(flow.quote(me, book_, genuine, touch.price(genuine), lots(flow, 1)));
  }
  if (turn_ % kSpoofTurns == kSpoofTurns - 1) {
    flow.cancel_all(me);
    side_ = opposite(side_);
  }
  ++turn_;
  return flow.now_ns() + ns_of(0.08 + 0.04 * me.random.uniform());
}

// Adds and cancels, thousands a second, too far away to trade.
std::int64_t Manipulator::stuff(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  const Touch touch = flow.touch(book_);
  const Side side = me.random.chance(0.5) ? Side::Bid : Side::Ask;
  if (me.orders.size() >= kStuffed || (me.orders.size() > 0 && me.random.chance(0.5))) {
    flow.cancel(me, me.orders.slot_at(0));
  } else if (touch.price(side) != kNoPrice) {
    const std::int64_t price = toward(touch.price(side), side, 1.0 + me.random.uniform());
    static_cast<void>(flow.quote(me, book_, side, price, lots(flow, 0.1)));
  }
  return flow.now_ns() + ns_of(me.random.exponential() / (3'000 * episode_.intensity));
}

void Manipulator::push(OrderFlow& flow, Side side, double touch_multiple,
                       double reach_bp) noexcept {
  const Touch touch = flow.touch(book_);
  const auto shown = static_cast<double>(touch.lots(opposite(side)));
  const std::int64_t limit = slipped(touch, side, reach_bp);
  const auto wanted = static_cast<std::int64_t>(touch_multiple * episode_.intensity * shown) + 1;
  static_cast<void>(flow.take(flow.participant(self_), book_, side, limit, wanted));
}

// A burst of growing takes one way to draw the herd in, then the way out into its orders.
std::int64_t Manipulator::ignite(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  if (progress(flow) < 0.5) {
    push(flow, side_, 0.8 + 0.1 * static_cast<double>(turn_++), 2);
  } else if (const std::int64_t held = me.position_lots[book_]; held != 0) {
    const Side out = held > 0 ? Side::Ask : Side::Bid;
    const std::int64_t limit = slipped(flow.touch(book_), out, 1);
    const std::int64_t slice = std::max<std::int64_t>(lots(flow, 2), std::abs(held) / 8);
    static_cast<void>(flow.take(me, book_, out, limit, std::min(slice, std::abs(held))));
  }
  return flow.now_ns() + ns_of(0.02 + 0.03 * me.random.uniform());
}

// Buys from its other hand: whenever the spread has room, one quotes inside and the other takes it
// at the same instant, so that nobody can come between.
std::int64_t Manipulator::wash(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  Participant& other = flow.participant(second_);
  const Touch touch = flow.touch(book_);
  if (touch.two_sided() && touch.ask_ticks - touch.bid_ticks >= 2) {
    const std::int64_t price = touch.bid_ticks + (touch.ask_ticks - touch.bid_ticks) / 2;
    const std::int64_t size = lots(flow, 2 + 2 * me.random.uniform());
    if (flow.quote(me, book_, side_, price, size)) {
      static_cast<void>(flow.take(other, book_, opposite(side_), price, size));
    }
    flow.cancel_all(me);
    side_ = opposite(side_);
  }
  return flow.now_ns() + ns_of(0.01 + 0.01 * me.random.uniform());
}

// Stops of others lie beyond the touch; the script sells (or buys) through them and takes the
// other side of what they set off.
std::int64_t Manipulator::run_stops(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  const Touch touch = flow.touch(book_);
  const Side down = opposite(side_);  // the side it pushes with
  if (turn_ == 0 && touch.two_sided()) {
    Participant& holders = flow.participant(second_);
    for (std::uint32_t i = 0; i < kStops; ++i) {
      const double bp = 0.8 + 0.15 * i;
      flow.leave_stop(holders, book_, down, toward(touch.price(opposite(down)), opposite(down), bp),
                      lots(flow, 4));
    }
  }
  if (turn_++ > 0) {
    if (progress(flow) < 0.5) {
      push(flow, down, 1.5, 2);
    } else if (const std::int64_t held = me.position_lots[book_]; held != 0) {
      const Side out = held > 0 ? Side::Ask : Side::Bid;
      const std::int64_t slice = std::max<std::int64_t>(lots(flow, 2), std::abs(held) / 6);
      static_cast<void>(flow.take(me, book_, out, slipped(flow.touch(book_), out, 1),
                                  std::min(slice, std::abs(held))));
    }
  }
  return flow.now_ns() + ns_of(0.05 + 0.05 * me.random.uniform());
}

// One large seller (or buyer) who does not wait: clips that go deep into the book.
std::int64_t Manipulator::shock(OrderFlow& flow) noexcept {
  Participant& me = flow.participant(self_);
  const Touch touch = flow.touch(book_);
  static_cast<void>(
      flow.take(me, book_, side_, slipped(touch, side_, 6 * episode_.intensity), lots(flow, 100)));
  return flow.now_ns() + std::max<std::int64_t>(1, (end_ns_ - begin_ns_) / 8);
}

}  // namespace kimera::market
