// The full books of every symbol of an ITCH feed, with the queue of orders at each price.
//
// Laid out for the memory, which is what a market-wide book waits for:
//   order   16 bytes: shares, price and side, neighbours in the queue, stock locate
//   level   16 bytes, in a window of 256 ticks per side, found by price without a search; the few
//           prices outside the window are in a hash, each side's linked in a list
//   side    one cache line: which ticks of the window are occupied, the best price
//   index   reference -> order, in itch_orders.hpp
// consume() takes messages in batches. Four light passes over a batch ask for the memory of
// side, index, order and level, neighbours; the fifth changes the books. A pass reads what may be
// out of date by then, which is harmless: it only decides what to fetch.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "kimera/market/book_ids.hpp"
#include "kimera/market/book_memory.hpp"
#include "kimera/market/book_types.hpp"
#include "kimera/market/itch.hpp"
#include "kimera/market/itch_framing.hpp"
#include "kimera/market/itch_orders.hpp"

namespace kimera::market::itch {

// Strict stops at the first message that is wrong; Lenient counts it and goes on with the next
// frame.
enum class Mode : std::uint8_t { Strict = 0, Lenient = 1 };

struct ItchBookCapacity {
  std::uint32_t max_orders = 1U << 22U;      // alive at once, all symbols; below 2^24
  std::uint32_t max_symbols = 1U << 14U;     // greatest stock locate + 1; at most 2^16
  std::uint32_t max_far_levels = 1U << 20U;  // levels outside the windows, all symbols
  std::uint32_t ring_size = 1U << 22U;       // newest references looked up directly
};

struct ItchCounters {
  std::uint64_t messages = 0;  // well-formed ones
  std::uint64_t sessions_ended = 0;
  std::uint64_t unknown_type = 0;
  std::uint64_t wrong_length = 0;
  std::array<std::uint64_t, kBookStatuses> refused{};  // by BookStatus
};

// Best level of one side, as the books keep it.
struct ItchLevel {
  std::uint32_t price_e4 = 0;  // 1/10,000 dollar; 0: the side is empty
  std::uint32_t order_count = 0;
  std::uint64_t shares = 0;

  friend bool operator==(const ItchLevel&, const ItchLevel&) = default;
};

// Observer of nothing: the books alone.
struct Silent {};

class ItchBooks {
 public:
  explicit ItchBooks(const ItchBookCapacity& capacity, Mode mode = Mode::Strict)
      : max_orders_(checked(capacity)),
        max_symbols_(capacity.max_symbols),
        max_far_(capacity.max_far_levels),
        mode_(mode),
        index_(capacity.max_orders, capacity.ring_size),
        far_ids_(capacity.max_far_levels),
        nodes_(std::size_t{capacity.max_orders} + 1),
        refs_(std::size_t{capacity.max_orders} + 1),
        sides_(std::size_t{capacity.max_symbols} * 2),
        cells_(std::size_t{capacity.max_symbols} * 2 * kWindow),
        far_(std::size_t{capacity.max_far_levels} + 1) {}

  // Takes the whole messages of `data`, which begins with a frame, and returns the bytes taken; a
  // message cut off by the end is left. Stops early when trouble() is set. The observer's
  // on_change(books, message, side) is called after each message that changed a book; `side` is
  // twice the locate, plus one for the ask side. on_other(message) gets the rest.
  template <class Observer>
  std::size_t consume(std::span<const Byte> data, Observer& observer) noexcept {
    std::size_t offset = 0;
    data_ = data.data();
    while (trouble_.status == Status::Ok) {
      const std::size_t start = offset;
      offset = gather(data, offset);
      if (n_batch_ == 0 && offset == start) break;
      fetch_index();
      fetch_orders();
      fetch_neighbours();
      for (std::size_t i = 0; i < n_batch_; ++i) {
        if (!step(batch_[i], observer)) [[unlikely]]
          break;
      }
    }
    offset_ += offset;
    return offset;
  }

