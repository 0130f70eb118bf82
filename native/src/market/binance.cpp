#include "kimera/market/binance.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace kimera::market {

using model::Action;
using model::Kind;
using model::Side;
namespace flag = model::flag;

namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

[[nodiscard]] bool whole(JsonCursor& json, std::uint64_t& out) noexcept {
  std::string_view text;
  return json.literal(text) && parse_whole(text, out);
}

[[nodiscard]] BinanceKind kind_of_stream(std::string_view stream, std::string_view& symbol) {
  const std::size_t at = stream.find('@');
  if (at == std::string_view::npos) {
    return stream.starts_with('!') ? BinanceKind::Other : BinanceKind::Unknown;
  }
  symbol = stream.substr(0, at);
  const std::string_view kind = stream.substr(at + 1);
  if (kind.starts_with("depth")) {
    // depth5, depth10 and depth20 are partial books, not changes.
    const bool changes = kind.size() == 5 || kind[5] == '@';
    return changes ? BinanceKind::Depth : BinanceKind::Other;
  }
  if (kind == "bookTicker") {
    return BinanceKind::BookTicker;
  }
  if (kind == "trade") {
    return BinanceKind::Trade;
  }
  if (kind == "aggTrade") {
    return BinanceKind::AggTrade;
  }
  for (const std::string_view known : {"markPrice", "kline", "miniTicker", "ticker", "forceOrder",
                                       "avgPrice", "indexPrice", "continuousKline"}) {
    if (kind.starts_with(known)) {
      return BinanceKind::Other;
    }
  }
  return BinanceKind::Unknown;
}

template <class OnLevel>
[[nodiscard]] bool read_levels(JsonCursor& json, Side side, OnLevel&& on_level) {
  return json.array([&] {
    std::string_view price;
    std::string_view size;
    return json.take('[') && json.string(price) && json.take(',') && json.string(size) &&
           json.take(']') && on_level(side, price, size);
  });
}

// The body of one stream message. A key means different things by kind: b is the changed bids of
// a depth change, the best bid of a book ticker, the buyer's order of a trade.
template <class OnLevel>
[[nodiscard]] bool read_data(JsonCursor& json, BinanceMessage& m, OnLevel&& on_level) {
  const bool depth = m.kind == BinanceKind::Depth;
  const bool ticker = m.kind == BinanceKind::BookTicker;
  const bool trade = m.kind == BinanceKind::Trade || m.kind == BinanceKind::AggTrade;
  return json.object([&](std::string_view key) {
    if (key.size() == 1) {
      switch (key[0]) {
        case 'E':
          return whole(json, m.event_ms);
        case 'T':
          return whole(json, m.transaction_ms);
        case 's':
          return json.string(m.symbol);
        case 'u':
          m.has_last = true;
          return whole(json, m.last_id);
        case 'U':
          m.has_first = true;
          return whole(json, m.first_id);
        case 'b':
          return depth    ? read_levels(json, Side::Bid, on_level)
                 : ticker ? json.string(m.bid_price)
                          : json.skip_value();
        case 'a':
          if (depth) {
            return read_levels(json, Side::Ask, on_level);
          }
          if (ticker) {
            return json.string(m.ask_price);
          }
          if (m.kind == BinanceKind::AggTrade) {
            m.has_last = true;
            return whole(json, m.last_id);
          }
          return json.skip_value();
        case 'B':
          return ticker ? json.string(m.bid_size) : json.skip_value();
        case 'A':
          return ticker ? json.string(m.ask_size) : json.skip_value();
        case 'p':
          return trade ? json.string(m.price) : json.skip_value();
        case 'q':
          return trade ? json.string(m.size) : json.skip_value();
        case 't':
          if (m.kind != BinanceKind::Trade) {
            return json.skip_value();
          }
          m.has_last = true;
          return whole(json, m.last_id);
        case 'm': {
          std::string_view text;
          m.has_maker = true;
          const bool read = json.literal(text);
          m.buyer_is_maker = text == "true";
          return read && (m.buyer_is_maker || text == "false");
        }
        default:
          return json.skip_value();
      }
    }
    if (key == "pu") {
      m.has_previous = true;
      return whole(json, m.previous_id);
    }
    return key == "ps" ? json.string(m.pair) : json.skip_value();
  });
}

