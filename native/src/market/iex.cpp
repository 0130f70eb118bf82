#include "kimera/market/iex.hpp"

#include <algorithm>
#include <cstring>

namespace kimera::market {

using model::Action;
using model::Kind;
using model::Side;
namespace flag = model::flag;

namespace {

constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;
constexpr std::size_t kMaxPacket = 1U << 18U;
constexpr std::size_t kTransportHeader = 40;
constexpr std::size_t kMaxSymbols = 65'535;
constexpr std::uint16_t kTops = 0x8003;
constexpr std::uint16_t kDeep = 0x8004;

template <class T>
[[nodiscard]] T load(std::string_view bytes, std::size_t at) noexcept {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

[[nodiscard]] std::uint16_t network16(std::string_view bytes, std::size_t at) noexcept {
  return __builtin_bswap16(load<std::uint16_t>(bytes, at));
}

[[nodiscard]] std::string_view trimmed(std::string_view name) noexcept {
  while (!name.empty() && (name.back() == ' ' || name.back() == '\0')) {
    name.remove_suffix(1);
  }
  return name;
}

// Length of each message type; 0 for a type not documented.
[[nodiscard]] std::size_t length_of(char type) noexcept {
  switch (type) {
    case 'S':
      return 10;  // system event
    case 'D':
      return 31;  // security directory
    case 'H':
      return 22;  // trading status
    case 'O':
      return 18;  // operational halt
    case 'P':
      return 19;  // short sale price test
    case 'E':
      return 18;  // security event
    case '8':
      return 30;  // price level update, buy
    case '5':
      return 30;  // price level update, sell
    case 'Q':
      return 42;  // quote update
    case 'T':
      return 38;  // trade report
    case 'B':
      return 38;  // trade break
    case 'X':
      return 26;  // official price
    case 'A':
      return 80;  // auction information
    default:
      return 0;
  }
}

// UDP payload of an Ethernet frame that carries one; empty for every other frame.
[[nodiscard]] std::string_view udp_payload(std::string_view frame) noexcept {
  constexpr std::size_t kEthernet = 14;
  if (frame.size() < kEthernet) {
    return {};
  }
  std::size_t at = kEthernet;
  std::uint16_t type = network16(frame, 12);
  if (type == 0x8100 && frame.size() >= at + 4) {  // a VLAN tag
    type = network16(frame, 16);
    at += 4;
  }
  if (type != 0x0800 || frame.size() < at + 20) {
    return {};
  }
  const auto version = static_cast<unsigned char>(frame[at]);
  const std::size_t ip_header = std::size_t{version & 0x0FU} * 4;
  constexpr char kUdp = 17;
  if ((version >> 4U) != 4 || ip_header < 20 || frame.size() < at + ip_header + 8 ||
      frame[at + 9] != kUdp) {
    return {};
  }
  const std::size_t udp = at + ip_header;
  const std::size_t length = network16(frame, udp + 4);
  if (length < 8 || frame.size() < udp + length) {
    return {};
  }
  return frame.substr(udp + 8, length - 8);
}

}  // namespace

IexDecoder::IexDecoder(IexPass pass, std::vector<Symbol> symbols)
    : pass_(pass), symbols_(std::move(symbols)) {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    index_.emplace(symbols_[i].name, i);
  }
}

void IexDecoder::bad(Anomaly anomaly, const char* expected, std::string_view found) {
  anomalies_.add(anomaly, offset_, expected, found);
}

bool IexDecoder::read_file_header(std::string_view bytes) {
  const auto magic = load<std::uint32_t>(bytes, 0);
  constexpr std::uint32_t kMicroseconds = 0xA1B2C3D4;
  constexpr std::uint32_t kNanoseconds = 0xA1B23C4D;
  swapped_ = magic == __builtin_bswap32(kMicroseconds) || magic == __builtin_bswap32(kNanoseconds);
  const std::uint32_t native = swapped_ ? __builtin_bswap32(magic) : magic;
  nanoseconds_ = native == kNanoseconds;
  auto link = load<std::uint32_t>(bytes, 20);
  link = swapped_ ? __builtin_bswap32(link) : link;
  if (native != kMicroseconds && native != kNanoseconds) {
    bad(Anomaly::Malformed, "a classic pcap", "another magic number");
    return false;
  }
  if (link != 1) {
    bad(Anomaly::Malformed, "a pcap of Ethernet frames", "link type " + std::to_string(link));
    return false;
  }
  return true;
}

void IexDecoder::feed(std::string_view chunk) {
  if (failed_) {
    return;
  }
  held_.append(chunk);
  std::size_t at = 0;
  const std::string_view all = held_;
  if (!header_read_) {
    if (all.size() < kFileHeader) {
      return;
    }
    if (!read_file_header(all)) {
      failed_ = true;
      held_.clear();
      return;
    }
    header_read_ = true;
    at = kFileHeader;
    offset_ += kFileHeader;
  }
  const auto word = [&](std::size_t position) {
    const auto value = load<std::uint32_t>(all, position);
    return swapped_ ? __builtin_bswap32(value) : value;
  };
  while (all.size() - at >= kPacketHeader) {
    const std::size_t length = word(at + 8);
    if (length > kMaxPacket) {
      bad(Anomaly::Malformed, "a packet of at most 256 KiB", std::to_string(length) + " bytes");
      failed_ = true;  // a length that is wrong leaves no way to the next packet
      held_.clear();
      return;
    }
    if (all.size() - at - kPacketHeader < length) {
      break;
    }
    const std::int64_t seconds = word(at);
    const std::int64_t fraction = word(at + 4);
    const std::int64_t ts = seconds * 1'000'000'000 + fraction * (nanoseconds_ ? 1 : 1'000);
    ++n_packets_;
    if (word(at + 12) > length) {
      bad(Anomaly::Truncated, "a whole packet", "one captured in part");
    } else {
      packet(all.substr(at + kPacketHeader, length), ts);
    }
    at += kPacketHeader + length;
    offset_ += kPacketHeader + length;
  }
  held_.erase(0, at);
}

