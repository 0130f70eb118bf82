#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/market/binance.hpp"
#include "kimera/market/codec.hpp"
#include "kimera/market/csv.hpp"
#include "kimera/market/iex.hpp"
#include "kimera/market/lobster.hpp"

namespace nb = nanobind;
using kimera::model::Record;
using namespace kimera::market;

namespace {

using Units = std::tuple<std::string, int, std::int64_t, int, std::int64_t>;
using FirstAnomaly = std::tuple<std::string, std::uint64_t, std::string, std::string>;

std::string_view view(const nb::bytes& bytes) {
  return {static_cast<const char*>(bytes.data()), bytes.size()};
}

// The records of a batch as raw bytes that numpy views; they live as long as the array.
nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>> as_array(std::vector<Record>&& records) {
  auto* kept = new std::vector<Record>(std::move(records));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Record>*>(p); });
  return {reinterpret_cast<std::uint8_t*>(kept->data()), {kept->size() * sizeof(Record)}, owner};
}

std::vector<InstrumentUnits> instrument_units(const std::vector<Units>& rows) {
  std::vector<InstrumentUnits> out;
  out.reserve(rows.size());
  for (const auto& [symbol, tick_decimals, tick_units, lot_decimals, lot_units] : rows) {
    if (tick_decimals < 0 || tick_decimals > 18 || lot_decimals < 0 || lot_decimals > 18 ||
        tick_units < 1 || lot_units < 1) {
      throw nb::value_error("a tick or lot needs 0 to 18 decimals and units above 0");
    }
    out.push_back({symbol,
                   {static_cast<std::uint8_t>(tick_decimals), tick_units},
                   {static_cast<std::uint8_t>(lot_decimals), lot_units}});
  }
  return out;
}

nb::dict counts_of(const AnomalyLog& log) {
  nb::dict out;
  for (std::size_t i = 0; i < static_cast<std::size_t>(Anomaly::kCount); ++i) {
    const auto anomaly = static_cast<Anomaly>(i);
    if (log.count_of(anomaly) > 0) {
      out[name_of(anomaly)] = log.count_of(anomaly);
    }
  }
  return out;
}

// What every decoder answers: its records, its anomalies, the first that stops a strict reader.
template <class Decoder>
nb::class_<Decoder> decoder_class(nb::module_& m, const char* name, const char* doc) {
  return nb::class_<Decoder>(m, name, doc)
      .def(
          "take", [](Decoder& self) { return as_array(self.take()); },
          "Take the records decoded since the last call, as bytes.")
      .def(
          "anomalies", [](const Decoder& self) { return counts_of(self.anomalies()); },
          "Count the anomalies so far by name.")
      .def(
          "first_anomaly",
          [](const Decoder& self) -> std::optional<FirstAnomaly> {
            const auto* first = self.anomalies().first();
            if (first == nullptr) {
              return std::nullopt;
            }
            return FirstAnomaly{name_of(first->anomaly), first->where, first->expected,
                                first->found};
          },
          "Tell the first anomaly that stops a strict reader: (name, where, expected, found).");
}

template <class Decoder>
void feed(Decoder& self, const nb::bytes& chunk) {
  const std::string_view text = view(chunk);
  const nb::gil_scoped_release released;
  self.feed(text);
}

