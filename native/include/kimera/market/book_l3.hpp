// The book by order: every resting order, in its place in the queue of its price.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "kimera/market/book_ids.hpp"
#include "kimera/market/book_ladder.hpp"
#include "kimera/market/book_memory.hpp"
#include "kimera/market/book_types.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

// Semantics, event by event:
//   add      joins the end of its price's queue; the id must be new
//   cancel   takes size away; 0 takes all; the order keeps its place
//   modify   keeps its place only if the price is the same and the size shrinks or stays
//   execute  takes size away from the order it names, wherever it stands
//   replace  a new id at the end of the queue of its price; the old id is gone
//   level    sets a level's total (snapshot of a feed that shows orders only from now on): what
//            exceeds the known orders is kept as one nameless order ahead of them all, and a
//            cancel or execution of an unknown id at that price takes from it
// An event that cannot be taken changes nothing and is counted by its status.
class BookL3 {
 public:
  explicit BookL3(const BookCapacity& capacity, WhileStale while_stale = WhileStale::Apply)
      : max_orders_(checked(capacity.max_orders)),
        fresh_(while_stale),
        ids_(max_orders_),
        nodes_(std::size_t{max_orders_} + 1),
        sides_{Ladder(capacity.window_ticks, capacity.max_levels),
               Ladder(capacity.window_ticks, capacity.max_levels)} {
    if (capacity.memory == Memory::AsUsed) return;
    ids_.touch();
    nodes_.touch();
    for (Ladder& side : sides_) side.touch();
  }

  [[gnu::always_inline]] BookStatus apply(const model::Record& r) noexcept {
    // Nearly all of a stream is orders that come to and go from queues that are there before and
    // after. That is done here, in full or not at all; whatever is special takes the long way.
    if (r.kind == model::Kind::Delta && fresh_.plain(r)) [[likely]] {
      if (r.delta_action() == model::Action::Add) {
        if (joined(r)) return BookStatus::Ok;
      } else if (r.delta_action() == model::Action::Cancel ||
                 r.delta_action() == model::Action::Execute) {
        if (reduced(r)) return BookStatus::Ok;
      } else if (r.delta_action() == model::Action::Modify) {
        return tally(do_modify(r.order_id, r.price_ticks, r.size_lots));
      }
    }
    return apply_any(r);
  }

  // A hint, some records (about eight) before a record is applied: starts fetching what it needs.
  void expect(const model::Record& r) const noexcept { ids_.prefetch(r.order_id); }

  BookStatus add(model::Side side, std::uint64_t id, std::int64_t price,
                 std::int64_t size) noexcept {
    return tally(do_add(side, id, price, size));
  }
  BookStatus cancel(std::uint64_t id, std::int64_t size = 0) noexcept {
    return tally(do_reduce(id, size, true, model::Side::None, model::kNoPrice));
  }
  BookStatus modify(std::uint64_t id, std::int64_t price, std::int64_t size) noexcept {
    return tally(do_modify(id, price, size));
  }
  BookStatus execute(std::uint64_t id, std::int64_t size) noexcept {
    return tally(do_reduce(id, size, false, model::Side::None, model::kNoPrice));
  }
  BookStatus replace(std::uint64_t old_id, std::uint64_t new_id, std::int64_t price,
                     std::int64_t size) noexcept {
    return tally(do_replace(old_id, new_id, price, size));
  }

  [[nodiscard]] Level best(model::Side side) const noexcept {
    if (side == model::Side::None) return {};
    const unsigned s = side_index(side);
    const Queue& q = sides_[s].best_cell();
    return {price_of(s, sides_[s].best_key()), q.size, q.count};
  }

  // Best first; returns how many were written, at most out.size().
  std::size_t levels(model::Side side, std::span<Level> out) const noexcept {
    if (side == model::Side::None) return 0;
    const unsigned s = side_index(side);
    std::size_t n = 0;
    for (std::int64_t key = sides_[s].best_key(); key != kNoKey && n < out.size();
         key = sides_[s].next_worse(key))
      out[n++] = level(s, key);
    return n;
  }

  [[nodiscard]] std::int64_t size_at(model::Side side, std::int64_t price) const noexcept {
    const Queue* q = queue_at(side, price);
    return q == nullptr ? 0 : q->size;
  }
  [[nodiscard]] std::uint32_t count_at(model::Side side, std::int64_t price) const noexcept {
    const Queue* q = queue_at(side, price);
    return q == nullptr ? 0 : q->count;
  }
  [[nodiscard]] std::uint32_t n_levels(model::Side side) const noexcept {
    return side == model::Side::None ? 0 : sides_[side_index(side)].size();
  }
  [[nodiscard]] std::uint32_t n_orders() const noexcept { return n_orders_; }

