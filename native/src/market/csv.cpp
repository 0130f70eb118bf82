#include "kimera/market/csv.hpp"

#include <algorithm>

namespace kimera::market {

using model::Action;
using model::Kind;
using model::Side;
namespace flag = model::flag;

namespace {

// Two to four digits at `at`, nothing else between; false when there are none.
[[nodiscard]] bool digits(std::string_view text, std::size_t at, std::size_t n, int& out) noexcept {
  if (at + n > text.size()) {
    return false;
  }
  out = 0;
  for (std::size_t i = at; i < at + n; ++i) {
    if (!detail::is_digit(text[i])) {
      return false;
    }
    out = out * 10 + (text[i] - '0');
  }
  return true;
}

// Days since 1970-01-01 of a date of the Gregorian calendar; March is the first month of the year
// that is counted, so that the leap day is its last.
[[nodiscard]] std::int64_t days_since_epoch(int year, int month, int day) noexcept {
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t m = month <= 2 ? month + 9 : month - 3;
  const std::int64_t day_of_year = (153 * m + 2) / 5 + day - 1;
  return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719'468;
}

[[nodiscard]] int decimals_of(TimeUnit unit) noexcept {
  switch (unit) {
    case TimeUnit::Seconds:
      return 9;
    case TimeUnit::Milliseconds:
      return 6;
    case TimeUnit::Microseconds:
      return 3;
    default:
      return 0;
  }
}

}  // namespace

bool parse_iso8601(std::string_view text, std::int64_t& out_ns) noexcept {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  if (!digits(text, 0, 4, year) || !digits(text, 5, 2, month) || !digits(text, 8, 2, day) ||
      !digits(text, 11, 2, hour) || !digits(text, 14, 2, minute) || !digits(text, 17, 2, second) ||
      text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != ' ') || text[13] != ':' ||
      text[16] != ':' || year < 1900 || year > 2200 || month < 1 || month > 12 || day < 1 ||
      day > 31 || hour > 23 || minute > 59 || second > 60) {
    return false;
  }
  std::size_t at = 19;
  std::int64_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    int missing = 9;
    for (++at; at < text.size() && detail::is_digit(text[at]); ++at) {
      if (missing > 0) {
        fraction = fraction * 10 + (text[at] - '0');
        --missing;
      }
    }
    fraction *= detail::kPowerOfTen[missing];
  }
  std::int64_t offset = 0;
  if (at < text.size() && text[at] == 'Z') {
    ++at;
  } else if (at < text.size() && (text[at] == '+' || text[at] == '-')) {
    int hours = 0;
    int minutes = 0;
    const std::size_t colon = text.size() == at + 6 && text[at + 3] == ':' ? 1 : 0;
    if (!digits(text, at + 1, 2, hours) || !digits(text, at + 3 + colon, 2, minutes)) {
      return false;
    }
    offset = (hours * 60 + minutes) * (text[at] == '-' ? -60 : 60);
    at += 5 + colon;
  }
  if (at != text.size()) {
    return false;
  }
  const std::int64_t seconds =
      days_since_epoch(year, month, day) * 86'400 + hour * 3'600 + minute * 60 + second - offset;
  out_ns = seconds * 1'000'000'000 + fraction;
  return true;
}

CsvDecoder::CsvDecoder(CsvLayout layout, std::vector<InstrumentUnits> instruments,
                       std::vector<std::string> venues)
    : layout_(std::move(layout)),
      scanning_(instruments.empty()),
      instruments_(std::move(instruments)),
      venues_(std::move(venues)) {
  for (const CsvRole role : layout_.columns) {
    present_[static_cast<std::size_t>(role)] = true;
  }
  for (std::size_t i = 0; i < instruments_.size(); ++i) {
    instrument_index_.emplace(instruments_[i].symbol, i);
  }
  for (std::size_t i = 0; i < venues_.size(); ++i) {
    venue_index_.emplace(venues_[i], i);
  }
}

void CsvDecoder::feed(std::string_view chunk) {
  if (!lines_.feed(chunk, [this](std::string_view text) { line(text); })) {
    anomalies_.add(Anomaly::TooLong, row_ + 1, "a line of at most 64 MiB", "a longer one");
  }
}

void CsvDecoder::finish() {
  const std::string rest = lines_.take_rest();
  if (!rest.empty()) {
    line(rest);
  }
}

void CsvDecoder::line(std::string_view text) {
  ++row_;
  if ((row_ == 1 && layout_.has_header) || text.empty()) {
    return;
  }
  Fields fields;
  if (!split(text, fields)) {
    anomalies_.add(Anomaly::Malformed, row_, std::to_string(layout_.columns.size()) + " fields",
                   text);
    return;
  }
  ++n_rows_;
  if (scanning_) {
    scan(fields);
  } else {
    decode(fields);
  }
}

