#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/runtime/journal.hpp"
#include "kimera/system/session.hpp"
#include "kimera/system/session_impl.hpp"
#include "python_strategy.hpp"

namespace nb = nanobind;
using kimera::bind::PythonStrategy;
using kimera::market::LatencyKind;
using kimera::model::Record;
using kimera::system::Pause;
using kimera::system::RunSpec;
using kimera::system::Session;
namespace strategy = kimera::strategy;
namespace market = kimera::market;
namespace system_ = kimera::system;

namespace {

using Bytes = nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>, nb::c_contig>;

template <class T>
nb::ndarray<nb::numpy, T> copied(const T* data, std::size_t n) {
  auto* owned = new T[n > 0 ? n : 1];
  if (n > 0) std::memcpy(owned, data, n * sizeof(T));
  nb::capsule owner(owned, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return nb::ndarray<nb::numpy, T>(owned, {n}, owner);
}

template <class T>
nb::ndarray<nb::numpy, T> copied(const std::vector<T>& v) {
  return copied(v.data(), v.size());
}

// A 128-bit integer as Python's int.
nb::object wide(kimera::portfolio::Units value) {
  nb::object high = nb::int_(static_cast<std::int64_t>(value >> 64));
  nb::object low = nb::int_(static_cast<std::uint64_t>(value));
  return (high << nb::int_(64)) + low;
}

// A session and what it looks at: the batches in use stay alive, the journal too.
class Run {
 public:
  Run(std::unique_ptr<Session> session, nb::object python, PythonStrategy* strategy)
      : session_(std::move(session)), keeper_(std::move(python)), python_(strategy) {}

  int go(std::uint64_t max_events) {
    Pause pause{};
    if (python_ != nullptr) {
      pause = session_->run(max_events);
    } else {
      nb::gil_scoped_release release;
      pause = session_->run(max_events);
    }
    return static_cast<int>(pause);
  }
  void feed(std::size_t lane, Bytes batch) {
    if (batch.size() % sizeof(Record) != 0) {
      throw nb::value_error("a batch must hold whole records of 64 bytes");
    }
    if (held_.size() <= lane) held_.resize(lane + 1);
    const std::size_t n = batch.size() / sizeof(Record);
    Held& held = held_[lane];
    if (reinterpret_cast<std::uintptr_t>(batch.data()) % alignof(Record) != 0) {
      // numpy aligns to 16 bytes only; the loop reads whole cache lines.
      held.aligned.resize(n);
      if (n != 0) std::memcpy(held.aligned.data(), batch.data(), batch.size());
      session_->feed(lane, held.aligned);
      return;
    }
    session_->feed(lane, {reinterpret_cast<const Record*>(batch.data()), n});
    held.batch = nb::cast(batch);  // only now may the batch before go
  }
  [[nodiscard]] Session& session() const { return *session_; }
  [[nodiscard]] PythonStrategy* python() const { return python_; }
  [[nodiscard]] nb::object keeper() const { return keeper_; }

 private:
  struct Held {
    nb::object batch;
    std::vector<Record> aligned;
  };

  std::unique_ptr<Session> session_;
  std::vector<Held> held_;
  nb::object keeper_;
  PythonStrategy* python_;
};

using LatencyTuple =
    std::tuple<int, std::int64_t, double, std::vector<std::int64_t>, std::vector<std::uint64_t>>;

system_::LatencySpec latency(const LatencyTuple& t) {
  return {static_cast<LatencyKind>(std::get<0>(t)), std::get<1>(t), std::get<2>(t), std::get<3>(t),
          std::get<4>(t)};
}

// (venue_id, lane, by order, maker_fee_e7, taker_fee_e7, inverse)
using InstrumentTuple =
    std::tuple<std::uint16_t, std::uint16_t, bool, std::int64_t, std::int64_t, bool>;

void set_instruments(RunSpec& spec, const std::vector<InstrumentTuple>& rows) {
  spec.instruments.clear();
  spec.ledger.clear();
  spec.lane_of.clear();
  for (const auto& [venue_id, lane, by_order, maker, taker, inverse] : rows) {
    spec.instruments.push_back(
        {venue_id, by_order ? market::BookKind::ByOrder : market::BookKind::ByPrice});
    spec.ledger.push_back(
        {maker, taker,
         inverse ? kimera::portfolio::Contract::Inverse : kimera::portfolio::Contract::Linear});
    spec.lane_of.push_back(lane);
  }
}

void set_lanes(RunSpec& spec, const std::vector<std::tuple<bool, std::int64_t>>& lanes) {
  spec.lane_books.clear();
  spec.lane_clock_offset_ns.clear();
  for (const auto& [by_order, offset] : lanes) {
    spec.lane_books.push_back(by_order ? market::BookKind::ByOrder : market::BookKind::ByPrice);
    spec.lane_clock_offset_ns.push_back(offset);
  }
}

bool append_to_journal(void* journal, const Record& record) noexcept;

void bind_spec(nb::module_& m) {
  nb::class_<RunSpec>(m, "RunSpec", "Everything a run is made of but its tape and its strategy.")
      .def(nb::init<>())
      .def("set_instruments", &set_instruments, nb::arg("rows"))
      .def("set_lanes", &set_lanes, nb::arg("lanes"))
      .def(
          "set_latencies",
          [](RunSpec& s, const LatencyTuple& feed, const LatencyTuple& order_entry,
             const LatencyTuple& response) {
            s.feed = latency(feed);
            s.order_entry = latency(order_entry);
            s.response = latency(response);
          },
          nb::arg("feed"), nb::arg("order_entry"), nb::arg("response"))
      .def(
          "set_queue",
          [](RunSpec& s, int model, double exponent, bool remember) {
            s.queue = {static_cast<market::QueueModel>(model), exponent};
            s.consumption = remember ? market::Consumption::Remember : market::Consumption::Forget;
          },
          nb::arg("model"), nb::arg("exponent"), nb::arg("remember"))
      .def(
          "set_bounds",
          [](RunSpec& s, std::uint32_t orders, std::uint32_t timers, std::size_t in_flight,
             std::uint32_t resting, std::uint32_t levels) {
            s.bounds.max_orders = orders;
            s.bounds.max_timers = timers;
            s.bounds.max_requests = orders * 4 + 16;
            s.max_in_flight = in_flight;
            s.capacity.max_orders = resting;
            s.capacity.max_levels = levels;
          },
          nb::arg("max_orders"), nb::arg("max_timers"), nb::arg("max_in_flight"),
          nb::arg("max_resting_orders"), nb::arg("max_levels"))
      .def(
          "set_log",
          [](RunSpec& s, std::int64_t interval_ns, std::size_t samples, std::size_t fills,
             std::vector<std::int64_t> horizons) {
            s.log = {interval_ns, samples, fills, std::move(horizons)};
          },
          nb::arg("sample_interval_ns"), nb::arg("max_samples"), nb::arg("max_fills"),
          nb::arg("markout_horizons_ns"))
      .def(
          "set_journal",
          [](RunSpec& s, kimera::runtime::JournalWriter& writer) {
            s.journal = {&writer, &append_to_journal};
          },
          nb::arg("writer"), "Write the run there; the writer must outlive the run.")
      .def_rw("seed", &RunSpec::seed)
      .def_rw("end_ns", &RunSpec::end_ns)
      .def_rw("packets", &RunSpec::packets)
      .def_rw("digest", &RunSpec::digest);
}

std::tuple<nb::ndarray<nb::numpy, std::int64_t>, nb::ndarray<nb::numpy, std::int64_t>> histogram(
    const kimera::runtime::LatencyHistogram& h) {
  using H = kimera::runtime::LatencyHistogram;
  std::vector<std::int64_t> edges;
  std::vector<std::int64_t> counts;
  const auto all = h.counts();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i] == 0) continue;
    const std::int64_t low = H::bucket_low_ns(i);
    if (edges.empty() || edges.back() != low) {
      if (!edges.empty()) counts.push_back(0);
      edges.push_back(low);
    }
    edges.push_back(H::bucket_high_ns(i) + 1);
    counts.push_back(static_cast<std::int64_t>(all[i]));
  }
  return {copied(edges), copied(counts)};
}