void IexDecoder::finish() {
  if (failed_) {
    return;
  }
  if (!header_read_) {
    bad(Anomaly::Truncated, "a pcap header of 24 bytes", std::to_string(held_.size()) + " bytes");
  } else if (!held_.empty()) {
    bad(Anomaly::Truncated, "a whole packet",
        std::to_string(held_.size()) + " bytes before the end of the file");
  }
}

void IexDecoder::packet(std::string_view frame, std::int64_t ts_recv_ns) {
  const std::string_view payload = udp_payload(frame);
  if (payload.empty()) {
    return;  // not UDP: nothing of IEX can be in it
  }
  segment(payload, ts_recv_ns);
}

void IexDecoder::segment(std::string_view payload, std::int64_t ts_recv_ns) {
  if (payload.size() < kTransportHeader || payload[0] != 1) {
    return bad(Anomaly::Malformed, "an IEX-TP header, version 1", payload.substr(0, 4));
  }
  const auto protocol = load<std::uint16_t>(payload, 2);
  if (protocol != kTops && protocol != kDeep) {
    return bad(Anomaly::Malformed, "IEX-TP of DEEP (0x8004) or TOPS (0x8003)",
               "protocol " + std::to_string(protocol));
  }
  protocol_ = protocol;
  const auto session = load<std::uint32_t>(payload, 8);
  const std::size_t length = load<std::uint16_t>(payload, 12);
  const std::size_t count = load<std::uint16_t>(payload, 14);
  const auto first = load<std::uint64_t>(payload, 24);
  if (length != payload.size() - kTransportHeader) {
    return bad(Anomaly::Malformed, "a payload as long as its header says",
               std::to_string(payload.size() - kTransportHeader) + " bytes, not " +
                   std::to_string(length));
  }
  if (session != session_) {
    session_ = session;
    next_sequence_ = 0;
  }
  follow(first, load<std::uint64_t>(payload, 16), ts_recv_ns);
  std::string_view rest = payload.substr(kTransportHeader);
  for (std::size_t i = 0; i < count; ++i) {
    if (rest.size() < 2 || rest.size() - 2 < load<std::uint16_t>(rest, 0)) {
      return bad(Anomaly::Malformed, "as many messages as the header says", std::to_string(i));
    }
    const std::size_t size = load<std::uint16_t>(rest, 0);
    if (first + i < next_sequence_) {
      ++n_repeated_;  // sent again: already seen
    } else {
      message(rest.substr(2, size), ts_recv_ns, first + i);
      next_sequence_ = first + i + 1;
    }
    rest.remove_prefix(2 + size);
  }
  if (count == 0 && (next_sequence_ == 0 || first > next_sequence_)) {
    next_sequence_ = first;  // a heartbeat tells the next number
  }
}