bool CsvDecoder::split(std::string_view text, Fields& fields) {
  const std::size_t n_columns = layout_.columns.size();
  for (std::size_t i = 0; i < n_columns; ++i) {
    const std::size_t end = text.find(layout_.delimiter);
    if ((end == std::string_view::npos) != (i + 1 == n_columns)) {
      return false;
    }
    std::string_view field = text.substr(0, end);
    if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
      field = field.substr(1, field.size() - 2);
    }
    fields[static_cast<std::size_t>(layout_.columns[i])] = field;
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return true;
}

void CsvDecoder::scan(const Fields& fields) {
  const std::size_t index = has(CsvRole::Symbol) ? instrument(at(fields, CsvRole::Symbol)) : 0;
  if (!has(CsvRole::Symbol) && found_.empty()) {
    found_.emplace_back();
  }
  if (has(CsvRole::Venue)) {
    static_cast<void>(venue(at(fields, CsvRole::Venue)));
  }
  if (index >= found_.size()) {
    return;
  }
  const auto finest = [&](CsvRole role, int& decimals) {
    Decimal value;
    if (has(role) && parse_decimal(at(fields, role), value) == DecimalError::None) {
      decimals = std::max(decimals, std::min(decimals_needed(value), 18));
    }
  };
  CsvFound& found = found_[index];
  for (const CsvRole role : {CsvRole::Price, CsvRole::BidPrice, CsvRole::AskPrice}) {
    finest(role, found.price_decimals);
  }
  for (const CsvRole role : {CsvRole::Size, CsvRole::BidSize, CsvRole::AskSize}) {
    finest(role, found.size_decimals);
  }
}

void CsvDecoder::decode(const Fields& fields) {
  Record base = blank_record();
  if (!times(fields, base)) {
    return;
  }
  const std::size_t index = has(CsvRole::Symbol) ? instrument(at(fields, CsvRole::Symbol)) : 0;
  if (index >= instruments_.size()) {
    anomalies_.add(Anomaly::UnknownSymbol, row_, "a symbol of the instrument table",
                   at(fields, CsvRole::Symbol));
    return;
  }
  base.instrument_id = static_cast<std::uint32_t>(index + 1);
  base.venue_id = 1;
  if (has(CsvRole::Venue)) {
    const std::size_t where = venue(at(fields, CsvRole::Venue));
    if (where >= venues_.size()) {
      anomalies_.add(Anomaly::UnknownSymbol, row_, "a venue of the venue table",
                     at(fields, CsvRole::Venue));
      return;
    }
    base.venue_id = static_cast<std::uint16_t>(where + 1);
  }
  if ((has(CsvRole::Sequence) && !parse_whole(at(fields, CsvRole::Sequence), base.sequence)) ||
      (has(CsvRole::OrderId) && !parse_whole(at(fields, CsvRole::OrderId), base.order_id))) {
    anomalies_.add(Anomaly::BadNumber, row_, "a whole number as sequence or order id",
                   at(fields, has(CsvRole::Sequence) ? CsvRole::Sequence : CsvRole::OrderId));
    return;
  }
  if (has(CsvRole::Detail)) {
    std::uint32_t bits = 0;
    for (const char c : at(fields, CsvRole::Detail)) {
      const char low = static_cast<char>(c | 0x20);
      const bool letter = low >= 'a' && low <= 'f';
      if ((!detail::is_digit(c) && !letter) || (bits >> 28U) != 0) {
        anomalies_.add(Anomaly::BadNumber, row_, "up to 32 bits in hexadecimal",
                       at(fields, CsvRole::Detail));
        return;
      }
      bits = (bits << 4U) | static_cast<std::uint32_t>(letter ? low - 'a' + 10 : c - '0');
    }
    base.detail = bits;
  }
  const InstrumentUnits& units = instruments_[index];
  if (layout_.kind == CsvKind::Trades || layout_.kind == CsvKind::Levels) {
    price_row(fields, base, units);
  } else {
    quote_row(fields, base, units);
  }
}

bool CsvDecoder::times(const Fields& fields, Record& base) {
  const bool event = has(CsvRole::EventTime);
  const bool recv = has(CsvRole::RecvTime);
  if ((event && !time(at(fields, CsvRole::EventTime), base.ts_event_ns)) ||
      (recv && !time(at(fields, CsvRole::RecvTime), base.ts_recv_ns))) {
    return false;
  }
  if (!recv) {
    base.ts_recv_ns = base.ts_event_ns;
    base.flags |= flag::kBadRecvTime;
  } else if (!event) {
    base.ts_event_ns = base.ts_recv_ns;
  }
  return true;
}

bool CsvDecoder::time(std::string_view text, std::int64_t& out) {
  std::int64_t value = 0;
  bool good = false;
  if (layout_.time_unit == TimeUnit::Iso8601) {
    good = parse_iso8601(text, value);
  } else {
    const auto decimals = static_cast<std::uint8_t>(decimals_of(layout_.time_unit));
    good = parse_units(text, {decimals, 1}, value) == DecimalError::None;
  }
  if (!good || __builtin_add_overflow(value, layout_.time_base_ns, &out)) {
    anomalies_.add(Anomaly::BadNumber, row_, "a time", text);
    return false;
  }
  return true;
}

