// The engine: finds the matches of one pattern in partitioned streams of rows.
//
// For each start row the automaton is run with its ways (threads) in the order of preference: the
// earlier thread wins, an accepting thread cuts those behind it, and the match is final when no
// thread before it is left (Pike's method, so the cost per row is bounded by the number of
// distinct thread states, never by the number of paths). What a condition sees of the rows matched
// so far (LAST(A.x), running sums ...) is carried in registers of the thread; two threads in the
// same state with equal registers behave alike from then on, so the later one is dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "kimera/cep/interner.hpp"
#include "kimera/cep/partition_index.hpp"
#include "kimera/cep/program.hpp"
#include "kimera/cep/registers.hpp"
#include "kimera/cep/small_vector.hpp"

namespace kimera::cep {

// Where a configured bound was hit.
class BoundReached : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Rows of several columns, as they come in. Nulls: one byte per cell or empty for none.
struct Batch {
  std::size_t n_rows = 0;
  std::vector<std::span<const std::int64_t>> columns;  // doubles by their bits
  std::vector<std::span<const std::uint8_t>> nulls;
  std::span<const std::int64_t> order;       // never decreasing within a partition
  std::span<const std::uint64_t> partition;  // equal keys, equal partition
};

// Output, one entry per output row.
struct Output {
  std::vector<std::int64_t> match_number;  // 0 for an unmatched row
  std::vector<Value> values;               // row-major: the row columns, then the measures
};

class Matcher {
 public:
  Matcher(Program program, Interner& names);
  Matcher(const Matcher&) = delete;
  Matcher& operator=(const Matcher&) = delete;

  void push(const Batch& batch, Output& out);
  // The end of every partition has come: what is pending is decided.
  void finish(Output& out);

  [[nodiscard]] std::size_t n_partitions() const noexcept { return partitions_.size(); }
  [[nodiscard]] std::int64_t n_matches() const noexcept { return n_matches_; }
  [[nodiscard]] std::size_t n_outputs() const noexcept {
    return program_.row_columns.size() + program_.measures.size();
  }
  [[nodiscard]] std::size_t buffered_rows() const noexcept;

 private:
  struct Thread {
    std::int32_t state;
    std::int32_t node;        // last step of its path, -1 for none
    std::uint32_t registers;  // offset in the partition's register store
  };
  struct Node {
    std::int32_t parent;
    std::int32_t label;  // variable * 2 + excluded
  };
  // Laid out so that a partition with few rows and one open way is a handful of adjacent lines.
  struct alignas(64) Partition {
    std::int64_t base = 0;   // absolute index of the first buffered row
    std::int64_t end = 0;    // absolute index behind the last
    std::int64_t start = 0;  // of the attempt
    std::int64_t at = 0;     // next row the attempt takes
    std::int64_t best_end = -1;
    std::int32_t best_node = -1;
    bool running = false;
    SmallVector<Thread, 2> threads;
    SmallVector<std::int64_t, 8> cells;  // row-major: columns, null mask, order
    SmallVector<Node, 6> nodes;
    std::int64_t match_number = 1;
    std::int64_t matched_to = 0;
    std::int64_t last_order = std::numeric_limits<std::int64_t>::min();
    std::uint64_t key = 0;
    SmallVector<std::int64_t, 1> registers;
  };
  // The rows-taking states that a state leads to without taking a row, preferred first; `accepts`
  // when Accept comes behind them (what would come behind Accept is cut).
  struct Closure {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    bool accepts = false;
  };
  class ConditionView;
  class MatchView;
  class RowView;

  void plan();
  void plan_closures();
  void plan_closure(std::int32_t state);
  bool follow(Partition& p, std::int32_t state, std::int32_t node, std::uint32_t registers_at,
              std::int64_t row, bool closed);
  Partition& partition_of(std::uint64_t key);
  void prefetch(std::uint64_t key) const noexcept;
  void append(Partition& p, const Batch& batch, std::size_t row);
  void advance(Partition& p, Output& out, bool closed);
  void begin(Partition& p, bool closed);
  void step(Partition& p, bool closed);
  bool close_over(Partition& p, std::int32_t state, std::int32_t node, std::uint32_t registers_at,
                  std::int64_t row, bool closed);
  bool seen(std::int32_t state, std::uint32_t registers_at);
  void take(const Partition& p, const RegisterPlan& plan, std::int64_t* registers,
            std::size_t variable, std::int64_t row);
  void decide(Partition& p, Output& out);
  void emit(Partition& p, Output& out);
  void put_row(const Partition& p, std::int64_t row, std::int64_t match_number, Output& out);
  void emit_row(const Partition& p, std::int64_t row, std::int64_t upto,
                const std::int64_t* running, Output& out);
  [[nodiscard]] std::int64_t next_start(const Partition& p) const;
  [[nodiscard]] Value distinct_fold(const Partition& p, const Aggregate& a,
                                    const std::vector<std::int32_t>& labels,
                                    std::int64_t seen) const;
  [[nodiscard]] std::int32_t label(std::int64_t k) const noexcept {
    return labels_[static_cast<std::size_t>(k)];
  }
  void trim(Partition& p);
  [[nodiscard]] std::string where(const Partition& p) const;

  [[nodiscard]] const std::int64_t* cells(const Partition& p, std::int64_t row) const noexcept {
    return p.cells.data() + static_cast<std::size_t>(row - p.base) * stride_;
  }
  [[nodiscard]] Value cell(const Partition& p, std::int64_t row,
                           std::int32_t column) const noexcept {
    const std::int64_t* c = cells(p, row);
    const bool null =
        ((static_cast<std::uint64_t>(c[program_.n_columns]) >> static_cast<unsigned>(column)) &
         1U) != 0;
    return {c[column], null};
  }
  [[nodiscard]] std::int64_t order(const Partition& p, std::int64_t row) const noexcept {
    return cells(p, row)[program_.n_columns + 1];
  }

  Program program_;
  Interner& names_;
  std::size_t stride_;
  std::int64_t lookback_ = 0;
  std::int64_t lookahead_ = 0;
  bool merges_ =
      true;  // conditions depend on registers only, so equal registers mean equal futures
  RegisterPlan conditions_;
  RegisterPlan measures_;
  PartitionIndex index_;
  std::vector<Partition> partitions_;
  std::int64_t n_matches_ = 0;

  bool anchored_ = false;          // closures depend on the place in the partition
  std::vector<Closure> closures_;  // per state
  std::vector<std::int32_t> closure_targets_;

  // Scratch of the row being taken.
  std::uint64_t turn_ = 0;
  std::vector<std::uint64_t> seen_turn_;  // per state, without registers
  std::vector<std::int64_t> scratch_;
  std::vector<Thread> next_;
  std::vector<std::int64_t> next_registers_;
  std::vector<std::int32_t> stack_;
  std::vector<std::vector<std::uint32_t>> seen_at_;  // per state: register offsets this row
  std::vector<std::int32_t> touched_;
  std::vector<std::int32_t> labels_;  // of the match being emitted
  std::vector<std::int64_t> final_registers_;
  std::vector<std::int64_t> running_registers_;
};

}  // namespace kimera::cep