std::string hex(const system_::RunDigest& digest) {
  char text[33];
  const auto value = digest.value();
  std::snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(value[0]),
                static_cast<unsigned long long>(value[1]));
  return text;
}

nb::dict counters(const Run& run) {
  const system_::LoopCounters& c = run.session().counters();
  nb::dict out;
  out["events"] = c.events;
  out["sent"] = c.sent;
  out["denied"] = run.session().context().denied() + c.orders_lost;
  out["on_top"] = c.on_top;
  out["on_book"] = c.on_book;
  out["on_trade"] = c.on_trade;
  out["on_report"] = c.on_report;
  out["on_timer"] = c.on_timer;
  nb::list reports;
  for (const std::uint64_t n : c.reports) reports.append(n);
  out["reports"] = reports;
  return out;
}

nb::dict account(const Run& run, std::uint32_t id) {
  const strategy::Context& c = run.session().context();
  if (id - 1U >= c.n_instruments()) throw nb::index_error("no such instrument");
  const kimera::portfolio::Account& a = c.ledger().account(id);
  nb::dict out;
  out["position_lots"] = a.position_lots;
  out["maker_lots"] = a.maker_lots;
  out["taker_lots"] = a.taker_lots;
  out["cash"] = wide(a.cash);
  out["fees"] = wide(a.fees);
  out["realised"] = wide(a.realised);
  out["unrealised"] = wide(a.position_lots == 0 ? kimera::portfolio::Units{0}
                                                : c.ledger().marked(id, c.mid2(id)) - a.open_cost);
  out["spread"] = wide(a.spread);
  out["profit"] = wide(c.ledger().profit(id, c.mid2(id)));
  out["mid2"] = c.mid2(id);
  out["bid_ticks"] = c.top(id).bid_ticks;
  out["ask_ticks"] = c.top(id).ask_ticks;
  return out;
}