template <class OnLevel>
[[nodiscard]] bool read_message(JsonCursor& json, BinanceMessage& m, OnLevel&& on_level) {
  bool named = false;
  std::string_view early;  // the data, when they stand before the stream's name
  const bool read = json.object([&](std::string_view key) {
    if (key == "stream") {
      std::string_view stream;
      named = json.string(stream);
      m.kind = named ? kind_of_stream(stream, m.symbol) : BinanceKind::Unknown;
      return named;
    }
    if (key == "data") {
      return named ? read_data(json, m, on_level) : json.raw_value(early);
    }
    if (key == "lastUpdateId") {
      m.kind = BinanceKind::Snapshot;
      m.has_last = true;
      return whole(json, m.last_id);
    }
    if (!named && key == "bids") {
      return read_levels(json, Side::Bid, on_level);
    }
    if (!named && key == "asks") {
      return read_levels(json, Side::Ask, on_level);
    }
    if (!named && key == "E") {
      return whole(json, m.event_ms);
    }
    if (!named && key == "T") {
      return whole(json, m.transaction_ms);
    }
    if (!named && key == "symbol") {
      return json.string(m.symbol);
    }
    return key == "pair" ? json.string(m.pair) : json.skip_value();
  });
  if (!read || !json.at_end()) {
    return false;
  }
  if (!early.empty() && m.kind != BinanceKind::Unknown) {
    JsonCursor again(early);
    return read_data(again, m, on_level);
  }
  return true;
}

// Whether everything its kind needs was there.
[[nodiscard]] bool complete(const BinanceMessage& m, BinanceMarket market) noexcept {
  switch (m.kind) {
    case BinanceKind::Depth:
      return m.has_last && m.has_first && (market == BinanceMarket::Spot || m.has_previous);
    case BinanceKind::BookTicker:
      return m.has_last && !m.bid_price.empty() && !m.bid_size.empty() && !m.ask_price.empty() &&
             !m.ask_size.empty();
    case BinanceKind::Trade:
    case BinanceKind::AggTrade:
      return m.has_last && !m.price.empty() && !m.size.empty() && m.has_maker;
    case BinanceKind::Snapshot:
      return m.has_last;
    default:
      return true;
  }
}

[[nodiscard]] std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return out;
}

[[nodiscard]] std::int64_t event_ns(const BinanceMessage& m) noexcept {
  const std::uint64_t ms = m.transaction_ms != 0 ? m.transaction_ms : m.event_ms;
  constexpr std::uint64_t kMaxMs = 9'000'000'000'000;  // year 2255; more is no time
  return ms == 0 || ms > kMaxMs ? model::kNoTime : static_cast<std::int64_t>(ms) * kNsPerMs;
}

}  // namespace

bool take_receive_time(std::string_view& line, std::int64_t& ts_recv_ns) noexcept {
  std::size_t n = 0;
  std::uint64_t value = 0;  // 19 digits fit
  while (n < line.size() && n < 19 && detail::is_digit(line[n])) {
    value = value * 10 + static_cast<std::uint64_t>(line[n] - '0');
    ++n;
  }
  int power = n == 19 ? 0 : n == 16 ? 3 : n == 13 ? 6 : n == 10 ? 9 : -1;
  if (power < 0) {
    return false;
  }
  if (n < line.size() && line[n] == '.') {
    ++n;
    for (; n < line.size() && detail::is_digit(line[n]); ++n) {
      if (power > 0) {
        value = value * 10 + static_cast<std::uint64_t>(line[n] - '0');
        --power;
      }
    }
  }
  // Digits and zeros are 19 together: below 2^64, though maybe not below 2^63.
  value *= static_cast<std::uint64_t>(detail::kPowerOfTen[power]);
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return false;
  }
  if (n < line.size() && line[n] == ':') {
    ++n;
  }
  if (n >= line.size() || line[n] != ' ') {
    return false;
  }
  ts_recv_ns = static_cast<std::int64_t>(value);
  line.remove_prefix(n + 1);
  return true;
}

void BinanceScan::feed(std::string_view chunk) {
  // A line beyond the bound is told by the decoder, which reads the same bytes.
  static_cast<void>(lines_.feed(chunk, [this](std::string_view text) { line(text); }));
}

