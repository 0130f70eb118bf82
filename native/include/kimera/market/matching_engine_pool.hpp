// Where resting orders live: a pool with a free list, and a flat hash from (actor, id) to slot.
#pragma once

#include <bit>
#include <cstdint>

#include "kimera/market/matching_engine_ladder.hpp"
#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market::matching {

using Slot = std::uint32_t;
inline constexpr Slot kNil = 0;  // slot 0 is never given out

// Where an order is at the moment.
enum class Place : std::uint8_t {
  Free = 0,
  Shown = 1,   // in the displayed ladder
  Hidden = 2,  // in the ladder that is not displayed
  Stop = 3,    // waits for its trigger
  Parked = 4,  // waits for a reference price or an auction; in no ladder
};

// What matching touches: one cache line.
struct alignas(64) Order {
  std::int64_t price_ticks;   // where it rests; the trigger while it is a stop
  std::int64_t open_lots;     // in the queue
  std::int64_t reserve_lots;  // an iceberg's part below the water
  std::uint64_t venue_order_id;
  std::uint64_t client_id;
  Slot next;
  Slot prev;
  std::uint16_t actor_id;
  std::uint16_t options;
  std::uint32_t book;
  model::Side side;
  Place place;
  model::OrderType type;
  model::TimeInForce tif;

  [[nodiscard]] std::int64_t leaves() const noexcept { return open_lots + reserve_lots; }
};
static_assert(sizeof(Order) == 64);

// What only some types have; not touched for plain limit orders.
struct Terms {
  std::int64_t limit_ticks;  // cap of a peg, limit of a stop-limit; kNoPrice = none
  std::int64_t display_lots;
  std::int64_t min_lots;
  std::int64_t peg_offset_ticks;
  Slot next;  // secondary list: pegs, or auction-only orders
  Slot prev;
  Place moving_from;  // of a peg that is being moved; Free = it stays
};

// Doubly linked list through Terms::next and prev.
struct List {
  Slot head = kNil;
  Slot tail = kNil;
};

class OrderPool {
 public:
  explicit OrderPool(std::uint32_t max_orders)
      : orders_(max_orders + 1, Pages::Ready), terms_(max_orders + 1), capacity_(max_orders) {}

  [[nodiscard]] Order& operator[](Slot s) noexcept { return orders_[s]; }
  [[nodiscard]] const Order& operator[](Slot s) const noexcept { return orders_[s]; }
  [[nodiscard]] Terms& terms(Slot s) noexcept { return terms_[s]; }
  [[nodiscard]] const Terms& terms(Slot s) const noexcept { return terms_[s]; }
  [[nodiscard]] bool full() const noexcept { return n_live_ == capacity_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return n_live_; }
  // One past the highest slot ever used: the range of a sweep over all orders.
  [[nodiscard]] Slot end() const noexcept { return unused_; }

  // The caller has checked full().
  [[nodiscard]] Slot take() noexcept {
    ++n_live_;
    if (free_ == kNil) return unused_++;
    const Slot s = free_;
    free_ = orders_[s].next;
    return s;
  }
  void give_back(Slot s) noexcept {
    orders_[s].place = Place::Free;
    orders_[s].next = free_;
    free_ = s;
    --n_live_;
  }

  void append(List& list, Slot s) noexcept {
    terms_[s].next = kNil;
    terms_[s].prev = list.tail;
    (list.tail == kNil ? list.head : terms_[list.tail].next) = s;
    list.tail = s;
  }
  void remove(List& list, Slot s) noexcept {
    const Terms& t = terms_[s];
    (t.prev == kNil ? list.head : terms_[t.prev].next) = t.next;
    (t.next == kNil ? list.tail : terms_[t.next].prev) = t.prev;
  }

