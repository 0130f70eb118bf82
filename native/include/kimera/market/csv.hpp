// Delimited text of trades, quotes or levels, by a mapping of columns to what they mean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kimera/market/codec.hpp"

namespace kimera::market {

enum class CsvRole : std::uint8_t {
  Ignore,
  EventTime,
  RecvTime,
  Symbol,
  Venue,
  Sequence,
  OrderId,
  Side,
  Price,
  Size,
  BidPrice,
  BidSize,
  AskPrice,
  AskSize,
  Detail,  // hexadecimal bits
  kCount,
};

enum class CsvKind : std::uint8_t {
  Trades,
  Quotes,          // both sides in a row; an empty field is a side that is not there
  OneSidedQuotes,  // a row tells one side, the other is 0
  Levels,          // price, size and side of one level; size 0 takes it away
};

enum class TimeUnit : std::uint8_t { Nanoseconds, Microseconds, Milliseconds, Seconds, Iso8601 };

struct CsvLayout {
  std::vector<CsvRole> columns;
  CsvKind kind = CsvKind::Trades;
  char delimiter = ',';
  bool has_header = false;
  TimeUnit time_unit = TimeUnit::Nanoseconds;
  std::int64_t time_base_ns = 0;  // what the times count from
};

// ISO 8601 date and time, with or without an offset (UTC without), to ns since the epoch.
[[nodiscard]] bool parse_iso8601(std::string_view text, std::int64_t& out_ns) noexcept;

// What a first pass finds out.
struct CsvFound {
  std::string symbol;
  int price_decimals = 0;
  int size_decimals = 0;
};

class CsvDecoder {
 public:
  // Without instruments it is a first pass: symbols, venues and finest decimals are collected and
  // no record is made.
  CsvDecoder(CsvLayout layout, std::vector<InstrumentUnits> instruments,
             std::vector<std::string> venues);

  void feed(std::string_view chunk);
  void finish();

  [[nodiscard]] std::vector<Record> take() noexcept { return std::exchange(out_, {}); }
  [[nodiscard]] const AnomalyLog& anomalies() const noexcept { return anomalies_; }
  [[nodiscard]] const std::vector<CsvFound>& found() const noexcept { return found_; }
  [[nodiscard]] const std::vector<std::string>& venues() const noexcept { return venues_; }
  [[nodiscard]] std::uint64_t n_rows() const noexcept { return n_rows_; }

 private:
  static constexpr std::size_t kMaxNames = 65'534;
  using Fields = std::string_view[static_cast<std::size_t>(CsvRole::kCount)];

  void line(std::string_view text);
  [[nodiscard]] bool split(std::string_view text, Fields& fields);
  void scan(const Fields& fields);
  void decode(const Fields& fields);
  void price_row(const Fields& fields, const Record& base, const InstrumentUnits& units);
  void quote_row(const Fields& fields, const Record& base, const InstrumentUnits& units);
  [[nodiscard]] bool times(const Fields& fields, Record& base);
  [[nodiscard]] bool time(std::string_view text, std::int64_t& out);
  [[nodiscard]] bool side_of(std::string_view text, model::Side& out);
  [[nodiscard]] bool number(std::string_view text, DecimalUnit unit, std::int64_t& out);
  [[nodiscard]] std::size_t instrument(std::string_view symbol);
  [[nodiscard]] std::size_t venue(std::string_view name);
  [[nodiscard]] bool has(CsvRole role) const noexcept {
    return present_[static_cast<std::size_t>(role)];
  }
  [[nodiscard]] static std::string_view at(const Fields& fields, CsvRole role) noexcept {
    return fields[static_cast<std::size_t>(role)];
  }

  CsvLayout layout_;
  bool scanning_;
  bool present_[static_cast<std::size_t>(CsvRole::kCount)] = {};
  std::vector<InstrumentUnits> instruments_;
  std::vector<std::string> venues_;
  std::vector<CsvFound> found_;
  std::unordered_map<std::string, std::size_t> instrument_index_, venue_index_;
  std::size_t last_instrument_ = 0;
  std::size_t last_venue_ = 0;
  LineCutter lines_;
  std::vector<Record> out_;
  AnomalyLog anomalies_;
  std::uint64_t row_ = 0;  // line of the file, from 1
  std::uint64_t n_rows_ = 0;
};

}  // namespace kimera::market
