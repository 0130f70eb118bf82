// LOBSTER: a message file and the order book after each message, row by row.
//
// Every message is one record. The order book file is looked at for one thing only: a level that
// the previous state and the message cannot determine. That is so when a side shows fewer than n
// levels after the message (one emptied): the levels it still has are determined, those behind
// them are revealed from below the tape's depth and enter as Level records with kRevealed and
// kSnapshot. A level pushed out below depth n by a better one leaves the book by a Level record of
// size 0 with kRevealed, from our own state. The state is built from records alone, so a row that
// says otherwise about a determined level is a mismatch, and is never taken over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kimera/market/codec.hpp"

namespace kimera::market {

// The best n levels of one side.
struct LobsterSide {
  struct Level {
    std::int64_t price;
    std::int64_t size;
  };
  std::vector<Level> levels;  // best first
};

// First pass over either file: the greatest unit that divides every price.
class LobsterScan {
 public:
  void messages(std::string_view chunk);
  void rows(std::string_view chunk);
  [[nodiscard]] std::int64_t price_unit() const noexcept { return unit_ == 0 ? 1 : unit_; }

 private:
  LineCutter message_lines_, row_lines_;
  std::int64_t unit_ = 0;
};

class LobsterDecoder {
 public:
  // `midnight_ns`: what the file counts seconds from. `n_levels` 0 reads messages alone.
  // `price_unit`: one tick in 1e-4 of the currency.
  LobsterDecoder(std::int64_t midnight_ns, std::size_t n_levels, std::int64_t price_unit);

  // Rows that contradict the records are counted but do not stop a strict reader: for a caller
  // that compares the rows itself.
  void only_count_mismatches() noexcept { stop_at_mismatch_ = false; }

  // The next bytes of either file; rows are decoded as far as both reach.
  void feed(std::string_view messages, std::string_view rows);
  // No more bytes come: what is left over in one file is an anomaly.
  void finish();

  [[nodiscard]] std::size_t n_waiting_messages() const noexcept {
    return messages_.size() - message_at_;
  }
  [[nodiscard]] std::size_t n_waiting_rows() const noexcept { return rows_.size() - row_at_; }
  [[nodiscard]] std::vector<Record> take() noexcept { return std::exchange(out_, {}); }
  [[nodiscard]] const AnomalyLog& anomalies() const noexcept { return anomalies_; }
  [[nodiscard]] std::uint64_t n_messages() const noexcept { return n_messages_; }
  // Rows after the first whose every level our state has.
  [[nodiscard]] std::uint64_t n_exact() const noexcept { return n_exact_; }
  [[nodiscard]] std::uint64_t n_revealed() const noexcept { return n_revealed_; }
  [[nodiscard]] std::uint64_t n_below_depth() const noexcept { return n_below_depth_; }
  [[nodiscard]] std::uint64_t n_of_type(std::size_t type) const noexcept {
    return type < 8 ? by_type_[type] : 0;
  }

 private:
  struct Message {
    std::int64_t ts_ns;
    std::int64_t type, order_id, size, price, direction;
  };
  void drain(bool at_end);
  void pair(std::string_view message_line, std::string_view row_line);
  [[nodiscard]] bool read_message(std::string_view line, Message& out);
  [[nodiscard]] bool read_row(std::string_view line);
  [[nodiscard]] bool to_record(const Message& message, Record& out);
  void open_book(const Message& message, const Record& base);
  void apply(const Message& message, const Record& base);
  void keep_depth(model::Side side, const Record& base);
  void reveal(model::Side side, const Record& base);
  [[nodiscard]] bool row_equals() const noexcept;
  [[nodiscard]] std::string difference() const;
  void push_level(const Record& base, model::Side side, LobsterSide::Level level,
                  std::uint8_t flags);
  void change(LobsterSide& side, model::Side which, std::int64_t price, std::int64_t size);
  void mismatch(std::string_view expected, std::string_view found);

  std::int64_t midnight_ns_;
  std::size_t n_levels_;
  std::int64_t price_unit_;
  bool stop_at_mismatch_ = true;
  std::string messages_, rows_;
  std::size_t message_at_ = 0, row_at_ = 0;
  LobsterSide book_[2];
  LobsterSide row_[2];
  std::vector<Record> out_;
  AnomalyLog anomalies_;
  std::uint64_t n_messages_ = 0, n_exact_ = 0, n_revealed_ = 0, n_below_depth_ = 0;
  std::uint64_t by_type_[8] = {};
};

}  // namespace kimera::market