  // Join the end of the queue at the order's price. The caller has checked has_room().
  void enqueue(Ladder& ladder, Slot s, bool pegged) noexcept {
    Order& o = orders_[s];
    const std::int32_t key = ladder.key_of(o.price_ticks);
    Level& level = ladder.level(key);
    o.next = kNil;
    o.prev = level.tail;
    (level.n_orders == 0 ? level.head : orders_[level.tail].next) = s;
    level.tail = s;
    level.lots += o.open_lots;
    level.n_pegged += pegged ? 1 : 0;
    if (level.n_orders++ == 0) ladder.note_filled(key);
  }
  // Leave the queue; open_lots must still be what the level counts.
  void dequeue(Ladder& ladder, Slot s, bool pegged) noexcept {
    const Order& o = orders_[s];
    const std::int32_t key = ladder.key_of(o.price_ticks);
    Level& level = ladder.level(key);
    (o.prev == kNil ? level.head : orders_[o.prev].next) = o.next;
    (o.next == kNil ? level.tail : orders_[o.next].prev) = o.prev;
    level.lots -= o.open_lots;
    level.n_pegged -= pegged ? 1 : 0;
    if (--level.n_orders == 0) ladder.note_emptied(key);
  }

 private:
  ZeroArray<Order> orders_;
  ZeroArray<Terms> terms_;
  std::uint32_t capacity_;
  std::uint32_t n_live_ = 0;
  Slot free_ = kNil;
  Slot unused_ = 1;
};

// Open addressing, at most half full, deletion by shifting back: no tombstones.
class OrderIndex {
 public:
  explicit OrderIndex(std::uint32_t max_orders)
      : bits_(static_cast<int>(std::bit_width(2ULL * max_orders - 1))),
        mask_((std::uint32_t{1} << bits_) - 1),
        entries_(std::size_t{mask_} + 1, Pages::Ready) {}

  [[nodiscard]] Slot find(std::uint16_t actor, std::uint64_t client_id) const noexcept {
    for (std::uint32_t i = home(actor, client_id);; i = (i + 1) & mask_) {
      const Entry& e = entries_[i];
      if (e.slot == kNil || (e.client_id == client_id && e.actor == actor)) return e.slot;
    }
  }
  // Start fetching the line that find(), insert() or erase() will look at.
  void prefetch(std::uint16_t actor, std::uint64_t client_id) const noexcept {
    __builtin_prefetch(&entries_[home(actor, client_id)]);
  }
  void insert(std::uint16_t actor, std::uint64_t client_id, Slot slot) noexcept {
    std::uint32_t i = home(actor, client_id);
    while (entries_[i].slot != kNil) i = (i + 1) & mask_;
    entries_[i] = {client_id, slot, actor};
  }
  void erase(std::uint16_t actor, std::uint64_t client_id) noexcept {
    std::uint32_t i = home(actor, client_id);
    while (entries_[i].client_id != client_id || entries_[i].actor != actor) i = (i + 1) & mask_;
    for (std::uint32_t j = (i + 1) & mask_; entries_[j].slot != kNil; j = (j + 1) & mask_) {
      const std::uint32_t h = home(entries_[j].actor, entries_[j].client_id);
      if (((j - h) & mask_) >= ((j - i) & mask_)) {  // may move into the hole
        entries_[i] = entries_[j];
        i = j;
      }
    }
    entries_[i] = {};
  }

 private:
  struct Entry {
    std::uint64_t client_id;
    Slot slot;
    std::uint16_t actor;
  };
  [[nodiscard]] std::uint32_t home(std::uint16_t actor, std::uint64_t client_id) const noexcept {
    std::uint64_t x = client_id + (std::uint64_t{actor} << 47U);
    x *= 0x9E3779B97F4A7C15ULL;
    x ^= x >> 32U;
    x *= 0xD6E8FEB86659FD93ULL;
    return static_cast<std::uint32_t>(x >> (64U - static_cast<unsigned>(bits_)));
  }

  int bits_;  // of the table's size
  std::uint32_t mask_;
  ZeroArray<Entry> entries_;
};

}  // namespace kimera::market::matching
