// Oracle: a stable sort of everything that was pushed.
#include <algorithm>
#include <vector>

#include <doctest/doctest.h>
#include "kimera/market/order_flow_heap.hpp"
#include "kimera/market/order_flow_orders.hpp"
#include "kimera/runtime/random.hpp"

using kimera::market::OwnOrders;
using kimera::market::WakeUp;
using kimera::market::WakeUpHeap;
using kimera::runtime::Random;

TEST_CASE("heap: wake-ups leave by time, and in the order of arrival among equals") {
  Random random(7);
  WakeUpHeap heap(5'000);
  std::vector<WakeUp> pushed;
  std::vector<WakeUp> popped;
  std::int64_t now = 0;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    const std::int64_t at = now + random.between(0, 20);  // many ties
    if (heap.size() < 4'000 && random.chance(0.55)) {
      REQUIRE(heap.push(at, i, i * 3));
      pushed.push_back({at, i, i, i * 3});
    } else if (heap.size() > 0) {
      popped.push_back(heap.pop());
      now = popped.back().ts_event_ns;
    }
  }
  while (heap.size() > 0) popped.push_back(heap.pop());
  std::stable_sort(pushed.begin(), pushed.end(),
                   [](const WakeUp& a, const WakeUp& b) { return a.ts_event_ns < b.ts_event_ns; });
  REQUIRE(popped.size() == pushed.size());
  // Pops are interleaved with pushes, but no push is earlier than the last pop, so the whole
  // sequence is the stable sort.
  bool same = true;
  for (std::size_t i = 0; i < popped.size(); ++i) {
    same = same && popped[i].agent == pushed[i].agent && popped[i].tag == pushed[i].tag;
  }
  CHECK(same);
}

TEST_CASE("heap: a full heap refuses and counts") {
  WakeUpHeap heap(2);
  CHECK(heap.push(5, 1, 0));
  CHECK(heap.push(3, 2, 0));
  CHECK_FALSE(heap.push(1, 3, 0));
  CHECK(heap.refused() == 1);
  CHECK(heap.next_ns() == 3);
}

TEST_CASE("own orders: ids are found in O(1), closed ids are forgotten, slots come back") {
  OwnOrders orders(1'001, 3);
  const auto a = orders.open({.price_ticks = 10, .leaves_lots = 1});
  const auto b = orders.open({.price_ticks = 20, .leaves_lots = 2});
  const std::uint64_t id_a = orders[a].order_id;
  const std::uint64_t id_b = orders[b].order_id;
  CHECK(id_b > id_a);  // the engine wants rising ids from one actor
  CHECK(orders.find(id_b)->price_ticks == 20);
  orders.close(*orders.find(id_a));
  CHECK(orders.find(id_a) == nullptr);
  CHECK(orders.size() == 1);
  CHECK(orders.slot_at(0) == b);
  const auto c = orders.open({.price_ticks = 30, .leaves_lots = 3});
  CHECK(orders[c].order_id > id_b);
  CHECK(orders.find(id_a) == nullptr);
  static_cast<void>(orders.open({}));
  CHECK(orders.full());
}
