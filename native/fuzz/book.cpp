// Bytes as records: whatever comes, the books keep their invariants.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kimera/market/book.hpp"

using namespace kimera::market;
using kimera::model::Record;
using kimera::model::Side;

namespace {

void require(bool truth) {
  if (!truth) std::abort();
}

template <class B>
std::vector<Level> levels_of(const B& book, Side side) {
  std::vector<Level> levels(book.n_levels(side) + 1);
  levels.resize(book.levels(side, levels));
  require(levels.size() == book.n_levels(side));
  require(book.best(side) == (levels.empty() ? Level{} : levels.front()));
  for (std::size_t i = 0; i < levels.size(); ++i) {
    require(levels[i].size_lots > 0);
    require(book.size_at(side, levels[i].price_ticks) == levels[i].size_lots);
    if (i != 0)
      require(side == Side::Bid ? levels[i].price_ticks < levels[i - 1].price_ticks
                                : levels[i].price_ticks > levels[i - 1].price_ticks);
  }
  return levels;
}

void check(const BookL3& book) {
  std::uint32_t n_orders = 0;
  for (const Side side : {Side::Bid, Side::Ask}) {
    for (const Level& level : levels_of(book, side)) {
      std::int64_t ahead = 0;
      std::uint32_t n = 0;
      book.for_each_in_queue(side, level.price_ticks, [&](const OrderView& o) {
        require(o.price_ticks == level.price_ticks && o.side == side && o.size_lots > 0);
        if (o.order_id != 0) {
          require(book.order(o.order_id) == o);
          require(book.size_ahead(o.order_id) == ahead);
        }
        ahead += o.size_lots;
        ++n;
      });
      require(ahead == level.size_lots && n == level.order_count);
      n_orders += n;
    }
  }
  require(n_orders == book.n_orders());
}

// 8 bytes make a record, mostly of a narrow range of ids and prices, sometimes of any.
Record record_of(const std::uint8_t* b) {
  Record r{};
  r.kind = b[0] == 255 ? kimera::model::Kind::Quote : kimera::model::Kind::Delta;
  r.action = b[0] % 9;
  r.side = static_cast<Side>(b[1] % 4);
  r.flags = b[1] & 0xFCU;
  r.order_id = b[2] % 40;
  r.price_ticks = 1000 + b[3] % 32;
  if (b[4] >= 200) r.price_ticks += (std::int64_t{b[4]} - 220) << (b[3] % 60U);
  r.size_lots = std::int64_t{b[5]} - 8;
  if (b[6] == 77) r.size_lots <<= 55U;
  r.detail = b[7];
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const BookCapacity capacity{.max_orders = 24, .max_levels = 9, .window_ticks = 64};
  BookL3 by_order(capacity, data[0] % 2 == 0 ? WhileStale::Apply : WhileStale::Refuse);
  BookL2 by_price(capacity);
  for (std::size_t at = 1; at + 8 <= size; at += 8) {
    const Record r = record_of(data + at);
    const std::uint32_t before = by_order.n_orders();
    const BookStatus status = by_order.apply(r);
    if (status != BookStatus::Ok) require(by_order.n_orders() == before);
    by_price.apply(r);
    if (data[at + 6] % 8 == 0)
      static_cast<void>(
          by_order.replace(data[at + 2] % 40, data[at + 5] % 40, r.price_ticks, r.size_lots));
  }
  check(by_order);
  levels_of(by_price, Side::Bid);
  levels_of(by_price, Side::Ask);
  return 0;
}