void BinanceScan::finish() {
  const std::string rest = lines_.take_rest();
  if (!rest.empty()) {
    line(rest);
  }
}

void BinanceScan::line(std::string_view text) {
  ++n_lines_;
  std::int64_t ignored = 0;
  if (take_receive_time(text, ignored)) {
    payload(text, {});
  }
}

void BinanceScan::payload(std::string_view text, std::string_view symbol) {
  JsonCursor json(text);
  BinanceMessage m;
  int price_decimals = 0;
  int size_decimals = 0;
  const auto finest = [](std::string_view number, int& decimals) {
    Decimal value;
    if (parse_decimal(number, value) == DecimalError::None) {
      decimals = std::max(decimals, std::min(decimals_needed(value), 18));
    }
    return true;
  };
  const bool read = read_message(json, m, [&](Side, std::string_view price, std::string_view size) {
    return finest(price, price_decimals) && finest(size, size_decimals);
  });
  if (!read || m.kind == BinanceKind::Unknown) {
    return;
  }
  ++n_understood_;
  if (!m.pair.empty()) {
    market_ = BinanceMarket::CoinMargined;
  } else if (market_ == BinanceMarket::Spot &&
             (m.has_previous || (m.kind == BinanceKind::BookTicker && m.transaction_ms != 0))) {
    market_ = BinanceMarket::UsdMargined;
  }
  if (m.kind == BinanceKind::Other) {
    return;
  }
  for (const std::string_view number : {m.bid_price, m.ask_price, m.price}) {
    if (!number.empty()) {
      static_cast<void>(finest(number, price_decimals));
    }
  }
  for (const std::string_view number : {m.bid_size, m.ask_size, m.size}) {
    if (!number.empty()) {
      static_cast<void>(finest(number, size_decimals));
    }
  }
  Found* found = find(!m.symbol.empty() ? m.symbol : symbol);
  if (found == nullptr) {
    return;
  }
  found->price_decimals = std::max(found->price_decimals, price_decimals);
  found->size_decimals = std::max(found->size_decimals, size_decimals);
  found->n_depth += m.kind == BinanceKind::Depth ? 1 : 0;
  found->n_trades += m.kind == BinanceKind::Trade ? 1 : 0;
  if (found->pair.empty() && is_name(m.pair)) {
    found->pair = m.pair;
  }
}

BinanceScan::Found* BinanceScan::find(std::string_view symbol) {
  // A snapshot that names no symbol is the first instrument's, or the first instrument.
  if (symbol.empty()) {
    return found_.empty() ? nullptr : found_.data();
  }
  if (!found_.empty() && found_.front().symbol == symbol) {
    return found_.data();
  }
  std::string key = upper(symbol);
  const auto at = index_.find(key);
  if (at != index_.end()) {
    return &found_[at->second];
  }
  if (found_.size() == kMaxSymbols || !is_name(symbol)) {
    return nullptr;
  }
  index_.emplace(key, found_.size());
  found_.emplace_back();
  found_.back().symbol = std::move(key);
  return &found_.back();
}

BinanceDecoder::BinanceDecoder(std::vector<InstrumentUnits> instruments, BinanceMarket market,
                               std::size_t max_pending_records)
    : market_(market), max_pending_records_(max_pending_records) {
  states_.resize(instruments.size());
  for (std::size_t i = 0; i < instruments.size(); ++i) {
    states_[i].units = std::move(instruments[i]);
    index_.emplace(states_[i].units.symbol, i);
  }
}

void BinanceDecoder::feed(std::string_view chunk) {
  if (!lines_.feed(chunk, [this](std::string_view text) { line(text); })) {
    anomalies_.add(Anomaly::TooLong, row_ + 1, "a line of at most 64 MiB", "a longer one");
  }
}

void BinanceDecoder::finish() {
  const std::string rest = lines_.take_rest();
  if (!rest.empty()) {
    line(rest);
  }
  for (const State& state : states_) {
    n_before_snapshot_ += state.pending.size();
  }
}

