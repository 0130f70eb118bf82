#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/market/book.hpp"
#include "kimera/microstructure/analyzer.hpp"
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
        if (alpha.shape(0) != d * d || beta.shape(0) != d * d || marks.shape(0) != times.shape(0))
          throw std::invalid_argument("alpha and beta need d * d values, marks one per time");
        for (const std::int64_t mark : span_of(marks))
          if (mark < 0 || static_cast<std::size_t>(mark) >= d)
            throw std::invalid_argument("a mark is outside 0 .. d - 1");
        double value = 0.0;
        Out gradient = filled(d + 2 * d * d, [&](std::span<double> out) {
          value = micro::hawkes_multivariate_score(span_of(times), span_of(marks), end, span_of(mu),
                                                   span_of(alpha), span_of(beta), out);
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

using Bytes = nb::ndarray<nb::numpy, std::uint8_t, nb::ndim<1>>;
using Rows = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<1>>;
using kimera::model::Record;

template <typename T, typename Array>
Array owned(std::unique_ptr<T[]> values, std::size_t n) {
  T* data = values.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
  return Array(data, {n}, owner);
}

// A book and its analyzer, fed with batches of records.
template <typename Book>
class BookAnalyzer {
 public:
  BookAnalyzer(const kimera::market::BookCapacity& capacity, const micro::AnalyzerConfig& config,
               std::span<const double> table, std::uint32_t instrument_id, std::uint16_t venue_id)
      : book_(capacity), analyzer_(config, table), instrument_(instrument_id), venue_(venue_id) {}

  // One row per record of ours (every) or per record that changed a feature; the second array
  // says which record each row belongs to.
  std::pair<Bytes, Rows> update(In<std::uint8_t> records, bool every) {
    if (records.shape(0) % sizeof(Record) != 0)
      throw std::invalid_argument("expected a multiple of 64 bytes");
    const std::size_t n = records.shape(0) / sizeof(Record);
    auto rows = std::make_unique_for_overwrite<std::uint8_t[]>(n * sizeof(micro::FeatureRow));
    auto index = std::make_unique_for_overwrite<std::int64_t[]>(n);
    std::size_t written = 0;
    {
      nb::gil_scoped_release release;
      for (std::size_t i = 0; i < n; ++i) {
        Record r;
        std::memcpy(&r, records.data() + i * sizeof(Record), sizeof(Record));
        if (r.instrument_id != instrument_ || (venue_ != 0 && r.venue_id != venue_)) continue;
        book_.apply(r);
        const bool changed = analyzer_.apply(r, book_);
        if (!changed && !every) continue;
        micro::copy_row(analyzer_.row(), rows.get() + written * sizeof(micro::FeatureRow));
        index[written++] = static_cast<std::int64_t>(i);
      }
    }
    return {owned<std::uint8_t, Bytes>(std::move(rows), written * sizeof(micro::FeatureRow)),
            owned<std::int64_t, Rows>(std::move(index), written)};
  }
  [[nodiscard]] std::uint64_t book_errors() const { return book_.counters().errors(); }
  [[nodiscard]] std::uint64_t dropped() const { return analyzer_.dropped(); }

 private:
  Book book_;
  micro::Analyzer analyzer_;
  std::uint32_t instrument_;
  std::uint16_t venue_;
};

template <typename Book>
void bind_analyzer_of(nb::module_& m, const char* name) {
  using Self = BookAnalyzer<Book>;
  nb::class_<Self>(m, name)
      .def(
          "__init__",
          [](Self* self, const micro::AnalyzerConfig& config, In<double> table,
             std::uint32_t instrument_id, std::uint16_t venue_id, std::uint32_t max_orders,
             std::uint32_t max_levels) {
            kimera::market::BookCapacity capacity;
            capacity.max_orders = max_orders;
            capacity.max_levels = max_levels;
            new (self) Self(capacity, config, span_of(table), instrument_id, venue_id);
          },
          "config"_a, "micro_table"_a, "instrument_id"_a, "venue_id"_a, "max_orders"_a,
          "max_levels"_a)
      .def("update", &Self::update, "records"_a, "every"_a)
      .def_prop_ro("book_errors", &Self::book_errors)
      .def_prop_ro("dropped", &Self::dropped);
}

// Name, numpy format and offset of every feature, in the order of the row.
std::vector<std::tuple<std::string, std::string, std::size_t>> feature_fields() {
  using Row = micro::FeatureRow;
  std::vector<std::tuple<std::string, std::string, std::size_t>> fields;
  const auto whole = [&](const char* name, std::size_t at) {
    fields.emplace_back(name, "<i8", at);
  };
  const auto number = [&](const char* name, std::size_t at) {
    fields.emplace_back(name, "<f8", at);
  };
#define KIMERA_FIELD(kind, field) kind(#field, offsetof(Row, field))
  KIMERA_FIELD(whole, ts_ns);
  KIMERA_FIELD(whole, bid_ticks);
  KIMERA_FIELD(whole, ask_ticks);
  KIMERA_FIELD(whole, mid2_ticks);
  KIMERA_FIELD(whole, spread_ticks);
  KIMERA_FIELD(whole, state);
  KIMERA_FIELD(whole, bid_lots);
  KIMERA_FIELD(whole, ask_lots);
  KIMERA_FIELD(whole, bid_depth_lots);
  KIMERA_FIELD(whole, ask_depth_lots);
  for (std::size_t m = 0; m < micro::kLevels; ++m)
    fields.emplace_back("ofi_" + std::to_string(m + 1), "<i8", offsetof(Row, ofi) + 8 * m);
  KIMERA_FIELD(whole, adds);
  KIMERA_FIELD(whole, cancels);
  KIMERA_FIELD(whole, trades);
  KIMERA_FIELD(whole, volume_lots);
  KIMERA_FIELD(whole, signed_volume_lots);
  KIMERA_FIELD(whole, late);
  KIMERA_FIELD(number, imbalance_1);
  KIMERA_FIELD(number, imbalance_5);
  KIMERA_FIELD(number, weighted_mid_ticks);
  KIMERA_FIELD(number, micro_price_ticks);
  KIMERA_FIELD(number, bid_slope);
  KIMERA_FIELD(number, ask_slope);
  KIMERA_FIELD(number, liquidity_score);
  KIMERA_FIELD(number, quoted_spread_ticks);
  KIMERA_FIELD(number, effective_spread_ticks);
  KIMERA_FIELD(number, realised_spread_ticks);
  KIMERA_FIELD(number, price_impact_ticks);
  KIMERA_FIELD(number, kyle_lambda);
  KIMERA_FIELD(number, kyle_lambda_rolling);
  KIMERA_FIELD(number, roll_spread_ticks);
  KIMERA_FIELD(number, realised_variance);
  KIMERA_FIELD(number, vpin);
  KIMERA_FIELD(number, cancel_trade_ratio);
  KIMERA_FIELD(number, trade_imbalance);
#undef KIMERA_FIELD
  return fields;
}

void bind_analyzer(nb::module_& m) {
  nb::class_<micro::AnalyzerConfig>(m, "AnalyzerConfig")
      .def(nb::init<>())
      .def_rw("typical_depth_lots", &micro::AnalyzerConfig::typical_depth_lots)
      .def_rw("bucket_lots", &micro::AnalyzerConfig::bucket_lots)
      .def_rw("vpin_window", &micro::AnalyzerConfig::vpin_window)
      .def_rw("kyle_window", &micro::AnalyzerConfig::kyle_window)
      .def_rw("horizon_ns", &micro::AnalyzerConfig::horizon_ns)
      .def_rw("max_pending", &micro::AnalyzerConfig::max_pending)
      .def_rw("micro_imbalances", &micro::AnalyzerConfig::micro_imbalances)
      .def_rw("micro_spreads", &micro::AnalyzerConfig::micro_spreads);
  m.attr("ROW_BYTES") = sizeof(micro::FeatureRow);
  m.attr("LEVELS") = micro::kLevels;
  m.def("feature_fields", &feature_fields);
  bind_analyzer_of<kimera::market::BookL3>(m, "OrderAnalyzer");
  bind_analyzer_of<kimera::market::BookL2>(m, "LevelAnalyzer");
}

}  // namespace

void kimera::bind::microstructure(nb::module_& m) {
  bind_analyzer(m);
  bind_distributions(m);
  bind_hawkes(m);
  bind_lead_lag(m);
}
