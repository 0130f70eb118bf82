#include "kimera/market/lobster.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace kimera::market {

using model::Action;
using model::Kind;
using model::Side;
namespace flag = model::flag;

namespace {

constexpr std::int64_t kAbsentPrice = 9'999'999'999;

enum Type : std::int64_t {
  kAdd = 1,
  kReduce = 2,
  kDelete = 3,
  kExecute = 4,
  kHidden = 5,
  kCross = 6,
  kHalt = 7
};

// A signed whole number up to the next comma or the end; the comma is taken.
[[nodiscard]] bool take_integer(std::string_view& line, std::int64_t& out) noexcept {
  std::size_t n = 0;
  const bool negative = !line.empty() && line[0] == '-';
  if (negative) {
    ++n;
  }
  const std::size_t first = n;
  std::int64_t value = 0;
  while (n < line.size() && detail::is_digit(line[n]) && n - first < 18) {
    value = value * 10 + (line[n] - '0');
    ++n;
  }
  if (n == first || (n < line.size() && line[n] != ',')) {
    return false;
  }
  out = negative ? -value : value;
  line.remove_prefix(std::min(n + 1, line.size()));
  return true;
}

// Seconds to ns. The files have a few times with digits beyond the nanosecond, left by floating
// point where they were made; those digits are cut.
[[nodiscard]] bool take_seconds(std::string_view& line, std::int64_t& out) noexcept {
  std::size_t n = 0;
  std::int64_t value = 0;
  while (n < line.size() && detail::is_digit(line[n]) && n < 6) {
    value = value * 10 + (line[n] - '0');
    ++n;
  }
  if (n == 0) {
    return false;
  }
  int missing = 9;
  if (n < line.size() && line[n] == '.') {
    ++n;
    for (; n < line.size() && detail::is_digit(line[n]) && missing > 0; ++n, --missing) {
      value = value * 10 + (line[n] - '0');
    }
    while (n < line.size() && detail::is_digit(line[n])) {
      ++n;
    }
  }
  if (n >= line.size() || line[n] != ',') {
    return false;
  }
  out = value * detail::kPowerOfTen[missing];
  line.remove_prefix(n + 1);
  return true;
}

[[nodiscard]] std::size_t index(Side side) noexcept {
  return static_cast<std::size_t>(side);
}

// The next whole line of a buffer, or false.
[[nodiscard]] bool next_line(const std::string& text, std::size_t at, bool at_end,
                             std::string_view& line, std::size_t& next) noexcept {
  const std::size_t end = text.find('\n', at);
  if (end == std::string::npos) {
    if (!at_end || at >= text.size()) {
      return false;
    }
    line = std::string_view(text).substr(at);
    next = text.size();
  } else {
    line = std::string_view(text).substr(at, end - at);
    next = end + 1;
  }
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return true;
}

}  // namespace

void LobsterScan::messages(std::string_view chunk) {
  static_cast<void>(message_lines_.feed(chunk, [this](std::string_view line) {
    std::int64_t time = 0;
    std::int64_t type = 0;
    std::int64_t field = 0;
    std::int64_t price = 0;
    if (take_seconds(line, time) && take_integer(line, type) && take_integer(line, field) &&
        take_integer(line, field) && take_integer(line, price) && type != kHalt) {
      unit_ = std::gcd(unit_, price);
    }
  }));
}

void LobsterScan::rows(std::string_view chunk) {
  static_cast<void>(row_lines_.feed(chunk, [this](std::string_view line) {
    std::int64_t price = 0;
    std::int64_t size = 0;
    while (!line.empty() && take_integer(line, price) && take_integer(line, size)) {
      if (price != kAbsentPrice && price != -kAbsentPrice) {
        unit_ = std::gcd(unit_, price);
      }
    }
  }));
}

LobsterDecoder::LobsterDecoder(std::int64_t midnight_ns, std::size_t n_levels,
                               std::int64_t price_unit)
    : midnight_ns_(midnight_ns), n_levels_(n_levels), price_unit_(price_unit) {}

