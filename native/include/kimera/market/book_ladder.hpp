// One side of a book by price: a window of cells indexed by tick, and a sorted list of the rest.
//
// A key is a price turned so that greater is better (book_types.hpp). Levels within
// [base, base + window) sit in an array and are found by subtraction; a three-storey bitmap finds
// the next one. Levels outside sit in a sorted array. When the touch wanders out of the window
// and the sorted array is used more often than moving costs, the window is laid around the touch
// again. Nothing is allocated after construction.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "kimera/market/book_memory.hpp"

namespace kimera::market {

inline constexpr std::int64_t kNoKey = std::numeric_limits<std::int64_t>::min();

template <class Cell>
class PriceLadder {
 public:
  PriceLadder(std::uint32_t window, std::uint32_t max_levels)
      : window_(window), max_levels_(max_levels), cells_(window) {
    if (!std::has_single_bit(window) || window < 64 || window > kMaxWindow)
      throw std::invalid_argument("window_ticks must be a power of two from 64 to 131072");
    if (max_levels == 0 || max_levels > kMaxLevels)
      throw std::invalid_argument("max_levels must be from 1 to 16777216");
    // One word more than needed: a search "strictly below the window's end" may look there.
    words_ = ZeroedArray<std::uint64_t>(window / 64 + 1);
    uppers_ = ZeroedArray<std::uint64_t>(window / 4096 + 2);
    far_ = ZeroedArray<Entry>(max_levels);
    scratch_ = ZeroedArray<Entry>(max_levels);
  }

  // A new array is zero, so that touching it changes nothing.
  void touch() noexcept {
    cells_.touch();
    words_.touch();
    uppers_.touch();
    far_.touch();
    scratch_.touch();
  }

  [[nodiscard]] std::uint32_t size() const noexcept { return n_levels_; }
  [[nodiscard]] bool full() const noexcept { return n_levels_ == max_levels_; }
  [[nodiscard]] std::int64_t best_key() const noexcept { return best_; }
  // The cell of best_key(); a zero cell when the side is empty.
  [[nodiscard]] const Cell& best_cell() const noexcept { return *best_cell_; }

  // Within the window every key has a cell; one without a level is zero.
  [[nodiscard]] bool in_window(std::int64_t key) const noexcept { return slot_of(key) < window_; }
  [[nodiscard]] Cell& window_cell(std::int64_t key) noexcept { return cells_[slot_of(key)]; }

  [[nodiscard]] Cell* find(std::int64_t key) noexcept {
    const std::uint64_t slot = slot_of(key);
    if (slot < window_) [[likely]]
      return has(slot) ? &cells_[slot] : nullptr;
    return find_far(key);
  }
  // The same for a reader: never moves the window.
  [[nodiscard]] const Cell* peek(std::int64_t key) const noexcept {
    const std::uint64_t slot = slot_of(key);
    if (slot < window_) [[likely]]
      return has(slot) ? &cells_[slot] : nullptr;
    const std::size_t i = far_position(key);
    return i < n_far_ && far_[i].key == key ? &far_[i].cell : nullptr;
  }

  // The cell of a key that is known to be there, for a reader.
  [[nodiscard]] const Cell& cell_of(std::int64_t key) const noexcept {
    const std::uint64_t slot = slot_of(key);
    if (slot < window_) [[likely]]
      return cells_[slot];
    return far_[far_position(key)].cell;
  }

  // The cell of a key that is known to be there. Like find(), it may move the window, which voids
  // pointers to other cells.
  [[nodiscard]] Cell* at(std::int64_t key) noexcept {
    const std::uint64_t slot = slot_of(key);
    if (slot < window_) [[likely]]
      return &cells_[slot];
    return find_far(key);
  }

  // Makes the level of a key within the window that is not there; false when it cannot without
  // moving the window, or at all.
  [[nodiscard]] bool open(std::int64_t key) noexcept {
    if (n_levels_ == 0 || full()) return false;
    ++n_levels_;
    take(slot_of(key), key);
    return true;
  }

