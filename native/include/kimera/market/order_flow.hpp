// The inside of the simulated market: the venues, the clock, the agents and what they may do.
// Agents see the books and the fundamental through here, and send every request through here to
// the matching engines; only here are records collected for the outside.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kimera/market/fundamental.hpp"
#include "kimera/market/matching_engine.hpp"
#include "kimera/market/order_flow_config.hpp"
#include "kimera/market/order_flow_heap.hpp"
#include "kimera/market/order_flow_orders.hpp"
#include "kimera/market/simulated_venue.hpp"
#include "kimera/model/order.hpp"
#include "kimera/runtime/random.hpp"

namespace kimera::market {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
inline constexpr double kBp = 1e-4;

[[nodiscard]] inline std::int64_t ns_of(double seconds) noexcept {
  return static_cast<std::int64_t>(seconds * 1e9) + 1;
}
[[nodiscard]] constexpr double sign_of(model::Side taker) noexcept {
  return taker == model::Side::Bid ? 1.0 : -1.0;
}

// The touch of one book. An empty side has kNoPrice and no size.
struct Touch {
  std::int64_t bid_ticks = model::kNoPrice;
  std::int64_t bid_lots = 0;
  std::int64_t ask_ticks = model::kNoPrice;
  std::int64_t ask_lots = 0;

  [[nodiscard]] bool two_sided() const noexcept {
    return bid_ticks != model::kNoPrice && ask_ticks != model::kNoPrice;
  }
  [[nodiscard]] double mid() const noexcept {
    return 0.5 * static_cast<double>(bid_ticks + ask_ticks);
  }
  [[nodiscard]] std::int64_t price(model::Side side) const noexcept {
    return side == model::Side::Bid ? bid_ticks : ask_ticks;
  }
  [[nodiscard]] std::int64_t lots(model::Side side) const noexcept {
    return side == model::Side::Bid ? bid_lots : ask_lots;
  }
};

// What every agent has: an identity, chance of its own, resting orders, positions.
struct Participant {
  std::uint32_t index;
  std::uint16_t actor_id;
  runtime::Random random;
  OwnOrders orders;
  std::vector<std::int64_t> position_lots;  // by book
  std::int64_t filled_lots = 0;             // of all its orders, both sides
  std::uint64_t orders_sent = 0;
};

// One book: an asset at a venue.
struct FlowBook {
  std::uint32_t index;
  std::size_t venue;  // index, from 0
  std::size_t asset;
};

// What the takers' flow has told about one asset, at every venue.
class Impression {
 public:
  explicit Impression(const FlowImpression& parameters) noexcept;
  void taken(double signed_units, std::int64_t now_ns) noexcept;
  [[nodiscard]] double bp(std::int64_t now_ns) const noexcept;

 private:
  static constexpr std::size_t kScales = 5;
  double largest_bp_;
  std::array<double, kScales> rate_hz_{};
  std::array<double, kScales> weight_bp_{};
  std::array<double, kScales> level_bp_{};
  std::int64_t last_ns_ = model::kNoTime;
};

// Whether a taker tells the market something. One who trades on news that the fundamental already
// holds does not: his trades are how the news gets into the price, and would be counted twice.
enum class Tells : std::uint8_t { Something = 0, Nothing = 1 };

class FlowAgents;

class OrderFlow {
 public:
  OrderFlow(const SimulationParameters& parameters, std::uint64_t seed);
  ~OrderFlow();
  OrderFlow(const OrderFlow&) = delete;
  OrderFlow& operator=(const OrderFlow&) = delete;

  // ---- for SimulatedVenue
  [[nodiscard]] std::int64_t next_event_ns() const noexcept;
  [[nodiscard]] std::span<const model::Record> step() noexcept;
  [[nodiscard]] std::span<const model::Record> submit(const model::Record& order) noexcept;
  [[nodiscard]] FlowCounters counters() const noexcept;
  [[nodiscard]] std::span<const FlowLabel> labels() const noexcept { return labels_; }