void LobsterDecoder::feed(std::string_view messages, std::string_view rows) {
  messages_.append(messages);
  rows_.append(rows);
  drain(false);
}

void LobsterDecoder::finish() {
  drain(true);
  if (n_waiting_messages() > 0) {
    anomalies_.add(Anomaly::Truncated, n_messages_ + 1, "an order book row for each message",
                   "the end of the order book file");
  }
  if (n_waiting_rows() > 0) {
    anomalies_.add(Anomaly::Truncated, n_messages_ + 1, "a message for each order book row",
                   "the end of the message file");
  }
}

void LobsterDecoder::drain(bool at_end) {
  std::string_view message;
  std::string_view row;
  std::size_t next_message = 0;
  std::size_t next_row = 0;
  while (next_line(messages_, message_at_, at_end, message, next_message) &&
         (n_levels_ == 0 || next_line(rows_, row_at_, at_end, row, next_row))) {
    pair(message, row);
    message_at_ = next_message;
    row_at_ = next_row;
  }
  messages_.erase(0, std::exchange(message_at_, 0));
  rows_.erase(0, std::exchange(row_at_, 0));
  if (messages_.size() > LineCutter::kMaxLineBytes || rows_.size() > LineCutter::kMaxLineBytes) {
    anomalies_.add(Anomaly::TooLong, n_messages_ + 1, "a line of at most 64 MiB", "a longer one");
    messages_.clear();
    rows_.clear();
  }
}

bool LobsterDecoder::read_message(std::string_view line, Message& out) {
  const std::string_view whole = line;
  std::int64_t ns = 0;
  if (!take_seconds(line, ns) || !take_integer(line, out.type) ||
      !take_integer(line, out.order_id) || !take_integer(line, out.size) ||
      !take_integer(line, out.price) || !take_integer(line, out.direction)) {
    anomalies_.add(Anomaly::Malformed, n_messages_, "time,type,order id,size,price,direction",
                   whole);
    return false;
  }
  out.ts_ns = midnight_ns_ + ns;
  return true;
}

bool LobsterDecoder::read_row(std::string_view line) {
  const std::string_view whole = line;
  row_[0].levels.clear();
  row_[1].levels.clear();
  for (std::size_t i = 0; i < 2 * n_levels_; ++i) {
    std::int64_t price = 0;
    std::int64_t size = 0;
    if (!take_integer(line, price) || !take_integer(line, size)) {
      anomalies_.add(Anomaly::Malformed, n_messages_,
                     std::to_string(4 * n_levels_) + " whole numbers", whole);
      return false;
    }
    if (price == kAbsentPrice || price == -kAbsentPrice) {
      continue;
    }
    if (size <= 0 || price % price_unit_ != 0) {
      anomalies_.add(size <= 0 ? Anomaly::NegativeSize : Anomaly::BadNumber, n_messages_,
                     "a size above 0 and a price on the tick", whole);
      return false;
    }
    // Ask first in the file; index 0 is the bid here.
    row_[i % 2 == 0 ? 1 : 0].levels.push_back({price / price_unit_, size});
  }
  if (!line.empty()) {
    anomalies_.add(Anomaly::Malformed, n_messages_,
                   std::to_string(4 * n_levels_) + " whole numbers", whole);
    return false;
  }
  return true;
}

