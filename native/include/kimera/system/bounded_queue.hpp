// Records on their way, first in, first out, in memory given at construction.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "kimera/model/record.hpp"

namespace kimera::system {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class BoundedQueue {
 public:
  struct Entry {
    model::Record record;
    std::int64_t at_ns;  // when it arrives; never falls along the queue
    std::int64_t mid2;   // fills: see RunLog
  };

  explicit BoundedQueue(std::size_t capacity)
      : mask_(std::bit_ceil(capacity) - 1), entries_(new Entry[mask_ + 1]) {}

  // Arrival of the first in line; kNever when there is none.
  [[nodiscard]] std::int64_t front_ns() const noexcept { return front_ns_; }
  [[nodiscard]] bool full() const noexcept { return tail_ - head_ > mask_; }
  [[nodiscard]] std::size_t size() const noexcept { return tail_ - head_; }

  // Not when full.
  void push(const model::Record& record, std::int64_t at_ns, std::int64_t mid2) noexcept {
    Entry& e = entries_[tail_ & mask_];
    e.record = record;
    e.at_ns = at_ns;
    e.mid2 = mid2;
    if (head_ == tail_) front_ns_ = at_ns;
    ++tail_;
  }
  // The record with this many before it in line; nullptr when there is none.
  [[nodiscard]] const model::Record* peek(std::size_t ahead) const noexcept {
    return size() > ahead ? &entries_[(head_ + ahead) & mask_].record : nullptr;
  }
  // The first in line: valid until as many were pushed as the queue holds.
  [[nodiscard]] Entry& pop() noexcept {
    Entry& e = entries_[head_ & mask_];
    ++head_;
    front_ns_ = head_ == tail_ ? kNever : entries_[head_ & mask_].at_ns;
    return e;
  }

 private:
  std::size_t mask_;
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
  std::int64_t front_ns_ = kNever;
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace kimera::system
