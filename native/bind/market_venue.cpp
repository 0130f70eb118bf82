// The Python face of the matching engine: batches of records in, batches of records out.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "kimera/market/matching_engine.hpp"

namespace nb = nanobind;

namespace {

using kimera::market::DepthLevel;
using kimera::market::InstrumentRules;
using kimera::market::MatchingEngine;
using kimera::market::VenueConfig;
using kimera::model::Record;
using kimera::model::Side;
using kimera::model::Status;

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>;
using Records = std::vector<Record>;

struct Collect {
  Records& records;
  void operator()(const Record& r) const { records.push_back(r); }
};

// Hands the records over without a copy.
Output to_output(std::unique_ptr<Records> records) {
  const std::size_t n_bytes = records->size() * sizeof(Record);
  auto* data = reinterpret_cast<std::uint8_t*>(records->data());
  nb::capsule owner(records.get(), [](void* p) noexcept { delete static_cast<Records*>(p); });
  static_cast<void>(records.release());
  return Output(data, {n_bytes}, owner);
}

Output submit(MatchingEngine& engine, const Bytes& requests) {
  if (requests.size() % sizeof(Record) != 0) {
    throw std::invalid_argument("expected a multiple of 64 bytes, found " +
                                std::to_string(requests.size()));
  }
  const std::size_t n = requests.size() / sizeof(Record);
  const std::uint8_t* at = requests.data();
  auto out = std::make_unique<Records>();
  {
    nb::gil_scoped_release release;
    out->reserve(n * 3);
    for (std::size_t i = 0; i < n; ++i) {
      Record r;
      std::memcpy(&r, at + i * sizeof(Record), sizeof(Record));
      engine.submit(r, Collect{*out});
    }
  }
  return to_output(std::move(out));
}

using Level = std::tuple<std::int64_t, std::int64_t, std::uint32_t>;

std::vector<Level> levels(const MatchingEngine& engine, std::uint32_t instrument_id, int side,
                          std::size_t n) {
  std::vector<DepthLevel> found(n);
  const std::size_t n_found =
      engine.levels(instrument_id, static_cast<Side>(side), std::span<DepthLevel>(found));
  std::vector<Level> out;
  for (std::size_t i = 0; i < n_found; ++i) {
    out.emplace_back(found[i].price_ticks, found[i].size_lots, found[i].n_orders);
  }
  return out;
}

nb::dict counters(const MatchingEngine& engine) {
  const auto& c = engine.counters();
  nb::dict out;
  out["orders"] = c.orders;
  out["cancels"] = c.cancels;
  out["replaces"] = c.replaces;
  out["fills"] = c.fills;
  out["self_trades"] = c.self_trades;
  out["ignored"] = c.ignored;
  out["unmatched_terms"] = c.unmatched_terms;
  out["refused"] = std::vector<std::uint64_t>(c.refused.begin(), c.refused.end());
  return out;
}

void bind_config(nb::module_& m) {
  nb::class_<InstrumentRules>(m, "InstrumentRules")
      .def(nb::init<>())
      .def_rw("instrument_id", &InstrumentRules::instrument_id)
      .def_rw("lowest_ticks", &InstrumentRules::lowest_ticks)
      .def_rw("highest_ticks", &InstrumentRules::highest_ticks)
      .def_rw("lot_step", &InstrumentRules::lot_step)
      .def_rw("min_lots", &InstrumentRules::min_lots)
      .def_rw("max_lots", &InstrumentRules::max_lots)
      .def_rw("reference_ticks", &InstrumentRules::reference_ticks)
      .def("set_ticks", [](InstrumentRules& r,
                           const std::vector<std::tuple<std::int64_t, std::int64_t>>& bands) {
        r.ticks.clear();
        for (const auto& [from, step] : bands) r.ticks.push_back({from, step});
      });
  nb::class_<VenueConfig>(m, "VenueConfig")
      .def(nb::init<>())
      .def_rw("venue_id", &VenueConfig::venue_id)
      .def_rw("max_orders", &VenueConfig::max_orders)
      .def_rw("max_orders_per_actor", &VenueConfig::max_orders_per_actor)
      .def_rw("max_levels", &VenueConfig::max_levels)
      .def_rw("max_actors", &VenueConfig::max_actors)
      .def_rw("max_schedule", &VenueConfig::max_schedule)
      .def("add", [](VenueConfig& c, const InstrumentRules& r) { c.instruments.push_back(r); })
      .def("set_fees", [](VenueConfig& c, std::int64_t maker, std::int64_t taker,
                          std::int64_t auction) { c.fees = {maker, taker, auction}; })
      .def("set_modes", [](VenueConfig& c, int self_trade, int halt, int quotes, int display,
                           int initial_status) {
        c.self_trade = static_cast<kimera::model::SelfTradePrevention>(self_trade);
        c.halt = static_cast<kimera::market::HaltPolicy>(halt);
        c.quotes = static_cast<kimera::market::QuoteOutput>(quotes);
        c.display = static_cast<kimera::market::Display>(display);
        c.initial_status = static_cast<Status>(initial_status);
      });
}

}  // namespace

void kimera::bind::market_venue(nb::module_& m) {
  bind_config(m);
  nb::class_<MatchingEngine>(m, "MatchingEngine")
      .def(nb::init<VenueConfig>())
      .def("submit", &submit, "Take requests (64 bytes each); give what happened, as bytes.")
      .def("set_reference",
           [](MatchingEngine& e, std::uint32_t id, std::int64_t bid, std::int64_t ask,
              std::int64_t ts) {
             auto out = std::make_unique<Records>();
             e.set_reference(id, bid, ask, ts, Collect{*out});
             return to_output(std::move(out));
           })
      .def("advance",
           [](MatchingEngine& e, std::int64_t ts) {
             auto out = std::make_unique<Records>();
             e.advance(ts, Collect{*out});
             return to_output(std::move(out));
           })
      .def("schedule", [](MatchingEngine& e, std::int64_t ts, std::uint32_t id,
                          int status) { return e.schedule(ts, id, static_cast<Status>(status)); })
      .def("set_self_trade",
           [](MatchingEngine& e, std::uint16_t actor, int mode) {
             e.set_self_trade(actor, static_cast<kimera::model::SelfTradePrevention>(mode));
           })
      .def("levels", &levels)
      .def("size_at",
           [](const MatchingEngine& e, std::uint32_t id, int side, std::int64_t price) {
             return e.size_at(id, static_cast<Side>(side), price);
           })
      .def("status",
           [](const MatchingEngine& e, std::uint32_t id) { return static_cast<int>(e.status(id)); })
      .def("last_trade_ticks", &MatchingEngine::last_trade_ticks)
      .def("order",
           [](const MatchingEngine& e, std::uint16_t actor, std::uint64_t id) {
             const auto o = e.order(actor, id);
             return std::make_tuple(o.live, static_cast<int>(o.side), o.price_ticks, o.leaves_lots,
                                    o.displayed_lots, o.venue_order_id);
           })
      .def("lots_ahead", &MatchingEngine::lots_ahead)
      .def("next_event_ns", &MatchingEngine::next_event_ns)
      .def("now_ns", &MatchingEngine::now_ns)
      .def("n_orders", &MatchingEngine::n_orders)
      .def("counters", &counters);
}