// Sequence numbers that go on, jump forward (messages are missing), or start again at message 1 of
// a stream at offset 0: then the sender was restarted, and what it sent before the end of its
// former stream may be missing. Numbers already seen otherwise are repetitions, left out later.
void IexDecoder::follow(std::uint64_t first, std::uint64_t stream_offset, std::int64_t ts_recv_ns) {
  const bool restart = first == 1 && stream_offset == 0 && next_sequence_ > 1;
  if (!restart && (next_sequence_ == 0 || first <= next_sequence_)) {
    return;
  }
  ++n_gaps_;
  n_restarts_ += restart ? 1 : 0;
  n_missing_ += restart ? 0 : first - next_sequence_;
  if (pass_ == IexPass::Decode) {
    bad(Anomaly::SequenceGap, ("message " + std::to_string(next_sequence_)).c_str(),
        "message " + std::to_string(first));
    mark_gap(restart ? Action::Clear : Action::Level, ts_recv_ns);
  }
  if (restart) {
    next_sequence_ = 0;
  }
}

void IexDecoder::message(std::string_view m, std::int64_t ts_recv_ns, std::uint64_t sequence) {
  if (m.empty()) {
    return bad(Anomaly::Malformed, "a message type", m);
  }
  const std::size_t length = length_of(m[0]);
  if (length == 0) {
    return bad(Anomaly::UnknownMessage, "a documented message type", m.substr(0, 1));
  }
  if (m.size() != length) {
    return bad(Anomaly::Malformed, "a message as long as its type",
               std::string(1, m[0]) + " of " + std::to_string(m.size()) + " bytes");
  }
  ++by_type_[static_cast<unsigned char>(m[0])];
  const auto ts_event = load<std::int64_t>(m, 2);
  if (last_event_ns_ != model::kNoTime && ts_event < last_event_ns_) {
    anomalies_.count(Anomaly::EventTimeBackwards);
  }
  last_event_ns_ = ts_event;
  if (m[0] == 'S') {
    return;
  }
  const std::size_t symbol = find(trimmed(m.substr(10, 8)));
  if (symbol == symbols_.size()) {
    return bad(Anomaly::UnknownSymbol, "a symbol of the first pass", trimmed(m.substr(10, 8)));
  }
  Record base = blank_record();
  base.ts_event_ns = ts_event;
  base.ts_recv_ns = ts_recv_ns;
  base.sequence = sequence;
  base.instrument_id = static_cast<std::uint32_t>(symbol + 1);
  base.venue_id = 1;
  symbol_message(m, base);
}

void IexDecoder::symbol_message(std::string_view m, Record& base) {
  switch (m[0]) {
    case '8':
      base.side = Side::Bid;
      return price_level(m, base);
    case '5':
      base.side = Side::Ask;
      return price_level(m, base);
    case 'Q':
      return quote(m, base);
    case 'T':
      return trade(m, base);
    case 'H':
      return status(m, base);
    default:
      return;  // counted by type; carries no book, quote, trade or trading state
  }
}

void IexDecoder::price_level(std::string_view m, const Record& base) {
  Record record = base;
  record.kind = Kind::Delta;
  record.action = static_cast<std::uint8_t>(Action::Level);
  record.size_lots = load<std::uint32_t>(m, 18);
  // Bit 0: the event is complete, the book is in a state that was real.
  record.flags = (m[1] & 1) != 0 ? flag::kLast : 0;
  if (ticks(record.instrument_id - 1, load<std::int64_t>(m, 22), record.price_ticks) &&
      pass_ == IexPass::Decode) {
    symbols_[record.instrument_id - 1].has_book = true;
    out_.push_back(record);
  }
}