void bind_binance(nb::module_& m) {
  nb::class_<BinanceScan>(m, "BinanceScan", "First pass: symbols, finest decimals, market.")
      .def(nb::init<>())
      .def("feed", &feed<BinanceScan>, nb::arg("chunk"))
      .def("finish", &BinanceScan::finish)
      .def(
          "payload",
          [](BinanceScan& self, const nb::bytes& json, const std::string& symbol) {
            self.payload(view(json), symbol);
          },
          nb::arg("json"), nb::arg("symbol") = "")
      .def_prop_ro("market",
                   [](const BinanceScan& self) { return static_cast<int>(self.market()); })
      .def_prop_ro("n_lines", &BinanceScan::n_lines)
      .def_prop_ro("n_understood", &BinanceScan::n_understood)
      .def(
          "found",
          [](const BinanceScan& self) {
            nb::list out;
            for (const auto& f : self.found()) {
              out.append(nb::make_tuple(f.symbol, f.pair, f.price_decimals, f.size_decimals,
                                        f.n_depth, f.n_trades));
            }
            return out;
          },
          "List (symbol, pair, price decimals, size decimals, depth changes, trades).");
  decoder_class<BinanceDecoder>(m, "BinanceDecoder", "Binance lines to records.")
      .def(
          "__init__",
          [](BinanceDecoder* self, const std::vector<Units>& units, int market,
             std::size_t max_pending_records) {
            new (self) BinanceDecoder(instrument_units(units), static_cast<BinanceMarket>(market),
                                      max_pending_records);
          },
          nb::arg("units"), nb::arg("market"), nb::arg("max_pending_records"))
      .def("feed", &feed<BinanceDecoder>, nb::arg("chunk"))
      .def("finish", &BinanceDecoder::finish)
      .def("take_aggregate_trades", &BinanceDecoder::take_aggregate_trades)
      .def(
          "message",
          [](BinanceDecoder& self, std::int64_t ts_recv_ns, const nb::bytes& json,
             const std::string& symbol) { self.message(ts_recv_ns, view(json), symbol); },
          nb::arg("ts_recv_ns"), nb::arg("json"), nb::arg("symbol") = "")
      .def("counts", [](const BinanceDecoder& self) {
        nb::dict out;
        constexpr const char* kNames[] = {"depth",    "bookTicker", "trade",  "aggTrade",
                                          "snapshot", "other",      "unknown"};
        for (std::size_t i = 0; i < static_cast<std::size_t>(BinanceKind::kCount); ++i) {
          if (self.n_of(static_cast<BinanceKind>(i)) > 0) {
            out[kNames[i]] = self.n_of(static_cast<BinanceKind>(i));
          }
        }
        out["snapshots_joined"] = self.n_joined();
        out["depth_before_snapshot"] = self.n_before_snapshot();
        return out;
      });
}

void bind_lobster(nb::module_& m) {
  nb::class_<LobsterScan>(m, "LobsterScan", "First pass: the unit of the prices.")
      .def(nb::init<>())
      .def("messages",
           [](LobsterScan& self, const nb::bytes& chunk) { self.messages(view(chunk)); })
      .def("rows", [](LobsterScan& self, const nb::bytes& chunk) { self.rows(view(chunk)); })
      .def_prop_ro("price_unit", &LobsterScan::price_unit);
  decoder_class<LobsterDecoder>(m, "LobsterDecoder", "LOBSTER rows to records.")
      .def(nb::init<std::int64_t, std::size_t, std::int64_t>(), nb::arg("midnight_ns"),
           nb::arg("n_levels"), nb::arg("price_unit"))
      .def(
          "feed",
          [](LobsterDecoder& self, const nb::bytes& messages, const nb::bytes& rows) {
            const std::string_view a = view(messages);
            const std::string_view b = view(rows);
            const nb::gil_scoped_release released;
            self.feed(a, b);
          },
          nb::arg("messages"), nb::arg("rows"))
      .def("finish", &LobsterDecoder::finish)
      .def("only_count_mismatches", &LobsterDecoder::only_count_mismatches)
      .def_prop_ro("n_waiting_messages", &LobsterDecoder::n_waiting_messages)
      .def_prop_ro("n_waiting_rows", &LobsterDecoder::n_waiting_rows)
      .def("counts", [](const LobsterDecoder& self) {
        nb::dict out;
        constexpr const char* kNames[] = {"",        "new",    "partial_cancel", "delete",
                                          "execute", "hidden", "cross",          "halt"};
        for (std::size_t type = 1; type < 8; ++type) {
          if (self.n_of_type(type) > 0) {
            out[kNames[type]] = self.n_of_type(type);
          }
        }
        out["messages"] = self.n_messages();
        out["transitions_exact"] = self.n_exact();
        out["revealed_levels"] = self.n_revealed();
        out["levels_below_depth"] = self.n_below_depth();
        return out;
      });
}

