#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "kimera/model/record.hpp"
#include "kimera/portfolio/ledger.hpp"

namespace nb = nanobind;
using kimera::model::Record;
using kimera::portfolio::Account;
using kimera::portfolio::Contract;
using kimera::portfolio::Ledger;
using kimera::portfolio::LedgerInstrument;
using kimera::portfolio::Units;

namespace {

using Bytes = nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>, nb::c_contig>;
using Mids = nb::ndarray<nb::numpy, const std::int64_t, nb::ndim<1>, nb::c_contig>;
// (maker_fee_e7, taker_fee_e7, inverse)
using Row = std::tuple<std::int64_t, std::int64_t, bool>;

// A 128-bit integer as Python's int.
nb::object wide(Units value) {
  nb::object high = nb::int_(static_cast<std::int64_t>(value >> 64));
  nb::object low = nb::int_(static_cast<std::uint64_t>(value));
  return (high << nb::int_(64)) + low;
}

// Number of records taken; the rest were no fills of a known instrument.
std::size_t apply(Ledger& ledger, Bytes records, Mids mids2) {
  const std::size_t n = records.size() / sizeof(Record);
  if (records.size() % sizeof(Record) != 0 || mids2.size() != n) {
    throw nb::value_error("records of 64 bytes and one mid for each are needed");
  }
  const auto* rows = reinterpret_cast<const Record*>(records.data());
  std::size_t taken = 0;
  nb::gil_scoped_release release;
  for (std::size_t i = 0; i < n; ++i) {
    if (ledger.apply(rows[i], mids2.data()[i])) ++taken;
  }
  return taken;
}

nb::dict account(const Ledger& ledger, std::uint32_t instrument_id, std::int64_t mid2) {
  if (instrument_id - 1U >= ledger.size()) {
    throw nb::index_error(
        ("instrument_id must be from 1 to " + std::to_string(ledger.size())).c_str());
  }
  const Account& a = ledger.account(instrument_id);
  const Units marked = ledger.marked(instrument_id, mid2);
  nb::dict out;
  out["position_lots"] = a.position_lots;
  out["bought_lots"] = a.bought_lots;
  out["sold_lots"] = a.sold_lots;
  out["maker_lots"] = a.maker_lots;
  out["taker_lots"] = a.taker_lots;
  out["n_fills"] = a.n_fills;
  out["cash"] = wide(a.cash);
  out["fees"] = wide(a.fees);
  out["realised"] = wide(a.realised);
  out["unrealised"] = wide(a.position_lots == 0 ? Units{0} : marked - a.open_cost);
  out["spread"] = wide(a.spread);
  out["profit"] = wide(ledger.profit(instrument_id, mid2));
  return out;
}

}  // namespace

void kimera::bind::portfolio(nb::module_& m) {
  nb::class_<Ledger>(m, "Ledger", "Positions, cash, fees and profit in exact integers.")
      .def(
          "__init__",
          [](Ledger* self, const std::vector<Row>& rows) {
            std::vector<LedgerInstrument> instruments;
            for (const auto& [maker, taker, inverse] : rows) {
              instruments.push_back({maker, taker, inverse ? Contract::Inverse : Contract::Linear});
            }
            new (self) Ledger(instruments);
          },
          nb::arg("instruments"))
      .def("apply", &apply, nb::arg("records"), nb::arg("mids2"))
      .def("account", &account, nb::arg("instrument_id"), nb::arg("mid2"));
}
