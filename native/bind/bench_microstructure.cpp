#include <nanobind/nanobind.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "../bench/microstructure.hpp"
#include "bind.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace {

// A stream of records, made once and measured several times.
struct OrderStream {
  std::vector<kimera::model::Record> records;
};

}  // namespace

void kimera::bind::bench_microstructure(nb::module_& m) {
  nb::class_<OrderStream>(m, "OrderStream", "Events by order for the loops below.")
      .def(
          "__init__",
          [](OrderStream* self, std::size_t n, std::uint64_t seed) {
            nb::gil_scoped_release release;
            new (self) OrderStream{kimera::bench::order_stream(n, seed)};
          },
          "n"_a, "seed"_a)
      .def("__len__", [](const OrderStream& s) { return s.records.size(); })
      .def(
          "seconds",
          [](const OrderStream& s, unsigned what) {
            std::int64_t check = 0;
            nb::gil_scoped_release release;
            return kimera::bench::measure_records(
                s.records, static_cast<kimera::bench::Measured>(what), check);
          },
          "what"_a, "Seconds for the last nine tenths: 0 bare book, 1 top of book, 2 analyzer.");
}