nb::dict log_arrays(const Run& run) {
  const system_::RunLog& log = run.session().log();
  nb::dict out;
  out["fills"] = copied(reinterpret_cast<const std::uint8_t*>(log.fills().data()),
                        log.fills().size() * sizeof(Record));
  out["fill_mids2"] = copied(log.fill_mids2());
  out["markout_mids2"] = copied(log.markout_mids2());
  out["fills_dropped"] = log.fills_dropped();
  out["ts_ns"] = copied(log.sample_ns());
  out["bids"] = copied(log.bids());
  out["asks"] = copied(log.asks());
  out["positions"] = copied(log.positions());
  out["profits"] = copied(log.profits());
  out["interval_ns"] = log.interval_ns();
  return out;
}

// (callback, time, exception) of a Python strategy that raised; None otherwise.
nb::object failure(const Run& run) {
  PythonStrategy* p = run.python();
  if (p == nullptr || !p->failed()) return nb::none();
  return nb::make_tuple(p->failed_in(), p->failed_at_ns(), p->take_error());
}

void bind_run(nb::module_& m) {
  nb::class_<Run>(m, "Run", "One run of the event loop.")
      .def("go", &Run::go, nb::arg("max_events"),
           "Go on. Returns 0 finished, 1 a lane needs its next batch, 2 max_events are done, 3 "
           "stopped by the strategy, 4 too much in flight, 5 the journal refused a record.")
      .def("feed", &Run::feed, nb::arg("lane"), nb::arg("batch"))
      .def(
          "finish", [](Run& r, std::size_t lane) { r.session().finish(lane); }, nb::arg("lane"))
      .def_prop_ro("starved_lane", [](const Run& r) { return r.session().starved_lane(); })
      .def_prop_ro("now_ns", [](const Run& r) { return r.session().context().now_ns(); })
      .def_prop_ro("start_ns", [](const Run& r) { return r.session().start_ns(); })
      .def_prop_ro("events", [](const Run& r) { return r.session().counters().events; })
      .def_prop_ro("sent", [](const Run& r) { return r.session().counters().sent; })
      .def_prop_ro("filled", [](const Run& r) { return r.session().counters().reports[3]; })
      .def_prop_ro("digest", [](const Run& r) { return hex(r.session().digest()); })
      .def("counters", &counters)
      .def("account", &account, nb::arg("instrument_id"))
      .def("log", &log_arrays)
      .def("failure", &failure)
      .def(
          "latency",
          [](const Run& r, const std::string& name) {
            const system_::LoopLatencies& l = r.session().latencies();
            if (name == "feed") return histogram(l.feed);
            if (name == "order_entry") return histogram(l.order_entry);
            if (name == "response") return histogram(l.response);
            if (name == "processing") return histogram(l.processing);
            throw nb::value_error("no such latency");
          },
          nb::arg("name"))
      .def("anomalies", [](const Run& r) {
        std::vector<std::tuple<std::string, std::uint64_t>> out;
        for (const auto& a : r.session().anomalies()) out.emplace_back(a.name, a.count);
        return out;
      });
}

