// Own orders resting on a replayed venue: a bounded pool, and per instrument and side a list,
// best price first, first come first at a price.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kimera/market/book_types.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

struct OwnOrder {
  std::uint64_t order_id = 0;  // 0: free
  std::int64_t price_ticks = 0;
  std::int64_t leaves_lots = 0;
  std::int64_t ahead_lots = 0;   // L3: recorded lots ahead, exact
  double ahead_estimate = 0;     // L2: recorded lots ahead, by the queue model
  std::int64_t traded_lots = 0;  // L2: traded at the price, not yet seen in the level's total
  std::uint32_t instrument_id = 0;
  std::uint16_t actor_id = 0;
  model::Side side = model::Side::None;
};

class OwnSide {
 public:
  explicit OwnSide(std::size_t capacity) { slots_.reserve(capacity); }

  [[nodiscard]] bool empty() const noexcept { return slots_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size(); }
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const noexcept { return slots_[i]; }
  // Greatest key (best price) of the side; kNoKey when empty.
  [[nodiscard]] std::int64_t best_key() const noexcept { return best_key_; }
  // False: certainly no order at this price. True: perhaps.
  [[nodiscard]] bool may_hold(std::int64_t price) const noexcept {
    return ((mask_ >> (static_cast<std::uint64_t>(price) & 63U)) & 1U) != 0;
  }

  // The capacity was reserved for the whole pool, so this never allocates.
  void insert(const std::vector<OwnOrder>& pool, std::uint32_t slot) noexcept {
    const std::int64_t key = key_in(pool, slot);
    auto at = slots_.begin();
    while (at != slots_.end() && key_in(pool, *at) >= key) ++at;
    slots_.insert(at, slot);
    refresh(pool);
  }
  void erase(const std::vector<OwnOrder>& pool, std::uint32_t slot) noexcept {
    slots_.erase(std::find(slots_.begin(), slots_.end(), slot));
    refresh(pool);
  }

 private:
  [[nodiscard]] static std::int64_t key_in(const std::vector<OwnOrder>& pool,
                                           std::uint32_t slot) noexcept {
    return key_of(side_index(pool[slot].side), pool[slot].price_ticks);
  }
  void refresh(const std::vector<OwnOrder>& pool) noexcept {
    best_key_ = slots_.empty() ? kNone : key_in(pool, slots_.front());
    mask_ = 0;
    for (const std::uint32_t slot : slots_) {
      mask_ |= std::uint64_t{1} << (static_cast<std::uint64_t>(pool[slot].price_ticks) & 63U);
    }
  }
  static constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::min();

  std::vector<std::uint32_t> slots_;
  std::int64_t best_key_ = kNone;
  std::uint64_t mask_ = 0;
};

// Liquidity our takers took from recorded levels: a level shows that much less to our next order
// until it is gone. Bounded; when full the oldest is forgotten and counted.
class Consumed {
 public:
  static constexpr std::size_t kCapacity = 64;

  [[nodiscard]] bool empty() const noexcept { return n_ == 0; }
  [[nodiscard]] std::uint64_t forgotten() const noexcept { return forgotten_; }
  [[nodiscard]] std::int64_t at(model::Side side, std::int64_t price) const noexcept {
    for (std::size_t i = 0; i < n_; ++i) {
      if (entries_[i].price == price && entries_[i].side == side) return entries_[i].lots;
    }
    return 0;
  }
  void add(model::Side side, std::int64_t price, std::int64_t lots) noexcept {
    for (std::size_t i = 0; i < n_; ++i) {
      if (entries_[i].price == price && entries_[i].side == side) {
        entries_[i].lots += lots;
        return;
      }
    }
    if (n_ == kCapacity) {
      std::move(entries_ + 1, entries_ + n_, entries_);
      --n_;
      ++forgotten_;
    }
    entries_[n_++] = Entry{price, lots, side};
  }
  // The level now shows `total`: no more than that can be taken from it.
  void limit(model::Side side, std::int64_t price, std::int64_t total) noexcept {
    for (std::size_t i = 0; i < n_; ++i) {
      if (entries_[i].price != price || entries_[i].side != side) continue;
      entries_[i].lots = std::min(entries_[i].lots, total);
      if (entries_[i].lots == 0) {
        std::move(entries_ + i + 1, entries_ + n_, entries_ + i);
        --n_;
      }
      return;
    }
  }
  // The same for every remembered level; `total_at(side, price)` gives what it shows.
  template <class TotalAt>
  void limit_all(TotalAt&& total_at) noexcept {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      Entry e = entries_[i];
      e.lots = std::min(e.lots, total_at(e.side, e.price));
      if (e.lots != 0) entries_[kept++] = e;
    }
    n_ = kept;
  }
  void clear() noexcept { n_ = 0; }

 private:
  struct Entry {
    std::int64_t price;
    std::int64_t lots;
    model::Side side;
  };
  Entry entries_[kCapacity];
  std::size_t n_ = 0;
  std::uint64_t forgotten_ = 0;
};

}  // namespace kimera::market