  // ---- what an agent sees
  [[nodiscard]] const SimulationParameters& parameters() const noexcept { return parameters_; }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] std::size_t n_books() const noexcept { return books_.size(); }
  [[nodiscard]] const FlowBook& book(std::uint32_t index) const noexcept { return books_[index]; }
  [[nodiscard]] std::uint32_t book_of(std::size_t venue, std::size_t asset) const noexcept {
    return static_cast<std::uint32_t>(venue * parameters_.assets.size() + asset);
  }
  [[nodiscard]] Touch touch(std::uint32_t book) const noexcept;
  [[nodiscard]] std::int64_t size_at(std::uint32_t book, model::Side side,
                                     std::int64_t price_ticks) const noexcept;
  [[nodiscard]] double fundamental_ticks(std::size_t asset,
                                         std::int64_t ahead_ns = 0) const noexcept {
    return fundamental_.value_ticks(asset, now_ns_ + ahead_ns);
  }
  // What the market as a whole would pay: the fundamental and what the flow has told.
  [[nodiscard]] double value_ticks(std::size_t asset, std::int64_t ahead_ns = 0) const noexcept {
    return fundamental_ticks(asset, ahead_ns) * (1 + kBp * impressions_[asset].bp(now_ns_));
  }
  // Relative pace of an asset now: 1 on average, more when the market is nervous; bounded.
  [[nodiscard]] double pace(std::size_t asset) const noexcept;
  [[nodiscard]] double unit_lots(std::size_t asset) const noexcept {
    return parameters_.assets[asset].unit_lots;
  }

  // ---- what an agent does
  // Rests a post-only limit order; nothing when its table is full. False if it did not rest.
  bool quote(Participant& agent, std::uint32_t book, model::Side side, std::int64_t price_ticks,
             std::int64_t lots) noexcept;
  // Takes up to `lots` at `limit_ticks` or better, at once. The lots that were filled.
  std::int64_t take(Participant& agent, std::uint32_t book, model::Side side,
                    std::int64_t limit_ticks, std::int64_t lots,
                    Tells tells = Tells::Something) noexcept;
  // Leaves a stop that becomes a market order once `trigger_ticks` trades.
  void leave_stop(Participant& agent, std::uint32_t book, model::Side side,
                  std::int64_t trigger_ticks, std::int64_t lots) noexcept;
  void cancel(Participant& agent, std::uint32_t slot) noexcept;
  void cancel_all(Participant& agent) noexcept;

  // ---- labels
  std::uint32_t begin_label(std::uint8_t kind, const Participant& agent, std::uint32_t book,
                            bool every_venue, model::Side side, std::int64_t lots) noexcept;
  void end_label(std::uint32_t label_id, const Participant& agent) noexcept;

  [[nodiscard]] Participant& participant(std::uint32_t index) noexcept {
    return participants_[index];
  }
  [[nodiscard]] const std::vector<Participant>& participants() const noexcept {
    return participants_;
  }
  // At construction only: a new agent with room for this many resting orders. Its chance depends
  // on its kind and ordinal, so that more agents of one kind do not move the others.
  std::uint32_t add_participant(std::string_view kind, std::uint64_t ordinal, std::size_t orders);
  // False, and counted, when the queue is full or the time is never.
  bool schedule(std::uint32_t agent, std::int64_t at_ns, std::uint32_t tag = 0) noexcept;

 private:
  void open_books() noexcept;
  void send(const model::Record& request, std::size_t venue) noexcept;
  void receive(const model::Record& record) noexcept;
  void report(const model::Record& record) noexcept;
  void keep(const model::Record& record) noexcept;
  void mark(model::MarkAct act, std::uint32_t book, std::uint32_t detail, std::uint16_t actor,
            std::int64_t value) noexcept;
  void mark_fundamentals() noexcept;
  [[nodiscard]] model::Record request(const Participant& agent, std::uint32_t book,
                                      model::OrderAct act) const noexcept;

  SimulationParameters parameters_;
  runtime::Random random_;
  Fundamental fundamental_;
  std::vector<MatchingEngine> venues_;
  std::vector<FlowBook> books_;
  std::vector<Impression> impressions_;  // by asset
  std::vector<Participant> participants_;
  std::unique_ptr<FlowAgents> agents_;
  WakeUpHeap heap_;
  std::int64_t now_ns_;
  std::vector<model::Record> out_;
  std::vector<FlowLabel> labels_;
  FlowCounters counters_;
  Tells tells_ = Tells::Something;  // of the request under way
};

}  // namespace kimera::market