  // One message whose type and length are right; for feeds framed elsewhere.
  template <class Observer>
  [[nodiscard]] BookStatus apply(const Byte* p, Observer& observer) noexcept {
    ++counters_.messages;
    switch (p[0]) {
      case 'A':
      case 'F':
        return changed(p, observer, [&](std::uint32_t l) { return add(l, p); });
      case 'E':
      case 'C':
      case 'X':
        return changed(p, observer, [&](std::uint32_t l) {
          return reduce(l, load_be<std::uint64_t>(p + 11), load_be<std::uint32_t>(p + 19));
        });
      case 'D':
        return changed(p, observer,
                       [&](std::uint32_t l) { return remove(l, load_be<std::uint64_t>(p + 11)); });
      case 'U':
        return changed(p, observer, [&](std::uint32_t l) { return replace(l, p); });
      default:
        if constexpr (requires { observer.on_other(p); }) observer.on_other(p);
        return BookStatus::Ignored;
    }
  }

  [[nodiscard]] const Trouble& trouble() const noexcept { return trouble_; }
  [[nodiscard]] const ItchCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint32_t n_orders() const noexcept { return n_orders_; }
  [[nodiscard]] std::uint32_t max_symbols() const noexcept { return max_symbols_; }

  [[nodiscard]] ItchLevel best(std::uint32_t locate, model::Side side) const noexcept {
    return best_of(locate * 2 + side_index(side));
  }
  // The same by number: twice the locate, plus one for the ask side.
  [[nodiscard]] ItchLevel best_of(std::uint32_t s) const noexcept {
    const std::uint32_t price = sides_[s].best;
    return price == 0 ? ItchLevel{} : level(price, cells_[near_cell(s, price)]);
  }

  // Best first; returns how many were written. Sorts the far levels it needs: O(n log n) in them.
  std::size_t levels(std::uint32_t locate, model::Side side, std::span<ItchLevel> out) const;
  // Orders resting on one symbol. O(levels).
  [[nodiscard]] std::uint64_t orders_of(std::uint32_t locate) const;

  // Calls f(reference, shares) for each order of a price, the first to be filled first.
  template <class F>
  void for_each_in_queue(std::uint32_t locate, model::Side side, std::uint32_t price, F&& f) const {
    const Cell* c = peek(locate * 2 + side_index(side), price);
    for (std::uint32_t i = c == nullptr ? 0 : c->head; i != 0; i = nodes_[i].next())
      f(refs_[i], nodes_[i].shares);
  }
  [[nodiscard]] std::uint32_t n_levels(std::uint32_t locate, model::Side side) const noexcept {
    const Side& s = sides_[locate * 2 + side_index(side)];
    return s.n_near + s.n_far;
  }

 private:
  static constexpr std::uint32_t kWindow = 256;
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kAhead = 1024;  // bytes of input asked for in advance
  static constexpr unsigned kCountBits = 24;
  static constexpr std::uint64_t kCountMask = (std::uint64_t{1} << kCountBits) - 1;
  static constexpr std::uint32_t kMaxPrice = (1U << 31U) - 1;
  static constexpr std::uint32_t kSlotMask = (1U << 24U) - 1;

  struct Cell {
    std::uint64_t total;  // shares << 24 | orders
    std::uint32_t head;
    std::uint32_t tail;
  };
  struct Node {
    std::uint32_t shares;
    std::uint32_t place;  // price, side in the top bit
    std::uint64_t links;  // locate << 48 | next << 24 | prev

