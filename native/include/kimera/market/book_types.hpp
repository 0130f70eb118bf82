// What a book says: status of an event, state of the book, a level, an order.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kimera/model/record.hpp"

namespace kimera::market {

// What became of one event. Everything from UnknownOrder on is an error: the book is then as it
// was before the event, and the code is counted.
enum class BookStatus : std::uint8_t {
  Ok = 0,
  Ignored = 1,       // does not change a book (a trade, a quote, a status)
  Stale = 2,         // refused because the book is stale and was told to refuse
  UnknownOrder = 3,  // no such order id
  DuplicateOrder = 4,
  BadSize = 5,  // zero or negative where it may not be, or a total beyond 63 bits
  BadSide = 6,
  OverSize = 7,  // more cancelled or executed than rests
  OffRange = 8,  // price missing or beyond +-2^60 ticks
  OrdersFull = 9,
  LevelsFull = 10,
  NotSupported = 11,  // an action this kind of book cannot take
};
inline constexpr std::size_t kBookStatuses = 12;

[[nodiscard]] constexpr bool is_error(BookStatus s) noexcept {
  return s >= BookStatus::UnknownOrder;
}
[[nodiscard]] const char* book_status_name(BookStatus s) noexcept;

enum class BookState : std::uint8_t {
  Empty = 0,
  OneSided = 1,
  Normal = 2,
  Locked = 3,   // best bid = best ask
  Crossed = 4,  // best bid > best ask
  Stale = 5,    // records are missing; wait for a snapshot
};

// What a stale book does with changes that are not part of a snapshot.
enum class WhileStale : std::uint8_t { Apply = 0, Refuse = 1 };

struct Level {
  std::int64_t price_ticks = model::kNoPrice;  // kNoPrice: there is no level
  std::int64_t size_lots = 0;
  std::uint32_t order_count = 0;  // 0 on a level whose feed does not tell

  friend bool operator==(const Level&, const Level&) = default;
};

struct OrderView {
  std::uint64_t order_id = 0;  // 0: no such order (or, in a queue, size of unknown orders)
  std::int64_t price_ticks = model::kNoPrice;
  std::int64_t size_lots = 0;
  model::Side side = model::Side::None;

  friend bool operator==(const OrderView&, const OrderView&) = default;
};

// When the memory of a book is made present: as it is used, or all of it at construction (for a
// fast lane that may not wait for a page).
enum class Memory : std::uint8_t { AsUsed = 0, Ready = 1 };

// Bounds of a book, fixed at construction. Both are per book; levels are per side.
struct BookCapacity {
  std::uint32_t max_orders = 1U << 18U;  // at most 2^29
  std::uint32_t max_levels = 1U << 16U;  // at most 2^24
  std::uint32_t window_ticks = 4096;     // power of two, 64 to 2^17: width of the fast ladder
  Memory memory = Memory::AsUsed;
};

// How often each status was given, Ok excepted.
struct BookCounters {
  std::array<std::uint64_t, kBookStatuses> by_status{};

  [[nodiscard]] std::uint64_t of(BookStatus s) const noexcept {
    return by_status[static_cast<std::size_t>(s)];
  }
  [[nodiscard]] std::uint64_t errors() const noexcept {
    std::uint64_t n = 0;
    for (std::size_t i = static_cast<std::size_t>(BookStatus::UnknownOrder); i < kBookStatuses; ++i)
      n += by_status[i];
    return n;
  }
};

// The one interface of all books.
template <class B>
concept Book = requires(B b, const B c, const model::Record& r, model::Side side,
                        std::span<Level> out, std::int64_t price) {
  { b.apply(r) } noexcept -> std::same_as<BookStatus>;
  { c.best(side) } noexcept -> std::same_as<Level>;
  { c.levels(side, out) } noexcept -> std::same_as<std::size_t>;
  { c.size_at(side, price) } noexcept -> std::same_as<std::int64_t>;
  { c.count_at(side, price) } noexcept -> std::same_as<std::uint32_t>;
  { c.state() } noexcept -> std::same_as<BookState>;
  { c.counters() } noexcept -> std::same_as<const BookCounters&>;
  { b.clear() } noexcept;
  { b.mark_stale() } noexcept;
};

// Whether a book can be trusted: the life of a sequence gap, apart from what the book holds.
class Freshness {
 public:
  explicit Freshness(WhileStale policy) noexcept : policy_(policy) {}

  [[nodiscard]] bool stale() const noexcept { return phase_ != Phase::Fresh; }
  // Most records in most streams: nothing to decide.
  [[nodiscard]] bool plain(const model::Record& r) const noexcept {
    constexpr unsigned kAsk = model::flag::kGapBefore | model::flag::kSnapshot;
    return ((r.flags & kAsk) | static_cast<unsigned>(phase_)) == 0;
  }
  void mark_stale() noexcept { phase_ = Phase::Stale; }
  void reset() noexcept { phase_ = Phase::Fresh; }

  // True when the record may change the book. A gap makes the book stale. A Clear of both sides
  // ends that: at once when the venue itself cleared, and with the end of the snapshot (its last
  // record, or the first record that is not part of it) when the Clear opens a snapshot.
  [[nodiscard]] bool admit(const model::Record& r) noexcept {
    const bool snapshot = (r.flags & model::flag::kSnapshot) != 0;
    if (!snapshot && (r.flags & model::flag::kGapBefore) != 0) phase_ = Phase::Stale;
    if (r.delta_action() == model::Action::Clear && r.side == model::Side::None) {
      phase_ = snapshot && !r.is_last() ? Phase::Filling : Phase::Fresh;
      return true;
    }
    if (phase_ == Phase::Filling) {
      if (!snapshot || r.is_last()) phase_ = Phase::Fresh;
      return true;
    }
    return phase_ == Phase::Fresh || policy_ == WhileStale::Apply;
  }

 private:
  enum class Phase : std::uint8_t { Fresh = 0, Stale = 1, Filling = 2 };
  Phase phase_ = Phase::Fresh;
  WhileStale policy_;
};

// State of a two-sided book from its best prices; kNoPrice is an empty side.
[[nodiscard]] constexpr BookState state_of(std::int64_t bid, std::int64_t ask) noexcept {
  if (bid == model::kNoPrice && ask == model::kNoPrice) return BookState::Empty;
  if (bid == model::kNoPrice || ask == model::kNoPrice) return BookState::OneSided;
  if (bid == ask) return BookState::Locked;
  return bid > ask ? BookState::Crossed : BookState::Normal;
}

// Inside a book a price is a key: the greater, the better, on either side.
inline constexpr std::int64_t kMaxPriceTicks = std::int64_t{1} << 60U;

[[nodiscard]] constexpr bool in_range(std::int64_t price_ticks) noexcept {
  return price_ticks >= -kMaxPriceTicks && price_ticks <= kMaxPriceTicks;
}
[[nodiscard]] constexpr std::int64_t key_of(unsigned side, std::int64_t price_ticks) noexcept {
  // Unsigned, because kNoPrice has no negative: it is its own key, kNoKey, on both sides.
  const std::uint64_t mask = std::uint64_t{0} - side;
  return static_cast<std::int64_t>((static_cast<std::uint64_t>(price_ticks) ^ mask) - mask);
}
[[nodiscard]] constexpr std::int64_t price_of(unsigned side, std::int64_t key) noexcept {
  return key_of(side, key);
}
[[nodiscard]] constexpr unsigned side_index(model::Side side) noexcept {
  return static_cast<unsigned>(side);
}

}  // namespace kimera::market
