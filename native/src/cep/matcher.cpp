#include "kimera/cep/matcher.hpp"

#include <algorithm>
#include <cstring>

#include "kimera/cep/evaluate.hpp"

namespace kimera::cep {

namespace {

bool sees_only_own_row(const Leaf& leaf, std::size_t variable) {
  return ((leaf.mask >> variable) & 1U) != 0 && leaf.last && leaf.logical == 0;
}

}  // namespace

// The argument of an aggregate, at one row.
class Matcher::RowView {
 public:
  RowView(const Matcher& m, const Partition& p, std::int64_t row, std::size_t variable)
      : m_(m), p_(p), row_(row), variable_(variable) {}
  [[nodiscard]] Value leaf(const Leaf& leaf, std::int32_t) const {
    return leaf.column >= 0 ? m_.cell(p_, row_, leaf.column)
                            : of_int(m_.program_.variable_ids[variable_]);
  }
  [[nodiscard]] Value aggregate(std::size_t) const { return {}; }
  [[nodiscard]] std::int64_t match_number() const { return p_.match_number; }

 private:
  const Matcher& m_;
  const Partition& p_;
  std::int64_t row_;
  std::size_t variable_;
};

// A condition, at the moment its row is tried.
class Matcher::ConditionView {
 public:
  ConditionView(const Matcher& m, const Partition& p, std::int64_t row, std::size_t variable,
                std::int32_t parent)
      : m_(m), p_(p), row_(row), variable_(variable), parent_(parent) {}

  [[nodiscard]] Value leaf(const Leaf& leaf, std::int32_t index) const {
    std::int64_t at = row_;
    if (!sees_only_own_row(leaf, variable_))
      at = m_.scratch_[m_.conditions_.leaf_slot[static_cast<std::size_t>(index)]];
    if (at < 0) return {};
    at += leaf.physical;
    if (at < 0 || at >= p_.end) return {};
    return leaf.column >= 0 ? m_.cell(p_, at, leaf.column) : classifier(at);
  }
  [[nodiscard]] Value aggregate(std::size_t index) const {
    const Aggregate& a = m_.program_.aggregates[index];
    if (!a.distinct) return fold_result(a, &m_.scratch_[m_.conditions_.aggregate_slot[index]]);
    std::vector<std::int32_t> labels{static_cast<std::int32_t>(variable_ * 2)};
    for (std::int32_t n = parent_; n >= 0; n = p_.nodes[static_cast<std::size_t>(n)].parent)
      labels.push_back(p_.nodes[static_cast<std::size_t>(n)].label);
    std::reverse(labels.begin(), labels.end());
    return m_.distinct_fold(p_, a, labels, static_cast<std::int64_t>(labels.size()));
  }
  [[nodiscard]] std::int64_t match_number() const { return p_.match_number; }

 private:
  [[nodiscard]] Value classifier(std::int64_t at) const {
    if (at > row_ || at < p_.start) return {};
    if (at == row_) return of_int(m_.program_.variable_ids[variable_]);
    std::int32_t n = parent_;
    for (std::int64_t back = row_ - 1; back > at; --back)
      n = p_.nodes[static_cast<std::size_t>(n)].parent;
    const auto label = static_cast<std::size_t>(p_.nodes[static_cast<std::size_t>(n)].label / 2);
    return of_int(m_.program_.variable_ids[label]);
  }

  const Matcher& m_;
  const Partition& p_;
  std::int64_t row_;
  std::size_t variable_;
  std::int32_t parent_;
};

// A measure, with `upto` rows of the match seen (RUNNING) out of all (FINAL).
class Matcher::MatchView {
 public:
  MatchView(const Matcher& m, const Partition& p, std::int64_t upto, const std::int64_t* running)
      : m_(m), p_(p), upto_(upto), running_(running) {}

  [[nodiscard]] Value leaf(const Leaf& leaf, std::int32_t index) const {
    const std::int64_t* registers = leaf.final ? m_.final_registers_.data() : running_;
    std::int64_t at = registers[m_.measures_.leaf_slot[static_cast<std::size_t>(index)]];
    if (at < 0) return {};
    at += leaf.physical;
    if (at < 0 || at >= p_.end) return {};
    if (leaf.column >= 0) return m_.cell(p_, at, leaf.column);
    const std::int64_t step = at - p_.start;
    const std::int64_t seen = leaf.final ? static_cast<std::int64_t>(m_.labels_.size()) : upto_;
    if (step < 0 || step >= seen) return {};
    const auto label = static_cast<std::size_t>(m_.labels_[static_cast<std::size_t>(step)] / 2);
    return of_int(m_.program_.variable_ids[label]);
  }
  [[nodiscard]] Value aggregate(std::size_t index) const {
    const Aggregate& a = m_.program_.aggregates[index];
    const std::int64_t* registers = a.final ? m_.final_registers_.data() : running_;
    if (!a.distinct) return fold_result(a, registers + m_.measures_.aggregate_slot[index]);
    const std::int64_t seen = a.final ? static_cast<std::int64_t>(m_.labels_.size()) : upto_;
    return m_.distinct_fold(p_, a, m_.labels_, seen);
  }
  [[nodiscard]] std::int64_t match_number() const { return p_.match_number; }

