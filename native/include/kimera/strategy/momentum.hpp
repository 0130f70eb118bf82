// momentum-v1: hold `size_lots` in the direction of the difference of two exponential averages of
// the mid (a fast and a slow one, in time, not in events); take at the touch, stay out inside a
// band around zero.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kimera/strategy/strategy.hpp"

namespace kimera::strategy {

struct MomentumConfig {
  std::int64_t size_lots = 10;
  double fast_half_life_s = 1.0;
  double slow_half_life_s = 10.0;
  double entry_ticks = 1.0;  // |fast - slow| above this opens
  double exit_ticks = 0.0;   // below this (against the position) closes
};

class Momentum {
 public:
  explicit Momentum(const MomentumConfig& config) : config_(config) {}

  void on_start(Context& context) { lines_.resize(context.n_instruments()); }

  void on_top(Context& context, std::uint32_t id, const TopOfBook& top) noexcept {
    Line& line = lines_[id - 1];
    if (!top.two_sided() || top.bid_ticks >= top.ask_ticks) return;
    const double signal = learn(line, context.now_ns(), top.bid_ticks + top.ask_ticks);
    if (context.order(line.order_id) != nullptr) return;
    const std::int64_t position = context.position_lots(id);
    const std::int64_t wanted = target(signal, position);
    if (wanted == position) return;
    const bool buys = wanted > position;
    line.order_id = context
                        .submit({.instrument_id = id,
                                 .side = buys ? model::Side::Bid : model::Side::Ask,
                                 .price_ticks = buys ? top.ask_ticks : top.bid_ticks,
                                 .size_lots = buys ? wanted - position : position - wanted,
                                 .detail = model::order_detail(model::OrderType::Limit,
                                                               model::TimeInForce::Ioc)})
                        .order_id;
  }

 private:
  struct Line {
    std::int64_t seen_ns = model::kNoTime;
    double fast = 0;
    double slow = 0;
    double mid = 0;
    std::uint64_t order_id = 0;
  };

  // fast - slow [ticks]: each average decays towards the mid that held since the last change.
  [[nodiscard]] double learn(Line& line, std::int64_t now_ns, std::int64_t mid2) const noexcept {
    const double mid = 0.5 * static_cast<double>(mid2);
    if (line.seen_ns == model::kNoTime) {
      line.fast = line.slow = mid;
    } else {
      const double elapsed_s = static_cast<double>(now_ns - line.seen_ns) * 1e-9;
      line.fast +=
          (line.mid - line.fast) * (1.0 - std::exp2(-elapsed_s / config_.fast_half_life_s));
      line.slow +=
          (line.mid - line.slow) * (1.0 - std::exp2(-elapsed_s / config_.slow_half_life_s));
    }
    line.seen_ns = now_ns;
    line.mid = mid;
    return line.fast - line.slow;
  }

  [[nodiscard]] std::int64_t target(double signal, std::int64_t position) const noexcept {
    if (signal > config_.entry_ticks) return config_.size_lots;
    if (signal < -config_.entry_ticks) return -config_.size_lots;
    if (position > 0 && signal < config_.exit_ticks) return 0;
    if (position < 0 && signal > -config_.exit_ticks) return 0;
    return position;
  }

  MomentumConfig config_;
  std::vector<Line> lines_;
};

}  // namespace kimera::strategy
