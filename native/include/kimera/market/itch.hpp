// NASDAQ TotalView-ITCH 5.0: every message type, read in place.
//
// A message view is a pointer with named fields; nothing is copied until a field is asked for.
// decode() checks type and length and calls the visitor's on(View) when there is one for that
// type: static dispatch, and types nobody listens to cost one table look-up. Framing (how
// messages are cut out of a file or a packet) is in itch_framing.hpp.
// Source: Nasdaq TotalView-ITCH 5.0 specification. Prices are in 1/10,000 dollar, times in ns
// since New York midnight.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace kimera::market::itch {

using Byte = std::uint8_t;

template <class T>
[[nodiscard]] inline T load_be(const Byte* p) noexcept {
  T v;
  std::memcpy(&v, p, sizeof v);
  if constexpr (sizeof(T) == 1) return v;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(v));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(v));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(v));
}

// What every message begins with: type, stock locate, tracking number, time.
struct Message {
  const Byte* p;

  [[nodiscard]] char type() const noexcept { return static_cast<char>(p[0]); }
  [[nodiscard]] std::uint16_t locate() const noexcept { return load_be<std::uint16_t>(p + 1); }
  [[nodiscard]] std::uint16_t tracking() const noexcept { return load_be<std::uint16_t>(p + 3); }
  // Six bytes; the two loads stay within the shortest message.
  [[nodiscard]] std::int64_t ts_ns() const noexcept {
    return static_cast<std::int64_t>((std::uint64_t{load_be<std::uint16_t>(p + 5)} << 32U) |
                                     load_be<std::uint32_t>(p + 7));
  }

 protected:
  [[nodiscard]] char ch(std::size_t at) const noexcept { return static_cast<char>(p[at]); }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const noexcept {
    return load_be<std::uint32_t>(p + at);
  }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const noexcept {
    return load_be<std::uint64_t>(p + at);
  }
  // A field padded with spaces on the right, without them.
  [[nodiscard]] std::string_view text(std::size_t at, std::size_t n) const noexcept {
    std::string_view s(reinterpret_cast<const char*>(p + at), n);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    return s;
  }
};

template <char Type, std::size_t Length>
struct View : Message {
  static constexpr char kType = Type;
  static constexpr std::size_t kLength = Length;
};

