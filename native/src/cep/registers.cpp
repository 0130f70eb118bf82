#include "kimera/cep/registers.hpp"

#include <algorithm>
#include <cmath>

namespace kimera::cep {

void RegisterPlan::add(const Program& program, const Code& code) {
  leaf_slot.resize(program.leaves.size(), kNone);
  aggregate_slot.resize(program.aggregates.size(), kNone);
  for (const Instruction& i : code.instructions) {
    if (i.op == Op::Leaf) add_leaf(program, static_cast<std::size_t>(i.index));
    if (i.op == Op::Aggregate) add_aggregate(program, static_cast<std::size_t>(i.index));
  }
}

void RegisterPlan::add_leaf(const Program& program, std::size_t index) {
  const Leaf& leaf = program.leaves[index];
  const auto depth = static_cast<std::uint32_t>(leaf.logical) + 1;
  const auto same = [&](const RowSet& set) {
    return set.mask == leaf.mask && set.last == leaf.last;
  };
  auto found = std::find_if(rows.begin(), rows.end(), same);
  // A set cannot grow in place once slots behind it are given out: a deeper one is added instead.
  if (found != rows.end() && found->depth < depth) found = rows.end();
  if (found == rows.end()) {
    rows.push_back({leaf.mask, leaf.last, depth, static_cast<std::uint32_t>(n_registers)});
    n_registers += depth;
    found = rows.end() - 1;
  }
  leaf_slot[index] = found->slot + static_cast<std::uint32_t>(leaf.logical);
}

void RegisterPlan::add_aggregate(const Program& program, std::size_t index) {
  if (aggregate_slot[index] != kNone || program.aggregates[index].distinct) return;
  aggregate_slot[index] = static_cast<std::uint32_t>(n_registers);
  folds.push_back({index, static_cast<std::uint32_t>(n_registers)});
  n_registers += kFoldRegisters;
}

void RegisterPlan::reset(std::int64_t* registers) const noexcept {
  std::fill_n(registers, n_registers, 0);
  for (const RowSet& set : rows) std::fill_n(registers + set.slot, set.depth, -1);
}

void RegisterPlan::take_row(std::int64_t* registers, std::uint64_t label_bit,
                            std::int64_t row) const noexcept {
  for (const RowSet& set : rows) {
    if ((set.mask & label_bit) == 0) continue;
    std::int64_t* r = registers + set.slot;
    if (set.last) {
      for (std::uint32_t k = set.depth - 1; k > 0; --k) r[k] = r[k - 1];
      r[0] = row;
    } else {
      for (std::uint32_t k = 0; k < set.depth; ++k) {
        if (r[k] < 0) {
          r[k] = row;
          break;
        }
      }
    }
  }
}

namespace {

void welford(std::int64_t* fold, double x) noexcept {
  const double n = static_cast<double>(++fold[0]);
  double mean = std::bit_cast<double>(fold[1]);
  const double delta = x - mean;
  mean += delta / n;
  fold[1] = std::bit_cast<std::int64_t>(mean);
  fold[2] = std::bit_cast<std::int64_t>(std::bit_cast<double>(fold[2]) + delta * (x - mean));
}

bool better(Fold kind, std::int64_t have, std::int64_t offered, const Interner& names) noexcept {
  switch (kind) {
    case Fold::MinI:
      return offered < have;
    case Fold::MaxI:
      return offered > have;
    case Fold::MinD:
      return std::bit_cast<double>(offered) < std::bit_cast<double>(have);
    case Fold::MaxD:
      return std::bit_cast<double>(offered) > std::bit_cast<double>(have);
    case Fold::MinS:
      return names.compare(offered, have) < 0;
    default:
      return names.compare(offered, have) > 0;
  }
}

}  // namespace

// Registers: [0] how many values, [1] and [2] by kind. A sum that leaves 64 bits is marked by -1
// in [2] and stays NULL.
void fold_value(const Aggregate& aggregate, std::int64_t* fold, Value v,
                const Interner& names) noexcept {
  if (aggregate.fold == Fold::CountRows) {
    ++fold[0];
    return;
  }
  if (v.null) return;
  const auto number = [&] {
    return aggregate.argument_is_double ? as_double(v) : static_cast<double>(v.bits);
  };
  switch (aggregate.fold) {
    case Fold::CountRows:
    case Fold::Count:
      ++fold[0];
      return;
    case Fold::CountIf:
      fold[0] += v.bits != 0 ? 1 : 0;
      return;
    case Fold::SumI:
      ++fold[0];
      if (__builtin_add_overflow(fold[1], v.bits, &fold[1])) fold[2] = -1;
      return;
    case Fold::SumD:
    case Fold::Avg:
      ++fold[0];
      fold[1] = std::bit_cast<std::int64_t>(std::bit_cast<double>(fold[1]) + number());
      return;
    case Fold::Stddev:
    case Fold::StddevPop:
    case Fold::Variance:
    case Fold::VariancePop:
      welford(fold, number());
      return;
    default:
      if (fold[0]++ == 0 || better(aggregate.fold, fold[1], v.bits, names)) fold[1] = v.bits;
  }
}

Value fold_result(const Aggregate& aggregate, const std::int64_t* fold) noexcept {
  const auto n = static_cast<double>(fold[0]);
  const double m2 = std::bit_cast<double>(fold[2]);
  switch (aggregate.fold) {
    case Fold::CountRows:
    case Fold::Count:
    case Fold::CountIf:
      return of_int(fold[0]);
    case Fold::SumI:
      return fold[0] == 0 || fold[2] != 0 ? Value{} : of_int(fold[1]);
    case Fold::Avg:
      return fold[0] == 0 ? Value{} : of_double(std::bit_cast<double>(fold[1]) / n);
    case Fold::Variance:
      return fold[0] < 2 ? Value{} : of_double(m2 / (n - 1));
    case Fold::Stddev:
      return fold[0] < 2 ? Value{} : of_double(std::sqrt(m2 / (n - 1)));
    case Fold::VariancePop:
      return fold[0] == 0 ? Value{} : of_double(m2 / n);
    case Fold::StddevPop:
      return fold[0] == 0 ? Value{} : of_double(std::sqrt(m2 / n));
    default:
      return fold[0] == 0 ? Value{} : Value{fold[1], false};
  }
}

}  // namespace kimera::cep