double number(const nb::dict& d, const char* name) {
  return nb::cast<double>(d[name]);
}
std::int64_t whole(const nb::dict& d, const char* name) {
  return nb::cast<std::int64_t>(d[name]);
}

strategy::TouchMakerConfig touch_maker(const nb::dict& d) {
  return {whole(d, "size_lots"), whole(d, "max_position_lots"), whole(d, "interval_ns")};
}
strategy::MarketMakingConfig market_making(const nb::dict& d) {
  strategy::MarketMakingConfig c;
  c.size_lots = whole(d, "size_lots");
  c.max_position_lots = whole(d, "max_position_lots");
  c.half_spread_ticks = number(d, "half_spread_ticks");
  c.risk_aversion = number(d, "risk_aversion");
  c.horizon_s = number(d, "horizon_s");
  c.volatility_half_life_s = number(d, "volatility_half_life_s");
  c.requote_threshold_ticks = whole(d, "requote_threshold_ticks");
  c.min_quote_life_ns = whole(d, "min_quote_life_ns");
  return c;
}
strategy::MomentumConfig momentum(const nb::dict& d) {
  return {whole(d, "size_lots"), number(d, "fast_half_life_s"), number(d, "slow_half_life_s"),
          number(d, "entry_ticks"), number(d, "exit_ticks")};
}

strategy::CompiledCallbacks compiled_callbacks(const nb::dict& d) {
  const auto at = [&d](const char* name) {
    return d.contains(name)
               ? reinterpret_cast<strategy::CompiledCallback>(nb::cast<std::uint64_t>(d[name]))
               : nullptr;
  };
  return {at("on_start"),  at("on_top"),   at("on_book"), at("on_trade"),
          at("on_report"), at("on_timer"), at("on_stop")};
}

Run* replay_native(const RunSpec& spec, const std::string& name, const nb::dict& params) {
  std::unique_ptr<Session> s;
  if (name == "do-nothing") s = system_::replay_nothing(spec);
  if (name == "touch-maker-v1") s = system_::replay_touch_maker(spec, touch_maker(params));
  if (name == "market-making-v1") s = system_::replay_market_making(spec, market_making(params));
  if (name == "momentum-v1") s = system_::replay_momentum(spec, momentum(params));
  if (s == nullptr) throw nb::value_error(("no native strategy " + name).c_str());
  return new Run(std::move(s), nb::none(), nullptr);
}

Run* replay_compiled(const RunSpec& spec, const nb::dict& callbacks, std::uint64_t state,
                     nb::object keeper) {
  return new Run(
      system_::replay_compiled(spec, compiled_callbacks(callbacks), reinterpret_cast<void*>(state)),
      std::move(keeper), nullptr);
}

Run* replay_python(const RunSpec& spec, nb::object object) {
  auto session = system_::make_replay(spec, PythonStrategy(object));
  PythonStrategy* python = &session->strategy();
  return new Run(std::move(session), std::move(object), python);
}

Run* simulate_native(const RunSpec& spec, market::SimulatedVenue& venue, const std::string& name,
                     const nb::dict& params) {
  std::unique_ptr<Session> s;
  // The venue is taken over: its Python object is empty from here on.
  auto take = [&venue] { return std::move(venue); };
  if (name == "do-nothing") s = system_::simulate_nothing(spec, take());
  if (name == "touch-maker-v1") {
    s = system_::simulate_touch_maker(spec, take(), touch_maker(params));
  }
  if (name == "market-making-v1") {
    s = system_::simulate_market_making(spec, take(), market_making(params));
  }
  if (name == "momentum-v1") s = system_::simulate_momentum(spec, take(), momentum(params));
  if (s == nullptr) throw nb::value_error(("no native strategy " + name).c_str());
  return new Run(std::move(s), nb::none(), nullptr);
}

Run* simulate_compiled(const RunSpec& spec, market::SimulatedVenue& venue,
                       const nb::dict& callbacks, std::uint64_t state, nb::object keeper) {
  return new Run(system_::simulate_compiled(spec, std::move(venue), compiled_callbacks(callbacks),
                                            reinterpret_cast<void*>(state)),
                 std::move(keeper), nullptr);
}

