#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/tuple.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "bind.hpp"
#include "kimera/microstructure/distributions.hpp"
#include "kimera/microstructure/hawkes.hpp"
#include "kimera/microstructure/hayashi_yoshida.hpp"

namespace nb = nanobind;
namespace micro = kimera::microstructure;
using namespace nb::literals;

namespace {

template <typename T>
using In = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Out = nb::ndarray<nb::numpy, double, nb::ndim<1>>;

template <typename T>
std::span<const T> span_of(const In<T>& array) {
  return {array.data(), array.shape(0)};
}

// A new array of n doubles, filled by fill(span) without the GIL.
template <typename Fill>
Out filled(std::size_t n, Fill fill) {
  auto values = std::make_unique<double[]>(n);
  {
    nb::gil_scoped_release release;
    fill(std::span<double>(values.get(), n));
  }
  double* data = values.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return Out(data, {n}, owner);
}

void bind_distributions(nb::module_& m) {
  m.def(
      "normal_cdf",
      [](In<double> z) {
        const auto in = span_of(z);
        return filled(in.size(), [in](std::span<double> out) { micro::normal_cdf(in, out); });
      },
      "z"_a);
  m.def(
      "student_t_cdf",
      [](In<double> t, double dof) {
        const auto in = span_of(t);
        return filled(in.size(),
                      [in, dof](std::span<double> out) { micro::student_t_cdf(in, dof, out); });
      },
      "t"_a, "dof"_a);
}

void bind_hawkes(nb::module_& m) {
  m.def(
      "hawkes_score",
      [](In<double> times, double end, double mu, double alpha, double beta) {
        micro::HawkesScore s{};
        {
          nb::gil_scoped_release release;
          s = micro::hawkes_score(span_of(times), end, {mu, alpha, beta});
        }
        return std::make_tuple(s.log_likelihood, s.d_mu, s.d_alpha, s.d_beta);
      },
      "times"_a, "end"_a, "mu"_a, "alpha"_a, "beta"_a);
  m.def(
      "hawkes_log_likelihood",
      [](In<double> times, double end, double mu, double alpha, double beta) {
        nb::gil_scoped_release release;
        return micro::hawkes_log_likelihood(span_of(times), end, {mu, alpha, beta});
      },
      "times"_a, "end"_a, "mu"_a, "alpha"_a, "beta"_a);
  m.def(
      "hawkes_residuals",
      [](In<double> times, double mu, double alpha, double beta) {
        const auto in = span_of(times);
        return filled(in.size(), [=](std::span<double> out) {
          micro::hawkes_residuals(in, {mu, alpha, beta}, out);
        });
      },
      "times"_a, "mu"_a, "alpha"_a, "beta"_a);
  m.def(
      "hawkes_multivariate_score",
      [](In<double> times, In<std::int64_t> marks, double end, In<double> mu, In<double> alpha,
         In<double> beta) {
        const std::size_t d = mu.shape(0);
        if (alpha.shape(0) != d * d || beta.shape(0) != d * d ||
            marks.shape(0) != times.shape(0))
          throw std::invalid_argument("alpha and beta need d * d values, marks one per time");
        for (const std::int64_t mark : span_of(marks))
          if (mark < 0 || static_cast<std::size_t>(mark) >= d)
            throw std::invalid_argument("a mark is outside 0 .. d - 1");
        double value = 0.0;
        Out gradient = filled(d + 2 * d * d, [&](std::span<double> out) {
          value = micro::hawkes_multivariate_score(span_of(times), span_of(marks), end,
                                                   span_of(mu), span_of(alpha), span_of(beta),
                                                   out);
        });
        return std::make_pair(value, gradient);
      },
      "times"_a, "marks"_a, "end"_a, "mu"_a, "alpha"_a, "beta"_a);
}

void bind_lead_lag(nb::module_& m) {
  m.def(
      "hayashi_yoshida",
      [](In<std::int64_t> ts_a, In<double> price_a, In<std::int64_t> ts_b, In<double> price_b,
         In<std::int64_t> shifts_ns) {
        if (ts_a.shape(0) != price_a.shape(0) || ts_b.shape(0) != price_b.shape(0))
          throw std::invalid_argument("each series needs one price per time");
        const micro::Ticks a{span_of(ts_a), span_of(price_a)};
        const micro::Ticks b{span_of(ts_b), span_of(price_b)};
        const auto shifts = span_of(shifts_ns);
        return filled(shifts.size(), [&](std::span<double> out) {
          for (std::size_t i = 0; i < shifts.size(); ++i)
            out[i] = micro::hayashi_yoshida(a, b, shifts[i]);
        });
      },
      "ts_a"_a, "price_a"_a, "ts_b"_a, "price_b"_a, "shifts_ns"_a,
      "Covariance at each shift of b [ns].");
}

}  // namespace

void kimera::bind::microstructure(nb::module_& m) {
  bind_distributions(m);
  bind_hawkes(m);
  bind_lead_lag(m);
}
