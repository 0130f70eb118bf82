// One run, whatever its venues and its strategy are: what the Python side drives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kimera/market/replay_venue.hpp"
#include "kimera/market/simulated_venue.hpp"
#include "kimera/model/record.hpp"
#include "kimera/portfolio/ledger.hpp"
#include "kimera/strategy/compiled.hpp"
#include "kimera/strategy/market_making.hpp"
#include "kimera/strategy/momentum.hpp"
#include "kimera/strategy/touch_maker.hpp"
#include "kimera/system/event_loop.hpp"
#include "kimera/system/playback.hpp"

namespace kimera::system {

struct LatencySpec {
  market::LatencyKind kind = market::LatencyKind::Constant;
  std::int64_t ns = 0;  // Constant: the delay; Recorded: the correction
  double scale = 1.0;
  std::vector<std::int64_t> edges_ns;
  std::vector<std::uint64_t> counts;
};

struct RunSpec {
  std::vector<strategy::ContextInstrument> instruments;
  std::vector<portfolio::LedgerInstrument> ledger;
  std::vector<std::uint16_t> lane_of;  // by instrument id - 1
  LatencySpec feed;
  LatencySpec order_entry;
  LatencySpec response;
  market::QueueRule queue;
  market::Consumption consumption = market::Consumption::Remember;
  market::BookCapacity capacity;
  strategy::ContextBounds bounds;
  RunLogConfig log;
  std::size_t max_in_flight = 65'536;
  std::uint64_t seed = 1;
  std::int64_t end_ns = kNever;
  bool packets = true;
  bool digest = true;
  JournalSink journal;
  std::vector<market::BookKind> lane_books;        // replay: one lane per tape
  std::vector<std::int64_t> lane_clock_offset_ns;  // added to recorded delays, by lane
};

class Session {
 public:
  virtual ~Session() = default;
  [[nodiscard]] virtual Pause run(std::uint64_t max_events) = 0;
  // Replay only; the records must stay where they are until the next call for that lane.
  virtual void feed(std::size_t lane, std::span<const model::Record> batch) = 0;
  virtual void finish(std::size_t lane) = 0;
  [[nodiscard]] virtual std::size_t starved_lane() const noexcept = 0;
  [[nodiscard]] virtual const LoopCounters& counters() const noexcept = 0;
  [[nodiscard]] virtual const LoopLatencies& latencies() const noexcept = 0;
  [[nodiscard]] virtual std::int64_t start_ns() const noexcept = 0;
  [[nodiscard]] virtual const RunDigest& digest() const noexcept = 0;
  // Anomalies of the lanes' venues and latencies, by name.
  struct Anomaly {
    const char* name;
    std::uint64_t count;
  };
  [[nodiscard]] virtual std::vector<Anomaly> anomalies() const = 0;

  [[nodiscard]] const strategy::Context& context() const noexcept { return context_; }
  [[nodiscard]] const RunLog& log() const noexcept { return log_; }

 protected:
  explicit Session(const RunSpec& spec)
      : context_(spec.instruments, spec.ledger, spec.bounds, spec.capacity),
        log_(spec.log, static_cast<std::uint32_t>(spec.instruments.size())) {}

  strategy::Context context_;  // NOLINT: shared with the loop of the derived class
  RunLog log_;                 // NOLINT
};

// Sessions on recorded tapes, one lane per tape.
[[nodiscard]] std::unique_ptr<Session> replay_nothing(const RunSpec& spec);
[[nodiscard]] std::unique_ptr<Session> replay_touch_maker(const RunSpec& spec,
                                                          const strategy::TouchMakerConfig& c);
[[nodiscard]] std::unique_ptr<Session> replay_market_making(const RunSpec& spec,
                                                            const strategy::MarketMakingConfig& c);
[[nodiscard]] std::unique_ptr<Session> replay_momentum(const RunSpec& spec,
                                                       const strategy::MomentumConfig& c);
[[nodiscard]] std::unique_ptr<Session> replay_compiled(const RunSpec& spec,
                                                       const strategy::CompiledCallbacks& callbacks,
                                                       void* state);

// The same on the simulated market.
[[nodiscard]] std::unique_ptr<Session> simulate_nothing(const RunSpec& spec,
                                                        market::SimulatedVenue venue);
[[nodiscard]] std::unique_ptr<Session> simulate_touch_maker(const RunSpec& spec,
                                                            market::SimulatedVenue venue,
                                                            const strategy::TouchMakerConfig& c);
[[nodiscard]] std::unique_ptr<Session> simulate_market_making(
    const RunSpec& spec, market::SimulatedVenue venue, const strategy::MarketMakingConfig& c);
[[nodiscard]] std::unique_ptr<Session> simulate_momentum(const RunSpec& spec,
                                                         market::SimulatedVenue venue,
                                                         const strategy::MomentumConfig& c);
[[nodiscard]] std::unique_ptr<Session> simulate_compiled(
    const RunSpec& spec, market::SimulatedVenue venue, const strategy::CompiledCallbacks& callbacks,
    void* state);

// The same against a journal; `tape` holds the outcome and must outlive the session.
[[nodiscard]] std::unique_ptr<Session> playback_nothing(const RunSpec& spec, PlaybackTape& tape);
[[nodiscard]] std::unique_ptr<Session> playback_touch_maker(const RunSpec& spec, PlaybackTape& tape,
                                                            const strategy::TouchMakerConfig& c);
[[nodiscard]] std::unique_ptr<Session> playback_market_making(
    const RunSpec& spec, PlaybackTape& tape, const strategy::MarketMakingConfig& c);
[[nodiscard]] std::unique_ptr<Session> playback_momentum(const RunSpec& spec, PlaybackTape& tape,
                                                         const strategy::MomentumConfig& c);
[[nodiscard]] std::unique_ptr<Session> playback_compiled(
    const RunSpec& spec, PlaybackTape& tape, const strategy::CompiledCallbacks& callbacks,
    void* state);

}  // namespace kimera::system
