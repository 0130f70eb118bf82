#include "venue.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <stdexcept>

#include "kimera/market/matching_engine.hpp"
#include "kimera/runtime/journal.hpp"

namespace kimera::bench {

namespace {

using market::MatchingEngine;
using model::Record;

// Bounds like a venue's own: as many orders as may rest in this load, and no more.
market::VenueConfig bench_config(std::uint32_t max_orders) {
  market::VenueConfig config;
  market::InstrumentRules rules;
  rules.instrument_id = 1;
  rules.lowest_ticks = 1;
  rules.highest_ticks = 1 << 17;
  config.instruments.push_back(rules);
  config.max_orders = max_orders;
  config.max_orders_per_actor = max_orders;
  return config;
}

// xorshift64*: small, and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ULL + 1) {}
  [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept {
    state_ ^= state_ >> 12U;
    state_ ^= state_ << 25U;
    state_ ^= state_ >> 27U;
    return (state_ * 0x2545F4914F6CDD1DULL >> 33U) % n;
  }

 private:
  std::uint64_t state_;
};

Record request(model::OrderAct act, std::uint64_t id, std::int64_t ts) {
  Record r{};
  r.ts_event_ns = ts;
  r.ts_recv_ns = model::kNoTime;
  r.kind = model::Kind::Order;
  r.action = static_cast<std::uint8_t>(act);
  r.instrument_id = 1;
  r.actor_id = static_cast<std::uint16_t>(1 + id % 16);
  r.order_id = id;
  r.price_ticks = model::kNoPrice;
  r.side = model::Side::None;
  return r;
}

Record limit(std::uint64_t id, std::int64_t ts, model::Side side, std::int64_t price,
             std::int64_t lots) {
  Record r = request(model::OrderAct::New, id, ts);
  r.side = side;
  r.price_ticks = price;
  r.size_lots = lots;
  return r;
}

std::vector<Record> inserts(const VenueLoad& load) {
  Dice dice(load.seed);
  std::vector<Record> out;
  out.reserve(load.n_requests);
  for (std::size_t i = 0; i < load.n_requests; ++i) {
    const auto side = i % 2 == 0 ? model::Side::Bid : model::Side::Ask;
    const std::int64_t from = side == model::Side::Bid ? 1'880 : 1'884;
    out.push_back(limit(i + 1, static_cast<std::int64_t>(i), side,
                        from + static_cast<std::int64_t>(dice.below(10)),
                        static_cast<std::int64_t>(1 + dice.below(10)) * 100));
  }
  return out;
}

// Writes a market by watching an engine: which orders still live decides what is cancelled.
class MarketWriter {
 public:
  explicit MarketWriter(const VenueLoad& load)
      : load_(load), dice_(load.seed), engine_(bench_config(1U << 17U)) {}

  std::vector<Record> write() {
    out_.reserve(load_.n_requests);
    const std::size_t full = 2 * load_.n_levels * load_.orders_per_level;
    while (out_.size() < load_.n_requests) {
      if (dice_.below(64) == 0) middle_ += static_cast<std::int64_t>(dice_.below(3)) - 1;
      const std::uint64_t what = dice_.below(100);
      const bool thin = engine_.n_orders() < full;
      if (what < 8 && !thin) {
        take();
      } else if (what < 12 && !live_.empty()) {
        move();
      } else if (thin || live_.empty() || what < 50) {
        add();
      } else {
        cancel();
      }
    }
    return std::move(out_);
  }

 private:
  void send(const Record& r) {
    out_.push_back(r);
    engine_.submit(r, [](const Record&) {});
  }
  // Most orders come near the touch: two draws, the smaller counts.
  std::int64_t place(model::Side side) {
    const auto away = static_cast<std::int64_t>(
        1 + std::min(dice_.below(load_.n_levels), dice_.below(load_.n_levels)));
    return side == model::Side::Bid ? middle_ - away : middle_ + away;
  }
  model::Side coin() { return dice_.below(2) == 0 ? model::Side::Bid : model::Side::Ask; }
  std::int64_t ts() const { return static_cast<std::int64_t>(out_.size()); }

