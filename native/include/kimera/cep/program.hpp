// A compiled pattern query: the automaton, the conditions and the measures as plain tables.
//
// The Python side (kimera.cep.compile) parses SQL, resolves names and types and fills a Program;
// everything here is indices and integers, checked once by validate().
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kimera::cep {

// A value of any type in 8 bytes: integers, times and booleans as they are, doubles by their
// bits, text as the number the interner gave it.
struct Value {
  std::int64_t bits = 0;
  bool null = true;
};

enum class Op : std::uint8_t {
  Const,
  Leaf,
  Aggregate,
  MatchNumber,
  Classifier,
  AndB,
  OrB,
  NotB,
  IsNull,
  NotDistinct,
  Case,
  Coalesce,
  NullIf,
  EqI,
  NeI,
  LtI,
  LeI,
  GtI,
  GeI,
  EqD,
  NeD,
  LtD,
  LeD,
  GtD,
  GeD,
  LtS,
  LeS,
  GtS,
  GeS,
  AddI,
  SubI,
  MulI,
  DivI,
  ModI,
  NegI,
  AbsI,
  AddD,
  SubD,
  MulD,
  DivD,
  ModD,
  NegD,
  AbsD,
  FloorD,
  CeilD,
  SqrtD,
  PowD,
  ExpD,
  LnD,
  MaxI,
  MinI,
  MaxD,
  MinD,
  ToDouble,
  ToInt,
  Upper,
  Lower,
  Trim,
  Length,
  Concat,
  Substring,
  Like,
};

// slot[dst] = op(slot[a], slot[b], slot[c]); for Const, Leaf, Aggregate and Classifier, `index`
// names the table row.
struct Instruction {
  Op op;
  std::uint16_t dst;
  std::uint16_t a;
  std::uint16_t b;
  std::uint16_t c;
  std::int32_t index;
};

struct Code {
  std::vector<Instruction> instructions;
  std::uint16_t n_slots = 0;  // the result is in the last one
};

// A row of the match: the `logical`-th first or last row of the variables in `mask`, then
// `physical` rows further in the partition. `column` < 0 asks for the classifier of that row.
struct Leaf {
  std::int32_t column;
  std::uint64_t mask;  // bit per primary variable; all bits: every row
  bool last;
  std::int32_t logical;
  std::int32_t physical;
  bool final;
};

enum class Fold : std::uint8_t {
  CountRows,
  Count,
  CountIf,
  SumI,
  SumD,
  Avg,
  MinI,
  MinD,
  MinS,
  MaxI,
  MaxD,
  MaxS,
  Stddev,
  StddevPop,
  Variance,
  VariancePop,
};

struct Aggregate {
  Fold fold;
  std::int32_t argument;  // index into Program::arguments, -1 for CountRows
  bool argument_is_double;
  std::uint64_t mask;
  bool distinct;
  bool final;
};

enum class Step : std::uint8_t { Match, Split, AtStart, AtEnd, Accept, Fail };

struct State {
  Step step;
  std::int32_t next;      // Match, AtStart, AtEnd: what follows; Split: the preferred way
  std::int32_t other;     // Split: the other way
  std::int32_t variable;  // Match
  bool excluded;          // Match
};

enum class Rows : std::uint8_t { One, AllShowEmpty, AllOmitEmpty, AllWithUnmatched };
enum class SkipMode : std::uint8_t { PastLastRow, ToNextRow, ToFirst, ToLast };

struct Program {
  std::string name;
  std::uint16_t n_columns = 0;
  std::vector<std::int32_t> row_columns;  // given out with every output row
  std::vector<State> states;
  std::int32_t start = 0;
  std::vector<std::string> variables;      // primary, at most 64
  std::vector<std::int32_t> variable_ids;  // interned names, for CLASSIFIER
  std::vector<Code> conditions;            // one per variable; no instructions: always true
  std::vector<Code> measures;
  std::vector<Code> arguments;  // of aggregates
  std::vector<Value> constants;
  std::vector<Leaf> leaves;
  std::vector<Aggregate> aggregates;
  Rows rows = Rows::One;
  SkipMode skip = SkipMode::PastLastRow;
  std::uint64_t skip_mask = 0;
  std::int64_t within = 0;                // 0: without bound; in the unit of the order column
  std::uint32_t max_rows = 1U << 20U;     // buffered rows per partition
  std::uint32_t max_threads = 1U << 14U;  // ways a match may still go, per partition
};

// Throws std::invalid_argument when an index points nowhere.
void validate(const Program& program);

}  // namespace kimera::cep
