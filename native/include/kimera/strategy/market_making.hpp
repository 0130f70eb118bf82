// market-making-v1: two post-only quotes around a price that leans against the inventory, after
// Avellaneda and Stoikov (2008), "High-frequency trading in a limit order book", Quantitative
// Finance 8(3), eq. (3.10): r = s - q gamma sigma^2 tau. The half spread is given, not solved for.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kimera/strategy/strategy.hpp"

namespace kimera::strategy {

struct MarketMakingConfig {
  std::int64_t size_lots = 10;
  std::int64_t max_position_lots = 100;
  double half_spread_ticks = 1.0;        // from the leaning price to each quote
  double risk_aversion = 0.01;           // gamma [1 / (tick x lot)]
  double horizon_s = 1.0;                // tau
  double volatility_half_life_s = 10.0;  // of the mean squared mid move
  std::int64_t requote_threshold_ticks = 1;
  std::int64_t min_quote_life_ns = 0;  // a quote is not moved before
};

class MarketMaking {
 public:
  explicit MarketMaking(const MarketMakingConfig& config) : config_(config) {}

  void on_start(Context& context) { lines_.resize(context.n_instruments()); }

  void on_top(Context& context, std::uint32_t id, const TopOfBook& top) noexcept {
    Line& line = lines_[id - 1];
    if (!top.two_sided() || top.bid_ticks >= top.ask_ticks) return;
    learn(line, context.now_ns(), top.bid_ticks + top.ask_ticks);
    quote(context, id, line, top);
  }
  void on_report(Context& context, const model::Record& r) noexcept {
    Line& line = lines_[r.instrument_id - 1];
    if (r.report_act() == model::ReportAct::Rejected) {
      // Try again at a later moment, not at once: what was refused now would be refused again.
      (r.side == model::Side::Bid ? line.bid : line.ask).refused_at_ns = context.now_ns();
      return;
    }
    const TopOfBook& top = context.top(r.instrument_id);
    if (!top.two_sided() || top.bid_ticks >= top.ask_ticks) return;
    quote(context, r.instrument_id, line, top);
  }

 private:
  struct Quote {
    std::uint64_t order_id = 0;
    std::int64_t since_ns = 0;
    std::int64_t wanted_ticks = 0;  // where the order is, or is being moved to
    std::int64_t refused_at_ns = model::kNoTime;
  };
  struct Line {
    Quote bid;
    Quote ask;
    std::int64_t seen_ns = model::kNoTime;
    std::int64_t seen_mid2 = 0;
    double variance = 0;  // of the mid [ticks^2 / s]
  };

  // Exponentially weighted mean of squared moves per second, in event time.
  void learn(Line& line, std::int64_t now_ns, std::int64_t mid2) const noexcept {
    if (line.seen_ns == model::kNoTime) {
      line.seen_ns = now_ns;
      line.seen_mid2 = mid2;
      return;
    }
    const std::int64_t elapsed_ns = now_ns - line.seen_ns;
    if (elapsed_ns < kVarianceStepNs) return;
    const double elapsed_s = static_cast<double>(elapsed_ns) * 1e-9;
    const double move = 0.5 * static_cast<double>(mid2 - line.seen_mid2);
    const double keep = std::exp2(-elapsed_s / config_.volatility_half_life_s);
    line.variance = keep * line.variance + (1.0 - keep) * move * move / elapsed_s;
    line.seen_ns = now_ns;
    line.seen_mid2 = mid2;
  }

  void quote(Context& context, std::uint32_t id, Line& line, const TopOfBook& top) noexcept {
    const std::int64_t position = context.position_lots(id);
    const double mid = 0.5 * static_cast<double>(top.bid_ticks + top.ask_ticks);
    const double lean =
        static_cast<double>(position) * config_.risk_aversion * line.variance * config_.horizon_s;
    const auto bid =
        std::min(static_cast<std::int64_t>(std::floor(mid - lean - config_.half_spread_ticks)),
                 top.ask_ticks - 1);
    const auto ask =
        std::max(static_cast<std::int64_t>(std::ceil(mid - lean + config_.half_spread_ticks)),
                 top.bid_ticks + 1);
    const std::int64_t buys = std::min(config_.size_lots, config_.max_position_lots - position);
    const std::int64_t sells = std::min(config_.size_lots, config_.max_position_lots + position);
    place(context, id, model::Side::Bid, bid, buys, line.bid);
    place(context, id, model::Side::Ask, ask, sells, line.ask);
  }

  void place(Context& context, std::uint32_t id, model::Side side, std::int64_t price,
             std::int64_t lots, Quote& q) noexcept {
    const OpenOrder* order = context.order(q.order_id);
    if (order == nullptr) {
      if (lots <= 0 || q.refused_at_ns == context.now_ns()) return;
      const Submitted sent = context.submit(
          {.instrument_id = id,
           .side = side,
           .price_ticks = price,
           .size_lots = lots,
           .detail = model::order_detail(model::OrderType::Limit, model::TimeInForce::Day,
                                         model::order_option::kPostOnly)});
      q.order_id = sent.order_id;
      q.since_ns = context.now_ns();
      q.wanted_ticks = price;
      if (sent.order_id == 0) q.refused_at_ns = context.now_ns();
      return;
    }
    if (order->state != OrderState::Open) return;
    if (lots <= 0) {
      static_cast<void>(context.cancel(q.order_id));
      return;
    }
    if (std::abs(price - q.wanted_ticks) < config_.requote_threshold_ticks ||
        context.now_ns() - q.since_ns < config_.min_quote_life_ns) {
      return;
    }
    // Cancel, not replace: a replaced quote that has come to cross would take.
    if (context.cancel(q.order_id) != model::RefusalCode::None) return;
    q.order_id = 0;
    place(context, id, side, price, lots, q);
  }

  static constexpr std::int64_t kVarianceStepNs = 10'000'000;

  MarketMakingConfig config_;
  std::vector<Line> lines_;
};

}  // namespace kimera::strategy