struct SystemEvent : View<'S', 12> {
  [[nodiscard]] char event() const noexcept { return ch(11); }
};
struct StockDirectory : View<'R', 39> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char market_category() const noexcept { return ch(19); }
  [[nodiscard]] char financial_status() const noexcept { return ch(20); }
  [[nodiscard]] std::uint32_t round_lot_size() const noexcept { return u32(21); }
  [[nodiscard]] char round_lots_only() const noexcept { return ch(25); }
  [[nodiscard]] char issue_classification() const noexcept { return ch(26); }
  [[nodiscard]] std::string_view issue_subtype() const noexcept { return text(27, 2); }
  [[nodiscard]] char authenticity() const noexcept { return ch(29); }
  [[nodiscard]] char short_sale_threshold() const noexcept { return ch(30); }
  [[nodiscard]] char ipo() const noexcept { return ch(31); }
  [[nodiscard]] char luld_tier() const noexcept { return ch(32); }
  [[nodiscard]] char etp() const noexcept { return ch(33); }
  [[nodiscard]] std::uint32_t etp_leverage() const noexcept { return u32(34); }
  [[nodiscard]] char inverse() const noexcept { return ch(38); }
};
struct TradingAction : View<'H', 25> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char state() const noexcept { return ch(19); }
  [[nodiscard]] std::string_view reason() const noexcept { return text(21, 4); }
};
struct RegSho : View<'Y', 20> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char action() const noexcept { return ch(19); }
};
struct ParticipantPosition : View<'L', 26> {
  [[nodiscard]] std::string_view mpid() const noexcept { return text(11, 4); }
  [[nodiscard]] std::string_view stock() const noexcept { return text(15, 8); }
  [[nodiscard]] char primary() const noexcept { return ch(23); }
  [[nodiscard]] char mode() const noexcept { return ch(24); }
  [[nodiscard]] char state() const noexcept { return ch(25); }
};
struct MwcbLevels : View<'V', 35> {
  // Market-wide circuit breaker levels, in 1e-8 index points. `i` from 0 to 2.
  [[nodiscard]] std::uint64_t level_e8(std::size_t i) const noexcept { return u64(11 + 8 * i); }
};
struct MwcbStatus : View<'W', 12> {
  [[nodiscard]] char breached() const noexcept { return ch(11); }
};
struct IpoQuoting : View<'K', 28> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] std::uint32_t release_s() const noexcept { return u32(19); }
  [[nodiscard]] char qualifier() const noexcept { return ch(23); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return u32(24); }
};
struct LuldCollar : View<'J', 35> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] std::uint32_t reference_e4() const noexcept { return u32(19); }
  [[nodiscard]] std::uint32_t upper_e4() const noexcept { return u32(23); }
  [[nodiscard]] std::uint32_t lower_e4() const noexcept { return u32(27); }
  [[nodiscard]] std::uint32_t extension() const noexcept { return u32(31); }
};
struct OperationalHalt : View<'h', 21> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char market() const noexcept { return ch(19); }
  [[nodiscard]] char action() const noexcept { return ch(20); }
};
template <char Type, std::size_t Length>
struct AddView : View<Type, Length> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return this->u64(11); }
  [[nodiscard]] char side() const noexcept { return this->ch(19); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return this->u32(20); }
  [[nodiscard]] std::string_view stock() const noexcept { return this->text(24, 8); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return this->u32(32); }
};
struct AddOrder : AddView<'A', 36> {};
struct AddOrderMpid : AddView<'F', 40> {
  [[nodiscard]] std::string_view mpid() const noexcept { return text(36, 4); }
};
struct OrderExecuted : View<'E', 31> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return u32(19); }
  [[nodiscard]] std::uint64_t match() const noexcept { return u64(23); }
};
struct OrderExecutedPrice : View<'C', 36> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return u32(19); }
  [[nodiscard]] std::uint64_t match() const noexcept { return u64(23); }
  [[nodiscard]] char printable() const noexcept { return ch(31); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return u32(32); }
};
struct OrderCancel : View<'X', 23> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return u32(19); }
};
struct OrderDelete : View<'D', 19> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
};
struct OrderReplace : View<'U', 35> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
  [[nodiscard]] std::uint64_t new_ref() const noexcept { return u64(19); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return u32(27); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return u32(31); }
};
struct Trade : View<'P', 44> {
  [[nodiscard]] std::uint64_t ref() const noexcept { return u64(11); }
  [[nodiscard]] char side() const noexcept { return ch(19); }
  [[nodiscard]] std::uint32_t shares() const noexcept { return u32(20); }
  [[nodiscard]] std::string_view stock() const noexcept { return text(24, 8); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return u32(32); }
  [[nodiscard]] std::uint64_t match() const noexcept { return u64(36); }
};
struct CrossTrade : View<'Q', 40> {
  [[nodiscard]] std::uint64_t shares() const noexcept { return u64(11); }
  [[nodiscard]] std::string_view stock() const noexcept { return text(19, 8); }
  [[nodiscard]] std::uint32_t price_e4() const noexcept { return u32(27); }
  [[nodiscard]] std::uint64_t match() const noexcept { return u64(31); }
  [[nodiscard]] char cross_type() const noexcept { return ch(39); }
};
struct BrokenTrade : View<'B', 19> {
  [[nodiscard]] std::uint64_t match() const noexcept { return u64(11); }
};
struct Imbalance : View<'I', 50> {
  [[nodiscard]] std::uint64_t paired() const noexcept { return u64(11); }
  [[nodiscard]] std::uint64_t imbalance() const noexcept { return u64(19); }
  [[nodiscard]] char direction() const noexcept { return ch(27); }
  [[nodiscard]] std::string_view stock() const noexcept { return text(28, 8); }
  [[nodiscard]] std::uint32_t far_e4() const noexcept { return u32(36); }
  [[nodiscard]] std::uint32_t near_e4() const noexcept { return u32(40); }
  [[nodiscard]] std::uint32_t reference_e4() const noexcept { return u32(44); }
  [[nodiscard]] char cross_type() const noexcept { return ch(48); }
  [[nodiscard]] char variation() const noexcept { return ch(49); }
};
struct RetailInterest : View<'N', 20> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char interest() const noexcept { return ch(19); }
};
struct DirectListing : View<'O', 48> {
  [[nodiscard]] std::string_view stock() const noexcept { return text(11, 8); }
  [[nodiscard]] char eligible() const noexcept { return ch(19); }
  [[nodiscard]] std::uint32_t minimum_e4() const noexcept { return u32(20); }
  [[nodiscard]] std::uint32_t maximum_e4() const noexcept { return u32(24); }
  [[nodiscard]] std::uint32_t near_e4() const noexcept { return u32(28); }
  [[nodiscard]] std::uint64_t near_ns() const noexcept { return u64(32); }
  [[nodiscard]] std::uint32_t lower_e4() const noexcept { return u32(40); }
  [[nodiscard]] std::uint32_t upper_e4() const noexcept { return u32(44); }
};