void BinanceDecoder::line(std::string_view text) {
  ++row_;
  std::int64_t ts_recv_ns = 0;
  std::string_view json = text;
  if (!take_receive_time(json, ts_recv_ns)) {
    anomalies_.add(Anomaly::Malformed, row_, "a receive time and JSON", text);
    return;
  }
  --row_;
  message(ts_recv_ns, json, {});
}

void BinanceDecoder::message(std::int64_t ts_recv_ns, std::string_view text,
                             std::string_view symbol) {
  ++row_;
  JsonCursor json(text);
  BinanceMessage m;
  m.symbol = symbol;
  const std::size_t first = out_.size();
  DecimalError bad = DecimalError::None;
  std::string_view bad_text;
  std::size_t unit_of = last_found_;
  bool located = false;
  const bool read =
      read_message(json, m, [&](Side side, std::string_view price, std::string_view size) {
        if (!located) {
          // The symbol stands before the levels in every documented message; a snapshot without one
          // takes the hint. It is checked again when the message is whole.
          unit_of = find(m.symbol);
          located = true;
        }
        if (unit_of == states_.size()) {
          return true;
        }
        const InstrumentUnits& units = states_[unit_of].units;
        Record record = blank_record();
        DecimalError error = parse_units(price, units.tick, record.price_ticks);
        const std::string_view wrong = error != DecimalError::None ? price : size;
        if (error == DecimalError::None) {
          error = parse_units(size, units.lot, record.size_lots);
        }
        if (error != DecimalError::None && bad == DecimalError::None) {
          bad = error;
          bad_text = wrong;
        }
        record.side = side;
        out_.push_back(record);
        return true;
      });
  if (!read) {
    out_.resize(first);
    anomalies_.add(Anomaly::Malformed, row_, "whole JSON of a documented stream",
                   text.substr(json.offset()));
    return;
  }
  ++kinds_[static_cast<std::size_t>(m.kind)];
  if (m.kind == BinanceKind::Unknown) {
    out_.resize(first);
    anomalies_.add(Anomaly::UnknownMessage, row_, "a documented stream or a snapshot", text);
    return;
  }
  if (m.kind == BinanceKind::Other) {
    return;
  }
  const std::size_t index = find(m.symbol);
  if (index == states_.size() || (located && index != unit_of)) {
    out_.resize(first);
    anomalies_.add(Anomaly::UnknownSymbol, row_, "a symbol of the instrument table", m.symbol);
    return;
  }
  if (bad != DecimalError::None) {
    out_.resize(first);
    anomalies_.add(Anomaly::BadNumber, row_, describe(bad), bad_text);
    return;
  }
  if (!complete(m, market_)) {
    out_.resize(first);
    anomalies_.add(Anomaly::Malformed, row_, "all fields of its stream", text);
    return;
  }
  emit(m, index, ts_recv_ns, first);
}

void BinanceDecoder::emit(const BinanceMessage& m, std::size_t index, std::int64_t ts_recv_ns,
                          std::size_t first) {
  Record base = blank_record();
  base.ts_event_ns = event_ns(m);
  base.ts_recv_ns = ts_recv_ns;
  base.sequence = m.last_id;
  base.instrument_id = static_cast<std::uint32_t>(index + 1);
  base.venue_id = 1;
  State& state = states_[index];
  if (m.kind == BinanceKind::BookTicker) {
    return quote(m, state, base);
  }
  if (m.kind == BinanceKind::Trade || m.kind == BinanceKind::AggTrade) {
    return trade(m, state, base);
  }
  base.kind = Kind::Delta;
  base.action = static_cast<std::uint8_t>(Action::Level);
  for (std::size_t i = first; i < out_.size(); ++i) {
    const Record level = out_[i];
    if (level.size_lots < 0 || level.price_ticks <= 0) {
      out_.resize(first);
      anomalies_.add(Anomaly::NegativeSize, row_, "a price above 0 and a size from 0 on",
                     level.size_lots < 0 ? "a negative size" : "a price of 0 or below");
      return;
    }
    out_[i] = base;
    out_[i].side = level.side;
    out_[i].price_ticks = level.price_ticks;
    out_[i].size_lots = level.size_lots;
  }
  if (m.kind == BinanceKind::Depth) {
    depth(m, state, ts_recv_ns, first);
  } else {
    snapshot(m, state, ts_recv_ns, first);
  }
}