    [[nodiscard]] std::uint32_t price() const noexcept { return place & kMaxPrice; }
    [[nodiscard]] std::uint32_t side() const noexcept { return place >> 31U; }
    [[nodiscard]] std::uint32_t prev() const noexcept {
      return static_cast<std::uint32_t>(links) & kSlotMask;
    }
    [[nodiscard]] std::uint32_t next() const noexcept {
      return static_cast<std::uint32_t>(links >> 24U) & kSlotMask;
    }
    [[nodiscard]] std::uint32_t locate() const noexcept {
      return static_cast<std::uint32_t>(links >> 48U);
    }
    void set_prev(std::uint64_t slot) noexcept {
      links = (links & ~std::uint64_t{kSlotMask}) | slot;
    }
    void set_next(std::uint64_t slot) noexcept {
      links = (links & ~(std::uint64_t{kSlotMask} << 24U)) | (slot << 24U);
    }
  };
  struct alignas(64) Side {
    std::uint64_t bits[kWindow / 64];  // by tick modulo the window
    std::uint32_t low;                 // first tick of the window
    std::uint32_t best;                // price; 0: empty
    std::uint32_t unit;                // price per tick: 100, or 1 for a stock below a dollar
    std::uint32_t n_near;
    std::uint32_t n_far;
    std::uint32_t far_head;
    std::uint32_t far_uses;
    std::uint32_t spare;
  };
  struct Far {
    Cell cell;
    std::uint32_t price;
    std::uint32_t side;  // locate * 2 + side
    std::uint32_t next;
    std::uint32_t prev;
  };
  struct Named {
    const Byte* p;
    std::uint64_t ref;
    std::uint32_t slot;
    std::uint32_t side;  // of the bids
  };
  struct New {
    const Byte* p;
    std::uint32_t side;
  };
  static_assert(sizeof(Node) == 16 && sizeof(Cell) == 16 && sizeof(Side) == 64);

  // 1 for messages that name a resting order, 2 for new orders, 0 for the rest.
  static constexpr std::array<std::uint8_t, 256> kClass = [] {
    std::array<std::uint8_t, 256> c{};
    for (const char t : {'E', 'C', 'X', 'D', 'U'}) c[static_cast<Byte>(t)] = 1;
    for (const char t : {'A', 'F'}) c[static_cast<Byte>(t)] = 2;
    return c;
  }();

  [[nodiscard]] static std::uint32_t checked(const ItchBookCapacity& c) {
    if (c.max_orders == 0 || c.max_orders > kSlotMask)
      throw std::invalid_argument("max_orders must be from 1 to 16777215");
    if (c.max_symbols < 2 || c.max_symbols > 65536)
      throw std::invalid_argument("max_symbols must be from 2 to 65536");
    if (c.max_far_levels < kWindow || c.max_far_levels > (1U << 28U))
      throw std::invalid_argument("max_far_levels must be from 256 to 268435456");
    return c.max_orders;
  }

  // --- the batch -------------------------------------------------------------------------------

  // Pass 1: cuts the next messages out of the data, sorts them into those that name a resting
  // order and those that bring a new one (so that the passes after it need not guess), and asks
  // for the sides.
  std::size_t gather(std::span<const Byte> data, std::size_t offset) noexcept {
    n_batch_ = n_named_ = n_new_ = 0;
    const Byte* const begin = data.data();
    const std::size_t size = data.size();
    while (n_batch_ < kBatch && size - offset >= 2) {
      const Byte* const p = begin + offset + 2;
      const std::size_t n = load_be<std::uint16_t>(p - 2);
      if (size - offset - 2 < n) break;
      if (n == 0 || kLengths[p[0]] != n) [[unlikely]] {
        // Messages before it are applied first, so that a stop is exact.
        if (n_batch_ != 0 || !skip(data.subspan(offset + 2, n), offset)) break;
        offset += 2 + n;
        continue;
      }
      __builtin_prefetch(p + kAhead);
      batch_[n_batch_++] = p;
      offset += 2 + n;
      const std::uint8_t kind = kClass[p[0]];
      const std::uint32_t locate = load_be<std::uint16_t>(p + 1);
      if (kind == 0 || locate >= max_symbols_) [[unlikely]]
        continue;
      const std::uint32_t s = locate * 2;
      __builtin_prefetch(&sides_[s]);
      __builtin_prefetch(&sides_[s + 1]);
      named_[n_named_] = {p, load_be<std::uint64_t>(p + 11), 0, s};
      n_named_ += kind & 1U;
      // Only a new order has a side, at 19; the shortest other message ends before it.
      new_[n_new_] = {p, s + (p[18U + (kind >> 1U)] == 'S' ? 1U : 0U)};
      n_new_ += kind >> 1U;
    }
    return offset;
  }

