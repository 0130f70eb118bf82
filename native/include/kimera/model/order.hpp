// What an order says beside price, size and side, and why one may be refused.
#pragma once

#include <cstdint>

namespace kimera::model {

enum class OrderType : std::uint8_t {
  Limit = 0,
  Market = 1,
  Stop = 2,  // market once the trigger trades
  StopLimit = 3,
  Pegged = 4,    // follows the best price of its own side plus an offset
  Midpoint = 5,  // rests at the midpoint, not displayed
};

enum class TimeInForce : std::uint8_t {
  Day = 0,
  Ioc = 1,
  Fok = 2,
  AtOpen = 3,
  AtClose = 4,
};

enum class SelfTradePrevention : std::uint8_t {
  None = 0,
  CancelResting = 1,
  CancelIncoming = 2,
  CancelBoth = 3,
  DecrementBoth = 4,
};

// Stable codes: a number once given is never given another meaning. They travel in
// Record::detail of a Report (Rejected, CancelRejected, Denied).
enum class RefusalCode : std::uint16_t {
  None = 0,
  UnknownInstrument = 1,
  BadPrice = 2,  // not positive, off the tick table, or missing
  BadSize = 3,   // not positive, or above the venue's maximum
  UnknownOrder = 4,
  DuplicateOrderId = 5,
  WouldCross = 6,   // post-only
  NoLiquidity = 7,  // market or IOC with nothing to take
  CannotFill = 8,   // FOK or minimum quantity
  SelfTrade = 9,
  NotTrading = 10,  // halted or closed
  BookFull = 11,    // a configured bound is reached
  NotSupported = 12,
  TooLate = 13,  // the order was gone when the request arrived
  UnknownActor = 14,
};

// Everything an order asks for. Packed whole into one Record of Kind::Order by to_record():
// type, time in force, and options go to Record::detail.
namespace order_option {
inline constexpr std::uint16_t kPostOnly = 1;
inline constexpr std::uint16_t kIceberg = 2;  // display size travels in a second record
inline constexpr std::uint16_t kReduceOnly = 4;
inline constexpr std::uint16_t kHidden = 8;
inline constexpr std::uint16_t kMinQuantity = 16;
}  // namespace order_option

// Bits of Record::detail of an Execute, a Trade and a Report Filled.
namespace trade_flag {
inline constexpr std::uint32_t kAuction = 1;  // filled by an auction's uncrossing
inline constexpr std::uint32_t kNoPrint = 2;  // counted in a Trade record of its own
}  // namespace trade_flag

[[nodiscard]] constexpr std::uint32_t order_detail(OrderType type, TimeInForce tif,
                                                   std::uint16_t options = 0) noexcept {
  return static_cast<std::uint32_t>(type) | (static_cast<std::uint32_t>(tif) << 8U) |
         (static_cast<std::uint32_t>(options) << 16U);
}
[[nodiscard]] constexpr OrderType order_type(std::uint32_t detail) noexcept {
  return static_cast<OrderType>(detail & 0xFFU);
}
[[nodiscard]] constexpr TimeInForce time_in_force(std::uint32_t detail) noexcept {
  return static_cast<TimeInForce>((detail >> 8U) & 0xFFU);
}
[[nodiscard]] constexpr std::uint16_t order_options(std::uint32_t detail) noexcept {
  return static_cast<std::uint16_t>(detail >> 16U);
}

}  // namespace kimera::model
