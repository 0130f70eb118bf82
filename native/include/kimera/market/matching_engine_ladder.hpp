// Price levels of one side: a dense ladder with a bitmap hierarchy for the next level.
//
// Inside, a level is a key: 0 at the worst price of the window, rising towards the better, so
// bids and asks are the same code and "best" is always the highest key.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

#include "kimera/model/record.hpp"

namespace kimera::market::matching {

// Whether memory is taken at construction, so that no order waits for a page, or where it is used.
enum class Pages : std::uint8_t { Lazy = 0, Ready = 1 };

// Zero-filled array of fixed length.
template <class T>
class ZeroArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  ZeroArray() = default;
  explicit ZeroArray(std::size_t n, Pages pages = Pages::Lazy)
      : memory_(std::calloc(n * sizeof(T) + kLine, 1)) {
    if (memory_ == nullptr) throw std::bad_alloc();
    void* at = memory_.get();
    std::size_t room = n * sizeof(T) + kLine;
    data_ = static_cast<T*>(std::align(kLine, n * sizeof(T), at, room));
    // The compiler may not drop writes of zeros to zeros through volatile.
    if (pages == Pages::Lazy) return;
    auto* bytes = static_cast<volatile unsigned char*>(memory_.get());
    for (std::size_t i = 0; i < n * sizeof(T) + kLine; i += kPage) bytes[i] = 0;
  }
  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kPage = 4096;
  struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<void, Free> memory_;
  T* data_ = nullptr;
};

// Set of small integers with "next below" and "next above" in at most four steps each way.
class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::uint32_t n_keys) {
    std::uint32_t total = 0;
    std::uint32_t n = n_keys;
    do {
      n = (n + 63) / 64;
      start_[depth_++] = total;
      total += n;
    } while (n > 1);
    words_ = ZeroArray<std::uint64_t>(total);
  }

  void insert(std::uint32_t key) noexcept {
    for (std::uint32_t d = 0; d < depth_; ++d, key >>= 6U) {
      std::uint64_t& word = words_[start_[d] + (key >> 6U)];
      const bool was_empty = word == 0;
      word |= std::uint64_t{1} << (key & 63U);
      if (!was_empty) return;
    }
  }
  void erase(std::uint32_t key) noexcept {
    for (std::uint32_t d = 0; d < depth_; ++d, key >>= 6U) {
      std::uint64_t& word = words_[start_[d] + (key >> 6U)];
      word &= ~(std::uint64_t{1} << (key & 63U));
      if (word != 0) return;
    }
  }
  // Highest member below key; -1 when there is none.
  [[nodiscard]] std::int32_t below(std::uint32_t key) const noexcept {
    for (std::uint32_t d = 0; d < depth_; ++d, key >>= 6U) {
      const std::uint64_t under = (std::uint64_t{1} << (key & 63U)) - 1;
      if (const std::uint64_t word = words_[start_[d] + (key >> 6U)] & under; word != 0) {
        key = (key & ~63U) | highest(word);
        while (d-- > 0) key = (key << 6U) | highest(words_[start_[d] + key]);
        return static_cast<std::int32_t>(key);
      }
    }
    return -1;
  }
  // Lowest member above key; -1 when there is none.
  [[nodiscard]] std::int32_t above(std::uint32_t key) const noexcept {
    for (std::uint32_t d = 0; d < depth_; ++d, key >>= 6U) {
      const std::uint64_t over = (~std::uint64_t{0} << (key & 63U)) << 1U;
      if (const std::uint64_t word = words_[start_[d] + (key >> 6U)] & over; word != 0) {
        key = (key & ~63U) | lowest(word);
        while (d-- > 0) key = (key << 6U) | lowest(words_[start_[d] + key]);
        return static_cast<std::int32_t>(key);
      }
    }
    return -1;
  }
  [[nodiscard]] std::int32_t first() const noexcept { return (words_[0] & 1U) != 0 ? 0 : above(0); }

 private:
  [[nodiscard]] static std::uint32_t highest(std::uint64_t word) noexcept {
    return 63U - static_cast<std::uint32_t>(std::countl_zero(word));
  }
  [[nodiscard]] static std::uint32_t lowest(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(std::countr_zero(word));
  }

  ZeroArray<std::uint64_t> words_;
  std::uint32_t start_[4] = {};
  std::uint32_t depth_ = 0;
};