  // Pass 2: index entries of named orders, levels of new ones.
  void fetch_index() noexcept {
    for (std::size_t i = 0; i < n_named_; ++i) index_.prefetch(named_[i].ref);
    for (std::size_t i = 0; i < n_new_; ++i)
      __builtin_prefetch(&cells_[near_cell(new_[i].side, load_be<std::uint32_t>(new_[i].p + 32))],
                         1);
  }

  // Pass 3: the orders themselves, and the last order of a level that is joined.
  void fetch_orders() noexcept {
    for (std::size_t i = 0; i < n_named_; ++i) {
      named_[i].slot = index_.find(named_[i].ref);
      __builtin_prefetch(&nodes_[named_[i].slot], 1);
    }
    for (std::size_t i = 0; i < n_new_; ++i) {
      const std::uint32_t price = load_be<std::uint32_t>(new_[i].p + 32);
      __builtin_prefetch(&nodes_[cells_[near_cell(new_[i].side, price)].tail], 1);
    }
  }

  // Pass 4: level and neighbours of named orders, and the level a replaced one goes to.
  void fetch_neighbours() noexcept {
    for (std::size_t i = 0; i < n_named_; ++i) {
      const Node n = nodes_[named_[i].slot];
      const std::uint32_t s = named_[i].side + n.side();
      __builtin_prefetch(&cells_[near_cell(s, n.price())], 1);
      __builtin_prefetch(&nodes_[n.prev()], 1);
      __builtin_prefetch(&nodes_[n.next()], 1);
      if (named_[i].p[0] == 'U')
        __builtin_prefetch(&cells_[near_cell(s, load_be<std::uint32_t>(named_[i].p + 31))], 1);
    }
  }

  // Pass 5.
  template <class Observer>
  [[nodiscard]] bool step(const Byte* p, Observer& observer) noexcept {
    const BookStatus status = apply(p, observer);
    if (!is_error(status)) [[likely]]
      return true;
    return refuse(p, status);
  }

  bool refuse(const Byte* p, BookStatus status) noexcept;
  bool skip(std::span<const Byte> message, std::size_t offset) noexcept;

  template <class Observer, class F>
  [[nodiscard]] BookStatus changed(const Byte* p, Observer& observer, F&& f) noexcept {
    const std::uint32_t locate = load_be<std::uint16_t>(p + 1);
    if (locate >= max_symbols_) [[unlikely]]
      return BookStatus::OffRange;
    const BookStatus status = f(locate);
    if constexpr (requires { observer.on_change(*this, p, touched_); })
      if (status == BookStatus::Ok) observer.on_change(*this, p, touched_);
    return status;
  }

  // --- events ----------------------------------------------------------------------------------

  BookStatus add(std::uint32_t locate, const Byte* p) noexcept {
    const std::uint64_t ref = load_be<std::uint64_t>(p + 11);
    if (p[19] != 'B' && p[19] != 'S') return BookStatus::BadSide;
    if (ref == 0) return BookStatus::UnknownOrder;  // 0 is no reference
    if (!index_.newest(ref) && index_.find(ref) != 0) return BookStatus::DuplicateOrder;
    return enter(locate * 2 + (p[19] == 'S' ? 1 : 0), ref, load_be<std::uint32_t>(p + 20),
                 load_be<std::uint32_t>(p + 32));
  }

