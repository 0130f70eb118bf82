// What conditions and measures see of the rows matched so far, kept up to date row by row.
//
// A register is one 64-bit number. A row register set keeps the first or the last `depth` rows of
// a set of variables (-1: none yet); a fold register set keeps a running aggregate.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/cep/evaluate.hpp"
#include "kimera/cep/program.hpp"

namespace kimera::cep {

struct RegisterPlan {
  struct RowSet {
    std::uint64_t mask;
    bool last;
    std::uint32_t depth;
    std::uint32_t slot;
  };
  struct FoldSet {
    std::size_t aggregate;
    std::uint32_t slot;
  };
  static constexpr std::uint32_t kNone = 0xFFFFFFFFU;

  std::vector<RowSet> rows;
  std::vector<FoldSet> folds;
  std::vector<std::uint32_t> leaf_slot;       // per leaf of the program, kNone: not planned
  std::vector<std::uint32_t> aggregate_slot;  // likewise
  std::size_t n_registers = 0;

  // Plans the leaves and aggregates that a code uses.
  void add(const Program& program, const Code& code);
  void reset(std::int64_t* registers) const noexcept;
  // A row has joined one of the sets it belongs to.
  void take_row(std::int64_t* registers, std::uint64_t label_bit, std::int64_t row) const noexcept;

 private:
  void add_leaf(const Program& program, std::size_t index);
  void add_aggregate(const Program& program, std::size_t index);
};

// Takes the argument's value at a row into a fold; `argument` is ignored by CountRows.
void fold_value(const Aggregate& aggregate, std::int64_t* fold, Value argument,
                const Interner& names) noexcept;
[[nodiscard]] Value fold_result(const Aggregate& aggregate, const std::int64_t* fold) noexcept;
inline constexpr std::uint32_t kFoldRegisters = 3;

}  // namespace kimera::cep