bool BinanceDecoder::too_old(const State& state, const Pending& change) const noexcept {
  return market_ == BinanceMarket::Spot ? change.last_id <= state.last_id
                                        : change.last_id < state.last_id;
}

bool BinanceDecoder::follows(const State& state, const Pending& change) const noexcept {
  if (market_ == BinanceMarket::Spot) {
    return state.fresh ? change.first_id <= state.last_id + 1
                       : change.first_id == state.last_id + 1;
  }
  return state.fresh ? change.first_id <= state.last_id : change.previous_id == state.last_id;
}

void BinanceDecoder::depth(const BinanceMessage& m, State& state, std::int64_t ts_recv_ns,
                           std::size_t first) {
  if (!state.synced) {
    return hold(m, state, first);
  }
  const Pending change{m.first_id, m.last_id, m.previous_id, out_.size() - first};
  if (state.fresh && too_old(state, change)) {
    out_.resize(first);
    return;
  }
  if (!follows(state, change)) {
    anomalies_.add(Anomaly::SequenceGap, row_,
                   "a change that follows update id " + std::to_string(state.last_id),
                   "one from " + std::to_string(m.first_id));
    state.synced = false;
    const std::size_t n_records = out_.size();
    if (n_records == first) {
      mark_stale(state, event_ns(m), ts_recv_ns);
      return hold(m, state, out_.size());
    }
    out_[first].flags |= flag::kGapBefore;
    close_message(first);
    // Held a second time for the snapshot to come, given once so that the book knows it is stale.
    for (std::size_t i = first; i < n_records; ++i) {
      const Record copy = out_[i];
      out_.push_back(copy);
    }
    return hold(m, state, n_records);
  }
  n_joined_ += state.fresh ? 1 : 0;
  state.fresh = false;
  state.last_id = m.last_id;
  close_message(first);
}

void BinanceDecoder::hold(const BinanceMessage& m, State& state, std::size_t first) {
  const std::size_t n_records = out_.size() - first;
  std::size_t n_old = 0;
  std::size_t n_old_records = 0;
  while (n_old < state.pending.size() &&
         state.held.size() - n_old_records + n_records > max_pending_records_) {
    n_old_records += state.pending[n_old++].n_records;
  }
  if (n_old > 0) {
    anomalies_.count(Anomaly::PendingDropped, n_old);
    using Difference = std::ptrdiff_t;
    state.pending.erase(state.pending.begin(),
                        state.pending.begin() + static_cast<Difference>(n_old));
    state.held.erase(state.held.begin(),
                     state.held.begin() + static_cast<Difference>(n_old_records));
  }
  state.pending.push_back({m.first_id, m.last_id, m.previous_id, n_records});
  state.held.insert(state.held.end(), out_.begin() + static_cast<std::ptrdiff_t>(first),
                    out_.end());
  out_.resize(first);
}

void BinanceDecoder::snapshot(const BinanceMessage& m, State& state, std::int64_t ts_recv_ns,
                              std::size_t first) {
  if (state.synced) {
    out_.resize(first);  // the changes already tell all that this snapshot knows
    return;
  }
  Record clear = blank_record();
  clear.ts_event_ns = event_ns(m);
  clear.ts_recv_ns = ts_recv_ns;
  clear.sequence = m.last_id;
  clear.instrument_id = instrument_id(state);
  clear.venue_id = 1;
  clear.kind = Kind::Delta;
  clear.action = static_cast<std::uint8_t>(Action::Clear);
  out_.insert(out_.begin() + static_cast<std::ptrdiff_t>(first), clear);
  for (std::size_t i = first; i < out_.size(); ++i) {
    out_[i].flags |= flag::kSnapshot;
  }
  close_message(first);
  state.synced = true;
  state.fresh = true;
  state.last_id = m.last_id;
  release(state, ts_recv_ns);
}

