// A market of several venues and assets, made by order-flow agents who trade on our own matching
// engine. One object is one source of events for the event loop, whatever the number of venues:
// its records bear the venue and the instrument.
//
// Instrument ids run over the assets of venue 1, then of venue 2, ...: from 1, without a gap.
//
// A strategy trades in it like anyone: submit() takes its Kind::Order records (with its own
// actor_id below kFirstAgentActor) and its orders rest, fill and move the price. Its reports come
// out among the records, as do the public deltas of everyone; the reports of the agents do not.
// Marks (labels, fundamentals) come out too: they are for the journal, not for strategies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kimera/market/order_flow_config.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

class OrderFlow;

// One scripted episode or one large order: what really happened, for detectors and impact curves.
struct FlowLabel {
  std::uint32_t label_id;       // Record::detail of its marks, from 1
  std::uint8_t kind;            // a Manipulation, or kMetaOrderLabel
  model::Side side;             // of a large order; None otherwise
  std::uint16_t venue_id;       // 0: all of them
  std::uint32_t instrument_id;  // at that venue, or at the first
  std::uint16_t actor_id;
  std::int64_t begin_ns;
  std::int64_t end_ns;       // kNoTime while it goes on
  std::int64_t size_lots;    // wanted by a large order
  std::int64_t filled_lots;  // of all its actor's orders while it lasted
  std::uint64_t orders;      // that its actor sent
  double mid_begin_ticks;
  double mid_end_ticks;
  double value_begin_ticks;  // the fundamental: the news of that time, apart from the impact
  double value_end_ticks;
};
inline constexpr std::uint8_t kMetaOrderLabel = 100;

struct FlowCounters {
  std::uint64_t events = 0;    // wake-ups done
  std::uint64_t requests = 0;  // orders and cancels that agents sent
  std::uint64_t public_records = 0;
  std::uint64_t refused_wake_ups = 0;  // by a full queue: 0 in a sound configuration
  std::uint64_t refused_requests = 0;  // by the engine, as with a post-only order that would cross
  std::uint64_t dropped_labels = 0;    // beyond the bound of the table
  std::uint64_t lost_records = 0;      // beyond the bound of one event: 0, or the tape has a hole
};

class SimulatedVenue {
 public:
  SimulatedVenue(const SimulationParameters& parameters, std::uint64_t seed);
  ~SimulatedVenue();
  SimulatedVenue(SimulatedVenue&&) noexcept;
  SimulatedVenue& operator=(SimulatedVenue&&) noexcept;
  SimulatedVenue(const SimulatedVenue&) = delete;
  SimulatedVenue& operator=(const SimulatedVenue&) = delete;

  // Time of the next event of the market itself; INT64_MAX at its end.
  [[nodiscard]] std::int64_t next_event_ns() const noexcept;

  // Does exactly that event.
  template <typename Sink>
  void step(Sink&& sink) {
    for (const model::Record& record : step_records()) sink(record);
  }

  // A request arrives at order.ts_event_ns, or now if that is past.
  template <typename Sink>
  void submit(const model::Record& order, Sink&& sink) {
    for (const model::Record& record : submit_records(order)) sink(record);
  }

  // The same, as records that stay valid until the next call.
  [[nodiscard]] std::span<const model::Record> step_records() noexcept;
  [[nodiscard]] std::span<const model::Record> submit_records(const model::Record& order) noexcept;

  [[nodiscard]] std::size_t venues() const noexcept;
  [[nodiscard]] std::size_t assets() const noexcept;
  [[nodiscard]] FlowCounters counters() const noexcept;
  [[nodiscard]] std::span<const FlowLabel> labels() const noexcept;
  // Net lots held by an agent in an instrument, from its fills.
  [[nodiscard]] std::int64_t position_lots(std::uint16_t actor_id,
                                           std::uint32_t instrument_id) const noexcept;
  [[nodiscard]] std::size_t agents() const noexcept;

 private:
  std::unique_ptr<OrderFlow> flow_;
};

}  // namespace kimera::market
