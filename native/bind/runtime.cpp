#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "bind.hpp"
#include "kimera/runtime/clock.hpp"
#include "kimera/runtime/histogram.hpp"
#include "kimera/runtime/random.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using kimera::runtime::LatencyHistogram;
using kimera::runtime::Random;
using kimera::runtime::TscClock;

namespace {

template <typename T>
using Array = nb::ndarray<nb::numpy, T, nb::ndim<1>>;

// A new array of n values drawn by `draw`, without the GIL.
template <typename T, typename Draw>
Array<T> drawn(std::size_t n, Draw draw) {
  auto values = std::make_unique<T[]>(n);
  {
    nb::gil_scoped_release release;
    for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(draw());
  }
  T* data = values.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return Array<T>(data, {n}, owner);
}

void bind_random(nb::module_& m) {
  m.def(
      "stream_seed",
      [](std::uint64_t seed, const std::string& name) {
        return kimera::runtime::stream_seed(seed, kimera::runtime::stream_index(name));
      },
      "seed"_a, "name"_a, "Seed of the stream that `name` has under `seed`.");
  nb::class_<Random>(m, "Random", "Seeded generator (xoshiro256++) with its distributions.")
      .def(nb::init<std::uint64_t>(), "seed"_a)
      .def("stream", nb::overload_cast<std::string_view>(&Random::stream, nb::const_), "name"_a)
      .def("stream", nb::overload_cast<std::uint64_t>(&Random::stream, nb::const_), "index"_a)
      .def("jump", &Random::jump)
      .def("next", &Random::next)
      .def(
          "integers", [](Random& r, std::size_t n) { return drawn<std::uint64_t>(n, r); }, "n"_a)
      .def(
          "uniform",
          [](Random& r, std::size_t n) { return drawn<double>(n, [&] { return r.uniform(); }); },
          "n"_a)
      .def(
          "below",
          [](Random& r, std::uint64_t bound, std::size_t n) {
            return drawn<std::uint64_t>(n, [&] { return r.below(bound); });
          },
          "bound"_a, "n"_a)
      .def(
          "normal",
          [](Random& r, std::size_t n) { return drawn<double>(n, [&] { return r.normal(); }); },
          "n"_a)
      .def(
          "exponential",
          [](Random& r, std::size_t n) {
            return drawn<double>(n, [&] { return r.exponential(); });
          },
          "n"_a)
      .def(
          "gamma",
          [](Random& r, double shape, std::size_t n) {
            return drawn<double>(n, [&] { return r.gamma(shape); });
          },
          "shape"_a, "n"_a)
      .def(
          "student_t",
          [](Random& r, double degrees, std::size_t n) {
            return drawn<double>(n, [&] { return r.student_t(degrees); });
          },
          "degrees"_a, "n"_a)
      .def(
          "pareto",
          [](Random& r, double alpha, std::size_t n) {
            return drawn<double>(n, [&] { return r.pareto(alpha); });
          },
          "alpha"_a, "n"_a)
      .def(
          "geometric",
          [](Random& r, double probability, std::size_t n) {
            return drawn<std::uint64_t>(n, [&] { return r.geometric(probability); });
          },
          "probability"_a, "n"_a)
      .def(
          "poisson",
          [](Random& r, double mean, std::size_t n) {
            return drawn<std::uint64_t>(n, [&] { return r.poisson(mean); });
          },
          "mean"_a, "n"_a);
}

void bind_histogram(nb::module_& m) {
  nb::class_<LatencyHistogram>(m, "LatencyHistogram",
                               "Durations of 1 ns to 137 s in fixed memory, three digits.")
      .def(nb::init<>())
      .def(
          "record",
          [](LatencyHistogram& h, std::int64_t ns, std::uint64_t times) { h.record(ns, times); },
          "duration_ns"_a, "times"_a = 1)
      .def(
          "record_all",
          [](LatencyHistogram& h, nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig> ns) {
            nb::gil_scoped_release release;
            for (std::size_t i = 0; i < ns.shape(0); ++i) h.record(ns.data()[i]);
          },
          "durations_ns"_a)
      .def("merge", &LatencyHistogram::merge, "other"_a)
      .def("reset", &LatencyHistogram::reset)
      .def("quantile_ns", &LatencyHistogram::quantile_ns, "fraction"_a)
      .def_prop_ro("count", &LatencyHistogram::count)
      .def_prop_ro("clamped", &LatencyHistogram::clamped)
      .def_prop_ro("min_ns", &LatencyHistogram::min_ns)
      .def_prop_ro("max_ns", &LatencyHistogram::max_ns)
      .def_prop_ro("mean_ns", &LatencyHistogram::mean_ns)
      .def(
          "counts",
          [](const LatencyHistogram& h) {
            std::size_t i = 0;
            const auto counts = h.counts();
            return drawn<std::uint64_t>(counts.size(), [&] { return counts[i++]; });
          },
          "Count of every bucket.")
      .def_static(
          "edges_ns",
          [] {
            std::size_t i = 0;
            return drawn<std::int64_t>(LatencyHistogram::kBuckets + 1, [&] {
              const std::size_t bucket = i++;
              return bucket < LatencyHistogram::kBuckets ? LatencyHistogram::bucket_low_ns(bucket)
                                                         : LatencyHistogram::kMaxNs + 1;
            });
          },
          "Lower edge of every bucket, and the end of the last.");
}

void bind_clock(nb::module_& m) {
  nb::class_<TscClock>(m, "TscClock", "The time stamp counter, set against the kernel's clock.")
      .def(nb::init<std::int64_t>(), "calibration_ns"_a = 10'000'000)
      .def("now_ns", &TscClock::now_ns)
      .def("monotonic_ns", &TscClock::monotonic_ns)
      .def("recalibrate", &TscClock::recalibrate)
      .def_prop_ro("invariant", &TscClock::invariant)
      .def_prop_ro("ticks_per_ns", &TscClock::ticks_per_ns);
}

}  // namespace

void kimera::bind::runtime(nb::module_& m) {
  bind_random(m);
  bind_histogram(m);
  bind_clock(m);
  runtime_journal(m);
  runtime_ring(m);
}