// Gives the held changes that are newer than the snapshot, at the snapshot's receive time: only
// now could they be used.
void BinanceDecoder::release(State& state, std::int64_t ts_recv_ns) {
  std::vector<Pending> pending = std::exchange(state.pending, {});
  std::vector<Record> held = std::exchange(state.held, {});
  std::size_t at = 0;
  for (std::size_t i = 0; i < pending.size(); ++i) {
    const Pending& change = pending[i];
    const std::size_t end = at + change.n_records;
    if (state.synced && state.fresh && too_old(state, change)) {
      at = end;
      continue;
    }
    if (!state.synced || !follows(state, change)) {
      if (state.synced) {
        anomalies_.add(Anomaly::SequenceGap, row_,
                       "a held change that joins update id " + std::to_string(state.last_id),
                       "one from " + std::to_string(change.first_id));
        state.synced = false;
      }
      state.pending.push_back(change);
      state.held.insert(state.held.end(), held.begin() + static_cast<std::ptrdiff_t>(at),
                        held.begin() + static_cast<std::ptrdiff_t>(end));
      at = end;
      continue;
    }
    n_joined_ += state.fresh ? 1 : 0;
    state.fresh = false;
    state.last_id = change.last_id;
    const std::size_t first = out_.size();
    for (; at < end; ++at) {
      held[at].ts_recv_ns = ts_recv_ns;
      held[at].flags &= static_cast<std::uint8_t>(~flag::kGapBefore);
      out_.push_back(held[at]);
    }
    close_message(first);
  }
  if (!state.synced) {
    // The snapshot is too old for the changes that are held: the book it gave is not current.
    mark_stale(state, model::kNoTime, ts_recv_ns);
  }
}

void BinanceDecoder::mark_stale(const State& state, std::int64_t ts_event_ns,
                                std::int64_t ts_recv_ns) {
  Record stale = blank_record();
  stale.ts_event_ns = ts_event_ns;
  stale.ts_recv_ns = ts_recv_ns;
  stale.instrument_id = instrument_id(state);
  stale.venue_id = 1;
  stale.kind = Kind::Delta;
  // Takes away a level that cannot be there: says that something is missing, changes nothing.
  stale.action = static_cast<std::uint8_t>(Action::Level);
  stale.side = Side::Bid;
  stale.price_ticks = 0;
  stale.flags = flag::kGapBefore | flag::kLast;
  out_.push_back(stale);
}

void BinanceDecoder::quote(const BinanceMessage& m, State& state, const Record& base) {
  Record bid = base;
  bid.kind = Kind::Quote;
  bid.action = static_cast<std::uint8_t>(Action::Level);
  bid.side = Side::Bid;
  Record ask = bid;
  ask.side = Side::Ask;
  ask.flags = flag::kLast;
  const InstrumentUnits& units = state.units;
  if (!number(m.bid_price, units.tick, bid.price_ticks) ||
      !number(m.bid_size, units.lot, bid.size_lots) ||
      !number(m.ask_price, units.tick, ask.price_ticks) ||
      !number(m.ask_size, units.lot, ask.size_lots)) {
    return;
  }
  out_.push_back(bid);
  out_.push_back(ask);
}

void BinanceDecoder::trade(const BinanceMessage& m, State& state, const Record& base) {
  if (m.kind == BinanceKind::AggTrade && !aggregate_trades_) {
    return;
  }
  Record record = base;
  record.kind = Kind::Delta;
  record.action = static_cast<std::uint8_t>(Action::Trade);
  record.side = m.buyer_is_maker ? Side::Ask : Side::Bid;  // of the taker
  record.flags = flag::kLast;
  if (number(m.price, state.units.tick, record.price_ticks) &&
      number(m.size, state.units.lot, record.size_lots)) {
    out_.push_back(record);
  }
}

bool BinanceDecoder::number(std::string_view text, DecimalUnit unit, std::int64_t& out) {
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

std::size_t BinanceDecoder::find(std::string_view symbol) {
  if (symbol.empty()) {
    return states_.size() == 1 ? 0 : states_.size();
  }
  if (last_found_ < states_.size() && states_[last_found_].units.symbol == symbol) {
    return last_found_;
  }
  const auto at = index_.find(upper(symbol));
  if (at == index_.end()) {
    return states_.size();
  }
  last_found_ = at->second;
  return last_found_;
}

void BinanceDecoder::close_message(std::size_t first) noexcept {
  if (out_.size() > first) {
    out_.back().flags |= flag::kLast;
  }
}

}  // namespace kimera::market
