// touch-maker-v1: rest `size_lots` at the best bid and at the best ask; look every `interval_ns`
// and move what is no longer there. The reference rule of the fill-fidelity test.
#pragma once

#include <cstdint>
#include <vector>

#include "kimera/strategy/strategy.hpp"

namespace kimera::strategy {

struct TouchMakerConfig {
  std::int64_t size_lots = 10;
  std::int64_t max_position_lots = 200;  // no order that could pass it
  std::int64_t interval_ns = 100'000'000;
};

class TouchMaker {
 public:
  explicit TouchMaker(const TouchMakerConfig& config) : config_(config) {}

  void on_start(Context& context) {
    quotes_.resize(context.n_instruments());
    static_cast<void>(context.set_timer(context.now_ns() + config_.interval_ns, 1));
  }
  void on_timer(Context& context, std::uint64_t /*timer_id*/) noexcept {
    for (std::uint32_t id = 1; id <= context.n_instruments(); ++id) {
      const TopOfBook& top = context.top(id);
      Quotes& q = quotes_[id - 1];
      const std::int64_t position = context.position_lots(id);
      const bool buys = position + config_.size_lots <= config_.max_position_lots;
      const bool sells = position - config_.size_lots >= -config_.max_position_lots;
      const std::int64_t bid = buys ? top.bid_ticks : model::kNoPrice;
      const std::int64_t ask = sells ? top.ask_ticks : model::kNoPrice;
      // Both cancels before both quotes, or a new quote could meet our own old one.
      const bool bid_stands = stands(context, bid, q.bid);
      const bool ask_stands = stands(context, ask, q.ask);
      if (!bid_stands) quote(context, id, model::Side::Bid, bid, q.bid);
      if (!ask_stands) quote(context, id, model::Side::Ask, ask, q.ask);
    }
    static_cast<void>(context.set_timer(context.now_ns() + config_.interval_ns, 1));
  }

 private:
  struct Quotes {
    std::uint64_t bid = 0;
    std::uint64_t ask = 0;
  };

  // Whether the quote is where it should be; one that is not is cancelled.
  [[nodiscard]] static bool stands(Context& context, std::int64_t price,
                                   std::uint64_t order_id) noexcept {
    const OpenOrder* order = context.order(order_id);
    if (order == nullptr || order->state == OrderState::Closing) return false;
    if (order->price_ticks == price) return true;
    static_cast<void>(context.cancel(order_id));
    return false;
  }
  void quote(Context& context, std::uint32_t id, model::Side side, std::int64_t price,
             std::uint64_t& order_id) const noexcept {
    if (price == model::kNoPrice) return;
    order_id = context
                   .submit({.instrument_id = id,
                            .side = side,
                            .price_ticks = price,
                            .size_lots = config_.size_lots})
                   .order_id;
  }

  TouchMakerConfig config_;
  std::vector<Quotes> quotes_;
};

}  // namespace kimera::strategy