// Bytes of a message by its type; 0 for types that do not exist.
inline constexpr std::array<std::uint8_t, 256> kLengths = [] {
  std::array<std::uint8_t, 256> n{};
  const auto put = [&n]<class... V>() {
    ((n[static_cast<Byte>(V::kType)] = static_cast<std::uint8_t>(V::kLength)), ...);
  };
  put.template
  operator()<SystemEvent, StockDirectory, TradingAction, RegSho, ParticipantPosition, MwcbLevels,
             MwcbStatus, IpoQuoting, LuldCollar, OperationalHalt, AddOrder, AddOrderMpid,
             OrderExecuted, OrderExecutedPrice, OrderCancel, OrderDelete, OrderReplace, Trade,
             CrossTrade, BrokenTrade, Imbalance, RetailInterest, DirectListing>();
  return n;
}();

enum class Status : std::uint8_t {
  Ok = 0,
  Truncated = 1,    // the data end within a message
  WrongLength = 2,  // the frame is not as long as its type
  UnknownType = 3,
  BadFrame = 4,  // a packet that is not of the protocol
  BadOrder = 5,  // a message the books cannot take; Trouble::found is the BookStatus
};

// Where something went wrong, and how.
struct Trouble {
  Status status = Status::Ok;
  std::uint64_t offset = 0;    // of the frame, in bytes from the start of the stream
  std::uint64_t sequence = 0;  // of the message, from 1; 0 where there is none
  std::uint64_t expected = 0;  // bytes
  std::uint64_t found = 0;     // bytes, or the type
};

template <class V, class M>
inline void call(V& visitor, const Byte* p) {
  M message;
  message.p = p;
  if constexpr (requires { visitor.on(message); })
    visitor.on(message);
  else if constexpr (requires { visitor.other(Message{p}); })
    visitor.other(Message{p});
}

// Calls the visitor for a message whose type and length are known to be right.
template <class V>
inline void dispatch(const Byte* p, V& visitor) {
  switch (p[0]) {
      // clang-format off
    case 'S': return call<V, SystemEvent>(visitor, p);
    case 'R': return call<V, StockDirectory>(visitor, p);
    case 'H': return call<V, TradingAction>(visitor, p);
    case 'Y': return call<V, RegSho>(visitor, p);
    case 'L': return call<V, ParticipantPosition>(visitor, p);
    case 'V': return call<V, MwcbLevels>(visitor, p);
    case 'W': return call<V, MwcbStatus>(visitor, p);
    case 'K': return call<V, IpoQuoting>(visitor, p);
    case 'J': return call<V, LuldCollar>(visitor, p);
    case 'h': return call<V, OperationalHalt>(visitor, p);
    case 'A': return call<V, AddOrder>(visitor, p);
    case 'F': return call<V, AddOrderMpid>(visitor, p);
    case 'E': return call<V, OrderExecuted>(visitor, p);
    case 'C': return call<V, OrderExecutedPrice>(visitor, p);
    case 'X': return call<V, OrderCancel>(visitor, p);
    case 'D': return call<V, OrderDelete>(visitor, p);
    case 'U': return call<V, OrderReplace>(visitor, p);
    case 'P': return call<V, Trade>(visitor, p);
    case 'Q': return call<V, CrossTrade>(visitor, p);
    case 'B': return call<V, BrokenTrade>(visitor, p);
    case 'I': return call<V, Imbalance>(visitor, p);
    case 'N': return call<V, RetailInterest>(visitor, p);
    case 'O': return call<V, DirectListing>(visitor, p);
    default: return;
      // clang-format on
  }
}

// What is wrong with a message, if anything. It is safe to read when the answer is Ok.
[[nodiscard]] inline Status check(std::span<const Byte> message) noexcept {
  if (message.empty()) return Status::WrongLength;
  const std::size_t expected = kLengths[message[0]];
  if (expected == message.size()) [[likely]]
    return Status::Ok;
  return expected == 0 ? Status::UnknownType : Status::WrongLength;
}

// Checks one message and calls the visitor for it.
template <class V>
[[nodiscard]] inline Status decode(std::span<const Byte> message, V& visitor) {
  const Status status = check(message);
  if (status == Status::Ok) [[likely]]
    dispatch(message.data(), visitor);
  return status;
}

}  // namespace kimera::market::itch