void CsvDecoder::price_row(const Fields& fields, const Record& base, const InstrumentUnits& units) {
  Record record = base;
  const bool trades = layout_.kind == CsvKind::Trades;
  record.kind = Kind::Delta;
  record.action = static_cast<std::uint8_t>(trades ? Action::Trade : Action::Level);
  record.flags |= flag::kLast;
  if (!number(at(fields, CsvRole::Price), units.tick, record.price_ticks) ||
      !number(at(fields, CsvRole::Size), units.lot, record.size_lots) ||
      (has(CsvRole::Side) && !side_of(at(fields, CsvRole::Side), record.side))) {
    return;
  }
  if (!trades && record.side == Side::None) {
    anomalies_.add(Anomaly::Malformed, row_, "a side of the level", at(fields, CsvRole::Side));
    return;
  }
  out_.push_back(record);
}

void CsvDecoder::quote_row(const Fields& fields, const Record& base, const InstrumentUnits& units) {
  const bool one_sided = layout_.kind == CsvKind::OneSidedQuotes;
  Record sides[2] = {base, base};
  bool shown[2] = {true, true};
  constexpr CsvRole kPrices[2] = {CsvRole::BidPrice, CsvRole::AskPrice};
  constexpr CsvRole kSizes[2] = {CsvRole::BidSize, CsvRole::AskSize};
  for (std::size_t s = 0; s < 2; ++s) {
    Record& record = sides[s];
    record.kind = Kind::Quote;
    record.action = static_cast<std::uint8_t>(Action::Level);
    record.side = s == 0 ? Side::Bid : Side::Ask;
    const std::string_view price = at(fields, kPrices[s]);
    if (price.empty()) {
      continue;  // a side that is not there: no price, size 0
    }
    std::int64_t ticks = 0;
    if (!number(price, units.tick, ticks) ||
        (has(kSizes[s]) && !number(at(fields, kSizes[s]), units.lot, record.size_lots))) {
      return;
    }
    shown[s] = !(one_sided && ticks == 0 && record.size_lots == 0);
    record.price_ticks = ticks;
  }
  const std::size_t last = shown[1] ? 1 : 0;
  sides[last].flags |= flag::kLast;
  for (std::size_t s = 0; s < 2; ++s) {
    if (shown[s]) {
      out_.push_back(sides[s]);
    }
  }
}

bool CsvDecoder::side_of(std::string_view text, Side& out) {
  constexpr std::string_view kBids[] = {"buy", "b", "bid", "1", "Buy", "BUY", "B", "BID"};
  constexpr std::string_view kAsks[] = {"sell", "s",    "ask", "-1", "a",
                                        "Sell", "SELL", "S",   "A",  "ASK"};
  constexpr std::string_view kNone[] = {"", "unknown", "none", "0", "N"};
  const auto among = [&](const auto& words) {
    return std::find(std::begin(words), std::end(words), text) != std::end(words);
  };
  if (among(kBids)) {
    out = Side::Bid;
  } else if (among(kAsks)) {
    out = Side::Ask;
  } else if (among(kNone)) {
    out = Side::None;
  } else {
    anomalies_.add(Anomaly::Malformed, row_, "buy, sell or unknown", text);
    return false;
  }
  return true;
}

bool CsvDecoder::number(std::string_view text, DecimalUnit unit, std::int64_t& out) {
  const DecimalError error = parse_units(text, unit, out);
  if (error != DecimalError::None) {
    anomalies_.add(Anomaly::BadNumber, row_, describe(error), text);
    return false;
  }
  if (out < 0) {
    anomalies_.add(Anomaly::NegativeSize, row_, "a number from 0 on", text);
    return false;
  }
  return true;
}

std::size_t CsvDecoder::instrument(std::string_view symbol) {
  if (last_instrument_ < instruments_.size() && instruments_[last_instrument_].symbol == symbol) {
    return last_instrument_;
  }
  const std::string key(symbol);
  const auto known = instrument_index_.find(key);
  if (known != instrument_index_.end()) {
    last_instrument_ = known->second;
    return known->second;
  }
  if (!scanning_ || found_.size() == kMaxNames || !is_name(symbol)) {
    return kMaxNames;
  }
  instrument_index_.emplace(key, found_.size());
  found_.push_back({key, 0, 0});
  return found_.size() - 1;
}

std::size_t CsvDecoder::venue(std::string_view name) {
  if (last_venue_ < venues_.size() && venues_[last_venue_] == name) {
    return last_venue_;
  }
  const std::string key(name);
  const auto known = venue_index_.find(key);
  if (known != venue_index_.end()) {
    last_venue_ = known->second;
    return known->second;
  }
  if (!scanning_ || venues_.size() == kMaxNames || !is_name(name)) {
    return kMaxNames;
  }
  venue_index_.emplace(key, venues_.size());
  venues_.push_back(key);
  return venues_.size() - 1;
}

}  // namespace kimera::market
