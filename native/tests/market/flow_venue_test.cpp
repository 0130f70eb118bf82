// Oracles: conservation (nobody's gain without another's loss), a book rebuilt from the public
// records alone, and the run itself under the same seed.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "kimera/market/book_l3.hpp"
#include "kimera/market/simulated_venue.hpp"
#include "kimera/model/order.hpp"

using namespace kimera::market;
using namespace kimera::model;

namespace {

constexpr std::int64_t kStart = 1'700'000'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

SimulationParameters two_by_two(double seconds) {
  SimulationParameters p;
  p.top_feed = TopFeed::DeltasAndQuotes;
  p.venues = {{.name = "ALPHA"}, {.name = "BETA", .activity = 0.5, .depth = 0.5}};
  p.assets = {{.symbol = "BTC", .fundamental = {.value_ticks = 6e6}, .unit_lots = 1e4},
              {.symbol = "ETH", .fundamental = {.value_ticks = 3e5}, .unit_lots = 5e3}};
  p.start_ns = kStart;
  p.end_ns = kStart + static_cast<std::int64_t>(seconds * 1e9);
  return p;
}

template <typename Sink>
void run(SimulatedVenue& venue, std::int64_t until_ns, Sink&& sink) {
  while (venue.next_event_ns() < until_ns) venue.step(sink);
}

std::uint64_t digest(const SimulationParameters& p, std::uint64_t seed) {
  SimulatedVenue venue(p, seed);
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  run(venue, INT64_MAX, [&](const Record& r) {
    std::array<std::uint64_t, 8> words;
    static_assert(sizeof(words) == sizeof(r));
    __builtin_memcpy(words.data(), &r, sizeof(r));
    for (const auto w : words) hash = (hash ^ w) * 0x100000001B3ULL;
  });
  return hash;
}

Record new_order(std::uint32_t instrument, Side side, std::int64_t price, std::int64_t lots,
                 std::int64_t at, std::uint64_t id, TimeInForce tif = TimeInForce::Day) {
  Record r{};
  r.ts_event_ns = at;
  r.ts_recv_ns = kNoTime;
  r.order_id = id;
  r.price_ticks = price;
  r.size_lots = lots;
  r.instrument_id = instrument;
  r.detail = order_detail(OrderType::Limit, tif);
  r.venue_id = static_cast<std::uint16_t>((instrument - 1) / 2 + 1);
  r.actor_id = 7;
  r.kind = Kind::Order;
  r.action = static_cast<std::uint8_t>(OrderAct::New);
  r.side = side;
  return r;
}

}  // namespace

TEST_CASE("simulated venue: one seed is one tape, another seed another") {
  const auto p = two_by_two(5);
  CHECK(digest(p, 1) == digest(p, 1));
  CHECK(digest(p, 1) != digest(p, 2));
}

