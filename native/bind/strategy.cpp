#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "kimera/strategy/compiled.hpp"
#include "kimera/strategy/context.hpp"
#include "python_strategy.hpp"

namespace nb = nanobind;
using kimera::bind::BookEvent;
using kimera::bind::ReportView;
using kimera::strategy::CompiledView;
using kimera::strategy::Context;
using kimera::strategy::OpenOrder;
using kimera::strategy::TopOfBook;

namespace {

using Price = std::optional<std::int64_t>;

Price price(std::int64_t ticks) {
  return ticks == kimera::model::kNoPrice ? std::nullopt : Price(ticks);
}

const TopOfBook& top(const Context& c, std::uint32_t id) {
  if (id - 1U >= c.n_instruments()) {
    throw nb::index_error(
        ("instrument_id must be from 1 to " + std::to_string(c.n_instruments())).c_str());
  }
  return c.top(id);
}

// Order id above 0, or minus the RefusalCode.
std::int64_t submit(Context& c, std::uint32_t id, int side, std::int64_t ticks, std::int64_t lots,
                    unsigned order_type, unsigned time_in_force, unsigned options) {
  kimera::strategy::OrderAsk ask;
  ask.instrument_id = id;
  ask.side =
      side == 0 || side == 1 ? static_cast<kimera::model::Side>(side) : kimera::model::Side::None;
  ask.price_ticks = ticks;
  ask.size_lots = lots;
  ask.detail = (order_type & 0xFFU) | ((time_in_force & 0xFFU) << 8U) | (options << 16U);
  const kimera::strategy::Submitted sent = c.submit(ask);
  return sent.order_id != 0 ? static_cast<std::int64_t>(sent.order_id)
                            : -static_cast<std::int64_t>(sent.code);
}

using LevelTuple = std::tuple<std::int64_t, std::int64_t, std::uint32_t>;

std::vector<LevelTuple> levels(const Context& c, std::uint32_t id, int side, std::size_t n) {
  static_cast<void>(top(c, id));
  std::vector<kimera::market::Level> found(n < 4096 ? n : 4096);
  found.resize(c.book(id).levels(static_cast<kimera::model::Side>(side), found));
  std::vector<LevelTuple> out;
  out.reserve(found.size());
  for (const auto& l : found) out.emplace_back(l.price_ticks, l.size_lots, l.order_count);
  return out;
}

// (price_ticks, leaves_lots, state) or None.
std::optional<std::tuple<std::int64_t, std::int64_t, int>> order(const Context& c,
                                                                 std::uint64_t order_id) {
  const OpenOrder* o = c.order(order_id);
  if (o == nullptr) return std::nullopt;
  return std::make_tuple(o->price_ticks, o->leaves_lots, static_cast<int>(o->state));
}

void bind_context(nb::module_& m) {
  nb::class_<Context>(m, "Context",
                      "What a strategy sees and may ask for. Instrument ids count from 1.")
      .def_prop_ro("now_ns", &Context::now_ns, "Time at the strategy [ns].")
      .def_prop_ro("n_instruments", &Context::n_instruments)
      .def_prop_ro("n_open_orders", &Context::n_open_orders)
      .def(
          "bid_ticks",
          [](const Context& c, std::uint32_t id) { return price(top(c, id).bid_ticks); },
          nb::arg("instrument_id"), "Best bid [ticks], None when there is none.")
      .def(
          "ask_ticks",
          [](const Context& c, std::uint32_t id) { return price(top(c, id).ask_ticks); },
          nb::arg("instrument_id"), "Best ask [ticks], None when there is none.")
      .def(
          "bid_lots", [](const Context& c, std::uint32_t id) { return top(c, id).bid_lots; },
          nb::arg("instrument_id"), "Size at the best bid [lots].")
      .def(
          "ask_lots", [](const Context& c, std::uint32_t id) { return top(c, id).ask_lots; },
          nb::arg("instrument_id"), "Size at the best ask [lots].")
      .def(
          "mid2",
          [](const Context& c, std::uint32_t id) {
            static_cast<void>(top(c, id));
            return price(c.mid2(id));
          },
          nb::arg("instrument_id"), "Twice the last two-sided mid [half ticks], None before one.")
      .def(
          "position_lots",
          [](const Context& c, std::uint32_t id) {
            static_cast<void>(top(c, id));
            return c.position_lots(id);
          },
          nb::arg("instrument_id"), "Signed position [lots], as far as reports have arrived.")
      .def(
          "size_at",
          [](const Context& c, std::uint32_t id, int side, std::int64_t ticks) {
            static_cast<void>(top(c, id));
            return c.book(id).size_at(static_cast<kimera::model::Side>(side), ticks);
          },
          nb::arg("instrument_id"), nb::arg("side"), nb::arg("price_ticks"),
          "Total at a price of the local book [lots].")
      .def("levels", &levels, nb::arg("instrument_id"), nb::arg("side"), nb::arg("n_levels") = 10,
           "Best levels first, as (price_ticks, size_lots, order_count).")
      .def("order", &order, nb::arg("order_id"),
           "(price_ticks, leaves_lots, state) of an open order; None once it is gone. State: 1 "
           "sent, 2 open, 3 being cancelled.")
      .def("submit", &submit, nb::arg("instrument_id"), nb::arg("side"), nb::arg("price_ticks"),
           nb::arg("size_lots"), nb::arg("order_type") = 0, nb::arg("time_in_force") = 0,
           nb::arg("options") = 0,
           "Send an order. Returns its id (> 0), or minus the RefusalCode when it is denied here.")
      .def(
          "cancel", [](Context& c, std::uint64_t id) { return static_cast<int>(c.cancel(id)); },
          nb::arg("order_id"), "Ask to cancel. Returns a RefusalCode; 0 = sent.")
      .def(
          "replace",
          [](Context& c, std::uint64_t id, std::int64_t ticks, std::int64_t lots) {
            return static_cast<int>(c.replace(id, ticks, lots));
          },
          nb::arg("order_id"), nb::arg("price_ticks"), nb::arg("size_lots"),
          "Ask for another price or open size. Returns a RefusalCode; 0 = sent.")
      .def("set_timer", &Context::set_timer, nb::arg("at_ns"), nb::arg("timer_id") = 0,
           "Have on_timer called at this time; False when the bound on timers is reached.")
      .def("stop", &Context::stop, "End the run after this callback.");
}

template <auto Field, class View>
auto field() {
  return [](const View& v) { return v.record.*Field; };
}

void bind_views(nb::module_& m) {
  using kimera::model::Record;
  nb::class_<ReportView>(m, "Report", "What became of one of our orders.")
      .def_prop_ro(
          "act", [](const ReportView& v) { return static_cast<int>(v.record.action); },
          "A kimera.model.ReportAct.")
      .def_prop_ro("order_id", field<&Record::order_id, ReportView>())
      .def_prop_ro("instrument_id", field<&Record::instrument_id, ReportView>())
      .def_prop_ro("side", [](const ReportView& v) { return static_cast<int>(v.record.side); })
      .def_prop_ro("price_ticks", [](const ReportView& v) { return price(v.record.price_ticks); })
      .def_prop_ro("size_lots", field<&Record::size_lots, ReportView>(),
                   "Filled by this report, or open.")
      .def_prop_ro("code", field<&Record::detail, ReportView>(),
                   "A RefusalCode where something was refused.")
      .def_prop_ro(
          "is_maker",
          [](const ReportView& v) { return (v.record.flags & kimera::model::flag::kMaker) != 0; })
      .def_prop_ro("ts_event_ns", field<&Record::ts_event_ns, ReportView>())
      .def_prop_ro("ts_recv_ns", field<&Record::ts_recv_ns, ReportView>());
  nb::class_<BookEvent>(m, "BookEvent", "The record of on_book, valid during the call only.")
      .def_prop_ro("kind", [](const BookEvent& v) { return static_cast<int>(v.record->kind); })
      .def_prop_ro("action", [](const BookEvent& v) { return static_cast<int>(v.record->action); })
      .def_prop_ro("side", [](const BookEvent& v) { return static_cast<int>(v.record->side); })
      .def_prop_ro("flags", [](const BookEvent& v) { return static_cast<int>(v.record->flags); })
      .def_prop_ro("instrument_id", [](const BookEvent& v) { return v.record->instrument_id; })
      .def_prop_ro("order_id", [](const BookEvent& v) { return v.record->order_id; })
      .def_prop_ro("price_ticks", [](const BookEvent& v) { return price(v.record->price_ticks); })
      .def_prop_ro("size_lots", [](const BookEvent& v) { return v.record->size_lots; })
      .def_prop_ro("sequence", [](const BookEvent& v) { return v.record->sequence; })
      .def_prop_ro("ts_event_ns", [](const BookEvent& v) { return v.record->ts_event_ns; })
      .def_prop_ro("ts_recv_ns", [](const BookEvent& v) { return v.record->ts_recv_ns; });
}

using Field = std::tuple<std::string, std::string, std::size_t>;

std::vector<Field> compiled_view_fields() {
#define KIMERA_FIELD(name, format)              \
  Field {                                       \
    #name, format, offsetof(CompiledView, name) \
  }
  return {
      KIMERA_FIELD(context, "<u8"),       KIMERA_FIELD(now_ns, "<i8"),
      KIMERA_FIELD(bid_ticks, "<i8"),     KIMERA_FIELD(bid_lots, "<i8"),
      KIMERA_FIELD(ask_ticks, "<i8"),     KIMERA_FIELD(ask_lots, "<i8"),
      KIMERA_FIELD(position_lots, "<i8"), KIMERA_FIELD(price_ticks, "<i8"),
      KIMERA_FIELD(size_lots, "<i8"),     KIMERA_FIELD(order_id, "<u8"),
      KIMERA_FIELD(timer_id, "<u8"),      KIMERA_FIELD(instrument_id, "<u4"),
      KIMERA_FIELD(detail, "<u4"),        KIMERA_FIELD(kind, "u1"),
      KIMERA_FIELD(action, "u1"),         KIMERA_FIELD(side, "u1"),
      KIMERA_FIELD(flags, "u1"),          KIMERA_FIELD(n_instruments, "<u4"),
  };
#undef KIMERA_FIELD
}

template <class F>
std::uint64_t address(F* f) {
  return reinterpret_cast<std::uint64_t>(f);
}

std::vector<std::tuple<std::string, std::uint64_t>> compiled_functions() {
  namespace s = kimera::strategy;
  return {
      {"submit", address(&s::kimera_submit)},
      {"cancel", address(&s::kimera_cancel)},
      {"replace", address(&s::kimera_replace)},
      {"set_timer", address(&s::kimera_set_timer)},
      {"order_leaves", address(&s::kimera_order_leaves)},
      {"order_price", address(&s::kimera_order_price)},
      {"order_state", address(&s::kimera_order_state)},
      {"position", address(&s::kimera_position)},
      {"top", address(&s::kimera_top)},
      {"size_at", address(&s::kimera_size_at)},
  };
}

}  // namespace

void kimera::bind::strategy(nb::module_& m) {
  bind_context(m);
  bind_views(m);
  m.def("compiled_view_fields", &compiled_view_fields,
        "Fields of the view a compiled callback gets, as (name, numpy format, offset).");
  m.def("compiled_functions", &compiled_functions,
        "Addresses of the functions a compiled callback may call, as (name, address).");
  m.attr("COMPILED_VIEW_BYTES") = sizeof(CompiledView);
}
