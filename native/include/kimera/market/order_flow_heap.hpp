// Who acts next: a binary heap of wake-ups with a fixed capacity. Equal times leave in the order
// in which they were pushed, so the order of events does not depend on the heap's shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace kimera::market {

struct WakeUp {
  std::int64_t ts_event_ns;
  std::uint64_t turn;  // counts pushes: first come, first served among equals
  std::uint32_t agent;
  std::uint32_t tag;  // the agent's own: which of its timers, or a slot of a request in flight
};

class WakeUpHeap {
 public:
  explicit WakeUpHeap(std::size_t capacity) : capacity_(capacity) { heap_.reserve(capacity); }

  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  [[nodiscard]] std::int64_t next_ns() const noexcept {
    return heap_.empty() ? std::numeric_limits<std::int64_t>::max() : heap_.front().ts_event_ns;
  }

  // False, and counted, when it is full.
  [[nodiscard]] bool push(std::int64_t ts_event_ns, std::uint32_t agent,
                          std::uint32_t tag) noexcept {
    if (heap_.size() == capacity_) {
      ++refused_;
      return false;
    }
    const WakeUp item{ts_event_ns, turn_++, agent, tag};
    std::size_t at = heap_.size();
    heap_.push_back(item);  // within the reserved capacity: never allocates
    while (at > 0 && before(item, heap_[(at - 1) / 2])) {
      heap_[at] = heap_[(at - 1) / 2];
      at = (at - 1) / 2;
    }
    heap_[at] = item;
    return true;
  }

  // The heap must not be empty.
  [[nodiscard]] WakeUp pop() noexcept {
    const WakeUp first = heap_.front();
    const WakeUp item = heap_.back();
    heap_.pop_back();
    const std::size_t n = heap_.size();
    if (n == 0) return first;
    std::size_t at = 0;
    for (;;) {
      std::size_t child = 2 * at + 1;
      if (child >= n) break;
      if (child + 1 < n && before(heap_[child + 1], heap_[child])) ++child;
      if (!before(heap_[child], item)) break;
      heap_[at] = heap_[child];
      at = child;
    }
    heap_[at] = item;
    return first;
  }

 private:
  [[nodiscard]] static bool before(const WakeUp& a, const WakeUp& b) noexcept {
    return a.ts_event_ns != b.ts_event_ns ? a.ts_event_ns < b.ts_event_ns : a.turn < b.turn;
  }

  std::size_t capacity_;
  std::vector<WakeUp> heap_;
  std::uint64_t turn_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace kimera::market
