// What a venue is told at construction: its instruments, rules, fees and bounds.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

// From from_ticks upwards prices are multiples of step_ticks; the first band reaches down to 1.
struct TickBand {
  std::int64_t from_ticks = 1;
  std::int64_t step_ticks = 1;
};

// The price-banded tick table of an instrument. Each band must start on a multiple of its own
// step and of the step below it, so that every band's edge is itself a price.
class TickTable {
 public:
  TickTable() = default;
  explicit TickTable(std::vector<TickBand> bands) : bands_(std::move(bands)) {
    if (bands_.empty()) throw std::invalid_argument("a tick table needs at least one band");
    for (std::size_t i = 0; i < bands_.size(); ++i) {
      const auto& band = bands_[i];
      if (band.step_ticks < 1) throw std::invalid_argument("a tick step must be at least 1");
      if (i == 0) continue;
      const auto& lower = bands_[i - 1];
      if (band.from_ticks <= lower.from_ticks || band.from_ticks % band.step_ticks != 0 ||
          band.from_ticks % lower.step_ticks != 0) {
        throw std::invalid_argument("tick band from " + std::to_string(band.from_ticks) +
                                    " must rise and be a multiple of both neighbouring steps");
      }
    }
  }

  [[nodiscard]] std::int64_t step_at(std::int64_t price_ticks) const noexcept {
    std::size_t i = bands_.size() - 1;
    while (i > 0 && price_ticks < bands_[i].from_ticks) --i;
    return bands_[i].step_ticks;
  }
  [[nodiscard]] bool allows(std::int64_t price_ticks) const noexcept {
    const std::int64_t step = step_at(price_ticks);
    return step == 1 || price_ticks % step == 0;
  }
  // Nearest valid price at or below, and at or above; prices are positive.
  [[nodiscard]] std::int64_t at_or_below(std::int64_t price_ticks) const noexcept {
    return price_ticks - price_ticks % step_at(price_ticks);
  }
  [[nodiscard]] std::int64_t at_or_above(std::int64_t price_ticks) const noexcept {
    const std::int64_t step = step_at(price_ticks);
    const std::int64_t beyond = price_ticks % step;
    return beyond == 0 ? price_ticks : price_ticks + step - beyond;
  }

 private:
  std::vector<TickBand> bands_{TickBand{}};
};

// Fee per unit of traded value, in 1e-7 (1 bp = 1,000); negative is a rebate.
struct FeeSchedule {
  std::int64_t maker_fee_e7 = 0;
  std::int64_t taker_fee_e7 = 0;
  std::int64_t auction_fee_e7 = 0;

  // The rate of one fill, read from its Report Filled record.
  [[nodiscard]] constexpr std::int64_t fee_e7(const model::Record& fill) const noexcept {
    if ((fill.detail & model::trade_flag::kAuction) != 0) return auction_fee_e7;
    return (fill.flags & model::flag::kMaker) != 0 ? maker_fee_e7 : taker_fee_e7;
  }
};

struct InstrumentRules {
  std::uint32_t instrument_id = 0;
  // The price window: orders outside it are refused with BadPrice. At most 2^24 ticks wide; the
  // ladder over it is virtual memory that costs only where orders rest.
  std::int64_t lowest_ticks = 1;
  std::int64_t highest_ticks = 1 << 17;
  std::vector<TickBand> ticks{TickBand{}};
  std::int64_t lot_step = 1;
  std::int64_t min_lots = 1;
  std::int64_t max_lots = 1'000'000'000'000;
  std::int64_t reference_ticks = model::kNoPrice;  // breaks ties of the first auction
};

enum class HaltPolicy : std::uint8_t {
  Refuse = 0,  // new orders during a halt are refused with NotTrading
  Queue = 1,   // they rest unmatched, and an auction reopens trading
};
enum class QuoteOutput : std::uint8_t { Off = 0, On = 1 };
enum class Display : std::uint8_t {
  Lit = 0,
  Dark = 1,  // nothing displayed; trades at the midpoint of a reference quote
};

struct VenueConfig {
  std::uint16_t venue_id = 1;
  std::vector<InstrumentRules> instruments;
  FeeSchedule fees;
  model::SelfTradePrevention self_trade = model::SelfTradePrevention::None;
  HaltPolicy halt = HaltPolicy::Refuse;
  QuoteOutput quotes = QuoteOutput::Off;
  Display display = Display::Lit;
  model::Status initial_status = model::Status::Trading;
  // Bounds. An order beyond them is refused with BookFull.
  std::uint32_t max_orders = 1U << 17U;            // resting, all instruments together
  std::uint32_t max_orders_per_actor = 1U << 17U;  // resting, all instruments together
  std::uint32_t max_levels = 1U << 17U;            // per instrument, side and visibility
  std::uint16_t max_actors = 65'535;               // actor ids 1..max_actors may trade
  std::uint32_t max_schedule = 1'024;              // timed status changes waiting
};

}  // namespace kimera::market