void bind_iex(nb::module_& m) {
  using Symbols = std::vector<std::tuple<std::string, std::int64_t>>;
  decoder_class<IexDecoder>(m, "IexDecoder", "IEX DEEP and TOPS captures to records.")
      .def(
          "__init__",
          [](IexDecoder* self, const Symbols& symbols) {
            std::vector<IexDecoder::Symbol> known;
            for (const auto& [name, unit] : symbols) {
              known.push_back({name, unit, false});
            }
            const auto pass = known.empty() ? IexPass::Scan : IexPass::Decode;
            new (self) IexDecoder(pass, std::move(known));
          },
          nb::arg("symbols"), "Without symbols it only collects them.")
      .def("feed", &feed<IexDecoder>, nb::arg("chunk"))
      .def("finish", &IexDecoder::finish)
      .def("symbols",
           [](const IexDecoder& self) {
             Symbols out;
             for (const auto& symbol : self.symbols()) {
               out.emplace_back(symbol.name, symbol.price_unit);
             }
             return out;
           })
      .def_prop_ro("protocol", &IexDecoder::protocol)
      .def("counts", [](const IexDecoder& self) {
        nb::dict out;
        for (unsigned type = 0; type < 256; ++type) {
          const auto c = static_cast<unsigned char>(type);
          if (self.n_of_type(c) > 0) {
            out[std::string(1, static_cast<char>(c)).c_str()] = self.n_of_type(c);
          }
        }
        out["packets"] = self.n_packets();
        out["gaps"] = self.n_gaps();
        out["restarts"] = self.n_restarts();
        out["missing_messages"] = self.n_missing();
        out["repeated_messages"] = self.n_repeated();
        return out;
      });
}

CsvLayout csv_layout(const std::vector<int>& columns, int kind, const std::string& delimiter,
                     bool has_header, std::tuple<int, std::int64_t> time) {
  CsvLayout layout;
  for (const int column : columns) {
    if (column < 0 || column >= static_cast<int>(CsvRole::kCount)) {
      throw nb::value_error("a column role that is not known");
    }
    layout.columns.push_back(static_cast<CsvRole>(column));
  }
  if (delimiter.size() != 1 || columns.empty()) {
    throw nb::value_error("a layout needs columns and a delimiter of one character");
  }
  layout.kind = static_cast<CsvKind>(kind);
  layout.delimiter = delimiter[0];
  layout.has_header = has_header;
  layout.time_unit = static_cast<TimeUnit>(std::get<0>(time));
  layout.time_base_ns = std::get<1>(time);
  return layout;
}

void bind_csv(nb::module_& m) {
  decoder_class<CsvDecoder>(m, "CsvDecoder", "Delimited rows to records, by a layout.")
      .def(
          "__init__",
          [](CsvDecoder* self, const std::vector<int>& columns, int kind,
             const std::string& delimiter, bool has_header, std::tuple<int, std::int64_t> time,
             const std::vector<Units>& units, const std::vector<std::string>& venues) {
            new (self) CsvDecoder(csv_layout(columns, kind, delimiter, has_header, time),
                                  instrument_units(units), venues);
          },
          nb::arg("columns"), nb::arg("kind"), nb::arg("delimiter"), nb::arg("has_header"),
          nb::arg("time"), nb::arg("units"), nb::arg("venues"),
          "Without units it only collects symbols, venues and decimals.")
      .def("feed", &feed<CsvDecoder>, nb::arg("chunk"))
      .def("finish", &CsvDecoder::finish)
      .def(
          "found",
          [](const CsvDecoder& self) {
            std::vector<std::tuple<std::string, int, int>> out;
            for (const auto& f : self.found()) {
              out.emplace_back(f.symbol, f.price_decimals, f.size_decimals);
            }
            return out;
          },
          "List (symbol, price decimals, size decimals).")
      .def("venues", [](const CsvDecoder& self) { return self.venues(); })
      .def_prop_ro("n_rows", &CsvDecoder::n_rows);
}

}  // namespace

void kimera::bind::market_codecs(nb::module_& m) {
  bind_csv(m);
  bind_iex(m);
  bind_binance(m);
  bind_lobster(m);
}
