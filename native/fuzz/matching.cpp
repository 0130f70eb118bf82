// Random bytes become requests to a small venue; its public stream must rebuild its own book.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kimera/market/book_l3.hpp"
#include "kimera/market/matching_engine.hpp"

namespace {

using namespace kimera::market;
using namespace kimera::model;

VenueConfig config_from(std::uint8_t a, std::uint8_t b) {
  VenueConfig c;
  InstrumentRules r;
  r.instrument_id = 1;
  r.lowest_ticks = 1;
  r.highest_ticks = 200;
  if ((a & 1) != 0) r.ticks = {{1, 1}, {50, 2}, {100, 5}};
  c.instruments.push_back(r);
  r.instrument_id = 2;
  c.instruments.push_back(r);
  c.self_trade = static_cast<SelfTradePrevention>(a / 2 % 5);
  c.halt = static_cast<HaltPolicy>(a / 16 % 2);
  c.quotes = static_cast<QuoteOutput>(a / 32 % 2);
  c.display = static_cast<Display>(b % 4 == 0);
  c.initial_status = static_cast<Status>(b / 4 % 6);
  c.max_orders = 32;
  c.max_orders_per_actor = 16;
  c.max_levels = 12;
  c.max_actors = 4;
  return c;
}

// 12 bytes to a request: small numbers, so that orders meet, and now and then a wild one.
Record request_from(const std::uint8_t* p) {
  Record r{};
  r.ts_event_ns = p[0];
  r.ts_recv_ns = kNoTime;
  r.kind = p[1] < 16 ? Kind::Status : p[1] == 255 ? Kind::Quote : Kind::Order;
  r.action = static_cast<std::uint8_t>(r.kind == Kind::Status ? p[2] % 7 : 1 + p[2] % 4);
  if (r.kind == Kind::Order && p[2] > 100) r.action = 1;
  r.instrument_id = p[3] < 200 ? 1 : p[3] % 4;
  r.actor_id = static_cast<std::uint16_t>(p[4] % 6);
  r.order_id = p[5] % 64;
  r.side = static_cast<Side>(p[6] % 3 % 2 + (p[6] == 255 ? 1 : 0));
  r.price_ticks = p[7] == 0 ? kNoPrice : p[7];
  r.size_lots = p[8] == 255 ? INT64_MAX : p[8] % 40;
  r.detail = static_cast<std::uint32_t>(p[9] % 8) | (static_cast<std::uint32_t>(p[10] % 6) << 8U) |
             (static_cast<std::uint32_t>(p[11] % 32) << 16U);
  if (r.action == static_cast<std::uint8_t>(OrderAct::Terms)) r.detail = p[9] % 16;
  return r;
}

void require(bool good) {
  if (!good) std::abort();
}

void require_same_book(const MatchingEngine& engine, const BookL3& book) {
  for (const Side side : {Side::Bid, Side::Ask}) {
    std::array<DepthLevel, 64> ours{};
    std::array<Level, 64> theirs{};
    const std::size_t n = engine.levels(1, side, ours);
    require(n == book.levels(side, theirs));
    for (std::size_t i = 0; i < n; ++i) {
      require(ours[i].price_ticks == theirs[i].price_ticks);
      require(ours[i].size_lots == theirs[i].size_lots);
      require(ours[i].n_orders == theirs[i].order_count);
    }
  }
  const DepthLevel bid = engine.best(1, Side::Bid);
  const DepthLevel ask = engine.best(1, Side::Ask);
  if (engine.status(1) == Status::Trading && bid.size_lots > 0 && ask.size_lots > 0) {
    require(bid.price_ticks < ask.price_ticks);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  MatchingEngine engine(config_from(data[0], data[1]));
  BookL3 book(BookCapacity{.max_orders = 64, .max_levels = 64, .window_ticks = 256});
  std::uint64_t sequence = 0;
  const auto sink = [&](const Record& r) {
    if (r.kind != Kind::Report) require(r.sequence == ++sequence);
    if (r.kind != Kind::Report) require(r.size_lots >= 0);
    if (r.instrument_id == 1) require(!is_error(book.apply(r)));
  };
  for (std::size_t at = 2; at + 12 <= size; at += 12) {
    const std::uint8_t* p = data + at;
    if (p[1] == 16) {
      engine.set_reference(1, p[7] == 0 ? kNoPrice : p[7], p[8] == 0 ? kNoPrice : p[8], p[0], sink);
    } else if (p[1] == 17) {
      static_cast<void>(engine.schedule(p[0], 1, static_cast<Status>(p[2] % 6)));
    } else {
      engine.submit(request_from(p), sink);
    }
    require_same_book(engine, book);
  }
  return 0;
}
