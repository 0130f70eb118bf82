// The simulated market for Python: parameters by name, records in batches, labels as rows.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/market/simulated_venue.hpp"
#include "kimera/model/record.hpp"

namespace nb = nanobind;
using kimera::model::Record;
using namespace kimera::market;

namespace {

using FieldRow = std::tuple<std::string, std::string, double, double, double>;
using LabelRow =
    std::tuple<std::uint32_t, int, int, int, std::uint32_t, int, std::int64_t, std::int64_t,
               std::int64_t, std::int64_t, std::uint64_t, double, double, double, double>;

// The groups of parameters and the names they have in Python.
template <typename Parameters, typename Visit>
void visit_groups(Parameters& p, Visit&& visit) {
  visit("fundamental", p.fundamental);
  visit("flow_impression", p.flow_impression);
  visit("queue_reactive", p.queue_reactive);
  visit("market_making", p.market_making);
  visit("noise_taking", p.noise_taking);
  visit("informed_taking", p.informed_taking);
  visit("momentum_herd", p.momentum_herd);
  visit("meta_orders", p.meta_orders);
  visit("arbitrage", p.arbitrage);
}

std::vector<FieldRow> simulation_fields() {
  std::vector<FieldRow> out;
  const SimulationParameters defaults;
  visit_groups(defaults, [&](const char* group, const auto& values) {
    for (const auto& f : fields_of(values)) {
      out.emplace_back(group, f.name, values.*f.member, f.low, f.high);
    }
  });
  return out;
}

void set_parameter(SimulationParameters& p, const std::string& group, const std::string& name,
                   double value) {
  bool found = false;
  visit_groups(p, [&](const char* known, auto& values) {
    if (group != known) return;
    for (const auto& f : fields_of(values)) {
      if (name != f.name) continue;
      values.*f.member = value;
      found = true;
    }
  });
  if (!found) throw nb::key_error(("$." + group + "." + name + " is not a parameter").c_str());
}

nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> as_array(std::vector<Record>&& records) {
  auto* kept = new std::vector<Record>(std::move(records));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Record>*>(p); });
  return {reinterpret_cast<std::uint8_t*>(kept->data()), {kept->size() * sizeof(Record)}, owner};
}

// Events until `until_ns` (not included) or until n_records are there; whole events only.
nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> run_batch(SimulatedVenue& venue,
                                                            std::int64_t until_ns,
                                                            std::size_t n_records) {
  std::vector<Record> out;
  {
    nb::gil_scoped_release released;
    out.reserve(n_records + 1'024);
    while (out.size() < n_records && venue.next_event_ns() < until_ns) {
      const auto records = venue.step_records();
      out.insert(out.end(), records.begin(), records.end());
    }
  }
  return as_array(std::move(out));
}

nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> submit(SimulatedVenue& venue,
                                                         const nb::bytes& order) {
  if (order.size() != sizeof(Record)) throw nb::value_error("an order is one record of 64 bytes");
  Record record;
  std::memcpy(&record, order.data(), sizeof(record));
  const auto records = venue.submit_records(record);
  return as_array({records.begin(), records.end()});
}

std::vector<LabelRow> labels(const SimulatedVenue& venue) {
  std::vector<LabelRow> out;
  for (const FlowLabel& l : venue.labels()) {
    out.emplace_back(l.label_id, l.kind, static_cast<int>(l.side), l.venue_id, l.instrument_id,
                     l.actor_id, l.begin_ns, l.end_ns, l.size_lots, l.filled_lots, l.orders,
                     l.mid_begin_ticks, l.mid_end_ticks, l.value_begin_ticks, l.value_end_ticks);
  }
  return out;
}

nb::dict counters(const SimulatedVenue& venue) {
  const FlowCounters c = venue.counters();
  nb::dict out;
  out["events"] = c.events;
  out["requests"] = c.requests;
  out["public_records"] = c.public_records;
  out["refused_wake_ups"] = c.refused_wake_ups;
  out["refused_requests"] = c.refused_requests;
  out["dropped_labels"] = c.dropped_labels;
  out["lost_records"] = c.lost_records;
  return out;
}

}  // namespace

void kimera::bind::market_flow(nb::module_& m) {
  nb::class_<SimulationParameters>(m, "SimulationParameters")
      .def(nb::init<>())
      .def("set", &set_parameter)
      .def("set_run",
           [](SimulationParameters& p, std::int64_t start_ns, std::int64_t end_ns,
              std::int64_t fundamental_mark_ns, int top_feed, double price_window_frac) {
             p.start_ns = start_ns;
             p.end_ns = end_ns;
             p.fundamental_mark_ns = fundamental_mark_ns;
             p.top_feed = static_cast<TopFeed>(top_feed);
             p.price_window_frac = price_window_frac;
           })
      .def("add_venue",
           [](SimulationParameters& p, const std::string& name, double activity, double depth,
              double taker_share, std::int64_t maker_fee_e7, std::int64_t taker_fee_e7) {
             p.venues.push_back({name, activity, depth, taker_share, maker_fee_e7, taker_fee_e7});
           })
      .def("add_asset",
           [](SimulationParameters& p, const std::string& symbol, double value_ticks,
              double volatility_bp, double common_loading, double jump_bp, double unit_lots,
              double activity) {
             p.assets.push_back({symbol,
                                 {value_ticks, volatility_bp, common_loading, jump_bp},
                                 unit_lots,
                                 activity});
           })
      .def("add_episode", [](SimulationParameters& p, int kind, int venue_id, int asset,
                             std::int64_t start_ns, std::int64_t duration_ns, double intensity) {
        p.episodes.push_back({static_cast<Manipulation>(kind), static_cast<std::uint16_t>(venue_id),
                              static_cast<std::uint16_t>(asset), start_ns, duration_ns, intensity});
      });

  nb::class_<SimulatedVenue>(m, "SimulatedVenue")
      .def(nb::init<const SimulationParameters&, std::uint64_t>(), nb::arg("parameters"),
           nb::arg("seed"))
      .def("next_event_ns", &SimulatedVenue::next_event_ns)
      .def("run_batch", &run_batch, nb::arg("until_ns"), nb::arg("n_records"))
      .def("submit", &submit, nb::arg("order"))
      .def("labels", &labels)
      .def("counters", &counters)
      .def("n_agents", &SimulatedVenue::agents)
      .def("position_lots", &SimulatedVenue::position_lots, nb::arg("actor_id"),
           nb::arg("instrument_id"));

  m.def("simulation_fields", &simulation_fields);
  m.attr("META_ORDER_LABEL") = kMetaOrderLabel;
  m.attr("FIRST_AGENT_ACTOR") = kFirstAgentActor;
}
