#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "../bench/journal.hpp"
#include "../bench/ring.hpp"
#include "bind.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace kimera::bench;

void kimera::bind::bench_runtime(nb::module_& m) {
  using Release = nb::call_guard<nb::gil_scoped_release>;
  nb::enum_<Handover>(m, "Handover")
      .value("RING_ONE", Handover::RingOne)
      .value("RING_SPAN", Handover::RingSpan)
      .value("RING_OBSERVED", Handover::RingObserved)
      .value("BOOST_ONE", Handover::BoostOne)
      .value("BOOST_MANY", Handover::BoostMany);
  nb::enum_<Between>(m, "Between")
      .value("THREADS", Between::Threads)
      .value("PROCESSES", Between::Processes);
  m.def("boost_version", &boost_version, "Version of Boost's headers, empty without them.");
  m.def("handover_per_s", &handover_per_s, "queue"_a, "between"_a, "n_records"_a, Release());
  m.def(
      "ring_round_trip_ns",
      [](std::uint64_t n) {
        const auto trip = ring_round_trip(n);
        return std::make_tuple(trip.p50_ns, trip.p99_ns);
      },
      "n_trips"_a, Release(), "(p50, p99) of a record there and back.");
  m.def(
      "line_round_trip_ns",
      [](std::uint64_t n) {
        const auto trip = line_round_trip(n);
        return std::make_tuple(trip.p50_ns, trip.p99_ns);
      },
      "n_trips"_a, Release(), "(p50, p99) of one word there and back over two cache lines.");
  m.def(
      "journal_append_per_s",
      [](const std::string& folder, std::uint64_t n, kimera::runtime::Upkeep upkeep) {
        const auto rates = journal_append_per_s(folder, n, upkeep);
        return std::make_tuple(rates.appended_per_s, rates.chained_per_s);
      },
      "folder"_a, "n_records"_a, "upkeep"_a, Release(), "(appended, with the digest) per second.");
  m.def("journal_read_per_s", &journal_read_per_s, "folder"_a, Release());
  m.def("journal_verify_per_s", &journal_verify_per_s, "folder"_a, Release());
  m.def(
      "hash_rates",
      [](std::uint64_t n) {
        const auto rates = hash_rates(n);
        return std::make_tuple(rates.crc32c_bytes_per_s, rates.sha256_bytes_per_s,
                               rates.sha256_pair_bytes_per_s);
      },
      "n_records"_a, Release(), "(CRC-32C, SHA-256, SHA-256 of two at once) bytes per second.");
}
