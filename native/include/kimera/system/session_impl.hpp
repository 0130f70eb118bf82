// Makes a Session of a venue type and a strategy type. Include it only where such a pair is
// instantiated: each costs a compiled event loop.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kimera/market/simulated_venue.hpp"
#include "kimera/system/session.hpp"

namespace kimera::system {

[[nodiscard]] inline market::LatencyModel make_latency(const LatencySpec& spec,
                                                       std::int64_t clock_offset_ns,
                                                       runtime::Random random) {
  switch (spec.kind) {
    case market::LatencyKind::Constant:
      return market::LatencyModel::constant(spec.ns);
    case market::LatencyKind::Recorded:
      return market::LatencyModel::recorded(spec.ns + clock_offset_ns, spec.scale);
    case market::LatencyKind::Empirical:
      break;
  }
  return market::LatencyModel::empirical(spec.edges_ns, spec.counts, random);
}

// Every direction of every lane has its own stream of the seed.
[[nodiscard]] inline LaneLatency make_lane_latency(const RunSpec& spec, std::size_t lane) {
  const std::int64_t offset =
      lane < spec.lane_clock_offset_ns.size() ? spec.lane_clock_offset_ns[lane] : 0;
  const auto stream = [&spec, lane](const char* name) {
    return runtime::Random::stream(spec.seed, name).stream(lane);
  };
  return LaneLatency{make_latency(spec.feed, offset, stream("latency feed")),
                     make_latency(spec.order_entry, offset, stream("latency order entry")),
                     make_latency(spec.response, offset, stream("latency response"))};
}

template <class Venue, class Strategy>
class LoopSession final : public Session {
 public:
  LoopSession(const RunSpec& spec, std::vector<Lane<Venue>> lanes, Strategy strategy)
      : Session(spec),
        loop_(std::move(lanes), std::move(strategy), context_, log_,
              LoopConfig{spec.lane_of, spec.end_ns, spec.packets, spec.digest}, spec.journal) {}

  [[nodiscard]] Pause run(std::uint64_t max_events) override { return loop_.run(max_events); }
  void feed(std::size_t lane, std::span<const model::Record> batch) override {
    if constexpr (requires(Venue v) { v.feed(batch); }) loop_.lanes()[lane].venue.feed(batch);
  }
  void finish(std::size_t lane) override {
    if constexpr (requires(Venue v) { v.finish(); }) loop_.lanes()[lane].venue.finish();
  }
  [[nodiscard]] std::size_t starved_lane() const noexcept override { return loop_.starved_lane(); }
  [[nodiscard]] const LoopCounters& counters() const noexcept override { return loop_.counters(); }
  [[nodiscard]] const LoopLatencies& latencies() const noexcept override {
    return loop_.latencies();
  }
  [[nodiscard]] std::int64_t start_ns() const noexcept override { return loop_.start_ns(); }
  [[nodiscard]] const RunDigest& digest() const noexcept override { return loop_.digest(); }
  [[nodiscard]] Strategy& strategy() noexcept { return loop_.strategy(); }

  [[nodiscard]] std::vector<Anomaly> anomalies() const override {
    std::vector<Anomaly> out;
    const auto add = [&out](const char* name, std::uint64_t count) {
      if (count != 0) out.push_back({name, count});
    };
    add("records_of_unknown_instruments", loop_.counters().bad_records);
    add("requests_denied_line_full", loop_.counters().orders_lost);
    add("timers_refused", context_.timers_refused());
    add("fills_beyond_bound", log_.fills_dropped());
    for (std::uint32_t id = 1; id <= context_.n_instruments(); ++id) {
      const market::BookCounters& c = context_.book(id).counters();
      for (std::size_t i = static_cast<std::size_t>(market::BookStatus::Stale);
           i < market::kBookStatuses; ++i) {
        add(market::book_status_name(static_cast<market::BookStatus>(i)), c.by_status[i]);
      }
    }
    for (const Lane<Venue>& lane : loop_.lanes()) {
      add("delays_below_zero", lane.latency.feed.clamped());
      if constexpr (requires { lane.venue.counters().time_backwards; }) {
        const auto& c = lane.venue.counters();
        add("event_times_backwards", c.time_backwards);
        add("own_records_on_tape", c.foreign_records);
        add("records_of_unknown_instruments", c.unknown_instrument);
      }
      if constexpr (requires { lane.venue.counters().refused_wake_ups; }) {
        const auto c = lane.venue.counters();
        add("market_records_lost", c.lost_records);
        add("market_wake_ups_refused", c.refused_wake_ups);
        add("market_labels_dropped", c.dropped_labels);
      }
    }
    return out;
  }

 private:
  EventLoop<Venue, Strategy> loop_;
};

template <class Strategy>
[[nodiscard]] std::unique_ptr<LoopSession<market::ReplayVenue, Strategy>> make_replay(
    const RunSpec& spec, Strategy strategy) {
  std::vector<Lane<market::ReplayVenue>> lanes;
  lanes.reserve(spec.lane_books.size());
  for (std::size_t i = 0; i < spec.lane_books.size(); ++i) {
    market::ReplayVenueConfig config;
    config.book = spec.lane_books[i];
    config.queue = spec.queue;
    config.consumption = spec.consumption;
    config.n_instruments = static_cast<std::uint32_t>(spec.instruments.size());
    config.max_orders = spec.bounds.max_orders;
    config.capacity = spec.capacity;
    lanes.emplace_back(market::ReplayVenue(config), make_lane_latency(spec, i), spec.max_in_flight);
  }
  return std::make_unique<LoopSession<market::ReplayVenue, Strategy>>(spec, std::move(lanes),
                                                                      std::move(strategy));
}

// One lane for the whole simulated market: its venues are reached over one connection.
template <class Strategy>
[[nodiscard]] std::unique_ptr<LoopSession<market::SimulatedVenue, Strategy>> make_simulated(
    const RunSpec& spec, market::SimulatedVenue venue, Strategy strategy) {
  std::vector<Lane<market::SimulatedVenue>> lanes;
  lanes.emplace_back(std::move(venue), make_lane_latency(spec, 0), spec.max_in_flight);
  return std::make_unique<LoopSession<market::SimulatedVenue, Strategy>>(spec, std::move(lanes),
                                                                         std::move(strategy));
}

// One lane for the whole journal: it stands in the order in which the strategy was told.
template <class Strategy>
[[nodiscard]] std::unique_ptr<LoopSession<PlaybackVenue, Strategy>> make_playback(
    const RunSpec& recorded, PlaybackTape& tape, Strategy strategy) {
  RunSpec spec = recorded;
  spec.lane_of.assign(spec.instruments.size(), 0);
  spec.digest = false;  // the tape keeps it, over the records as they were written
  spec.journal = {&tape, [](void* at, const model::Record& r) noexcept {
                    return static_cast<PlaybackTape*>(at)->told(r);
                  }};
  std::vector<Lane<PlaybackVenue>> lanes;
  const auto at_once = [] { return market::LatencyModel::constant(0); };
  lanes.emplace_back(PlaybackVenue(tape), LaneLatency{at_once(), at_once(), at_once()},
                     spec.max_in_flight);
  return std::make_unique<LoopSession<PlaybackVenue, Strategy>>(spec, std::move(lanes),
                                                                std::move(strategy));
}

}  // namespace kimera::system
