#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "../bench/backtest.hpp"
#include "bind.hpp"

namespace nb = nanobind;
using kimera::model::Record;

namespace {

using Bytes = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>;

Bytes owned(std::vector<Record>&& records) {
  auto* kept = new std::vector<Record>(std::move(records));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<Record>*>(p); });
  return {reinterpret_cast<std::uint8_t*>(kept->data()), {kept->size() * sizeof(Record)}, owner};
}

std::tuple<Bytes, Bytes> make_stream(std::size_t n_events, std::uint64_t seed,
                                     std::size_t live_orders, std::int64_t max_depth_ticks) {
  kimera::bench::StreamShape shape;
  shape.n_events = n_events;
  shape.seed = seed;
  shape.live_orders = live_orders;
  shape.max_depth_ticks = max_depth_ticks;
  kimera::bench::Stream stream;
  {
    nb::gil_scoped_release release;
    stream = kimera::bench::make_stream(shape);
  }
  return {owned(std::move(stream.l3)), owned(std::move(stream.l2))};
}

}  // namespace

void kimera::bind::bench_backtest(nb::module_& m) {
  m.def("make_stream", &make_stream, nb::arg("n_events"), nb::arg("seed") = 7,
        nb::arg("live_orders") = 2000, nb::arg("max_depth_ticks") = 200,
        "Make an order stream: (records by order, the same as totals per price), 64 bytes each.");
}