  BookStatus enter(std::uint32_t s, std::uint64_t ref, std::uint32_t shares,
                   std::uint32_t price) noexcept {
    if (shares == 0) return BookStatus::BadSize;
    if (price == 0 || price > kMaxPrice) return BookStatus::OffRange;
    if (n_orders_ == max_orders_) return BookStatus::OrdersFull;
    Cell* c = join(s, price);
    if (c == nullptr) return BookStatus::LevelsFull;
    touched_ = s;
    const std::uint32_t slot = take_slot();
    Node& n = nodes_[slot];
    n.shares = shares;
    n.place = price | ((s & 1U) << 31U);
    n.links = (std::uint64_t{s >> 1U} << 48U) | c->tail;
    refs_[slot] = ref;
    nodes_[c->tail].set_next(slot);  // node 0 takes the write of an empty queue
    if (c->head == 0) c->head = slot;
    c->tail = slot;
    c->total += (std::uint64_t{shares} << kCountBits) + 1;
    index_.insert(ref, slot);
    return BookStatus::Ok;
  }

  BookStatus reduce(std::uint32_t locate, std::uint64_t ref, std::uint32_t shares) noexcept {
    const std::uint32_t slot = index_.find(ref);
    Node& n = nodes_[slot];
    if (slot == 0 || n.locate() != locate) return BookStatus::UnknownOrder;
    if (shares == 0) return BookStatus::BadSize;
    if (shares > n.shares) return BookStatus::OverSize;
    if (shares == n.shares) {
      leave(slot, ref);
      return BookStatus::Ok;
    }
    n.shares -= shares;
    touched_ = locate * 2 + n.side();
    at(touched_, n.price())->total -= std::uint64_t{shares} << kCountBits;
    return BookStatus::Ok;
  }

  BookStatus remove(std::uint32_t locate, std::uint64_t ref) noexcept {
    const std::uint32_t slot = index_.find(ref);
    if (slot == 0 || nodes_[slot].locate() != locate) return BookStatus::UnknownOrder;
    leave(slot, ref);
    return BookStatus::Ok;
  }

  BookStatus replace(std::uint32_t locate, const Byte* p) noexcept {
    const std::uint64_t ref = load_be<std::uint64_t>(p + 11);
    const std::uint64_t new_ref = load_be<std::uint64_t>(p + 19);
    const std::uint32_t shares = load_be<std::uint32_t>(p + 27);
    const std::uint32_t price = load_be<std::uint32_t>(p + 31);
    const std::uint32_t slot = index_.find(ref);
    if (slot == 0 || new_ref == 0 || nodes_[slot].locate() != locate)
      return BookStatus::UnknownOrder;
    if (new_ref != ref && !index_.newest(new_ref) && index_.find(new_ref) != 0)
      return BookStatus::DuplicateOrder;
    if (shares == 0) return BookStatus::BadSize;
    if (price == 0 || price > kMaxPrice) return BookStatus::OffRange;
    const std::uint32_t s = locate * 2 + nodes_[slot].side();
    // Room is asked for first: a refusal must leave the old order where it is.
    if (n_far_ + kWindow + 1 > max_far_) return BookStatus::LevelsFull;
    if (const Cell* c = peek(s, price); c != nullptr && overfull(*c)) return BookStatus::LevelsFull;
    leave(slot, ref);
    return enter(s, new_ref, shares, price);
  }

  // Takes an order out of its queue and of the index.
  void leave(std::uint32_t slot, std::uint64_t ref) noexcept {
    const Node n = nodes_[slot];
    const std::uint32_t s = n.locate() * 2 + n.side();
    touched_ = s;
    Cell* c = at(s, n.price());
    nodes_[n.prev()].set_next(n.next());
    nodes_[n.next()].set_prev(n.prev());
    if (c->head == slot) c->head = n.next();
    if (c->tail == slot) c->tail = n.prev();
    c->total -= (std::uint64_t{n.shares} << kCountBits) + 1;
    index_.erase(ref);
    --n_orders_;
    nodes_[slot].links = free_;
    free_ = slot;
    if ((c->total & kCountMask) == 0) drop_level(s, n.price());
  }

