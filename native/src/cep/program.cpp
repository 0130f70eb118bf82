#include "kimera/cep/program.hpp"

#include <stdexcept>

#include "kimera/cep/evaluate.hpp"

namespace kimera::cep {

namespace {

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(std::string("program: ") + what);
}

void check_code(const Program& p, const Code& code) {
  require(code.n_slots <= kMaxSlots, "an expression needs more than 256 slots: split it up");
  std::uint16_t written = 0;
  for (const Instruction& i : code.instructions) {
    require(i.dst == written && i.dst < code.n_slots, "slots must be written in order");
    ++written;
    const bool reads =
        i.op != Op::Const && i.op != Op::Leaf && i.op != Op::Aggregate && i.op != Op::MatchNumber;
    require(!reads || (i.a < i.dst && i.b < i.dst && i.c < i.dst), "a slot is read too early");
    const auto index = static_cast<std::size_t>(i.index);
    if (i.op == Op::Const) require(index < p.constants.size(), "no such constant");
    if (i.op == Op::Leaf) require(index < p.leaves.size(), "no such leaf");
    if (i.op == Op::Aggregate) require(index < p.aggregates.size(), "no such aggregate");
  }
}

}  // namespace

void validate(const Program& p) {
  require(p.n_columns <= 63, "more than 63 columns");
  require(!p.variables.empty() && p.variables.size() <= 64, "1 to 64 variables are needed");
  require(p.conditions.size() == p.variables.size(), "one condition per variable");
  require(p.variable_ids.size() == p.variables.size(), "one name per variable");
  const auto n_states = static_cast<std::int32_t>(p.states.size());
  require(n_states > 0 && p.start >= 0 && p.start < n_states, "there is no start state");
  for (const State& s : p.states) {
    const bool goes_on = s.step != Step::Accept && s.step != Step::Fail;
    if (goes_on) require(s.next >= 0 && s.next < n_states, "a step leaves the automaton");
    if (s.step == Step::Split)
      require(s.other >= 0 && s.other < n_states, "a step leaves the automaton");
    if (s.step == Step::Match)
      require(s.variable >= 0 && static_cast<std::size_t>(s.variable) < p.variables.size(),
              "no such variable");
  }
  for (const std::int32_t c : p.row_columns)
    require(c >= 0 && c < static_cast<std::int32_t>(p.n_columns), "no such column");
  for (const Leaf& leaf : p.leaves)
    require(leaf.column < static_cast<std::int32_t>(p.n_columns) && leaf.logical >= 0,
            "no such column");
  for (const Aggregate& a : p.aggregates)
    require(a.argument < static_cast<std::int32_t>(p.arguments.size()) &&
                (a.argument >= 0 || a.fold == Fold::CountRows),
            "no such argument");
  for (const Code& code : p.conditions) check_code(p, code);
  for (const Code& code : p.measures) check_code(p, code);
  for (const Code& code : p.arguments) check_code(p, code);
}

}  // namespace kimera::cep
