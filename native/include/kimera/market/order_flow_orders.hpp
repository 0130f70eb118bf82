// The resting orders of one agent: a bounded table addressed by the order id itself, so that a
// fill finds its order in O(1), and any live order can be picked at random in O(1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::market {

struct OwnOrder {
  std::uint64_t order_id = 0;  // 0: the slot is free
  std::int64_t price_ticks = 0;
  std::int64_t leaves_lots = 0;
  std::uint32_t book = 0;
  std::uint32_t place = 0;  // in the list of live slots
  model::Side side = model::Side::None;
};

class OwnOrders {
 public:
  static constexpr std::uint32_t kNoSlot = 0xFFFF;

  OwnOrders(std::uint16_t actor_id, std::size_t capacity) : actor_id_(actor_id), slots_(capacity) {
    live_.reserve(capacity);
    free_.reserve(capacity);
    for (std::size_t i = capacity; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
  }

  [[nodiscard]] std::size_t size() const noexcept { return live_.size(); }
  [[nodiscard]] bool full() const noexcept { return free_.empty(); }
  [[nodiscard]] std::uint32_t slot_at(std::size_t place) const noexcept { return live_[place]; }
  [[nodiscard]] const OwnOrder& operator[](std::uint32_t slot) const noexcept {
    return slots_[slot];
  }

  // An id no other order has: 16 bits of the actor, 32 that count, 16 of the slot.
  [[nodiscard]] std::uint64_t next_id(std::uint32_t slot) noexcept {
    return (static_cast<std::uint64_t>(actor_id_) << 48U) |
           (static_cast<std::uint64_t>(counter_++) << 16U) | slot;
  }

  // Takes a slot; the table must not be full.
  [[nodiscard]] std::uint32_t open(OwnOrder order) noexcept {
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    order.order_id = next_id(slot);
    order.place = static_cast<std::uint32_t>(live_.size());
    live_.push_back(slot);
    slots_[slot] = order;
    return slot;
  }

  // The live order with this id, or null.
  [[nodiscard]] OwnOrder* find(std::uint64_t order_id) noexcept {
    const auto slot = static_cast<std::uint32_t>(order_id & 0xFFFFU);
    if (order_id == 0 || slot >= slots_.size()) return nullptr;
    if (slots_[slot].order_id != order_id) return nullptr;
    return &slots_[slot];
  }

  void close(OwnOrder& order) noexcept {
    const std::uint32_t slot = live_[order.place];
    const std::uint32_t moved = live_.back();
    live_[order.place] = moved;
    slots_[moved].place = order.place;
    live_.pop_back();
    free_.push_back(slot);
    order.order_id = 0;
  }

 private:
  std::uint16_t actor_id_;
  std::uint32_t counter_ = 1;
  std::vector<OwnOrder> slots_;
  std::vector<std::uint32_t> live_;
  std::vector<std::uint32_t> free_;
};

}  // namespace kimera::market
