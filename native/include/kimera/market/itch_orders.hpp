// Where each live ITCH order is kept: from its reference number to a small slot.
//
// References grow through the day and most orders die young, so the newest references are looked
// up directly, in a ring of 4-byte slots, and those that outlive the ring move to a flat hash of
// 8-byte entries. The ring is small enough to stay in cache, the hash holds live orders only, and
// so memory does not grow with the day. Outliers (far ahead of the rest, or of another feed's
// numbering) go to the hash at once; the ring follows when they turn out to be the rule.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "kimera/market/book_memory.hpp"

namespace kimera::market::itch {

class OrderIndex {
 public:
  OrderIndex(std::uint32_t max_orders, std::uint32_t ring_size)
      : ring_mask_(ring_size - 1),
        hash_mask_(std::bit_ceil(std::uint32_t{max_orders} * 2) - 1),
        ring_(ring_size),
        hash_(std::size_t{hash_mask_} + 1),
        high_(std::size_t{hash_mask_} + 1) {
    if (!std::has_single_bit(ring_size) || ring_size < 1024)
      throw std::invalid_argument("ring_size must be a power of two of at least 1024");
  }

  void prefetch(std::uint64_t ref) const noexcept {
    __builtin_prefetch(in_ring(ref) ? static_cast<const void*>(&ring_[ref & ring_mask_])
                                    : static_cast<const void*>(&hash_[home(ref)]));
  }

  // The slot of an order; 0 when there is none.
  [[nodiscard]] std::uint32_t find(std::uint64_t ref) const noexcept {
    if (in_ring(ref)) [[likely]]
      return ring_[ref & ring_mask_];
    const std::uint32_t i = find_hash(ref);
    return i == kAbsent ? 0 : hash_[i].slot;
  }

  // True for a reference greater than all before it: the usual one of a new order.
  [[nodiscard]] bool newest(std::uint64_t ref) const noexcept {
    return ref >= next_ && (!any_beyond_ || ref > beyond_);
  }

  // The reference must not be there, the slot not 0.
  void insert(std::uint64_t ref, std::uint32_t slot) noexcept {
    if (ref >= next_) [[likely]]
      advance(ref);
    if (in_ring(ref)) [[likely]] {
      ring_[ref & ring_mask_] = slot;
      return;
    }
    insert_hash(ref, slot);
  }

  void erase(std::uint64_t ref) noexcept {
    if (in_ring(ref)) [[likely]] {
      ring_[ref & ring_mask_] = 0;
      return;
    }
    erase_hash(find_hash(ref));
  }

 private:
  struct Entry {
    std::uint32_t low;   // low half of the reference
    std::uint32_t slot;  // 0: empty
  };
  static constexpr std::uint32_t kAbsent = ~std::uint32_t{0};
  static constexpr unsigned kRunBits = 3;

  // The ring holds references [next_ - ring size, next_).
  [[nodiscard]] bool in_ring(std::uint64_t ref) const noexcept {
    return next_ - 1 - ref <= ring_mask_;
  }

  // Makes `ref` the newest of the ring, or leaves it an outlier.
  void advance(std::uint64_t ref) noexcept {
    const std::uint64_t steps = ref + 1 - next_;
    if (steps <= ring_mask_ / 4) [[likely]] {
      for (std::uint64_t n = next_; n <= ref; ++n) age(n);
      next_ = ref + 1;
      if (any_beyond_ && beyond_ >= next_ - steps) [[unlikely]]
        catch_up(steps);
      outliers_ = 0;
      return;
    }
    far_ahead(ref);
  }
  // What the place of reference `n` holds is one ring older: it moves to the hash.
  void age(std::uint64_t n) noexcept {
    std::uint32_t& place = ring_[n & ring_mask_];
    if (place == 0) [[likely]]
      return;
    insert_hash(n - ring_mask_ - 1, place);
    place = 0;
  }
  // A jump. The ring moves there when it has never been used, or after so many jumps in a row
  // that emptying it is cheap beside them.
  [[gnu::noinline]] void far_ahead(std::uint64_t ref) noexcept {
    if (next_ != kFirst && ++outliers_ <= (ring_mask_ + hash_mask_) / 64) {
      if (!any_beyond_ || ref > beyond_) beyond_ = ref;
      any_beyond_ = true;
      return;
    }
    outliers_ = 0;
    for (std::uint64_t n = next_; n <= next_ + ring_mask_; ++n) age(n);
    next_ = ref + 1;
    // Orders already in the hash under references of the ring's new range must move into it.
    for (std::uint32_t i = 0; i <= hash_mask_; ++i) {
      while (hash_[i].slot != 0 && in_ring(ref_at(i))) {
        const std::uint64_t moved = ref_at(i);
        ring_[moved & ring_mask_] = hash_[i].slot;
        erase_hash(i);
      }
    }
  }

