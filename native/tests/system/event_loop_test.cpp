#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "kimera/system/session.hpp"

using namespace kimera::system;
using kimera::market::BookKind;
using kimera::model::Action;
using kimera::model::Kind;
using kimera::model::Record;
using kimera::model::Side;
namespace flag = kimera::model::flag;
namespace strategy = kimera::strategy;

namespace {

// A random walk of two-sided levels with trades, one microsecond apart.
std::vector<Record> tape(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Record> out;
  std::int64_t mid = 10'000;
  for (std::size_t i = 0; out.size() < n; ++i) {
    mid += static_cast<std::int64_t>(random() % 3) - 1;
    const auto at = static_cast<std::int64_t>(1'000'000 + i * 1'000);
    for (const Side side : {Side::Bid, Side::Ask}) {
      const std::int64_t sign = side == Side::Bid ? -1 : 1;
      for (std::int64_t away = -3; away <= 6; ++away) {
        Record r{};
        r.ts_event_ns = r.ts_recv_ns = at;
        r.kind = Kind::Delta;
        r.side = side;
        r.instrument_id = r.venue_id = 1;
        r.action = static_cast<std::uint8_t>(Action::Level);
        r.price_ticks = mid + sign * away;
        r.size_lots = away < 1 ? 0 : static_cast<std::int64_t>(1 + random() % 20);
        if (away == 6) r.flags = flag::kLast;
        out.push_back(r);
      }
      if (random() % 2 == 0) {
        Record trade = out.back();
        trade.action = static_cast<std::uint8_t>(Action::Trade);
        trade.price_ticks = mid + sign;
        trade.size_lots = static_cast<std::int64_t>(1 + random() % 30);
        out.push_back(trade);
      }
    }
  }
  return out;
}

RunSpec spec_of() {
  RunSpec spec;
  spec.instruments = {{1, BookKind::ByPrice}};
  spec.ledger = {{}};
  spec.lane_of = {0};
  spec.lane_books = {BookKind::ByPrice};
  spec.lane_clock_offset_ns = {0};
  spec.feed.ns = 700;
  spec.order_entry.ns = 900;
  spec.response.ns = 1'100;
  spec.max_in_flight = 4'096;
  spec.capacity.max_levels = 1U << 12U;
  spec.log.max_samples = 64;
  spec.log.sample_interval_ns = 1'000'000;
  spec.log.markout_horizons_ns = {5'000, 50'000};
  return spec;
}

using Told = std::vector<Record>;

JournalSink into(Told& told) {
  return {&told, [](void* at, const Record& r) noexcept {
            static_cast<Told*>(at)->push_back(r);
            return true;
          }};
}

void drive(Session& session, const std::vector<Record>& records, std::size_t batch) {
  std::size_t at = 0;
  for (;;) {
    const Pause pause = session.run(1'000);
    if (pause == Pause::Budget) continue;
    if (pause != Pause::Starved) return;
    if (at == records.size()) {
      session.finish(0);
    } else {
      const std::size_t n = std::min(batch, records.size() - at);
      session.feed(0, {records.data() + at, n});
      at += n;
    }
  }
}

}  // namespace

TEST_CASE("a run is the same however its tape is cut into batches") {
  const std::vector<Record> records = tape(20'000, 1);
  Told first;
  for (const std::size_t batch : {std::size_t{20'000}, std::size_t{1}, std::size_t{777}}) {
    Told told;
    RunSpec spec = spec_of();
    spec.journal = into(told);
    const auto session = replay_touch_maker(spec, {2, 50, 20'000});
    drive(*session, records, batch);
    CHECK(session->counters().reports[3] > 20);  // it traded
    if (first.empty()) first = told;
    REQUIRE(told.size() == first.size());
    CHECK(std::memcmp(told.data(), first.data(), told.size() * sizeof(Record)) == 0);
  }
}

TEST_CASE("what the strategy is told never runs backwards and is as late as its latency") {
  const std::vector<Record> records = tape(10'000, 2);
  Told told;
  RunSpec spec = spec_of();
  spec.journal = into(told);
  const auto session = replay_touch_maker(spec, {2, 50, 20'000});
  drive(*session, records, 512);
  std::int64_t now = 0;
  std::size_t market = 0;
  for (const Record& r : told) {
    REQUIRE(r.ts_recv_ns >= now);
    now = r.ts_recv_ns;
    if (r.kind == Kind::Delta) {
      REQUIRE(r.ts_recv_ns == r.ts_event_ns + 700);
      ++market;
    } else if (r.kind == Kind::Order) {
      REQUIRE(r.ts_event_ns >= r.ts_recv_ns + 900);
    } else {
      REQUIRE(r.ts_recv_ns >= r.ts_event_ns + 1'100);
    }
  }
  CHECK(market == records.size());
}

TEST_CASE("a playback agrees with its journal in batches of any size, and names a changed record") {
  const std::vector<Record> records = tape(10'000, 3);
  Told journal;
  RunSpec spec = spec_of();
  spec.journal = into(journal);
  const auto session = replay_touch_maker(spec, {2, 50, 20'000});
  drive(*session, records, 512);
  const std::int64_t start = session->start_ns();
  for (const std::size_t batch : {std::size_t{1}, std::size_t{100}, journal.size()}) {
    PlaybackTape whole(start, 4'112);
    drive(*playback_touch_maker(spec, whole, {2, 50, 20'000}), journal, batch);
    whole.close();
    CHECK_FALSE(whole.differs());
    CHECK(whole.agreed() == journal.size());
    CHECK(whole.digest().value() == session->digest().value());
  }
  PlaybackTape larger(start, 4'112);
  drive(*playback_touch_maker(spec, larger, {3, 50, 20'000}), journal, 100);
  larger.close();
  REQUIRE(larger.differs());
  const Record& recorded = journal[larger.agreed()];
  CHECK(recorded.kind == Kind::Order);
  CHECK(larger.expected().size_lots == 2);
  CHECK(larger.found().size_lots == 3);
}

TEST_CASE("a playback misses a request that the journal lost, and one that it never had") {
  const std::vector<Record> records = tape(10'000, 4);
  Told journal;
  RunSpec spec = spec_of();
  spec.journal = into(journal);
  const auto session = replay_touch_maker(spec, {2, 50, 20'000});
  drive(*session, records, 512);
  std::size_t order = 0;
  while (journal[order].kind != Kind::Order) ++order;
  SUBCASE("the strategy asks for more than the journal holds") {
    journal.erase(journal.begin() + static_cast<std::ptrdiff_t>(order));
    PlaybackTape tape_(session->start_ns(), 4'112);
    drive(*playback_touch_maker(spec, tape_, {2, 50, 20'000}), journal, 100);
    tape_.close();
    REQUIRE(tape_.differs());
    CHECK(tape_.agreed() == order);
    CHECK(tape_.found().kind == Kind::Order);
  }
  SUBCASE("the journal holds more than the strategy asks for") {
    PlaybackTape tape_(session->start_ns(), 4'112);
    drive(*playback_nothing(spec, tape_), journal, 100);
    tape_.close();
    REQUIRE(tape_.differs());
    CHECK(tape_.agreed() == order);
    CHECK(tape_.expected().kind == Kind::Order);
    CHECK(tape_.found().kind == Kind::None);
  }
  SUBCASE("the journal ends early") {
    journal.resize(order);
    PlaybackTape tape_(session->start_ns(), 4'112);
    drive(*playback_touch_maker(spec, tape_, {2, 50, 20'000}), journal, 100);
    tape_.close();
    CHECK(tape_.agreed() == order);
  }
}

TEST_CASE("more records in flight than the bound end the run and are not lost silently") {
  const std::vector<Record> records = tape(2'000, 5);
  RunSpec spec = spec_of();
  spec.max_in_flight = 16;
  spec.feed.ns = 1'000'000'000;
  const auto session = replay_nothing(spec);
  REQUIRE(session->run(1) == Pause::Starved);
  session->feed(0, records);
  CHECK(session->run(1'000'000) == Pause::QueueFull);
}
