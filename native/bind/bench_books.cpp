#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "../bench/book.hpp"
#include "../bench/itch.hpp"
#include "bind.hpp"

namespace nb = nanobind;
using namespace kimera::bench;
using kimera::model::Record;

namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Array = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>;

template <class T>
Array array(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return {reinterpret_cast<std::uint8_t*>(kept->data()), {kept->size() * sizeof(T)}, owner};
}

std::span<const Record> records_of(const Bytes& data) {
  if (reinterpret_cast<std::uintptr_t>(data.data()) % alignof(Record) != 0)
    throw nb::value_error("records: expected memory on a boundary of 64 bytes");
  return {reinterpret_cast<const Record*>(data.data()), data.size() / sizeof(Record)};
}

using Run = BookRun (*)(std::span<const Record>);

template <Run run>
std::tuple<double, std::uint64_t, std::uint64_t> book_run(const Bytes& data) {
  const std::span<const Record> records = records_of(data);
  const nb::gil_scoped_release released;
  const BookRun r = run(records);
  return {r.seconds, r.digest, r.n_errors};
}

template <ItchRun (*run)(std::span<const std::uint8_t>)>
std::tuple<double, std::uint64_t, std::uint64_t> itch_run(const Bytes& data) {
  const nb::gil_scoped_release released;
  const ItchRun r = run({data.data(), data.size()});
  return {r.seconds, r.digest, r.messages};
}

}  // namespace

void kimera::bind::bench_books(nb::module_& m) {
  m.def(
      "book_workload",
      [](std::size_t n_events, std::uint64_t seed, std::uint32_t n_live, std::uint32_t max_depth) {
        BookWorkload w{.n_events = n_events,
                       .seed = seed,
                       .n_live = n_live,
                       .max_depth = max_depth,
                       .by_order = {},
                       .by_price = {}};
        {
          const nb::gil_scoped_release released;
          w.make();
        }
        return std::make_tuple(array(std::move(w.by_order)), array(std::move(w.by_price)));
      },
      nb::arg("n_events"), nb::arg("seed"), nb::arg("n_live"), nb::arg("max_depth"),
      "Records by order and by price, as bytes.");
  m.def("run_l3", &book_run<&run_l3>, nb::arg("records"));
  m.def("run_l2", &book_run<&run_l2>, nb::arg("records"));
  m.def("run_plain_l3", &book_run<&run_plain_l3>, nb::arg("records"));
  m.def("run_plain_l2", &book_run<&run_plain_l2>, nb::arg("records"));
  m.def(
      "itch_workload",
      [](std::size_t n_messages, std::uint64_t seed, std::uint32_t n_symbols, std::uint32_t depth) {
        ItchWorkload w{.n_messages = n_messages,
                       .seed = seed,
                       .n_symbols = n_symbols,
                       .depth = depth,
                       .bytes = {}};
        {
          const nb::gil_scoped_release released;
          w.make();
        }
        return array(std::move(w.bytes));
      },
      nb::arg("n_messages"), nb::arg("seed"), nb::arg("n_symbols"), nb::arg("depth"),
      "A day of ITCH in BinaryFILE framing.");
  m.def("run_itch_books", &itch_run<&run_itch_books>, nb::arg("data"));
  m.def("run_itch_decode", &itch_run<&run_itch_decode>, nb::arg("data"));
}