Run* simulate_python(const RunSpec& spec, market::SimulatedVenue& venue, nb::object object) {
  auto session = system_::make_simulated(spec, std::move(venue), PythonStrategy(object));
  PythonStrategy* python = &session->strategy();
  return new Run(std::move(session), std::move(object), python);
}

Run* playback_native(const RunSpec& spec, system_::PlaybackTape& tape, const std::string& name,
                     const nb::dict& params) {
  std::unique_ptr<Session> s;
  if (name == "do-nothing") s = system_::playback_nothing(spec, tape);
  if (name == "touch-maker-v1") s = system_::playback_touch_maker(spec, tape, touch_maker(params));
  if (name == "market-making-v1") {
    s = system_::playback_market_making(spec, tape, market_making(params));
  }
  if (name == "momentum-v1") s = system_::playback_momentum(spec, tape, momentum(params));
  if (s == nullptr) throw nb::value_error(("no native strategy " + name).c_str());
  return new Run(std::move(s), nb::none(), nullptr);
}

Run* playback_compiled(const RunSpec& spec, system_::PlaybackTape& tape, const nb::dict& callbacks,
                       std::uint64_t state, nb::object keeper) {
  return new Run(system_::playback_compiled(spec, tape, compiled_callbacks(callbacks),
                                            reinterpret_cast<void*>(state)),
                 std::move(keeper), nullptr);
}

Run* playback_python(const RunSpec& spec, system_::PlaybackTape& tape, nb::object object) {
  auto session = system_::make_playback(spec, tape, PythonStrategy(object));
  PythonStrategy* python = &session->strategy();
  return new Run(std::move(session), std::move(object), python);
}

nb::ndarray<nb::numpy, std::uint8_t> record_bytes(const Record& record) {
  return copied(reinterpret_cast<const std::uint8_t*>(&record), sizeof record);
}

void bind_playback(nb::module_& m) {
  using system_::PlaybackTape;
  nb::class_<PlaybackTape>(m, "PlaybackTape",
                           "A journal held against a second run of its strategy.")
      .def(nb::init<std::int64_t, std::size_t>(), nb::arg("start_ns"), nb::arg("max_requests"))
      .def("close", &PlaybackTape::close, "The run is over: what it did not reach differs.")
      .def_prop_ro("differs", &PlaybackTape::differs)
      .def_prop_ro("agreed", &PlaybackTape::agreed)
      .def_prop_ro("orders", &PlaybackTape::orders)
      .def("expected", [](const PlaybackTape& t) { return record_bytes(t.expected()); })
      .def("found", [](const PlaybackTape& t) { return record_bytes(t.found()); })
      .def_prop_ro("digest", [](const PlaybackTape& t) { return hex(t.digest()); });
  m.def("playback_native", &playback_native, nb::arg("spec"), nb::arg("tape"), nb::arg("name"),
        nb::arg("params"), nb::keep_alive<0, 2>());
  m.def("playback_compiled", &playback_compiled, nb::arg("spec"), nb::arg("tape"),
        nb::arg("callbacks"), nb::arg("state"), nb::arg("keeper"), nb::keep_alive<0, 2>());
  m.def("playback_python", &playback_python, nb::arg("spec"), nb::arg("tape"), nb::arg("strategy"),
        nb::keep_alive<0, 2>());
}

bool append_to_journal(void* journal, const Record& record) noexcept {
  return static_cast<kimera::runtime::JournalWriter*>(journal)->append(record);
}

}  // namespace

void kimera::bind::system(nb::module_& m) {
  bind_spec(m);
  bind_run(m);
  bind_playback(m);
  m.def("replay_native", &replay_native, nb::arg("spec"), nb::arg("name"), nb::arg("params"));
  m.def("replay_compiled", &replay_compiled, nb::arg("spec"), nb::arg("callbacks"),
        nb::arg("state"), nb::arg("keeper"));
  m.def("replay_python", &replay_python, nb::arg("spec"), nb::arg("strategy"));
  m.def("simulate_native", &simulate_native, nb::arg("spec"), nb::arg("venue"), nb::arg("name"),
        nb::arg("params"));
  m.def("simulate_compiled", &simulate_compiled, nb::arg("spec"), nb::arg("venue"),
        nb::arg("callbacks"), nb::arg("state"), nb::arg("keeper"));
  m.def("simulate_python", &simulate_python, nb::arg("spec"), nb::arg("venue"),
        nb::arg("strategy"));
}