  [[nodiscard]] BookState state() const noexcept {
    if (fresh_.stale()) return BookState::Stale;
    return state_of(best(model::Side::Bid).price_ticks, best(model::Side::Ask).price_ticks);
  }

  // order_id is 0 when there is no such order.
  [[nodiscard]] OrderView order(std::uint64_t id) const noexcept {
    const std::uint32_t slot = slot_of(id);
    return slot == 0 ? OrderView{} : view(nodes_[slot]);
  }

  // Lots ahead of an order in the queue of its price; -1 when there is no such order. O(orders
  // ahead).
  [[nodiscard]] std::int64_t size_ahead(std::uint64_t id) const noexcept {
    const std::uint32_t slot = slot_of(id);
    if (slot == 0) return -1;
    std::int64_t sum = 0;
    for (std::uint32_t i = nodes_[slot].prev; i != 0; i = nodes_[i].prev) sum += nodes_[i].size;
    return sum;
  }

  // Calls f(const OrderView&) for each order of a price, the first to be filled first.
  template <class F>
  void for_each_in_queue(model::Side side, std::int64_t price, F&& f) const {
    const Queue* q = queue_at(side, price);
    for (std::uint32_t i = q == nullptr ? 0 : q->head; i != 0; i = nodes_[i].next)
      f(view(nodes_[i]));
  }

  void clear() noexcept {
    clear_side(0);
    clear_side(1);
    fresh_.reset();
  }
  void mark_stale() noexcept { fresh_.mark_stale(); }
  [[nodiscard]] const BookCounters& counters() const noexcept { return counters_; }

 private:
  struct Queue {
    std::int64_t size;
    std::uint32_t head;
    std::uint32_t tail;
    std::uint32_t count;
    std::uint32_t spare;
  };
  struct Node {
    std::uint64_t id;  // 0: the nameless order of a level
    std::int64_t size;
    std::int64_t place;  // key * 2 + side
    std::uint32_t prev;
    std::uint32_t next;

    [[nodiscard]] unsigned side() const noexcept { return static_cast<unsigned>(place & 1); }
    [[nodiscard]] std::int64_t key() const noexcept { return place >> 1; }
  };
  using Ladder = PriceLadder<Queue>;

  [[nodiscard]] static std::uint32_t checked(std::uint32_t max_orders) {
    if (max_orders == 0 || max_orders > (1U << 29U))
      throw std::invalid_argument("max_orders must be from 1 to 536870912");
    return max_orders;
  }

  BookStatus tally(BookStatus status) noexcept {
    if (status != BookStatus::Ok) [[unlikely]]
      ++counters_.by_status[static_cast<std::size_t>(status)];
    return status;
  }

  [[gnu::noinline]] BookStatus apply_any(const model::Record& r) noexcept {
    if (r.kind != model::Kind::Delta) return tally(BookStatus::Ignored);
    if (!fresh_.plain(r) && !fresh_.admit(r)) return tally(BookStatus::Stale);
    return tally(dispatch(r));
  }

  // A new order within the window. False: nothing was done.
  [[nodiscard, gnu::always_inline]] bool joined(const model::Record& r) noexcept {
    if (r.side > model::Side::Ask || r.size_lots <= 0 || r.order_id == 0) return false;
    const unsigned s = side_index(r.side);
    const std::int64_t key = key_of(s, r.price_ticks);
    if (!sides_[s].in_window(key) || n_orders_ == max_orders_) return false;
    Queue& q = sides_[s].window_cell(key);
    if (overflows(q.size, r.size_lots)) return false;
    const std::uint64_t position = ids_.seek(
        r.order_id, [this, &r](std::uint32_t other) { return nodes_[other].id == r.order_id; });
    if (ids_.slot_at(position) != 0) return false;
    if (q.count == 0 && !sides_[s].open(key)) return false;
    const std::uint32_t slot = take_slot();
    Node& n = nodes_[slot];
    n.id = r.order_id;
    n.size = r.size_lots;
    n.place = key * 2 + s;
    append(q, slot);
    ids_.insert_at(position, r.order_id, slot);
    return true;
  }