// All-zero is an empty level: slot 0 of the order pool is never used.
struct Level {
  std::uint32_t head;
  std::uint32_t tail;
  std::int64_t lots;  // in the queue; an iceberg's reserve is not
  std::uint32_t n_orders;
  std::uint32_t n_pegged;  // of n_orders, those that follow another price
};

// Which end of the window is the best: the highest price or the lowest.
enum class Best : std::uint8_t { Highest = 0, Lowest = 1 };

class Ladder {
 public:
  Ladder() = default;
  Ladder(std::int64_t lowest_ticks, std::int64_t highest_ticks, Best best, std::uint32_t max_levels)
      : n_keys_(static_cast<std::uint32_t>(highest_ticks - lowest_ticks + 1)),
        sign_(best == Best::Highest ? 1 : -1),
        offset_(best == Best::Highest ? -lowest_ticks : highest_ticks),
        max_levels_(max_levels),
        levels_(n_keys_),
        used_(n_keys_) {}

  [[nodiscard]] std::int32_t key_of(std::int64_t price_ticks) const noexcept {
    return static_cast<std::int32_t>(offset_ + sign_ * price_ticks);
  }
  [[nodiscard]] std::int64_t price_of(std::int32_t key) const noexcept {
    return sign_ * (key - offset_);
  }
  [[nodiscard]] bool contains(std::int64_t price_ticks) const noexcept {
    const std::int64_t key = offset_ + sign_ * price_ticks;
    return key >= 0 && key < n_keys_;
  }
  [[nodiscard]] bool empty() const noexcept { return best_ < 0; }
  [[nodiscard]] std::int32_t best_key() const noexcept { return best_; }
  [[nodiscard]] std::int64_t best_price() const noexcept {
    return best_ < 0 ? model::kNoPrice : price_of(best_);
  }
  [[nodiscard]] std::int32_t worse(std::int32_t key) const noexcept {
    return used_.below(static_cast<std::uint32_t>(key));
  }
  [[nodiscard]] std::int32_t better(std::int32_t key) const noexcept {
    return used_.above(static_cast<std::uint32_t>(key));
  }
  [[nodiscard]] std::int32_t worst_key() const noexcept { return best_ < 0 ? -1 : used_.first(); }
  [[nodiscard]] Level& level(std::int32_t key) noexcept {
    return levels_[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] const Level& level(std::int32_t key) const noexcept {
    return levels_[static_cast<std::size_t>(key)];
  }
  [[nodiscard]] std::uint32_t n_levels() const noexcept { return n_levels_; }
  // Whether an order may rest at this level: it exists, or one more is within the bound.
  [[nodiscard]] bool has_room(std::int32_t key) const noexcept {
    return level(key).n_orders != 0 || n_levels_ < max_levels_;
  }

  void note_filled(std::int32_t key) noexcept {  // the level got its first order
    used_.insert(static_cast<std::uint32_t>(key));
    ++n_levels_;
    if (key > best_) best_ = key;
  }
  void note_emptied(std::int32_t key) noexcept {  // the level lost its last order
    used_.erase(static_cast<std::uint32_t>(key));
    --n_levels_;
    if (key == best_) best_ = worse(key);
  }

 private:
  std::int32_t best_ = -1;
  std::uint32_t n_levels_ = 0;
  std::uint32_t n_keys_ = 0;
  std::int64_t sign_ = 1;
  std::int64_t offset_ = 0;
  std::uint32_t max_levels_ = 0;
  ZeroArray<Level> levels_;
  KeySet used_;
};

}  // namespace kimera::market::matching
