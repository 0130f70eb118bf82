// The event loop: merges venues by exchange time and calls one strategy in its local time.
//
// Each venue has a lane with three lines of records on their way: what the venue told (feed), what
// the strategy asked (orders), and what became of it (reports). Every event has two clocks: the
// venue acts at ts_event_ns, the strategy learns of it at ts_recv_ns = ts_event_ns + latency, and
// its requests arrive at the venue after the order latency; own fills, cancels and queue places
// therefore race as they do live. Lines keep their order: nothing overtakes on one connection.
//
// At one instant: the venue's own event, an arriving order, the feed, a report, then timers; and
// lower lanes first. Nothing allocates, throws, locks or makes a virtual call after the start.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kimera/market/latency.hpp"
#include "kimera/model/record.hpp"
#include "kimera/runtime/clock.hpp"
#include "kimera/runtime/histogram.hpp"
#include "kimera/strategy/context.hpp"
#include "kimera/strategy/strategy.hpp"
#include "kimera/system/bounded_queue.hpp"
#include "kimera/system/run_digest.hpp"
#include "kimera/system/run_log.hpp"

namespace kimera::system {

enum class Pause : std::uint8_t {
  Finished = 0,
  Starved = 1,      // a venue needs its next batch: starved_lane()
  Budget = 2,       // the events asked for are done
  Stopped = 3,      // the strategy asked to stop
  QueueFull = 4,    // more records on their way than the bound allows
  JournalFull = 5,  // the journal refused a record
};

// Where every record the strategy saw, every order and every report is written; `append` false =
// refused. A plain function, so that the loop knows no journal.
struct JournalSink {
  void* journal = nullptr;
  bool (*append)(void* journal, const model::Record& record) noexcept = nullptr;
};

struct LaneLatency {
  market::LatencyModel feed;
  market::LatencyModel order_entry;
  market::LatencyModel response;
};

template <class Venue>
struct Lane {
  Lane(Venue v, LaneLatency l, std::size_t max_in_flight)
      : venue(std::move(v)),
        latency(std::move(l)),
        feed(max_in_flight),
        orders(max_in_flight),
        reports(max_in_flight) {}
  Venue venue;
  LaneLatency latency;
  BoundedQueue feed;
  BoundedQueue orders;
  BoundedQueue reports;
  std::int64_t recorded_ns = 0;  // the tape's own delay of its latest record
  std::int64_t last_feed_ns = model::kNoTime;
  std::int64_t last_order_ns = model::kNoTime;
  std::int64_t last_report_ns = model::kNoTime;

  // The next moment anything of this lane happens.
  [[nodiscard]] std::int64_t next_ns() const noexcept {
    return std::min(std::min(venue.next_event_ns(), feed.front_ns()),
                    std::min(orders.front_ns(), reports.front_ns()));
  }
  [[nodiscard]] bool starved() const noexcept {
    if constexpr (requires { venue.starved(); }) {
      return venue.starved();
    } else {
      return false;
    }
  }
};

struct LoopCounters {
  std::uint64_t events = 0;  // market records the strategy's books have taken
  std::uint64_t sent = 0;
  std::uint64_t reports[10] = {};  // by ReportAct
  std::uint64_t on_top = 0;
  std::uint64_t on_book = 0;
  std::uint64_t on_trade = 0;
  std::uint64_t on_report = 0;
  std::uint64_t on_timer = 0;
  std::uint64_t orders_lost = 0;  // denied because the line to the venue was full
  std::uint64_t bad_records = 0;  // of an unknown instrument
};

struct LoopLatencies {
  runtime::LatencyHistogram feed;
  runtime::LatencyHistogram order_entry;
  runtime::LatencyHistogram response;
  runtime::LatencyHistogram processing;
};

struct LoopConfig {
  std::vector<std::uint16_t> lane_of;  // by instrument id - 1
  std::int64_t end_ns = kNever;        // nothing after this moment happens
  bool packets = true;                 // kLast marks the ends of packets; else each record is one
  bool digest = true;
};

template <class Venue, class Strategy>
class EventLoop {
 public:
  EventLoop(std::vector<Lane<Venue>> lanes, Strategy strategy, strategy::Context& context,
            RunLog& log, LoopConfig config, JournalSink journal)
      : lanes_(std::move(lanes)),
        strategy_(std::move(strategy)),
        context_(context),
        log_(log),
        config_(std::move(config)),
        journal_(journal),
        clock_(1'000'000) {}

  // Goes on until something stops it; at most `max_events` market records from here.
  [[nodiscard]] Pause run(std::uint64_t max_events);

