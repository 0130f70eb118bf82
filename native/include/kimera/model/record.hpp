// The record: the one shape in which anything that happens is written down.
//
// 64 bytes, one cache line, standard layout, no padding. Field names after Databento's MBO
// schema. What a field means for each kind is said once, in the table below; a field a kind does
// not name is zero (prices: kNoPrice).
//
//   kind    action      side            order_id    price_ticks     size_lots        detail
//   Delta   Add         of the order    venue's id  limit price     resting size     -
//           Cancel      of the order    venue's id  (ignored)       size removed,    -
//                                                                   0 = all of it
//           Modify      of the order    venue's id  new price       new size         -
//           Execute     of the resting  venue's id  trade price     size filled      trade flags
//           Fill        of the resting  venue's id  trade price     size filled      -
//           Trade       of the taker    0 or id     trade price     size             trade flags
//           Clear       or None: both   -           -               -                -
//           Level       of the level    -           level price     total, 0 = gone  order count
//   Quote   Level       one side each   -           best price      best size        order count
//   Status  a Status    -               -           -               -                -
//   Order   New         of our order    ours        limit price     size             order_detail
//           Cancel      (ignored)       ours        -               -                -
//           Replace     (ignored)       ours        new price       new open size    -
//           Terms       (ignored)       ours        trigger, or     size displayed   minimum
//                                                   peg offset                       quantity
//   Report  a ReportAct of our order    ours        fill/order px   filled/leaves    code or
//                                                                                    trade flags
//   Blob    -           -               blob offset -               bytes            blob type
//   Mark    a MarkAct   -               -           value           -                -
//
// Add, Cancel, Modify, Execute, Clear and Level change a book; Fill and Trade do not (the Cancel
// or Modify that follows does). A Modify keeps its place in the queue only when the price is the
// same and the size shrinks.
//
// What a New or Replace asks for beyond one record (a stop's trigger, a peg's offset in ticks
// behind its own side's best price, an iceberg's display size, a minimum quantity) stands in a
// Terms record of the same actor, instrument and order id immediately before it. Reports of
// Accepted and Replaced carry the low 32 bits of the venue's order id in detail; those of Cancelled
// and Expired the size that left the order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace kimera::model {

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
inline constexpr std::int64_t kNoPrice = std::numeric_limits<std::int64_t>::min();

enum class Kind : std::uint8_t {
  None = 0,
  Delta = 1,
  Quote = 2,
  Status = 3,
  Order = 4,
  Report = 5,
  Blob = 6,
  Mark = 7,
};

enum class Action : std::uint8_t {
  None = 0,
  Add = 1,
  Cancel = 2,
  Modify = 3,
  Execute = 4,
  Fill = 5,
  Trade = 6,
  Clear = 7,
  Level = 8,
};

// Record::action of Kind::Order.
enum class OrderAct : std::uint8_t { New = 1, Cancel = 2, Replace = 3, Terms = 4 };

// Record::action of Kind::Report. Rejected is the venue's word, Denied is ours.
enum class ReportAct : std::uint8_t {
  Accepted = 1,
  Rejected = 2,
  Filled = 3,  // size_lots = this fill; the order lives on while leaves > 0
  Cancelled = 4,
  Replaced = 5,
  Expired = 6,
  CancelRejected = 7,
  Denied = 8,
  Triggered = 9,
};

// Record::action of Kind::Status.
enum class Status : std::uint8_t {
  Closed = 0,
  PreOpen = 1,
  OpeningAuction = 2,
  Trading = 3,
  Halted = 4,
  ClosingAuction = 5,
};

// Record::action of Kind::Mark: facts a simulator knows and a venue does not print.
enum class MarkAct : std::uint8_t {
  Fundamental = 1,  // price_ticks = the common value, in ticks
  LabelBegin = 2,   // detail = label id, actor_id = the scripted agent
  LabelEnd = 3,
};

enum class Side : std::uint8_t { Bid = 0, Ask = 1, None = 2 };

[[nodiscard]] constexpr Side opposite(Side side) noexcept {
  return side == Side::Bid ? Side::Ask : side == Side::Ask ? Side::Bid : Side::None;
}

// Bits of Record::flags; the first four are Databento's.
namespace flag {
inline constexpr std::uint8_t kLast = 0x80;         // last record of its packet or message
inline constexpr std::uint8_t kSnapshot = 0x20;     // from a snapshot, not from a change
inline constexpr std::uint8_t kBadRecvTime = 0x08;  // ts_recv_ns is a guess
inline constexpr std::uint8_t kGapBefore = 0x04;    // records of this stream are missing before it
inline constexpr std::uint8_t kMaker = 0x10;        // Report Filled: we were the resting side
inline constexpr std::uint8_t kHidden = 0x02;       // trade against a hidden order
inline constexpr std::uint8_t kRevealed = 0x01;     // level shown from below the tape's depth
}  // namespace flag

struct alignas(64) Record {
  std::int64_t ts_event_ns;     // venue's clock, ns since the Unix epoch; kNoTime = unset
  std::int64_t ts_recv_ns;      // our clock when it reached us; kNoTime = unset
  std::uint64_t sequence;       // the venue's sequence or update id; 0 = none
  std::uint64_t order_id;       // see the table above; 0 = none
  std::int64_t price_ticks;     // see the table above; kNoPrice = none
  std::int64_t size_lots;       // see the table above
  std::uint32_t instrument_id;  // index in the tape's instrument table, from 1
  std::uint32_t detail;         // see the table above
  std::uint16_t venue_id;       // index in the tape's venue table, from 1
  std::uint16_t actor_id;       // strategy, agent or participant; 0 = unknown
  Kind kind;
  std::uint8_t action;  // Action, or the enum of the kind
  Side side;
  std::uint8_t flags;  // bits of namespace flag

  [[nodiscard]] constexpr Action delta_action() const noexcept {
    return static_cast<Action>(action);
  }
  [[nodiscard]] constexpr ReportAct report_act() const noexcept {
    return static_cast<ReportAct>(action);
  }
  [[nodiscard]] constexpr OrderAct order_act() const noexcept {
    return static_cast<OrderAct>(action);
  }
  [[nodiscard]] constexpr bool is_last() const noexcept { return (flags & flag::kLast) != 0; }
};

static_assert(sizeof(Record) == 64 && alignof(Record) == 64);
static_assert(std::is_standard_layout_v<Record> && std::is_trivially_copyable_v<Record>);
static_assert(std::has_unique_object_representations_v<Record>, "a record may hold no padding");
static_assert(offsetof(Record, flags) == 63);

}  // namespace kimera::model