 private:
  const Matcher& m_;
  const Partition& p_;
  std::int64_t upto_;
  const std::int64_t* running_;
};

Matcher::Matcher(Program program, Interner& names)
    : program_(std::move(program)), names_(names), stride_(std::size_t{program_.n_columns} + 2) {
  validate(program_);
  plan();
}

void Matcher::plan() {
  for (std::size_t v = 0; v < program_.conditions.size(); ++v) {
    const Code& code = program_.conditions[v];
    Code history;  // the part of the condition that looks beyond its own row
    for (const Instruction& i : code.instructions) {
      if (i.op == Op::Leaf) {
        const Leaf& leaf = program_.leaves[static_cast<std::size_t>(i.index)];
        if (leaf.column < 0 && (!sees_only_own_row(leaf, v) || leaf.physical != 0)) merges_ = false;
        if (!sees_only_own_row(leaf, v)) history.instructions.push_back(i);
      }
      if (i.op == Op::Aggregate) {
        if (program_.aggregates[static_cast<std::size_t>(i.index)].distinct) merges_ = false;
        history.instructions.push_back(i);
      }
    }
    conditions_.add(program_, history);
  }
  for (const Code& code : program_.measures) measures_.add(program_, code);
  for (const Leaf& leaf : program_.leaves) {
    lookback_ = std::max<std::int64_t>(lookback_, -leaf.physical);
    lookahead_ = std::max<std::int64_t>(lookahead_, leaf.physical);
  }
  for (const State& s : program_.states)
    if (s.step == Step::AtEnd) lookahead_ = std::max<std::int64_t>(lookahead_, 1);
  scratch_.resize(conditions_.n_registers);
  final_registers_.resize(measures_.n_registers);
  running_registers_.resize(measures_.n_registers);
  seen_at_.resize(program_.states.size());
  seen_turn_.resize(program_.states.size());
  plan_closures();
}

void Matcher::plan_closures() {
  for (const State& s : program_.states)
    anchored_ = anchored_ || s.step == Step::AtStart || s.step == Step::AtEnd;
  if (anchored_) return;
  closures_.resize(program_.states.size());
  plan_closure(program_.start);
  for (const State& s : program_.states)
    if (s.step == Step::Match) plan_closure(s.next);
}

void Matcher::plan_closure(std::int32_t state) {
  Closure& c = closures_[static_cast<std::size_t>(state)];
  if (c.count != 0 || c.accepts) return;
  c.first = static_cast<std::uint32_t>(closure_targets_.size());
  std::vector<bool> met(program_.states.size());
  stack_.assign(1, state);
  while (!stack_.empty() && !c.accepts) {
    const std::int32_t s = stack_.back();
    stack_.pop_back();
    if (met[static_cast<std::size_t>(s)]) continue;
    met[static_cast<std::size_t>(s)] = true;
    const State& st = program_.states[static_cast<std::size_t>(s)];
    if (st.step == Step::Match) closure_targets_.push_back(s);
    if (st.step == Step::Accept) c.accepts = true;
    if (st.step == Step::Split) {
      stack_.push_back(st.other);
      stack_.push_back(st.next);
    }
  }
  c.count = static_cast<std::uint32_t>(closure_targets_.size()) - c.first;
}

Matcher::Partition& Matcher::partition_of(std::uint64_t key) {
  std::uint32_t number = index_.find(key);
  if (number == PartitionIndex::kAbsent) {
    number = static_cast<std::uint32_t>(partitions_.size());
    index_.insert(key, number);
    partitions_.emplace_back();
    partitions_.back().key = key;
  }
  return partitions_[number];
}

void Matcher::append(Partition& p, const Batch& batch, std::size_t row) {
  if (p.end - p.base >= program_.max_rows) trim(p);
  if (p.end - p.base >= program_.max_rows)
    throw BoundReached(where(p) + ": " + std::to_string(p.end - p.base) +
                       " rows are held, the bound is max_rows = " +
                       std::to_string(program_.max_rows) + ": add WITHIN or raise it");
  if (p.last_order > batch.order[row])
    throw std::invalid_argument(where(p) + ": rows are not in the order of ORDER BY");
  std::uint64_t null_mask = 0;
  const std::size_t n_columns = batch.columns.size();
  std::int64_t* c = p.cells.extend(static_cast<std::uint32_t>(stride_));
  for (std::size_t k = 0; k < n_columns; ++k) {
    c[k] = batch.columns[k][row];
    if (!batch.nulls[k].empty() && batch.nulls[k][row] != 0) null_mask |= std::uint64_t{1} << k;
  }
  c[n_columns] = static_cast<std::int64_t>(null_mask);
  c[n_columns + 1] = batch.order[row];
  p.last_order = batch.order[row];
  ++p.end;
}

void Matcher::push(const Batch& batch, Output& out) {
  // With many partitions every row is a cache miss or two: ask for them ahead of need.
  constexpr std::size_t kFar = 24;
  constexpr std::size_t kNear = 12;
  for (std::size_t row = 0; row < batch.n_rows; ++row) {
    if (row + kFar < batch.n_rows) index_.prefetch(batch.partition[row + kFar]);
    if (row + kNear < batch.n_rows) prefetch(batch.partition[row + kNear]);
    Partition& p = partition_of(batch.partition[row]);
    append(p, batch, row);
    advance(p, out, false);
  }
}

void Matcher::prefetch(std::uint64_t key) const noexcept {
  const std::uint32_t number = index_.find(key);
  if (number == PartitionIndex::kAbsent) return;
  const char* line = reinterpret_cast<const char*>(&partitions_[number]);
  for (std::size_t k = 0; k < sizeof(Partition); k += 64) __builtin_prefetch(line + k, 1);
}

void Matcher::finish(Output& out) {
  for (Partition& p : partitions_) {
    advance(p, out, true);
    p.cells.clear();
    p.base = p.end;
  }
}

void Matcher::advance(Partition& p, Output& out, bool closed) {
  const std::int64_t limit = closed ? p.end : p.end - lookahead_;
  while (true) {
    if (!p.running) {
      if (p.start >= limit) break;
      begin(p, closed);
    }
    while (!p.threads.empty() && p.at < limit) step(p, closed);
    if (!p.threads.empty() && !closed) break;
    decide(p, out);
  }
  trim(p);
}

void Matcher::begin(Partition& p, bool closed) {
  p.running = true;
  p.at = p.start;
  p.best_end = -1;
  p.best_node = -1;
  p.nodes.clear();
  next_.clear();
  next_registers_.resize(conditions_.n_registers);
  conditions_.reset(next_registers_.data());
  ++turn_;
  static_cast<void>(follow(p, program_.start, -1, 0, p.start, closed));
  for (const std::int32_t s : touched_) seen_at_[static_cast<std::size_t>(s)].clear();
  touched_.clear();
  p.threads.assign(next_.data(), next_.size());
  if (!next_registers_.empty()) p.registers.assign(next_registers_.data(), next_registers_.size());
}

bool Matcher::seen(std::int32_t state, std::uint32_t registers_at) {
  auto& before = seen_at_[static_cast<std::size_t>(state)];
  const std::size_t bytes = conditions_.n_registers * sizeof(std::int64_t);
  for (const std::uint32_t other : before) {
    if (other == registers_at) return true;
    if (merges_ && std::memcmp(next_registers_.data() + other,
                               next_registers_.data() + registers_at, bytes) == 0)
      return true;
  }
  if (before.empty()) touched_.push_back(state);
  before.push_back(registers_at);
  return false;
}

// Adds the ways that open behind a state. True when Accept was reached: whatever comes after in
// preference is cut.
bool Matcher::follow(Partition& p, std::int32_t state, std::int32_t node,
                     std::uint32_t registers_at, std::int64_t row, bool closed) {
  if (anchored_) return close_over(p, state, node, registers_at, row, closed);
  const Closure& c = closures_[static_cast<std::size_t>(state)];
  for (std::uint32_t k = 0; k < c.count; ++k) {
    const std::int32_t target = closure_targets_[c.first + k];
    if (conditions_.n_registers == 0 && merges_) {
      if (seen_turn_[static_cast<std::size_t>(target)] == turn_) continue;
      seen_turn_[static_cast<std::size_t>(target)] = turn_;
    } else if (seen(target, registers_at)) {
      continue;
    }
    next_.push_back({target, node, registers_at});
  }
  if (!c.accepts) return false;
  p.best_end = row;
  p.best_node = node;
  return true;
}

// The same where anchors ask for the place. Follows the states that take no row, preferred first.
// True when Accept was reached: whatever comes after in preference is cut.
bool Matcher::close_over(Partition& p, std::int32_t state, std::int32_t node,
                         std::uint32_t registers_at, std::int64_t row, bool closed) {
  stack_.clear();
  stack_.push_back(state);
  while (!stack_.empty()) {
    const std::int32_t s = stack_.back();
    stack_.pop_back();
    if (seen(s, registers_at)) continue;
    const State& st = program_.states[static_cast<std::size_t>(s)];
    switch (st.step) {
      case Step::Match:
        next_.push_back({s, node, registers_at});
        break;
      case Step::Split:
        stack_.push_back(st.other);
        stack_.push_back(st.next);
        break;
      case Step::AtStart:
        if (row == 0) stack_.push_back(st.next);
        break;
      case Step::AtEnd:
        if (closed && row == p.end) stack_.push_back(st.next);
        break;
      case Step::Fail:
        break;
      case Step::Accept:
        p.best_end = row;
        p.best_node = node;
        return true;
    }
  }
  return false;
}

void Matcher::take(const Partition& p, const RegisterPlan& plan, std::int64_t* registers,
                   std::size_t variable, std::int64_t row) {
  const std::uint64_t bit = std::uint64_t{1} << variable;
  plan.take_row(registers, bit, row);
  for (const RegisterPlan::FoldSet& fold : plan.folds) {
    const Aggregate& a = program_.aggregates[fold.aggregate];
    if ((a.mask & bit) == 0) continue;
    Value v;
    if (a.argument >= 0)
      v = evaluate(program_, program_.arguments[static_cast<std::size_t>(a.argument)],
                   RowView(*this, p, row, variable), names_);
    fold_value(a, registers + fold.slot, v, names_);
  }
}

void Matcher::step(Partition& p, bool closed) {
  const std::int64_t row = p.at++;
  ++turn_;
  next_.clear();
  next_registers_.clear();
  if (program_.within > 0 && order(p, row) - order(p, p.start) >= program_.within) {
    p.threads.clear();
    return;
  }
  const std::size_t n = conditions_.n_registers;
  for (const Thread& t : p.threads) {
    const State& st = program_.states[static_cast<std::size_t>(t.state)];
    const auto variable = static_cast<std::size_t>(st.variable);
    if (n != 0) {
      std::copy_n(p.registers.data() + t.registers, n, scratch_.data());
      take(p, conditions_, scratch_.data(), variable, row);
    }
    const Code& code = program_.conditions[variable];
    if (!code.instructions.empty()) {
      const Value v =
          evaluate(program_, code, ConditionView(*this, p, row, variable, t.node), names_);
      if (v.null || v.bits == 0) continue;
    }
    const auto node = static_cast<std::int32_t>(p.nodes.size());
    p.nodes.push_back({t.node, st.variable * 2 + (st.excluded ? 1 : 0)});
    const auto registers_at = static_cast<std::uint32_t>(next_registers_.size());
    next_registers_.insert(next_registers_.end(), scratch_.begin(), scratch_.end());
    if (follow(p, st.next, node, registers_at, row + 1, closed)) break;
  }
  for (const std::int32_t s : touched_) seen_at_[static_cast<std::size_t>(s)].clear();
  touched_.clear();
  if (next_.size() > program_.max_threads)
    throw BoundReached(
        where(p) + ": " + std::to_string(next_.size()) +
        " ways to go on, the bound is max_threads = " + std::to_string(program_.max_threads));
  p.threads.assign(next_.data(), next_.size());
  if (!next_registers_.empty()) p.registers.assign(next_registers_.data(), next_registers_.size());
}

void Matcher::decide(Partition& p, Output& out) {
  p.running = false;
  p.threads.clear();
  if (p.best_end < 0) {
    if (program_.rows == Rows::AllWithUnmatched && p.start >= p.matched_to) {
      put_row(p, p.start, 0, out);
      out.values.resize(out.values.size() + program_.measures.size());
    }
    ++p.start;
    return;
  }
  labels_.clear();
  for (std::int32_t n = p.best_node; n >= 0; n = p.nodes[static_cast<std::size_t>(n)].parent)
    labels_.push_back(p.nodes[static_cast<std::size_t>(n)].label);
  std::reverse(labels_.begin(), labels_.end());
  emit(p, out);
  ++n_matches_;
  ++p.match_number;
  p.matched_to = std::max(p.matched_to, p.best_end);
  p.start = next_start(p);
}

void Matcher::emit(Partition& p, Output& out) {
  const auto length = static_cast<std::int64_t>(labels_.size());
  measures_.reset(final_registers_.data());
  for (std::int64_t k = 0; k < length; ++k)
    take(p, measures_, final_registers_.data(), static_cast<std::size_t>(label(k) / 2),
         p.start + k);
  if (program_.rows == Rows::One || length == 0) {
    if (length == 0 && program_.rows == Rows::AllOmitEmpty) return;
    emit_row(p, p.start, length, final_registers_.data(), out);
    return;
  }
  measures_.reset(running_registers_.data());
  for (std::int64_t k = 0; k < length; ++k) {
    take(p, measures_, running_registers_.data(), static_cast<std::size_t>(label(k) / 2),
         p.start + k);
    if (label(k) % 2 == 0) emit_row(p, p.start + k, k + 1, running_registers_.data(), out);
  }
}

void Matcher::put_row(const Partition& p, std::int64_t row, std::int64_t match_number,
                      Output& out) {
  out.match_number.push_back(match_number);
  for (const std::int32_t column : program_.row_columns) out.values.push_back(cell(p, row, column));
}

void Matcher::emit_row(const Partition& p, std::int64_t row, std::int64_t upto,
                       const std::int64_t* running, Output& out) {
  put_row(p, row, p.match_number, out);
  const MatchView view(*this, p, upto, running);
  for (const Code& code : program_.measures)
    out.values.push_back(evaluate(program_, code, view, names_));
}

std::int64_t Matcher::next_start(const Partition& p) const {
  if (labels_.empty() || program_.skip == SkipMode::ToNextRow) return p.start + 1;
  if (program_.skip == SkipMode::PastLastRow) return p.best_end;
  const auto named = [this](std::int32_t l) {
    return ((program_.skip_mask >> static_cast<unsigned>(l / 2)) & 1U) != 0;
  };
  std::int64_t k = 0;
  if (program_.skip == SkipMode::ToFirst) {
    k = std::find_if(labels_.begin(), labels_.end(), named) - labels_.begin();
  } else {
    k = labels_.rend() - std::find_if(labels_.rbegin(), labels_.rend(), named) - 1;
    if (k < 0) k = static_cast<std::int64_t>(labels_.size());
  }
  if (k == static_cast<std::int64_t>(labels_.size()))
    throw std::domain_error(where(p) +
                            ": AFTER MATCH SKIP names a variable with no row in the match");
  if (k == 0)
    throw std::domain_error(where(p) +
                            ": AFTER MATCH SKIP leads back to the first row of the match");
  return p.start + k;
}

Value Matcher::distinct_fold(const Partition& p, const Aggregate& a,
                             const std::vector<std::int32_t>& labels, std::int64_t seen) const {
  std::vector<std::int64_t> values;
  std::int64_t fold[kFoldRegisters] = {0, 0, 0};
  for (std::int64_t k = 0; k < seen; ++k) {
    const auto variable = static_cast<std::size_t>(labels[static_cast<std::size_t>(k)] / 2);
    if (((a.mask >> variable) & 1U) == 0) continue;
    const Value v = evaluate(program_, program_.arguments[static_cast<std::size_t>(a.argument)],
                             RowView(*this, p, p.start + k, variable), names_);
    if (v.null || std::find(values.begin(), values.end(), v.bits) != values.end()) continue;
    values.push_back(v.bits);
    fold_value(a, fold, v, names_);
  }
  return fold_result(a, fold);
}

// Forgets the rows that neither the attempt nor a PREV can reach: at once while they are few, in
// larger steps when moving them costs.
void Matcher::trim(Partition& p) {
  const std::int64_t drop = p.start - lookback_ - p.base;
  if (drop <= 0 || (p.cells.on_heap() && (drop < 32 || drop * 2 < p.end - p.base))) return;
  p.cells.drop_front(static_cast<std::uint32_t>(static_cast<std::size_t>(drop) * stride_));
  p.base += drop;
}

std::size_t Matcher::buffered_rows() const noexcept {
  std::size_t n = 0;
  for (const Partition& p : partitions_) n += static_cast<std::size_t>(p.end - p.base);
  return n;
}

std::string Matcher::where(const Partition& p) const {
  return "pattern " + program_.name + ", partition " + std::to_string(p.key);
}

}  // namespace kimera::cep