void IexDecoder::quote(std::string_view m, const Record& base) {
  const auto push = [&](Side side, std::uint32_t size, std::int64_t price) {
    Record record = base;
    record.kind = Kind::Quote;
    record.action = static_cast<std::uint8_t>(Action::Level);
    record.side = side;
    record.size_lots = size;
    record.flags = side == Side::Ask ? flag::kLast : 0;
    // A side that is empty says price 0.
    if (price == 0 || ticks(base.instrument_id - 1, price, record.price_ticks)) {
      if (pass_ == IexPass::Decode) {
        out_.push_back(record);
      }
    }
  };
  push(Side::Bid, load<std::uint32_t>(m, 18), load<std::int64_t>(m, 22));
  push(Side::Ask, load<std::uint32_t>(m, 38), load<std::int64_t>(m, 30));
}

void IexDecoder::trade(std::string_view m, const Record& base) {
  Record record = base;
  record.kind = Kind::Delta;
  record.action = static_cast<std::uint8_t>(Action::Trade);
  record.size_lots = load<std::uint32_t>(m, 18);
  record.detail = static_cast<unsigned char>(m[1]);
  record.flags = flag::kLast;
  if (ticks(record.instrument_id - 1, load<std::int64_t>(m, 22), record.price_ticks) &&
      pass_ == IexPass::Decode) {
    out_.push_back(record);
  }
}

void IexDecoder::status(std::string_view m, const Record& base) {
  Record record = base;
  record.kind = Kind::Status;
  switch (m[1]) {
    case 'H':
      record.action = static_cast<std::uint8_t>(model::Status::Halted);
      break;
    case 'O':  // acceptance of orders after a halt
    case 'P':  // paused, orders accepted
      record.action = static_cast<std::uint8_t>(model::Status::PreOpen);
      break;
    case 'T':
      record.action = static_cast<std::uint8_t>(model::Status::Trading);
      break;
    default:
      return bad(Anomaly::UnknownMessage, "trading status H, O, P or T", m.substr(1, 1));
  }
  if (pass_ == IexPass::Decode) {
    out_.push_back(record);
  }
}

// Messages of any instrument may be among those missing: every book there is becomes stale. A
// restarted sender builds its books anew, so there they are cleared.
void IexDecoder::mark_gap(Action action, std::int64_t ts_recv_ns) {
  for (std::size_t i = 0; i < symbols_.size(); ++i) {
    if (!symbols_[i].has_book) {
      continue;
    }
    Record record = blank_record();
    record.ts_recv_ns = ts_recv_ns;
    record.instrument_id = static_cast<std::uint32_t>(i + 1);
    record.venue_id = 1;
    record.kind = Kind::Delta;
    record.action = static_cast<std::uint8_t>(action);
    record.flags = flag::kGapBefore | flag::kLast;
    if (action == Action::Level) {
      record.side = Side::Bid;
      record.price_ticks = 0;  // a level that cannot be there
    } else {
      symbols_[i].has_book = false;
    }
    out_.push_back(record);
  }
}

std::size_t IexDecoder::find(std::string_view name) {
  const std::string key(name);
  const auto at = index_.find(key);
  if (at != index_.end()) {
    return at->second;
  }
  if (pass_ == IexPass::Decode || symbols_.size() == kMaxSymbols || !is_name(name)) {
    return symbols_.size();
  }
  index_.emplace(key, symbols_.size());
  symbols_.push_back({key, 0, false});
  return symbols_.size() - 1;
}

bool IexDecoder::ticks(std::size_t symbol, std::int64_t price, std::int64_t& out) {
  if (price <= 0 || price > (std::int64_t{1} << 60U)) {
    bad(Anomaly::BadNumber, "a price above 0", std::to_string(price));
    return false;
  }
  Symbol& known = symbols_[symbol];
  if (pass_ == IexPass::Scan) {
    known.price_unit = std::gcd(known.price_unit, price);
    return true;
  }
  const std::int64_t unit = known.price_unit == 0 ? 1 : known.price_unit;
  if (price % unit != 0) {
    bad(Anomaly::BadNumber, "a multiple of the tick", std::to_string(price) + "e-4");
    return false;
  }
  out = price / unit;
  return true;
}

}  // namespace kimera::market