  void add() {
    const model::Side side = coin();
    live_.push_back(++last_id_);
    send(limit(last_id_, ts(), side, place(side), static_cast<std::int64_t>(1 + dice_.below(20))));
  }
  void take() {
    const model::Side side = coin();
    Record r = limit(++last_id_, ts(), side, model::kNoPrice,
                     static_cast<std::int64_t>(1 + dice_.below(60)));
    r.detail = model::order_detail(model::OrderType::Market, model::TimeInForce::Ioc);
    send(r);
  }
  // Some live order, forgetting those found gone.
  std::uint64_t pick() {
    while (!live_.empty()) {
      std::uint64_t& at = live_[dice_.below(live_.size())];
      if (engine_.order(static_cast<std::uint16_t>(1 + at % 16), at).live) return at;
      at = live_.back();
      live_.pop_back();
    }
    return 0;
  }
  void cancel() {
    const std::uint64_t id = pick();
    if (id != 0) send(request(model::OrderAct::Cancel, id, ts()));
  }
  void move() {
    const std::uint64_t id = pick();
    if (id == 0) return;
    const auto state = engine_.order(static_cast<std::uint16_t>(1 + id % 16), id);
    Record r = request(model::OrderAct::Replace, id, ts());
    r.price_ticks = place(state.side);
    r.size_lots = state.leaves_lots;
    send(r);
  }

  VenueLoad load_;
  Dice dice_;
  MatchingEngine engine_;
  std::vector<Record> out_;
  std::vector<std::uint64_t> live_;
  std::uint64_t last_id_ = 0;
  std::int64_t middle_ = 50'000;
};

template <class Sink>
VenueRun timed(const VenueRequests& load, Sink&& sink) {
  MatchingEngine engine(bench_config(load.max_orders));
  VenueRun run;
  const auto start = std::chrono::steady_clock::now();
  for (const Record& r : load.records) {
    sink.request(r);
    engine.submit(r, sink);
  }
  run.elapsed_ns =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start)
          .count();
  run.n_records = sink.n_records;
  run.n_fills = engine.counters().fills;
  run.n_resting = engine.n_orders();
  return run;
}

struct MemorySink {
  static constexpr std::size_t kRecords = 1U << 18U;
  std::vector<Record> ring = std::vector<Record>(kRecords);
  std::uint64_t n_records = 0;

  void request(const Record&) noexcept {}
  void operator()(const Record& r) noexcept { ring[n_records++ & (kRecords - 1)] = r; }
};

struct JournalSink {
  runtime::JournalWriter& journal;
  std::uint64_t n_records = 0;
  std::uint64_t n_refused = 0;

  void request(const Record& r) noexcept { n_refused += journal.append(r) ? 0 : 1; }
  void operator()(const Record& r) noexcept {
    ++n_records;
    n_refused += journal.append(r) ? 0 : 1;
  }
};

}  // namespace

VenueRequests venue_requests(const VenueLoad& load) {
  if (load.flow == VenueFlow::Inserts) {
    const auto n = static_cast<std::uint32_t>(load.n_requests);
    return {inserts(load), std::bit_ceil(n)};  // half of them come to rest
  }
  return {MarketWriter(load).write(), 1U << 17U};
}

VenueRun run_venue_to_memory(const VenueRequests& requests) {
  return timed(requests, MemorySink{});
}

VenueRun run_venue_to_journal(const VenueRequests& requests, const std::string& folder) {
  runtime::JournalOptions options;
  options.upkeep = runtime::Upkeep::Background;
  const auto journal = runtime::JournalWriter::create(folder, options);
  JournalSink sink{*journal};
  const VenueRun run = timed(requests, sink);
  journal->close();
  if (sink.n_refused != 0) throw std::runtime_error("the journal refused records");
  return run;
}

}  // namespace kimera::bench