TEST_CASE("simulated venue: the deltas rebuild the books that the quotes show") {
  SimulatedVenue venue(two_by_two(10), 3);
  std::map<std::uint32_t, BookL3> books;
  for (std::uint32_t i = 1; i <= 4; ++i) books.emplace(i, BookL3({.max_orders = 1U << 16U}));
  std::array<std::uint64_t, 3> sequence{};
  std::int64_t last = kStart;
  std::uint64_t compared = 0;
  std::uint64_t wrong = 0;
  std::uint64_t gaps = 0;
  std::uint64_t backwards = 0;
  std::uint64_t errors = 0;
  run(venue, INT64_MAX, [&](const Record& r) {
    backwards += r.ts_event_ns < last ? 1 : 0;
    last = r.ts_event_ns;
    if (r.kind == Kind::Report || r.kind == Kind::Mark) return;
    gaps += r.sequence != ++sequence[r.venue_id] ? 1 : 0;
    BookL3& book = books.at(r.instrument_id);
    if (r.kind == Kind::Delta) errors += is_error(book.apply(r)) ? 1 : 0;
    if (r.kind != Kind::Quote) return;
    const Level best = book.best(r.side);
    ++compared;
    wrong += best.price_ticks != r.price_ticks || best.size_lots != r.size_lots ? 1 : 0;
  });
  CHECK(compared > 1'000);
  CHECK(wrong == 0);
  CHECK(errors == 0);
  CHECK(gaps == 0);
  CHECK(backwards == 0);
  const FlowCounters c = venue.counters();
  CHECK(c.refused_wake_ups == 0);
  CHECK(c.lost_records == 0);
}

TEST_CASE("simulated venue: what one holds another owes, the stranger included") {
  SimulatedVenue venue(two_by_two(12), 4);
  std::int64_t bought = 0;
  std::int64_t best_ask = 0;
  const auto watch = [&](const Record& r) {
    if (r.kind == Kind::Report) {
      CHECK(r.actor_id == 7);  // the agents' reports stay inside
      if (r.report_act() == ReportAct::Filled) bought += r.size_lots;
    }
    if (r.kind == Kind::Quote && r.instrument_id == 1 && r.side == Side::Ask) {
      best_ask = r.price_ticks;
    }
  };
  run(venue, kStart + 5 * kSecond, watch);
  REQUIRE(best_ask > 0);
  const std::int64_t before = best_ask;
  const std::int64_t wanted = 400'000;  // 4 BTC: through many levels
  venue.submit(
      new_order(1, Side::Bid, before + 20'000, wanted, kStart + 5 * kSecond, 1, TimeInForce::Ioc),
      watch);
  CHECK(bought > 0);
  CHECK(best_ask > before);  // real impact
  run(venue, INT64_MAX, watch);
  for (std::uint32_t instrument = 1; instrument <= 4; ++instrument) {
    std::int64_t sum = instrument == 1 ? bought : 0;
    std::int64_t gross = 0;
    for (std::size_t i = 0; i < venue.agents(); ++i) {
      const auto held =
          venue.position_lots(static_cast<std::uint16_t>(kFirstAgentActor + i), instrument);
      sum += held;
      gross += held > 0 ? held : -held;
    }
    CHECK(sum == 0);
    CHECK(gross > 0);
  }
}

TEST_CASE("simulated venue: a stranger's order rests, fills by the agents and can be cancelled") {
  SimulatedVenue venue(two_by_two(20), 5);
  std::int64_t bid = 0;
  std::vector<ReportAct> reports;
  const auto watch = [&](const Record& r) {
    if (r.kind == Kind::Quote && r.instrument_id == 2 && r.side == Side::Bid) bid = r.price_ticks;
    if (r.kind == Kind::Report) reports.push_back(r.report_act());
  };
  run(venue, kStart + 2 * kSecond, watch);
  venue.submit(new_order(2, Side::Bid, bid, 10, kStart + 2 * kSecond, 1), watch);
  venue.submit(new_order(2, Side::Bid, bid - 5'000, 10, kStart + 2 * kSecond, 2), watch);
  REQUIRE(reports == std::vector<ReportAct>{ReportAct::Accepted, ReportAct::Accepted});
  run(venue, INT64_MAX, watch);
  REQUIRE(reports.size() == 3);
  CHECK(reports.back() == ReportAct::Filled);
  Record cancel = new_order(2, Side::Bid, kNoPrice, 0, kStart + 20 * kSecond, 2);
  cancel.action = static_cast<std::uint8_t>(OrderAct::Cancel);
  venue.submit(cancel, watch);
  CHECK(reports.back() == ReportAct::Cancelled);
}

TEST_CASE("simulated venue: requests in an agent's name or for no instrument are refused") {
  SimulatedVenue venue(two_by_two(1), 5);
  std::vector<Record> out;
  const auto keep = [&](const Record& r) { out.push_back(r); };
  Record order = new_order(1, Side::Bid, 5'999'000, 10, kStart, 1);
  order.actor_id = kFirstAgentActor;
  venue.submit(order, keep);
  order.actor_id = 7;
  order.instrument_id = 5;
  venue.submit(order, keep);
  REQUIRE(out.size() == 2);
  CHECK(out[0].report_act() == ReportAct::Rejected);
  CHECK(out[0].detail == static_cast<std::uint32_t>(RefusalCode::UnknownActor));
  CHECK(out[1].detail == static_cast<std::uint32_t>(RefusalCode::UnknownInstrument));
}

TEST_CASE("simulated venue: every script of manipulation leaves its marks and its orders") {
  auto p = two_by_two(15);
  for (std::uint8_t kind = 1; kind <= 7; ++kind) {
    p.episodes.push_back({.kind = static_cast<Manipulation>(kind),
                          .venue_id = static_cast<std::uint16_t>(1 + kind % 2),
                          .asset = 0,
                          .start_ns = kSecond,
                          .duration_ns = 8 * kSecond});
  }
  SimulatedVenue venue(p, 6);
  std::map<std::uint32_t, std::int64_t> begins;
  std::map<std::uint32_t, std::int64_t> ends;
  run(venue, INT64_MAX, [&](const Record& r) {
    if (r.kind != Kind::Mark) return;
    auto& times = static_cast<MarkAct>(r.action) == MarkAct::LabelBegin ? begins : ends;
    times[r.detail] = r.ts_event_ns;
  });
  CHECK(begins.size() == 7);
  CHECK(ends.size() == 7);
  for (const FlowLabel& label : venue.labels()) {
    if (label.kind == kMetaOrderLabel) continue;
    CAPTURE(int{label.kind});
    CHECK(begins.at(label.label_id) == label.begin_ns);
    CHECK(ends.at(label.label_id) == label.end_ns);
    CHECK(label.end_ns - label.begin_ns == 8 * kSecond);
    CHECK(label.orders > 3);
    const auto held = venue.position_lots(label.actor_id, label.instrument_id);
    if (label.kind == static_cast<std::uint8_t>(Manipulation::LiquidityShock)) {
      CHECK(std::abs(held) > 0);
    } else {
      CHECK(held == 0);  // it went out flat
    }
  }
}

TEST_CASE("simulated venue: fundamentals are marked on request only") {
  auto p = two_by_two(2);
  const auto marks = [](const SimulationParameters& parameters) {
    SimulatedVenue venue(parameters, 1);
    int n = 0;
    run(venue, INT64_MAX, [&](const Record& r) { n += r.kind == Kind::Mark ? 1 : 0; });
    return n;
  };
  CHECK(marks(p) == 0);
  p.fundamental_mark_ns = 100'000'000;
  CHECK(marks(p) == 2 * 20);
}

TEST_CASE("simulated venue: a parameter out of range is named with its range") {
  auto p = two_by_two(1);
  p.noise_taking.branching_self = 0.99;
  CHECK_THROWS_WITH_AS(SimulatedVenue(p, 1),
                       doctest::Contains("$.noise_taking.branching_self must be in [0"),
                       std::invalid_argument);
  p = two_by_two(1);
  p.episodes.push_back({.venue_id = 3, .duration_ns = 1});
  CHECK_THROWS_WITH_AS(SimulatedVenue(p, 1), doctest::Contains("$.episodes[0].venue"),
                       std::invalid_argument);
}