  // Makes the level of a key that is not there; its cell is zero. Not to be called when full().
  // Pointers to other cells are void afterwards: the window may have moved.
  [[nodiscard]] Cell* insert(std::int64_t key) noexcept {
    if (n_levels_ == 0) rebase(key);
    const std::uint64_t slot = slot_of(key);
    ++n_levels_;
    if (slot >= window_) [[unlikely]]
      return insert_far(key);
    take(slot, key);
    return &cells_[slot];
  }

  void erase(std::int64_t key) noexcept {
    const std::uint64_t slot = slot_of(key);
    --n_levels_;
    if (slot < window_) [[likely]] {
      reset(slot);
      cells_[slot] = Cell{};
    } else {
      erase_far(key);
    }
    if (key == best_) {
      best_ = next_worse(key);
      find_best_cell();
    }
  }

  // The best key below `key`; kNoKey when there is none.
  [[nodiscard]] std::int64_t next_worse(std::int64_t key) const noexcept {
    std::int64_t found = kNoKey;
    if (key > base_) {
      const std::uint64_t limit = std::min<std::uint64_t>(slot_of(key), window_);
      const std::uint64_t slot = below(limit);
      if (slot != kNone) found = base_ + static_cast<std::int64_t>(slot);
    }
    if (n_far_ != 0 && (found == kNoKey || far_[n_far_ - 1].key > found)) {
      const std::size_t i = far_position(key);
      if (i != 0) found = std::max(found, far_[i - 1].key);
    }
    return found;
  }

  void clear() noexcept {
    for (std::int64_t key = best_; key != kNoKey && n_levels_ > n_far_; key = next_worse(key)) {
      const std::uint64_t slot = slot_of(key);
      if (slot < window_) {
        reset(slot);
        cells_[slot] = Cell{};
        --n_levels_;
      }
    }
    n_levels_ = 0;
    n_far_ = 0;
    best_ = kNoKey;
    find_best_cell();
  }

  // How often the window was laid anew: a diagnostic.
  [[nodiscard]] std::uint64_t moves() const noexcept { return moves_; }

 private:
  struct Entry {
    std::int64_t key;
    Cell cell;
  };
  static constexpr std::uint32_t kMaxWindow = 1U << 17U;
  static constexpr std::uint32_t kMaxLevels = 1U << 24U;
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  static constexpr std::uint32_t kPatience = 64;
  static constexpr Cell kEmpty{};

  [[nodiscard]] std::uint64_t slot_of(std::int64_t key) const noexcept {
    return static_cast<std::uint64_t>(key) - static_cast<std::uint64_t>(base_);
  }
  [[nodiscard]] bool has(std::uint64_t slot) const noexcept {
    return ((words_[slot >> 6U] >> (slot & 63U)) & 1U) != 0;
  }
  void take(std::uint64_t slot, std::int64_t key) noexcept {
    set(slot);
    if (key <= best_) return;
    best_ = key;
    best_cell_ = &cells_[slot];
  }
  void set(std::uint64_t slot) noexcept {
    words_[slot >> 6U] |= bit(slot);
    uppers_[slot >> 12U] |= bit(slot >> 6U);
    top_ |= bit(slot >> 12U);
  }
  void reset(std::uint64_t slot) noexcept {
    if ((words_[slot >> 6U] &= ~bit(slot)) != 0) return;
    if ((uppers_[slot >> 12U] &= ~bit(slot >> 6U)) != 0) return;
    top_ &= ~bit(slot >> 12U);
  }
  [[nodiscard]] static std::uint64_t bit(std::uint64_t i) noexcept {
    return std::uint64_t{1} << (i & 63U);
  }
  [[nodiscard]] static std::uint64_t highest(std::uint64_t word) noexcept {
    return 63U - static_cast<std::uint64_t>(std::countl_zero(word));
  }

  // The highest occupied slot strictly below `slot`, or kNone.
  [[nodiscard]] std::uint64_t below(std::uint64_t slot) const noexcept {
    std::uint64_t word = slot >> 6U;
    std::uint64_t bits = words_[word] & (bit(slot) - 1);
    if (bits != 0) return (word << 6U) | highest(bits);
    std::uint64_t upper = word >> 6U;
    bits = uppers_[upper] & (bit(word) - 1);
    if (bits == 0) {
      const std::uint64_t tops = top_ & (bit(upper) - 1);
      if (tops == 0) return kNone;
      upper = highest(tops);
      bits = uppers_[upper];
    }
    word = (upper << 6U) | highest(bits);
    return (word << 6U) | highest(words_[word]);
  }

