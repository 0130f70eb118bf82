// The book by price: a total and an order count per level.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kimera/market/book_ladder.hpp"
#include "kimera/market/book_types.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

// Level records set a level; 0 takes it away, also when it was not there, as venues send such.
// Add, Cancel and Execute of an order feed change the total at the price they name; which order
// it was, and so whether one is gone, this book does not know: the level's order count is then 0.
class BookL2 {
 public:
  explicit BookL2(const BookCapacity& capacity, WhileStale while_stale = WhileStale::Apply)
      : fresh_(while_stale),
        sides_{Ladder(capacity.window_ticks, capacity.max_levels),
               Ladder(capacity.window_ticks, capacity.max_levels)} {
    if (capacity.memory == Memory::Ready)
      for (Ladder& side : sides_) side.touch();
  }

  BookStatus apply(const model::Record& r) noexcept {
    if (r.kind != model::Kind::Delta) return tally(BookStatus::Ignored);
    if (!fresh_.plain(r) && !fresh_.admit(r)) [[unlikely]]
      return tally(BookStatus::Stale);
    if (r.delta_action() == model::Action::Level) [[likely]]
      return tally(do_set(r.side, r.price_ticks, r.size_lots, r.detail));
    return tally(dispatch(r));
  }

  BookStatus set(model::Side side, std::int64_t price, std::int64_t size,
                 std::uint32_t order_count = 0) noexcept {
    return tally(do_set(side, price, size, order_count));
  }
  // Changes a level's total by `size`, which may be negative.
  BookStatus change(model::Side side, std::int64_t price, std::int64_t size) noexcept {
    return tally(do_change(side, price, size));
  }

  [[nodiscard]] Level best(model::Side side) const noexcept {
    if (side == model::Side::None) return {};
    const unsigned s = side_index(side);
    const Total& t = sides_[s].best_cell();
    return {price_of(s, sides_[s].best_key()), t.size, t.count};
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
    const Total* t = total_at(side, price);
    return t == nullptr ? 0 : t->size;
  }
  [[nodiscard]] std::uint32_t count_at(model::Side side, std::int64_t price) const noexcept {
    const Total* t = total_at(side, price);
    return t == nullptr ? 0 : t->count;
  }
  [[nodiscard]] std::uint32_t n_levels(model::Side side) const noexcept {
    return side == model::Side::None ? 0 : sides_[side_index(side)].size();
  }

  [[nodiscard]] BookState state() const noexcept {
    if (fresh_.stale()) return BookState::Stale;
    return state_of(best(model::Side::Bid).price_ticks, best(model::Side::Ask).price_ticks);
  }

  void clear() noexcept {
    sides_[0].clear();
    sides_[1].clear();
    fresh_.reset();
  }
  void mark_stale() noexcept { fresh_.mark_stale(); }
  [[nodiscard]] const BookCounters& counters() const noexcept { return counters_; }

 private:
  struct Total {
    std::int64_t size;
    std::uint32_t count;
    std::uint32_t spare;
  };
  using Ladder = PriceLadder<Total>;

  BookStatus tally(BookStatus status) noexcept {
    if (status != BookStatus::Ok) [[unlikely]]
      ++counters_.by_status[static_cast<std::size_t>(status)];
    return status;
  }

  [[gnu::noinline]] BookStatus dispatch(const model::Record& r) noexcept {
    switch (r.delta_action()) {
      case model::Action::Add:
        return r.size_lots > 0 ? do_change(r.side, r.price_ticks, r.size_lots)
                               : BookStatus::BadSize;
      case model::Action::Cancel:
      case model::Action::Execute:
        return r.size_lots > 0 ? do_change(r.side, r.price_ticks, -r.size_lots)
                               : BookStatus::BadSize;
      case model::Action::Clear:
        if (r.side != model::Side::Ask) sides_[0].clear();
        if (r.side != model::Side::Bid) sides_[1].clear();
        return BookStatus::Ok;
      case model::Action::Fill:
      case model::Action::Trade:
        return BookStatus::Ignored;
      case model::Action::Level:
      case model::Action::Modify:
      case model::Action::None:
        break;
    }
    return BookStatus::NotSupported;
  }

  BookStatus do_set(model::Side side, std::int64_t price, std::int64_t size,
                    std::uint32_t order_count) noexcept {
    if (side > model::Side::Ask) [[unlikely]]
      return BookStatus::BadSide;
    if (!in_range(price)) [[unlikely]]
      return BookStatus::OffRange;
    const unsigned s = side_index(side);
    const std::int64_t key = key_of(s, price);
    Total* t = sides_[s].find(key);
    if (size <= 0) {
      if (size < 0) return BookStatus::BadSize;
      if (t != nullptr) sides_[s].erase(key);
      return BookStatus::Ok;
    }
    if (t == nullptr) {
      if (sides_[s].full()) return BookStatus::LevelsFull;
      t = sides_[s].insert(key);
    }
    t->size = size;
    t->count = order_count;
    return BookStatus::Ok;
  }

  BookStatus do_change(model::Side side, std::int64_t price, std::int64_t size) noexcept {
    if (side > model::Side::Ask) return BookStatus::BadSide;
    if (!in_range(price)) return BookStatus::OffRange;
    const unsigned s = side_index(side);
    const Total* t = sides_[s].find(key_of(s, price));
    std::int64_t total = 0;
    if (__builtin_add_overflow(t == nullptr ? 0 : t->size, size, &total))
      return BookStatus::BadSize;
    if (total < 0) return BookStatus::OverSize;
    return do_set(side, price, total, 0);
  }

  [[nodiscard]] const Total* total_at(model::Side side, std::int64_t price) const noexcept {
    if (side > model::Side::Ask || !in_range(price)) return nullptr;
    const unsigned s = side_index(side);
    return sides_[s].peek(key_of(s, price));
  }
  [[nodiscard]] Level level(unsigned s, std::int64_t key) const noexcept {
    const Total& t = sides_[s].cell_of(key);
    return {price_of(s, key), t.size, t.count};
  }

  Freshness fresh_;
  Ladder sides_[2];
  BookCounters counters_;
};

static_assert(Book<BookL2>);

}  // namespace kimera::market
