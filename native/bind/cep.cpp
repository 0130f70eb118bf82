#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/cep/key_table.hpp"
#include "kimera/cep/matcher.hpp"

namespace nb = nanobind;
using namespace kimera::cep;

namespace {

template <class T>
using Column = nb::ndarray<const T, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Steps = std::vector<std::tuple<std::string, int, int, int, int, int>>;

#define KIMERA_NAME(type, name) {#name, type::name}

const std::map<std::string, Op> kOps = {
    KIMERA_NAME(Op, Const),       KIMERA_NAME(Op, Leaf),     KIMERA_NAME(Op, Aggregate),
    KIMERA_NAME(Op, MatchNumber), KIMERA_NAME(Op, AndB),     KIMERA_NAME(Op, OrB),
    KIMERA_NAME(Op, NotB),        KIMERA_NAME(Op, IsNull),   KIMERA_NAME(Op, NotDistinct),
    KIMERA_NAME(Op, Case),        KIMERA_NAME(Op, Coalesce), KIMERA_NAME(Op, NullIf),
    KIMERA_NAME(Op, EqI),         KIMERA_NAME(Op, NeI),      KIMERA_NAME(Op, LtI),
    KIMERA_NAME(Op, LeI),         KIMERA_NAME(Op, GtI),      KIMERA_NAME(Op, GeI),
    KIMERA_NAME(Op, EqD),         KIMERA_NAME(Op, NeD),      KIMERA_NAME(Op, LtD),
    KIMERA_NAME(Op, LeD),         KIMERA_NAME(Op, GtD),      KIMERA_NAME(Op, GeD),
    KIMERA_NAME(Op, LtS),         KIMERA_NAME(Op, LeS),      KIMERA_NAME(Op, GtS),
    KIMERA_NAME(Op, GeS),         KIMERA_NAME(Op, AddI),     KIMERA_NAME(Op, SubI),
    KIMERA_NAME(Op, MulI),        KIMERA_NAME(Op, DivI),     KIMERA_NAME(Op, ModI),
    KIMERA_NAME(Op, NegI),        KIMERA_NAME(Op, AbsI),     KIMERA_NAME(Op, AddD),
    KIMERA_NAME(Op, SubD),        KIMERA_NAME(Op, MulD),     KIMERA_NAME(Op, DivD),
    KIMERA_NAME(Op, ModD),        KIMERA_NAME(Op, NegD),     KIMERA_NAME(Op, AbsD),
    KIMERA_NAME(Op, FloorD),      KIMERA_NAME(Op, CeilD),    KIMERA_NAME(Op, SqrtD),
    KIMERA_NAME(Op, PowD),        KIMERA_NAME(Op, ExpD),     KIMERA_NAME(Op, LnD),
    KIMERA_NAME(Op, MaxI),        KIMERA_NAME(Op, MinI),     KIMERA_NAME(Op, MaxD),
    KIMERA_NAME(Op, MinD),        KIMERA_NAME(Op, ToDouble), KIMERA_NAME(Op, ToInt),
    KIMERA_NAME(Op, Upper),       KIMERA_NAME(Op, Lower),    KIMERA_NAME(Op, Trim),
    KIMERA_NAME(Op, Length),      KIMERA_NAME(Op, Concat),   KIMERA_NAME(Op, Substring),
    KIMERA_NAME(Op, Like)};
const std::map<std::string, Step> kSteps = {KIMERA_NAME(Step, Match),   KIMERA_NAME(Step, Split),
                                            KIMERA_NAME(Step, AtStart), KIMERA_NAME(Step, AtEnd),
                                            KIMERA_NAME(Step, Accept),  KIMERA_NAME(Step, Fail)};
const std::map<std::string, Fold> kFolds = {
    KIMERA_NAME(Fold, CountRows),  KIMERA_NAME(Fold, Count),     KIMERA_NAME(Fold, CountIf),
    KIMERA_NAME(Fold, SumI),       KIMERA_NAME(Fold, SumD),      KIMERA_NAME(Fold, Avg),
    KIMERA_NAME(Fold, MinI),       KIMERA_NAME(Fold, MinD),      KIMERA_NAME(Fold, MinS),
    KIMERA_NAME(Fold, MaxI),       KIMERA_NAME(Fold, MaxD),      KIMERA_NAME(Fold, MaxS),
    KIMERA_NAME(Fold, Stddev),     KIMERA_NAME(Fold, StddevPop), KIMERA_NAME(Fold, Variance),
    KIMERA_NAME(Fold, VariancePop)};
const std::map<std::string, Rows> kRows = {KIMERA_NAME(Rows, One), KIMERA_NAME(Rows, AllShowEmpty),
                                           KIMERA_NAME(Rows, AllOmitEmpty),
                                           KIMERA_NAME(Rows, AllWithUnmatched)};
const std::map<std::string, SkipMode> kSkips = {
    KIMERA_NAME(SkipMode, PastLastRow), KIMERA_NAME(SkipMode, ToNextRow),
    KIMERA_NAME(SkipMode, ToFirst), KIMERA_NAME(SkipMode, ToLast)};
#undef KIMERA_NAME

Code code_of(const Steps& steps, int n_slots) {
  Code code;
  code.n_slots = static_cast<std::uint16_t>(n_slots);
  for (const auto& [op, dst, a, b, c, index] : steps)
    code.instructions.push_back({kOps.at(op), static_cast<std::uint16_t>(dst),
                                 static_cast<std::uint16_t>(a), static_cast<std::uint16_t>(b),
                                 static_cast<std::uint16_t>(c), index});
  return code;
}

template <class T>
nb::ndarray<nb::numpy, T> array_of(std::vector<T> values, std::vector<std::size_t> shape) {
  auto* owned = new std::vector<T>(std::move(values));
  nb::capsule owner(owned, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::ndarray<nb::numpy, T>(owned->data(), shape.size(), shape.data(), owner);
}

// Output rows as (match numbers, values, nulls).
nb::tuple arrays_of(Output out, std::size_t n_outputs) {
  const std::size_t n = out.match_number.size();
  std::vector<std::int64_t> values(out.values.size());
  std::vector<std::uint8_t> nulls(out.values.size());
  for (std::size_t i = 0; i < out.values.size(); ++i) {
    values[i] = out.values[i].bits;
    nulls[i] = out.values[i].null ? 1 : 0;
  }
  return nb::make_tuple(array_of(std::move(out.match_number), {n}),
                        array_of(std::move(values), {n, n_outputs}),
                        array_of(std::move(nulls), {n, n_outputs}));
}

Batch batch_of(const std::vector<Column<std::int64_t>>& columns,
               const std::vector<std::optional<Column<std::uint8_t>>>& nulls,
               const Column<std::int64_t>& order, const Column<std::uint64_t>& partition) {
  Batch batch;
  batch.n_rows = order.shape(0);
  const auto check = [&](std::size_t length) {
    if (length != batch.n_rows) throw std::invalid_argument("columns of different lengths");
  };
  check(partition.shape(0));
  for (const auto& column : columns) {
    check(column.shape(0));
    batch.columns.emplace_back(column.data(), batch.n_rows);
  }
  for (const auto& mask : nulls) {
    if (mask) check(mask->shape(0));
    batch.nulls.emplace_back(mask ? std::span(mask->data(), batch.n_rows)
                                  : std::span<const std::uint8_t>());
  }
  batch.order = {order.data(), batch.n_rows};
  batch.partition = {partition.data(), batch.n_rows};
  return batch;
}

void bind_program(nb::module_& m) {
  nb::class_<Program>(m, "Program", "A compiled query; filled by kimera.cep.compile.")
      .def("__init__",
           [](Program* p, const std::string& name) {
             new (p) Program();
             p->name = name;
           })
      .def("add_state",
           [](Program& p, const std::string& step, int next, int other, int variable,
              bool excluded) {
             p.states.push_back({kSteps.at(step), next, other, variable, excluded});
             return static_cast<int>(p.states.size()) - 1;
           })
      .def("set_split",
           [](Program& p, int state, int next, int other) {
             p.states.at(static_cast<std::size_t>(state)).next = next;
             p.states.at(static_cast<std::size_t>(state)).other = other;
           })
      .def("set_start",
           [](Program& p, int start, std::int64_t within) {
             p.start = start;
             p.within = within;
           })
      .def("set_output",
           [](Program& p, const std::string& rows, const std::string& skip, std::uint64_t mask) {
             p.rows = kRows.at(rows);
             p.skip = kSkips.at(skip);
             p.skip_mask = mask;
           })
      .def("set_bounds",
           [](Program& p, std::uint32_t max_rows, std::uint32_t max_threads) {
             p.max_rows = max_rows;
             p.max_threads = max_threads;
           })
      .def("set_columns", [](Program& p, int n) { p.n_columns = static_cast<std::uint16_t>(n); })
      .def("set_row_columns",
           [](Program& p, const std::vector<std::int32_t>& columns) { p.row_columns = columns; })
      .def("add_variable",
           [](Program& p, const std::string& name, std::int32_t id) {
             p.variables.push_back(name);
             p.variable_ids.push_back(id);
           })
      .def("add_condition",
           [](Program& p, const Steps& steps, int n) { p.conditions.push_back(code_of(steps, n)); })
      .def("add_measure",
           [](Program& p, const Steps& steps, int n) { p.measures.push_back(code_of(steps, n)); })
      .def("add_argument",
           [](Program& p, const Steps& steps, int n) {
             p.arguments.push_back(code_of(steps, n));
             return static_cast<int>(p.arguments.size()) - 1;
           })
      .def("add_constant",
           [](Program& p, std::int64_t bits, bool null) {
             p.constants.push_back({bits, null});
             return static_cast<int>(p.constants.size()) - 1;
           })
      .def("add_leaf",
           [](Program& p, int column, std::uint64_t mask, bool last, int logical, int physical,
              bool final) {
             p.leaves.push_back({column, mask, last, logical, physical, final});
             return static_cast<int>(p.leaves.size()) - 1;
           })
      .def("add_aggregate", [](Program& p, const std::string& fold, int argument, bool is_double,
                               std::uint64_t mask, bool distinct, bool final) {
        p.aggregates.push_back({kFolds.at(fold), argument, is_double, mask, distinct, final});
        return static_cast<int>(p.aggregates.size()) - 1;
      });
}

}  // namespace

void kimera::bind::cep(nb::module_& m) {
  nb::class_<Interner>(m, "Interner", "Text as small numbers: equal text, equal number.")
      .def(nb::init<>())
      .def("intern", [](Interner& i, const std::string& text) { return i.intern(text); })
      .def("text", [](const Interner& i, std::int64_t id) { return i.text(id); })
      .def("__len__", &Interner::size);
  nb::class_<KeyTable>(m, "KeyTable", "Numbers for combinations of values, the same ever after.")
      .def(nb::init<>())
      .def("combine", [](KeyTable& self, const std::vector<Column<std::int64_t>>& columns,
                         const std::vector<std::optional<Column<std::uint8_t>>>& nulls) {
        const std::size_t n = columns.at(0).shape(0);
        std::vector<std::uint64_t> keys(n, 0);
        for (std::size_t c = 0; c < columns.size(); ++c) {
          if (columns[c].shape(0) != n) throw std::invalid_argument("columns of different lengths");
          const std::uint8_t* mask = nulls.at(c) ? nulls[c]->data() : nullptr;
          for (std::size_t i = 0; i < n; ++i)
            keys[i] = self.combine(keys[i], columns[c].data()[i], mask != nullptr && mask[i] != 0);
        }
        return array_of(std::move(keys), {n});
      });
  nb::exception<BoundReached>(m, "BoundReached", PyExc_RuntimeError);
  bind_program(m);
  nb::class_<Matcher>(m, "Matcher", "Finds the matches of one pattern in partitioned rows.")
      .def(nb::init<Program, Interner&>(), nb::keep_alive<1, 3>())
      .def("push",
           [](Matcher& self, const std::vector<Column<std::int64_t>>& columns,
              const std::vector<std::optional<Column<std::uint8_t>>>& nulls,
              const Column<std::int64_t>& order, const Column<std::uint64_t>& partition) {
             const Batch batch = batch_of(columns, nulls, order, partition);
             Output out;
             {
               nb::gil_scoped_release release;
               self.push(batch, out);
             }
             return arrays_of(std::move(out), self.n_outputs());
           })
      .def("finish",
           [](Matcher& self) {
             Output out;
             {
               nb::gil_scoped_release release;
               self.finish(out);
             }
             return arrays_of(std::move(out), self.n_outputs());
           })
      .def_prop_ro("n_partitions", &Matcher::n_partitions)
      .def_prop_ro("n_matches", &Matcher::n_matches)
      .def_prop_ro("buffered_rows", &Matcher::buffered_rows);
}