  // The ring has come to references that were outliers once: they move into it.
  [[gnu::noinline]] void catch_up(std::uint64_t steps) noexcept {
    for (std::uint64_t n = next_ - steps; n != next_; ++n) {
      const std::uint32_t i = find_hash(n);
      if (i == kAbsent) continue;
      ring_[n & ring_mask_] = hash_[i].slot;
      erase_hash(i);
    }
  }

  [[nodiscard]] std::uint64_t ref_at(std::uint32_t i) const noexcept {
    return (std::uint64_t{mixed_ ? high_[i] : only_high_} << 32U) | hash_[i].low;
  }
  [[nodiscard]] std::uint32_t home_of_low(std::uint32_t low) const noexcept {
    const std::uint32_t mixed = (low >> kRunBits) * 0x9E3779B1U;
    return (((mixed ^ (mixed >> 15U)) << kRunBits) | (low & ((1U << kRunBits) - 1))) & hash_mask_;
  }
  [[nodiscard]] std::uint32_t home(std::uint64_t ref) const noexcept {
    return home_of_low(static_cast<std::uint32_t>(ref));
  }

  // The upper halves lie apart and are read only once references differ in them, which within a
  // day they seldom do.
  [[nodiscard]] std::uint32_t find_hash(std::uint64_t ref) const noexcept {
    const auto low = static_cast<std::uint32_t>(ref);
    const auto high = static_cast<std::uint32_t>(ref >> 32U);
    if (!mixed_ && high != only_high_) return kAbsent;
    for (std::uint32_t i = home_of_low(low);; i = (i + 1) & hash_mask_) {
      const Entry e = hash_[i];
      if (e.slot == 0) return kAbsent;
      if (e.low == low && (!mixed_ || high_[i] == high)) return i;
    }
  }
  void insert_hash(std::uint64_t ref, std::uint32_t slot) noexcept {
    const auto low = static_cast<std::uint32_t>(ref);
    const auto high = static_cast<std::uint32_t>(ref >> 32U);
    if (!any_high_) {
      any_high_ = true;
      only_high_ = high;
    } else if (high != only_high_ && !mixed_) {
      mixed_ = true;
      for (std::uint32_t i = 0; i <= hash_mask_; ++i) high_[i] = only_high_;
    }
    std::uint32_t i = home_of_low(low);
    while (hash_[i].slot != 0) i = (i + 1) & hash_mask_;
    hash_[i] = Entry{low, slot};
    if (mixed_) high_[i] = high;
  }
  void erase_hash(std::uint32_t hole) noexcept {
    for (std::uint32_t i = (hole + 1) & hash_mask_;; i = (i + 1) & hash_mask_) {
      const Entry e = hash_[i];
      if (e.slot == 0) break;
      if (((i - home_of_low(e.low)) & hash_mask_) >= ((i - hole) & hash_mask_)) {
        hash_[hole] = e;
        if (mixed_) high_[hole] = high_[i];
        hole = i;
      }
    }
    hash_[hole] = Entry{0, 0};
  }

  static constexpr std::uint64_t kFirst = 0;

  std::uint64_t next_ = kFirst;
  std::uint32_t ring_mask_;
  std::uint32_t hash_mask_;
  std::uint64_t beyond_ = 0;  // the greatest outlier
  bool any_beyond_ = false;
  std::uint32_t outliers_ = 0;
  std::uint32_t only_high_ = 0;
  bool any_high_ = false;
  bool mixed_ = false;
  ZeroedArray<std::uint32_t> ring_;
  ZeroedArray<Entry> hash_;
  ZeroedArray<std::uint32_t> high_;
};

}  // namespace kimera::market::itch
