// From a venue's 64-bit order id to a small slot number: open addressing, linear probing.
//
// An entry is 8 bytes: 32 bits of hash and the slot. At a load of at most one quarter most ids are
// found in the first entry looked at, which keeps the processor's guesses right. Erasing shifts
// entries back, so there are no tombstones and a table never ages.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kimera/market/book_memory.hpp"

namespace kimera::market {

class IdTable {
 public:
  explicit IdTable(std::uint32_t max_ids)
      : mask_(std::bit_ceil(std::uint64_t{max_ids} * 4 < 64 ? 64 : std::uint64_t{max_ids} * 4) - 1),
        shift_(32U - static_cast<unsigned>(std::popcount(mask_))),
        entries_(mask_ + 1) {}

  void touch() noexcept { entries_.touch(); }

  static constexpr std::uint64_t kAbsent = ~std::uint64_t{0};

  // Position of the entry, or kAbsent. `is(slot)` tells whether the slot holds this very id.
  template <class Is>
  [[nodiscard]] std::uint64_t find(std::uint64_t id, Is&& is) const noexcept {
    const std::uint64_t i = seek(id, is);
    return entries_[i].slot == 0 ? kAbsent : i;
  }

  // Position of the entry, or the empty one where it belongs: for insert_at().
  template <class Is>
  [[nodiscard]] std::uint64_t seek(std::uint64_t id, Is&& is) const noexcept {
    const std::uint32_t hash = hash_of(id);
    for (std::uint64_t i = home_of(hash);; i = (i + 1) & mask_) {
      const Entry e = entries_[i];
      if (e.slot == 0 || (e.hash == hash && is(e.slot))) return i;
    }
  }

  // Start fetching the line that find() or seek() will look at.
  void prefetch(std::uint64_t id) const noexcept {
    __builtin_prefetch(&entries_[home_of(hash_of(id))], 1);
  }

  [[nodiscard]] std::uint32_t slot_at(std::uint64_t position) const noexcept {
    return entries_[position].slot;
  }

  // The id must not be there, the slot not 0.
  void insert(std::uint64_t id, std::uint32_t slot) noexcept {
    const std::uint32_t hash = hash_of(id);
    std::uint64_t i = home_of(hash);
    while (entries_[i].slot != 0) i = (i + 1) & mask_;
    entries_[i] = Entry{hash, slot};
  }

  // The same where seek() found the place, and nothing was inserted or erased since.
  void insert_at(std::uint64_t position, std::uint64_t id, std::uint32_t slot) noexcept {
    entries_[position] = Entry{hash_of(id), slot};
  }

  void erase(std::uint64_t position) noexcept {
    if (entries_[(position + 1) & mask_].slot != 0) [[unlikely]]
      return erase_in_run(position);
    entries_[position] = Entry{0, 0};
  }

 private:
  struct Entry {
    std::uint32_t hash;
    std::uint32_t slot;  // 0: empty
  };

  void erase_in_run(std::uint64_t position) noexcept {
    std::uint64_t hole = position;
    for (std::uint64_t i = (hole + 1) & mask_;; i = (i + 1) & mask_) {
      const Entry e = entries_[i];
      if (e.slot == 0) break;
      // An entry may fill the hole when its home is not between the hole and itself.
      if (((i - home_of(e.hash)) & mask_) >= ((i - hole) & mask_)) {
        entries_[hole] = e;
        hole = i;
      }
    }
    entries_[hole] = Entry{0, 0};
  }

  [[nodiscard]] static std::uint32_t hash_of(std::uint64_t id) noexcept {
    return static_cast<std::uint32_t>((id * 0x9E3779B97F4A7C15ULL) >> 32U);
  }

  // The high bits of a multiplication: of ids given out one after the other, which most are, no
  // two come near each other.
  [[nodiscard]] std::uint64_t home_of(std::uint32_t hash) const noexcept {
    return std::uint64_t{hash} >> shift_;
  }

  std::uint64_t mask_;
  unsigned shift_;
  ZeroedArray<Entry> entries_;
};

}  // namespace kimera::market