  [[nodiscard]] std::vector<Lane<Venue>>& lanes() noexcept { return lanes_; }
  [[nodiscard]] const std::vector<Lane<Venue>>& lanes() const noexcept { return lanes_; }
  [[nodiscard]] Strategy& strategy() noexcept { return strategy_; }
  [[nodiscard]] std::size_t starved_lane() const noexcept { return starved_lane_; }
  [[nodiscard]] const LoopCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const LoopLatencies& latencies() const noexcept { return latencies_; }
  [[nodiscard]] std::int64_t start_ns() const noexcept { return start_ns_; }
  [[nodiscard]] const RunDigest& digest() const noexcept { return digest_; }

 private:
  static constexpr std::uint64_t kTimedEvery = 256;
  static constexpr std::size_t kAhead = 8;  // records a book is told beforehand

  [[nodiscard]] bool begin() noexcept;
  [[nodiscard]] Pause finish(Pause why) noexcept;
  void one(Lane<Venue>& lane) noexcept;
  void step(Lane<Venue>& lane) noexcept;
  void arrive(Lane<Venue>& lane) noexcept;
  void deliver_feed(Lane<Venue>& lane) noexcept;
  void deliver_report(Lane<Venue>& lane) noexcept;
  void fire_timer() noexcept;
  void emit(Lane<Venue>& lane, const model::Record& r, std::int64_t now_ns) noexcept;
  void emit_report(Lane<Venue>& lane, const model::Record& r, std::int64_t now_ns) noexcept;
  void take(const model::Record& r) noexcept;
  void show_top(std::uint32_t instrument_id) noexcept;
  void send_requests() noexcept;
  void tell(const model::Record& r) noexcept {
    if (config_.digest) digest_.add(r);
    if (journal_.append != nullptr && !journal_.append(journal_.journal, r)) [[unlikely]] {
      trouble_ = Pause::JournalFull;
      limit_ns_ = model::kNoTime;
    }
  }
  void move_to(std::int64_t now_ns) noexcept {
    context_.set_now(now_ns);
    if (now_ns > log_.due_ns()) [[unlikely]]
      log_.advance(context_, now_ns);
  }

  std::vector<Lane<Venue>> lanes_;
  Strategy strategy_;
  strategy::Context& context_;
  RunLog& log_;
  LoopConfig config_;
  JournalSink journal_;
  runtime::TscClock clock_;
  RunDigest digest_;
  LoopCounters counters_;
  LoopLatencies latencies_;
  std::size_t starved_lane_ = 0;
  std::int64_t start_ns_ = model::kNoTime;
  std::int64_t limit_ns_ = kNever;  // the inner loop may go up to here, not including it
  std::uint32_t open_packet_ = 0;   // instrument of a packet under way
  bool begun_ = false;
  bool ended_ = false;
  Pause trouble_ = Pause::Finished;  // anything else ends the run
};

template <class Venue, class Strategy>
bool EventLoop<Venue, Strategy>::begin() noexcept {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].starved()) {
      starved_lane_ = i;
      return false;
    }
  }
  if (begun_) return true;
  begun_ = true;
  std::int64_t first = kNever;
  for (const Lane<Venue>& lane : lanes_) first = std::min(first, lane.venue.next_event_ns());
  if (first == kNever) first = model::kNoTime;
  start_ns_ = first;
  context_.set_now(first);
  log_.start(first == model::kNoTime ? 0 : first);
  if constexpr (strategy::WantsStart<Strategy>) strategy_.on_start(context_);
  if (context_.has_work()) send_requests();
  return true;
}

template <class Venue, class Strategy>
Pause EventLoop<Venue, Strategy>::finish(Pause why) noexcept {
  if (ended_) return why;
  ended_ = true;
  log_.finish(context_, context_.now_ns());
  if constexpr (strategy::WantsStop<Strategy>) strategy_.on_stop(context_);
  return why;
}

