// From the 64-bit key of a partition to its number: open addressing, one probe line in most cases.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kimera::cep {

class PartitionIndex {
 public:
  static constexpr std::uint32_t kAbsent = 0xFFFFFFFFU;

  PartitionIndex() : slots_(1024) {}

  void prefetch(std::uint64_t key) const noexcept { __builtin_prefetch(&slots_[home(key)]); }

  [[nodiscard]] std::uint32_t find(std::uint64_t key) const noexcept {
    for (std::size_t i = home(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].number == kAbsent) return kAbsent;
      if (slots_[i].key == key) return slots_[i].number;
    }
  }
  void insert(std::uint64_t key, std::uint32_t number) {
    if (++used_ * 2 > slots_.size()) rebuild();
    put(key, number);
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t number = kAbsent;
  };
  [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept {
    const std::uint64_t h = (key ^ (key >> 32U)) * 0x9E3779B97F4A7C15ULL;
    return static_cast<std::size_t>(h >>
                                    (64U - static_cast<unsigned>(std::countr_zero(slots_.size()))));
  }
  void put(std::uint64_t key, std::uint32_t number) noexcept {
    std::size_t i = home(key);
    while (slots_[i].number != kAbsent) i = (i + 1) & (slots_.size() - 1);
    slots_[i] = {key, number};
  }
  void rebuild() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& s : old)
      if (s.number != kAbsent) put(s.key, s.number);
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace kimera::cep