  // Index of the first far entry not below `key`.
  [[nodiscard]] std::size_t far_position(std::int64_t key) const noexcept {
    const Entry* first = far_.data();
    const Entry* found = std::lower_bound(first, first + n_far_, key,
                                          [](const Entry& e, std::int64_t k) { return e.key < k; });
    return static_cast<std::size_t>(found - first);
  }

  [[gnu::noinline]] Cell* find_far(std::int64_t key) noexcept {
    far_used();
    const std::uint64_t slot = slot_of(key);
    if (slot < window_) return has(slot) ? &cells_[slot] : nullptr;
    const std::size_t i = far_position(key);
    return i < n_far_ && far_[i].key == key ? &far_[i].cell : nullptr;
  }

  [[gnu::noinline]] Cell* insert_far(std::int64_t key) noexcept {
    const std::size_t i = far_position(key);
    std::copy_backward(far_.data() + i, far_.data() + n_far_, far_.data() + n_far_ + 1);
    far_[i] = Entry{key, Cell{}};
    ++n_far_;
    best_ = std::max(best_, key);
    find_best_cell();
    return &far_[i].cell;
  }

  [[gnu::noinline]] void erase_far(std::int64_t key) noexcept {
    const std::size_t i = far_position(key);
    std::copy(far_.data() + i + 1, far_.data() + n_far_, far_.data() + i);
    --n_far_;
    if (best_ != key) find_best_cell();
  }

  void find_best_cell() noexcept { best_cell_ = best_ == kNoKey ? &kEmpty : &cell_of(best_); }

  // Counts a use of the sorted list; when they outweigh the cost of a move (all levels), and the
  // touch has left the upper middle of the window, moves the window.
  void far_used() noexcept {
    if (++far_uses_ <= kPatience + n_levels_ || n_levels_ == 0) return;
    far_uses_ = 0;
    const std::uint64_t slot = slot_of(best_);
    if (slot >= window_ / 2 && slot < window_ - window_ / 8) return;
    move_window();
  }

  void rebase(std::int64_t key) noexcept {
    // A quarter of the window for better prices than this one, three for worse.
    base_ = key - static_cast<std::int64_t>(window_ - window_ / 4);
  }

  void move_window() noexcept {
    ++moves_;
    std::size_t n = 0;
    for (std::int64_t key = best_; key != kNoKey; key = next_worse(key)) {
      const std::uint64_t slot = slot_of(key);
      scratch_[n++] = Entry{key, slot < window_ ? cells_[slot] : far_[far_position(key)].cell};
    }
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t slot = slot_of(scratch_[i].key);
      if (slot >= window_) continue;
      reset(slot);
      cells_[slot] = Cell{};
    }
    rebase(best_);
    n_far_ = 0;
    for (std::size_t i = n; i-- > 0;) {  // worst first: the far list stays sorted
      const std::uint64_t slot = slot_of(scratch_[i].key);
      if (slot < window_) {
        set(slot);
        cells_[slot] = scratch_[i].cell;
      } else {
        far_[n_far_++] = scratch_[i];
      }
    }
    find_best_cell();
  }

  std::int64_t base_ = 0;
  std::int64_t best_ = kNoKey;
  const Cell* best_cell_ = &kEmpty;  // in an array, which keeps its address when a ladder moves
  std::uint64_t window_;
  std::uint64_t top_ = 0;
  std::uint32_t n_levels_ = 0;
  std::uint32_t max_levels_;
  std::uint32_t n_far_ = 0;
  std::uint32_t far_uses_ = 0;
  std::uint64_t moves_ = 0;
  ZeroedArray<Cell> cells_;
  ZeroedArray<std::uint64_t> words_;
  ZeroedArray<std::uint64_t> uppers_;
  ZeroedArray<Entry> far_;
  ZeroedArray<Entry> scratch_;
};

}  // namespace kimera::market
