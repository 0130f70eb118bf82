// What every codec of recorded files shares: where records go, how anomalies are told, and how
// lines are cut from chunks of bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kimera/market/decimal.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

using model::Record;

enum class Anomaly : std::uint8_t {
  Malformed,           // a row or message that does not parse
  BadNumber,           // a field that is no number, off the tick, or out of range
  NegativeSize,        // a size below what the message allows
  UnknownMessage,      // a type nobody documented
  UnknownSymbol,       // not in the instrument table
  SequenceGap,         // messages are missing
  Truncated,           // the input ends inside a row or message
  TooLong,             // a line beyond the bound
  RowMismatch,         // a row that contradicts the messages
  EventTimeBackwards,  // counted only: venues stamp out of order
  PendingDropped,      // counted only: changes that no snapshot came for
  kCount,
};

[[nodiscard]] constexpr const char* name_of(Anomaly anomaly) noexcept {
  constexpr const char* kNames[] = {
      "malformed",      "bad_number",           "negative_size",  "unknown_message",
      "unknown_symbol", "sequence_gap",         "truncated",      "too_long",
      "row_mismatch",   "event_time_backwards", "pending_dropped"};
  static_assert(sizeof(kNames) / sizeof(kNames[0]) == static_cast<std::size_t>(Anomaly::kCount));
  return kNames[static_cast<std::size_t>(anomaly)];
}

// Counts of every anomaly, and all about the first one that stops a strict reader.
class AnomalyLog {
 public:
  struct First {
    Anomaly anomaly = Anomaly::Malformed;
    std::uint64_t where = 0;  // row or byte offset, as the codec says
    std::string expected;
    std::string found;
  };

  void count(Anomaly anomaly, std::uint64_t n_times = 1) noexcept {
    counts_[static_cast<std::size_t>(anomaly)] += n_times;
  }
  void add(Anomaly anomaly, std::uint64_t where, std::string_view expected,
           std::string_view found) {
    count(anomaly);
    if (!stopped_) {
      stopped_ = true;
      first_ = {anomaly, where, std::string(expected), printable(found)};
    }
  }
  [[nodiscard]] std::uint64_t count_of(Anomaly anomaly) const noexcept {
    return counts_[static_cast<std::size_t>(anomaly)];
  }
  [[nodiscard]] const First* first() const noexcept { return stopped_ ? &first_ : nullptr; }

 private:
  // What is shown of the input: 60 bytes at most, control and non-ASCII bytes as '?'.
  [[nodiscard]] static std::string printable(std::string_view text) {
    std::string out(text.substr(0, 60));
    for (char& c : out) {
      if (c < ' ' || c > '~') {
        c = '?';
      }
    }
    if (text.size() > 60) {
      out += "...";
    }
    return out.empty() ? "nothing" : out;
  }

  std::array<std::uint64_t, static_cast<std::size_t>(Anomaly::kCount)> counts_{};
  First first_;
  bool stopped_ = false;
};

// How a text codec turns the decimals of one instrument into ticks and lots; filled by a scan
// when nobody gave them.
struct InstrumentUnits {
  std::string symbol;
  DecimalUnit tick;
  DecimalUnit lot;
};

// Cuts lines out of chunks; what is left of the last line waits for the next chunk.
class LineCutter {
 public:
  static constexpr std::size_t kMaxLineBytes = std::size_t{1} << 26U;

  // Calls on_line(text) for every line that ends in this chunk, without its "\n" or "\r\n".
  // False when a line is longer than the bound: what was held of it is given up.
  template <class OnLine>
  [[nodiscard]] bool feed(std::string_view chunk, OnLine&& on_line) {
    bool in_bounds = true;
    while (!chunk.empty()) {
      const void* at = std::memchr(chunk.data(), '\n', chunk.size());
      if (at == nullptr) {
        break;
      }
      const auto length = static_cast<std::size_t>(static_cast<const char*>(at) - chunk.data());
      std::string_view line = chunk.substr(0, length);
      chunk.remove_prefix(length + 1);
      if (skipping_) {
        skipping_ = false;
      } else if (!held_.empty()) {
        held_.append(line);
        on_line(without_return(held_));
        held_.clear();
      } else {
        on_line(without_return(line));
      }
    }
    if (!skipping_ && !chunk.empty()) {
      if (held_.size() + chunk.size() > kMaxLineBytes) {
        held_.clear();
        skipping_ = true;
        in_bounds = false;
      } else {
        held_.append(chunk);
      }
    }
    return in_bounds;
  }

  // The last line when it has no line end; empty when there is none.
  [[nodiscard]] std::string take_rest() { return std::exchange(held_, {}); }

 private:
  [[nodiscard]] static std::string_view without_return(std::string_view line) noexcept {
    return !line.empty() && line.back() == '\r' ? line.substr(0, line.size() - 1) : line;
  }

  std::string held_;
  bool skipping_ = false;
};

// Whether a symbol or venue read from a file may enter a table: 1 to 64 bytes of printable UTF-8.
[[nodiscard]] inline bool is_name(std::string_view text) noexcept {
  constexpr std::size_t kMaxNameBytes = 64;
  if (text.empty() || text.size() > kMaxNameBytes) {
    return false;
  }
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    if (first < 0x20 || first == 0x7F || (first >= 0x80 && first < 0xC2) || first > 0xF4 ||
        text.size() - i <= more) {
      return false;
    }
    for (std::size_t k = 1; k <= more; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0U) != 0x80) {
        return false;
      }
    }
    if (more >= 2) {  // overlong forms, surrogates, and what lies beyond Unicode
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
          (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
        return false;
      }
    }
    i += more + 1;
  }
  return true;
}

[[nodiscard]] inline Record blank_record() noexcept {
  Record record{};
  record.ts_event_ns = model::kNoTime;
  record.ts_recv_ns = model::kNoTime;
  record.price_ticks = model::kNoPrice;
  record.side = model::Side::None;
  return record;
}

}  // namespace kimera::market