  // A cancel or execution of a known order within the window. False: nothing was done.
  [[nodiscard, gnu::always_inline]] bool reduced(const model::Record& r) noexcept {
    const std::uint64_t position = ids_.seek(
        r.order_id, [this, &r](std::uint32_t other) { return nodes_[other].id == r.order_id; });
    const std::uint32_t slot = ids_.slot_at(position);
    if (slot == 0) return false;
    Node& n = nodes_[slot];
    Ladder& side = sides_[n.side()];
    if (!side.in_window(n.key())) return false;
    Queue& q = side.window_cell(n.key());
    if (r.size_lots != n.size) {
      if (r.size_lots <= 0 || r.size_lots > n.size) return false;
      n.size -= r.size_lots;
      q.size -= r.size_lots;
      return true;
    }
    ids_.erase(position);
    unlink(q, slot);
    if (q.count == 0) side.erase(n.key());
    give_back(slot);
    return true;
  }

  BookStatus dispatch(const model::Record& r) noexcept {
    switch (r.delta_action()) {
      case model::Action::Add:
        return do_add(r.side, r.order_id, r.price_ticks, r.size_lots);
      case model::Action::Cancel:
        return do_reduce(r.order_id, r.size_lots, true, r.side, r.price_ticks);
      case model::Action::Modify:
        return do_modify(r.order_id, r.price_ticks, r.size_lots);
      case model::Action::Execute:
        return do_reduce(r.order_id, r.size_lots, false, r.side, r.price_ticks);
      case model::Action::Clear:
        if (r.side != model::Side::Ask) clear_side(0);
        if (r.side != model::Side::Bid) clear_side(1);
        return BookStatus::Ok;
      case model::Action::Level:
        return do_level(r.side, r.price_ticks, r.size_lots);
      case model::Action::Fill:
      case model::Action::Trade:
        return BookStatus::Ignored;
      case model::Action::None:
        break;
    }
    return BookStatus::NotSupported;
  }

  [[nodiscard]] std::uint64_t position_of(std::uint64_t id) const noexcept {
    return ids_.find(id, [this, id](std::uint32_t slot) { return nodes_[slot].id == id; });
  }
  [[nodiscard]] std::uint32_t slot_of(std::uint64_t id) const noexcept {
    const std::uint64_t position = position_of(id);
    return position == IdTable::kAbsent ? 0 : ids_.slot_at(position);
  }

  BookStatus do_add(model::Side side, std::uint64_t id, std::int64_t price,
                    std::int64_t size) noexcept {
    if (side > model::Side::Ask) return BookStatus::BadSide;
    if (size <= 0) return BookStatus::BadSize;
    if (!in_range(price)) return BookStatus::OffRange;
    const std::uint64_t position =
        ids_.seek(id, [this, id](std::uint32_t slot) { return nodes_[slot].id == id; });
    if (id == 0 || ids_.slot_at(position) != 0) return BookStatus::DuplicateOrder;
    if (n_orders_ == max_orders_) return BookStatus::OrdersFull;
    const unsigned s = side_index(side);
    const std::int64_t key = key_of(s, price);
    Queue* q = sides_[s].find(key);
    if (q == nullptr) {
      if (sides_[s].full()) return BookStatus::LevelsFull;
      q = sides_[s].insert(key);
    } else if (overflows(q->size, size)) {
      return BookStatus::BadSize;
    }
    const std::uint32_t slot = take_slot();
    Node& n = nodes_[slot];
    n.id = id;
    n.size = size;
    n.place = key * 2 + s;
    append(*q, slot);
    ids_.insert_at(position, id, slot);
    return BookStatus::Ok;
  }

  // Cancel (0 = all of it) and execute. Side and price matter only for the nameless order.
  BookStatus do_reduce(std::uint64_t id, std::int64_t size, bool zero_is_all, model::Side side,
                       std::int64_t price) noexcept {
    if (size < 0 || (size == 0 && !zero_is_all)) return BookStatus::BadSize;
    const std::uint64_t position = position_of(id);
    if (position == IdTable::kAbsent) [[unlikely]]
      return reduce_nameless(side, price, size);
    const std::uint32_t slot = ids_.slot_at(position);
    Node& n = nodes_[slot];
    if (size > n.size) return BookStatus::OverSize;
    if (size == 0 || size == n.size) {
      ids_.erase(position);
      remove(slot);
    } else {
      n.size -= size;
      sides_[n.side()].at(n.key())->size -= size;
    }
    return BookStatus::Ok;
  }