  [[nodiscard]] std::uint32_t take_slot() noexcept {
    ++n_orders_;
    if (free_ == 0) return ++high_slot_;
    const std::uint32_t slot = free_;
    free_ = static_cast<std::uint32_t>(nodes_[slot].links);
    return slot;
  }

  // --- levels ----------------------------------------------------------------------------------

  [[nodiscard]] static std::uint32_t tick_of(std::uint32_t unit, std::uint32_t price) noexcept {
    return unit == 1 ? price : price / 100;
  }
  // Where a price of the window is, or would be.
  [[nodiscard]] std::size_t near_cell(std::uint32_t s, std::uint32_t price) const noexcept {
    return std::size_t{s} * kWindow + tick_of(sides_[s].unit, price) % kWindow;
  }
  [[nodiscard]] static bool is_near(const Side& side, std::uint32_t price,
                                    std::uint32_t tick) noexcept {
    return tick - side.low < kWindow && (side.unit == 1 || tick * 100 == price);
  }
  [[nodiscard]] static bool better(std::uint32_t s, std::uint32_t a, std::uint32_t b) noexcept {
    return (s & 1U) == 0 ? a > b : a < b;
  }
  // 2^40 shares at one price would not fit; nor are there so many of any stock.
  [[nodiscard]] static bool overfull(const Cell& c) noexcept {
    return (c.total >> kCountBits) > (std::uint64_t{1} << 39U);
  }
  [[nodiscard]] static ItchLevel level(std::uint32_t price, const Cell& c) noexcept {
    return {price, static_cast<std::uint32_t>(c.total & kCountMask), c.total >> kCountBits};
  }

  // The level of a price that is there.
  [[nodiscard]] Cell* at(std::uint32_t s, std::uint32_t price) noexcept {
    const std::uint32_t tick = tick_of(sides_[s].unit, price);
    if (is_near(sides_[s], price, tick)) [[likely]]
      return &cells_[std::size_t{s} * kWindow + tick % kWindow];
    ++sides_[s].far_uses;
    return &far_[find_far(s, price)].cell;
  }

  // The level of a price, made when it is not there; nullptr when there is no room.
  [[nodiscard]] Cell* join(std::uint32_t s, std::uint32_t price) noexcept {
    Side& side = sides_[s];
    const std::uint32_t tick = tick_of(side.unit, price);
    if (is_near(side, price, tick) && side.best != 0) [[likely]] {
      const std::uint32_t i = tick % kWindow;
      Cell& c = cells_[std::size_t{s} * kWindow + i];
      if (overfull(c)) [[unlikely]]
        return nullptr;
      const std::uint64_t bit = std::uint64_t{1} << (i % 64);
      if ((side.bits[i / 64] & bit) == 0) {
        side.bits[i / 64] |= bit;
        ++side.n_near;
        c = Cell{};
        if (better(s, price, side.best)) side.best = price;
      }
      return &c;
    }
    return join_outside(s, price);
  }

  void drop_level(std::uint32_t s, std::uint32_t price) noexcept {
    Side& side = sides_[s];
    const std::uint32_t tick = tick_of(side.unit, price);
    if (!is_near(side, price, tick)) [[unlikely]]
      return drop_far(find_far(s, price));
    const std::uint32_t i = tick % kWindow;
    side.bits[i / 64] &= ~(std::uint64_t{1} << (i % 64));
    --side.n_near;
    if (price != side.best) return;
    if (side.n_near != 0) [[likely]]
      side.best = (s & 1U) == 0 ? next_below(side, tick) : next_above(side, tick);
    else
      side.best = 0;
    if (side.n_near == 0 && side.n_far != 0) [[unlikely]]
      come_near(s);
  }