template <class Venue, class Strategy>
Pause EventLoop<Venue, Strategy>::run(std::uint64_t max_events) {
  if (ended_) return Pause::Finished;
  if (!begin()) return Pause::Starved;
  const std::uint64_t budget = counters_.events + max_events;
  for (;;) {
    std::size_t first = 0;
    std::int64_t first_ns = kNever;
    std::int64_t second_ns = kNever;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
      const std::int64_t t = lanes_[i].next_ns();
      if (t < first_ns) {
        second_ns = first_ns;
        first_ns = t;
        first = i;
      } else {
        second_ns = std::min(second_ns, t);
      }
    }
    if (context_.stopped()) return finish(Pause::Stopped);
    if (trouble_ != Pause::Finished) return finish(trouble_);
    if (counters_.events >= budget) return Pause::Budget;
    const std::int64_t timer_ns = context_.next_timer_ns();
    // A timer alone does not keep a run alive: without market events time stands still.
    if (first_ns == kNever || std::min(first_ns, timer_ns) > config_.end_ns) {
      return finish(Pause::Finished);
    }
    if (timer_ns < first_ns) {
      fire_timer();
      continue;
    }
    Lane<Venue>& lane = lanes_[first];
    limit_ns_ = std::min(std::min(second_ns, timer_ns),
                         config_.end_ns == kNever ? kNever : config_.end_ns + 1);
    do {
      one(lane);
      if (lane.starved()) [[unlikely]] {
        starved_lane_ = first;
        return Pause::Starved;
      }
    } while (lane.next_ns() < limit_ns_ && counters_.events < budget);
  }
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::one(Lane<Venue>& lane) noexcept {
  const std::int64_t venue_ns = lane.venue.next_event_ns();
  const std::int64_t order_ns = lane.orders.front_ns();
  const std::int64_t feed_ns = lane.feed.front_ns();
  const std::int64_t report_ns = lane.reports.front_ns();
  const std::int64_t local_ns = std::min(feed_ns, report_ns);
  if (venue_ns <= order_ns && venue_ns <= local_ns) {
    step(lane);
  } else if (feed_ns <= report_ns && feed_ns < order_ns) {
    deliver_feed(lane);
  } else if (order_ns <= local_ns) {
    arrive(lane);
  } else {
    deliver_report(lane);
  }
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::step(Lane<Venue>& lane) noexcept {
  const std::int64_t now_ns = lane.venue.next_event_ns();
  lane.venue.step([this, &lane, now_ns](const model::Record& r) { emit(lane, r, now_ns); });
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::arrive(Lane<Venue>& lane) noexcept {
  const BoundedQueue::Entry& e = lane.orders.pop();
  const std::int64_t now_ns = e.at_ns;
  lane.venue.submit(e.record,
                    [this, &lane, now_ns](const model::Record& r) { emit(lane, r, now_ns); });
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::emit(Lane<Venue>& lane, const model::Record& r,
                                      std::int64_t now_ns) noexcept {
  if (r.kind == model::Kind::Report) [[unlikely]] {
    emit_report(lane, r, now_ns);
    return;
  }
  if (lane.feed.full()) [[unlikely]] {
    trouble_ = Pause::QueueFull;
    limit_ns_ = model::kNoTime;
    return;
  }
  std::int64_t from_ns = now_ns;
  if (lane.latency.feed.kind() == market::LatencyKind::Recorded) {
    if (r.ts_recv_ns != model::kNoTime) lane.recorded_ns = r.ts_recv_ns - r.ts_event_ns;
    from_ns = r.ts_event_ns;
  }
  const std::int64_t latency_ns = lane.latency.feed.sample(lane.recorded_ns);
  const std::int64_t at_ns = std::max(std::max(lane.last_feed_ns, now_ns), from_ns + latency_ns);
  lane.last_feed_ns = at_ns;
  lane.feed.push(r, at_ns, 0);
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::emit_report(Lane<Venue>& lane, const model::Record& r,
                                             std::int64_t now_ns) noexcept {
  if (r.instrument_id - 1U >= context_.n_instruments()) {
    ++counters_.bad_records;
    return;
  }
  if (lane.reports.full()) {
    trouble_ = Pause::QueueFull;
    limit_ns_ = model::kNoTime;
    return;
  }
  const std::int64_t latency_ns = lane.latency.response.sample(lane.recorded_ns);
  const std::int64_t at_ns = std::max(lane.last_report_ns, now_ns + latency_ns);
  lane.last_report_ns = at_ns;
  latencies_.response.record(at_ns - now_ns);
  lane.reports.push(r, at_ns, context_.mid2(r.instrument_id));
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::deliver_feed(Lane<Venue>& lane) noexcept {
  BoundedQueue::Entry& e = lane.feed.pop();
  const std::int64_t now_ns = e.at_ns;
  model::Record& r = e.record;
  if (const model::Record* coming = lane.feed.peek(kAhead)) context_.expect(*coming);
  move_to(now_ns);
  r.ts_recv_ns = now_ns;
  latencies_.feed.record(now_ns - r.ts_event_ns);
  tell(r);
  if (r.instrument_id - 1U >= context_.n_instruments()) [[unlikely]] {
    ++counters_.bad_records;
    return;
  }
  if (r.kind > model::Kind::Status) return;  // marks and blobs: for the journal only
  ++counters_.events;
  if (counters_.events % kTimedEvery != 0) [[likely]] {
    take(r);
  } else {
    const std::uint64_t begin = runtime::TscClock::ticks();
    take(r);
    latencies_.processing.record(clock_.ticks_to_ns(runtime::TscClock::ticks() - begin));
  }
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::take(const model::Record& r) noexcept {
  context_.take_market(r);
  if constexpr (strategy::WantsTrade<Strategy>) {
    if (r.kind == model::Kind::Delta &&
        (r.delta_action() == model::Action::Trade || r.delta_action() == model::Action::Execute)) {
      if (strategy::subscribes(strategy_, strategy::Callback::Trade)) ++counters_.on_trade;
      strategy_.on_trade(context_, r);
    }
  }
  if constexpr (strategy::WantsBook<Strategy>) {
    if (strategy::subscribes(strategy_, strategy::Callback::Book)) ++counters_.on_book;
    strategy_.on_book(context_, r);
  }
  // Prices inside a packet were never seen by anyone: the top counts when the packet is whole.
  if (open_packet_ != 0 && open_packet_ != r.instrument_id) show_top(open_packet_);
  if (config_.packets && !r.is_last() && r.kind != model::Kind::Quote) {
    open_packet_ = r.instrument_id;
  } else {
    open_packet_ = 0;
    show_top(r.instrument_id);
  }
  if (context_.has_work()) [[unlikely]]
    send_requests();
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::show_top(std::uint32_t instrument_id) noexcept {
  if (!context_.refresh_top(instrument_id)) return;
  if constexpr (strategy::WantsTop<Strategy>) {
    if (strategy::subscribes(strategy_, strategy::Callback::Top)) ++counters_.on_top;
    strategy_.on_top(context_, instrument_id, context_.top(instrument_id));
  }
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::deliver_report(Lane<Venue>& lane) noexcept {
  BoundedQueue::Entry& e = lane.reports.pop();
  model::Record& r = e.record;
  move_to(e.at_ns);
  r.ts_recv_ns = e.at_ns;
  tell(r);
  ++counters_.reports[r.action < 10 ? r.action : 0];
  const bool counted = context_.take_report(r, e.mid2);
  if (counted && r.report_act() == model::ReportAct::Filled) log_.fill(r, e.mid2);
  if constexpr (strategy::WantsReport<Strategy>) {
    if (strategy::subscribes(strategy_, strategy::Callback::Report)) ++counters_.on_report;
    strategy_.on_report(context_, r);
  }
  if (context_.has_work()) send_requests();
}

template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::fire_timer() noexcept {
  const strategy::Timer timer = context_.pop_timer();
  move_to(timer.at_ns);
  if constexpr (strategy::WantsTimer<Strategy>) {
    if (strategy::subscribes(strategy_, strategy::Callback::Timer)) ++counters_.on_timer;
    strategy_.on_timer(context_, timer.timer_id);
  }
  if (context_.has_work()) send_requests();
}

// Requests leave in the order in which they were made. One that finds its line full comes back at
// once as Denied.
template <class Venue, class Strategy>
void EventLoop<Venue, Strategy>::send_requests() noexcept {
  for (model::Record& r : context_.requests()) {
    Lane<Venue>& lane = lanes_[config_.lane_of[r.instrument_id - 1]];
    const std::int64_t now_ns = context_.now_ns();
    if (lane.orders.full()) [[unlikely]] {
      ++counters_.orders_lost;
      model::Record denied = r;
      denied.kind = model::Kind::Report;
      denied.action = static_cast<std::uint8_t>(r.order_act() == model::OrderAct::New
                                                    ? model::ReportAct::Denied
                                                    : model::ReportAct::CancelRejected);
      denied.detail = static_cast<std::uint32_t>(model::RefusalCode::BookFull);
      denied.ts_event_ns = now_ns;
      lane.last_report_ns = std::max(lane.last_report_ns, now_ns);
      if (!lane.reports.full()) lane.reports.push(denied, lane.last_report_ns, model::kNoPrice);
      continue;
    }
    const std::int64_t latency_ns = lane.latency.order_entry.sample(lane.recorded_ns);
    const std::int64_t at_ns = std::max(lane.last_order_ns, now_ns + latency_ns);
    lane.last_order_ns = at_ns;
    latencies_.order_entry.record(at_ns - now_ns);
    r.ts_event_ns = at_ns;
    ++counters_.sent;
    tell(r);
    lane.orders.push(r, at_ns, 0);
  }
  context_.requests().clear();
  limit_ns_ = model::kNoTime;  // another lane, a timer or a stop may now come first
}

}  // namespace kimera::system