  BookStatus do_modify(std::uint64_t id, std::int64_t price, std::int64_t size) noexcept {
    if (size <= 0) return BookStatus::BadSize;
    if (!in_range(price)) return BookStatus::OffRange;
    const std::uint32_t slot = slot_of(id);
    if (slot == 0) return BookStatus::UnknownOrder;
    Node& n = nodes_[slot];
    const unsigned s = n.side();
    const std::int64_t key = key_of(s, price);
    if (key != n.key()) {
      if (const BookStatus room = room_for(s, key, slot, size); room != BookStatus::Ok) return room;
      detach(slot);
      n.size = size;
      n.place = key * 2 + s;
      append(*queue_for(s, key), slot);
      return BookStatus::Ok;
    }
    Queue& q = *sides_[s].at(key);
    if (size > n.size) {
      if (overflows(q.size, size - n.size)) return BookStatus::BadSize;
      unlink(q, slot);
      n.size = size;
      append(q, slot);
    } else {
      q.size -= n.size - size;
      n.size = size;
    }
    return BookStatus::Ok;
  }

  BookStatus do_replace(std::uint64_t old_id, std::uint64_t new_id, std::int64_t price,
                        std::int64_t size) noexcept {
    if (size <= 0) return BookStatus::BadSize;
    if (!in_range(price)) return BookStatus::OffRange;
    const std::uint64_t position = position_of(old_id);
    if (position == IdTable::kAbsent) return BookStatus::UnknownOrder;
    if (new_id == 0 || (new_id != old_id && position_of(new_id) != IdTable::kAbsent))
      return BookStatus::DuplicateOrder;
    const std::uint32_t slot = ids_.slot_at(position);
    Node& n = nodes_[slot];
    const unsigned s = n.side();
    const std::int64_t key = key_of(s, price);
    if (const BookStatus room = room_for(s, key, slot, size); room != BookStatus::Ok) return room;
    ids_.erase(position);
    detach(slot);
    n.id = new_id;
    n.size = size;
    n.place = key * 2 + s;
    append(*queue_for(s, key), slot);
    ids_.insert(new_id, slot);
    return BookStatus::Ok;
  }

  BookStatus do_level(model::Side side, std::int64_t price, std::int64_t size) noexcept {
    if (side > model::Side::Ask) return BookStatus::BadSide;
    if (size < 0) return BookStatus::BadSize;
    if (!in_range(price)) return BookStatus::OffRange;
    const unsigned s = side_index(side);
    const std::int64_t key = key_of(s, price);
    Queue* q = sides_[s].find(key);
    if (size == 0) {
      if (q != nullptr) drop_level(s, key);
      return BookStatus::Ok;
    }
    const std::uint32_t nameless = q != nullptr && nodes_[q->head].id == 0 ? q->head : 0;
    const std::int64_t known = q == nullptr ? 0 : q->size - (nameless == 0 ? 0 : size_of(nameless));
    if (size < known) return BookStatus::OverSize;
    return set_nameless(s, key, nameless, size - known);
  }

  // Gives a level a nameless order of this size, at the head of its queue.
  BookStatus set_nameless(unsigned s, std::int64_t key, std::uint32_t nameless,
                          std::int64_t size) noexcept {
    if (nameless != 0) {
      if (size == 0) {
        remove(nameless);
      } else {
        Queue& q = *sides_[s].at(key);
        q.size += size - nodes_[nameless].size;
        nodes_[nameless].size = size;
      }
      return BookStatus::Ok;
    }
    if (size == 0) return BookStatus::Ok;
    if (n_orders_ == max_orders_) return BookStatus::OrdersFull;
    if (sides_[s].find(key) == nullptr && sides_[s].full()) return BookStatus::LevelsFull;
    Queue& q = *queue_for(s, key);
    const std::uint32_t slot = take_slot();
    Node& n = nodes_[slot];
    n.id = 0;
    n.size = size;
    n.place = key * 2 + s;
    prepend(q, slot);
    return BookStatus::Ok;
  }

  [[gnu::noinline]] BookStatus reduce_nameless(model::Side side, std::int64_t price,
                                               std::int64_t size) noexcept {
    if (side > model::Side::Ask || !in_range(price)) return BookStatus::UnknownOrder;
    const unsigned s = side_index(side);
    const std::int64_t key = key_of(s, price);
    Queue* q = sides_[s].find(key);
    if (q == nullptr || nodes_[q->head].id != 0 || size == 0) return BookStatus::UnknownOrder;
    Node& n = nodes_[q->head];
    if (size > n.size) return BookStatus::OverSize;
    if (size == n.size) {
      remove(q->head);
    } else {
      n.size -= size;
      q->size -= size;
    }
    return BookStatus::Ok;
  }