bool LobsterDecoder::to_record(const Message& m, Record& out) {
  out = blank_record();
  out.ts_event_ns = m.ts_ns;
  out.ts_recv_ns = m.ts_ns;
  out.flags = flag::kBadRecvTime;
  out.sequence = n_messages_;
  out.instrument_id = 1;
  out.venue_id = 1;
  if (m.type == kHalt) {
    out.kind = Kind::Status;
    // The price says which: -1 halted, 0 quoting again, 1 trading again.
    const auto status = m.price == -1  ? model::Status::Halted
                        : m.price == 0 ? model::Status::PreOpen
                                       : model::Status::Trading;
    out.action = static_cast<std::uint8_t>(status);
    return true;
  }
  if (m.size <= 0 || m.price <= 0 || m.price % price_unit_ != 0 ||
      (m.direction != 1 && m.direction != -1)) {
    anomalies_.add(m.size <= 0 ? Anomaly::NegativeSize : Anomaly::BadNumber, n_messages_,
                   "size and price above 0, direction 1 or -1",
                   "size " + std::to_string(m.size) + ", price " + std::to_string(m.price) +
                       ", direction " + std::to_string(m.direction));
    return false;
  }
  out.kind = Kind::Delta;
  out.order_id = static_cast<std::uint64_t>(m.order_id);
  out.price_ticks = m.price / price_unit_;
  out.size_lots = m.size;
  out.side = m.direction == 1 ? Side::Bid : Side::Ask;
  switch (m.type) {
    case kAdd:
      out.action = static_cast<std::uint8_t>(Action::Add);
      return true;
    case kReduce:
    case kDelete:
      out.action = static_cast<std::uint8_t>(Action::Cancel);
      return true;
    case kExecute:
      out.action = static_cast<std::uint8_t>(Action::Execute);
      return true;
    case kHidden:
      out.action = static_cast<std::uint8_t>(Action::Trade);
      out.side = opposite(out.side);  // of the taker
      out.order_id = 0;
      out.flags |= flag::kHidden;
      return true;
    case kCross:
      out.action = static_cast<std::uint8_t>(Action::Trade);
      out.side = Side::None;
      out.order_id = 0;
      return true;
    default:
      anomalies_.add(Anomaly::UnknownMessage, n_messages_, "a type from 1 to 7",
                     std::to_string(m.type));
      return false;
  }
}

void LobsterDecoder::pair(std::string_view message_line, std::string_view row_line) {
  ++n_messages_;
  Message message{};
  Record record{};
  const bool good_row = n_levels_ == 0 || read_row(row_line);
  if (!read_message(message_line, message) || !to_record(message, record)) {
    return;
  }
  ++by_type_[static_cast<std::size_t>(message.type)];
  if (n_levels_ > 0) {
    if (n_messages_ == 1 && good_row) {
      open_book(message, record);
    }
    out_.push_back(record);
    apply(message, record);
    for (const Side side : {Side::Ask, Side::Bid}) {
      keep_depth(side, record);
      if (good_row) {
        reveal(side, record);
      }
    }
    if (n_messages_ > 1) {
      if (good_row && row_equals()) {
        ++n_exact_;
      } else if (good_row) {
        mismatch("a row the messages lead to", difference());
      }
    }
  } else {
    out_.push_back(record);
  }
  out_.back().flags |= flag::kLast;
}

// Row 1 is the book after message 1: the opening snapshot is that row with the message undone, so
// that the first message is a record like every other.
void LobsterDecoder::open_book(const Message& m, const Record& base) {
  book_[0] = row_[0];
  book_[1] = row_[1];
  if (base.kind == Kind::Delta && base.delta_action() != Action::Trade) {
    const std::int64_t undone = m.type == kAdd ? -m.size : m.size;
    change(book_[index(base.side)], base.side, base.price_ticks, undone);
  }
  Record clear = base;
  clear.kind = Kind::Delta;
  clear.action = static_cast<std::uint8_t>(Action::Clear);
  clear.side = Side::None;
  clear.order_id = 0;
  clear.price_ticks = model::kNoPrice;
  clear.size_lots = 0;
  clear.flags = flag::kBadRecvTime | flag::kSnapshot;
  out_.push_back(clear);
  for (const Side side : {Side::Ask, Side::Bid}) {
    for (const LobsterSide::Level level : book_[index(side)].levels) {
      push_level(base, side, level, flag::kSnapshot);
    }
  }
}