  // The nearest occupied price below (bids) or above (asks) a tick of the window.
  [[nodiscard]] static std::uint32_t next_below(const Side& side, std::uint32_t tick) noexcept {
    std::uint32_t word = tick % kWindow / 64;
    std::uint64_t bits = side.bits[word] & ((std::uint64_t{1} << (tick % 64)) - 1);
    while (bits == 0) {
      word = (word + kWindow / 64 - 1) % (kWindow / 64);
      bits = side.bits[word];
    }
    const auto i = word * 64 + 63U - static_cast<std::uint32_t>(std::countl_zero(bits));
    return (tick - (tick - i) % kWindow) * side.unit;
  }
  [[nodiscard]] static std::uint32_t next_above(const Side& side, std::uint32_t tick) noexcept {
    std::uint32_t word = tick % kWindow / 64;
    std::uint64_t bits = side.bits[word] & (~std::uint64_t{1} << (tick % 64));
    while (bits == 0) {
      word = (word + 1) % (kWindow / 64);
      bits = side.bits[word];
    }
    const auto i = word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
    return (tick + (i - tick) % kWindow) * side.unit;
  }

  // The level of a price; nullptr when there is none.
  [[nodiscard]] const Cell* peek(std::uint32_t s, std::uint32_t price) const noexcept {
    const Side& side = sides_[s];
    if (side.best == 0) return nullptr;
    const std::uint32_t tick = tick_of(side.unit, price);
    if (!is_near(side, price, tick)) [[unlikely]]
      return peek_far(s, price);
    const std::uint32_t i = tick % kWindow;
    const bool there = ((side.bits[i / 64] >> (i % 64)) & 1U) != 0;
    return there ? &cells_[std::size_t{s} * kWindow + i] : nullptr;
  }
  [[nodiscard]] const Cell* peek_far(std::uint32_t s, std::uint32_t price) const noexcept;
  [[nodiscard]] std::uint32_t find_far(std::uint32_t s, std::uint32_t price) const noexcept;
  [[nodiscard]] Cell* join_outside(std::uint32_t s, std::uint32_t price) noexcept;
  std::uint32_t add_far(std::uint32_t s, std::uint32_t price, const Cell& cell) noexcept;
  void drop_far(std::uint32_t f) noexcept;
  void come_near(std::uint32_t s) noexcept;
  void lay_window(std::uint32_t s, std::uint32_t price, std::uint32_t unit) noexcept;
  void put_near(std::uint32_t s, std::uint32_t price, const Cell& cell) noexcept;

  std::uint32_t max_orders_;
  std::uint32_t max_symbols_;
  std::uint32_t max_far_;
  Mode mode_;
  std::uint32_t n_orders_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t high_slot_ = 0;
  std::uint32_t n_far_ = 0;
  std::uint32_t free_far_ = 0;
  std::uint32_t high_far_ = 0;
  std::uint32_t touched_ = 0;
  std::uint64_t offset_ = 0;  // bytes taken by earlier calls
  OrderIndex index_;
  IdTable far_ids_;
  ZeroedArray<Node> nodes_;
  ZeroedArray<std::uint64_t> refs_;
  ZeroedArray<Side> sides_;
  ZeroedArray<Cell> cells_;
  ZeroedArray<Far> far_;
  std::size_t n_batch_ = 0;
  std::size_t n_named_ = 0;
  std::size_t n_new_ = 0;
  const Byte* data_ = nullptr;  // of the consume() under way
  std::array<const Byte*, kBatch> batch_{};
  // One more than a batch: gather() writes first and counts then.
  std::array<Named, kBatch + 1> named_{};
  std::array<New, kBatch + 1> new_{};
  Trouble trouble_;
  ItchCounters counters_;
};

}  // namespace kimera::market::itch