  // Whether the order in `slot`, once out of its place, can rest at `key` with `size`.
  [[nodiscard]] BookStatus room_for(unsigned s, std::int64_t key, std::uint32_t slot,
                                    std::int64_t size) noexcept {
    const Node& n = nodes_[slot];
    if (const Queue* q = sides_[s].find(key); q != nullptr) {
      const std::int64_t own = n.key() == key ? n.size : 0;
      return overflows(q->size - own, size) ? BookStatus::BadSize : BookStatus::Ok;
    }
    const bool frees_one = sides_[s].at(n.key())->count == 1;
    return sides_[s].full() && !frees_one ? BookStatus::LevelsFull : BookStatus::Ok;
  }

  [[nodiscard]] Queue* queue_for(unsigned s, std::int64_t key) noexcept {
    Queue* q = sides_[s].find(key);
    return q != nullptr ? q : sides_[s].insert(key);
  }

  // Takes an order out of its queue, and the level away when it was the last.
  void detach(std::uint32_t slot) noexcept {
    const Node& n = nodes_[slot];
    Queue& q = *sides_[n.side()].at(n.key());
    unlink(q, slot);
    if (q.count == 0) sides_[n.side()].erase(n.key());
  }
  void remove(std::uint32_t slot) noexcept {
    detach(slot);
    give_back(slot);
  }

  void drop_level(unsigned s, std::int64_t key) noexcept {
    std::uint32_t slot = sides_[s].at(key)->head;
    while (slot != 0) {
      const std::uint32_t next = nodes_[slot].next;
      if (const std::uint64_t id = nodes_[slot].id; id != 0) ids_.erase(position_of(id));
      give_back(slot);
      slot = next;
    }
    sides_[s].erase(key);
  }
  void clear_side(unsigned s) noexcept {
    while (sides_[s].best_key() != kNoKey) drop_level(s, sides_[s].best_key());
  }

  void append(Queue& q, std::uint32_t slot) noexcept {
    Node& n = nodes_[slot];
    n.prev = q.tail;
    n.next = 0;
    // Slot 0 is nobody's: it takes the write of an empty queue, so that no branch is needed.
    nodes_[q.tail].next = slot;
    if (q.head == 0) q.head = slot;
    q.tail = slot;
    q.size += n.size;
    ++q.count;
  }
  void prepend(Queue& q, std::uint32_t slot) noexcept {
    Node& n = nodes_[slot];
    n.prev = 0;
    n.next = q.head;
    nodes_[q.head].prev = slot;
    if (q.tail == 0) q.tail = slot;
    q.head = slot;
    q.size += n.size;
    ++q.count;
  }
  void unlink(Queue& q, std::uint32_t slot) noexcept {
    const Node& n = nodes_[slot];
    nodes_[n.prev].next = n.next;
    nodes_[n.next].prev = n.prev;
    if (q.head == slot) q.head = n.next;
    if (q.tail == slot) q.tail = n.prev;
    q.size -= n.size;
    --q.count;
  }

  // Free slots are chained by `next`; slots never used lie above high_.
  [[nodiscard]] std::uint32_t take_slot() noexcept {
    ++n_orders_;
    if (free_ == 0) return ++high_;
    const std::uint32_t slot = free_;
    free_ = nodes_[slot].next;
    return slot;
  }
  void give_back(std::uint32_t slot) noexcept {
    --n_orders_;
    nodes_[slot].next = free_;
    free_ = slot;
  }

  [[nodiscard]] static bool overflows(std::int64_t a, std::int64_t b) noexcept {
    std::int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum);
  }
  [[nodiscard]] std::int64_t size_of(std::uint32_t slot) const noexcept {
    return nodes_[slot].size;
  }
  [[nodiscard]] const Queue* queue_at(model::Side side, std::int64_t price) const noexcept {
    if (side > model::Side::Ask || !in_range(price)) return nullptr;
    const unsigned s = side_index(side);
    return sides_[s].peek(key_of(s, price));
  }
  [[nodiscard]] Level level(unsigned s, std::int64_t key) const noexcept {
    const Queue& q = sides_[s].cell_of(key);
    return {price_of(s, key), q.size, q.count};
  }
  [[nodiscard]] static OrderView view(const Node& n) noexcept {
    return {n.id, price_of(n.side(), n.key()), n.size, static_cast<model::Side>(n.side())};
  }

  std::uint32_t max_orders_;
  std::uint32_t n_orders_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t high_ = 0;
  Freshness fresh_;
  IdTable ids_;
  ZeroedArray<Node> nodes_;
  Ladder sides_[2];
  BookCounters counters_;
};

static_assert(Book<BookL3>);

}  // namespace kimera::market