void LobsterDecoder::push_level(const Record& base, Side side, LobsterSide::Level level,
                                std::uint8_t flags) {
  Record record = base;
  record.kind = Kind::Delta;
  record.action = static_cast<std::uint8_t>(Action::Level);
  record.side = side;
  record.order_id = 0;
  record.price_ticks = level.price;
  record.size_lots = level.size;
  record.flags = static_cast<std::uint8_t>(flag::kBadRecvTime | flags);
  out_.push_back(record);
}

void LobsterDecoder::change(LobsterSide& side, Side which, std::int64_t price, std::int64_t size) {
  auto& levels = side.levels;
  const auto at = std::find_if(levels.begin(), levels.end(), [&](const LobsterSide::Level& l) {
    return which == Side::Bid ? l.price <= price : l.price >= price;
  });
  const bool there = at != levels.end() && at->price == price;
  const std::int64_t total = (there ? at->size : 0) + size;
  if (total < 0 || (!there && size < 0)) {
    mismatch("a level of at least " + std::to_string(-size),
             there ? std::to_string(at->size) : "no such level");
  } else if (total == 0) {
    levels.erase(at);
  } else if (there) {
    at->size = total;
  } else {
    levels.insert(at, {price, size});
  }
}

void LobsterDecoder::apply(const Message& m, const Record& base) {
  if (base.kind != Kind::Delta || base.delta_action() == Action::Trade) {
    return;
  }
  change(book_[index(base.side)], base.side, base.price_ticks, m.type == kAdd ? m.size : -m.size);
}

void LobsterDecoder::mismatch(std::string_view expected, std::string_view found) {
  if (stop_at_mismatch_) {
    anomalies_.add(Anomaly::RowMismatch, n_messages_, expected, found);
  } else {
    anomalies_.count(Anomaly::RowMismatch);
  }
}

void LobsterDecoder::keep_depth(Side side, const Record& base) {
  auto& levels = book_[index(side)].levels;
  while (levels.size() > n_levels_) {
    push_level(base, side, {levels.back().price, 0}, flag::kRevealed);
    levels.pop_back();
    ++n_below_depth_;
  }
}

void LobsterDecoder::reveal(Side side, const Record& base) {
  auto& levels = book_[index(side)].levels;
  const auto& shown = row_[index(side)].levels;
  while (levels.size() < shown.size()) {
    const LobsterSide::Level next = shown[levels.size()];
    const bool worse = levels.empty() || (side == Side::Bid ? next.price < levels.back().price
                                                            : next.price > levels.back().price);
    if (!worse) {
      return;  // the row contradicts the levels above it, which is a mismatch
    }
    levels.push_back(next);
    push_level(base, side, next, flag::kRevealed | flag::kSnapshot);
    ++n_revealed_;
  }
}

bool LobsterDecoder::row_equals() const noexcept {
  for (std::size_t s = 0; s < 2; ++s) {
    const auto& ours = book_[s].levels;
    const auto& shown = row_[s].levels;
    if (!std::equal(ours.begin(), ours.end(), shown.begin(), shown.end(),
                    [](const LobsterSide::Level& a, const LobsterSide::Level& b) {
                      return a.price == b.price && a.size == b.size;
                    })) {
      return false;
    }
  }
  return true;
}

std::string LobsterDecoder::difference() const {
  for (const Side side : {Side::Ask, Side::Bid}) {
    const auto& ours = book_[index(side)].levels;
    const auto& shown = row_[index(side)].levels;
    const char* name = side == Side::Bid ? "bid" : "ask";
    for (std::size_t i = 0; i < std::max(ours.size(), shown.size()); ++i) {
      const auto text = [i](const std::vector<LobsterSide::Level>& levels) {
        return i < levels.size()
                   ? std::to_string(levels[i].size) + " at " + std::to_string(levels[i].price)
                   : std::string("nothing");
      };
      if (text(ours) != text(shown)) {
        return std::string(name) + " level " + std::to_string(i + 1) + ": " + text(shown) +
               " not " + text(ours);
      }
    }
  }
  return "nothing";
}

}  // namespace kimera::market
