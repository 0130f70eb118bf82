// Worked examples of the matching engine, each small enough to check by hand.
#include <doctest/doctest.h>

#include <vector>

#include "kimera/market/matching_engine.hpp"

namespace {

using namespace kimera::market;
using namespace kimera::model;

struct Venue {
  std::vector<Record> out;
  MatchingEngine engine;
  std::int64_t now = 1;

  explicit Venue(VenueConfig c = config()) : engine(std::move(c)) {}
  static VenueConfig config() {
    VenueConfig c;
    InstrumentRules r;
    r.instrument_id = 1;
    r.lowest_ticks = 1;
    r.highest_ticks = 1'000;
    c.instruments.push_back(r);
    c.max_orders = 64;
    return c;
  }
  static Record request(OrderAct act, std::uint16_t actor, std::uint64_t id) {
    Record r{};
    r.kind = Kind::Order;
    r.action = static_cast<std::uint8_t>(act);
    r.instrument_id = 1;
    r.actor_id = actor;
    r.order_id = id;
    r.price_ticks = kNoPrice;
    r.side = Side::None;
    return r;
  }
  const std::vector<Record>& send(Record r) {
    r.ts_event_ns = now++;
    out.clear();
    engine.submit(r, [this](const Record& x) { out.push_back(x); });
    return out;
  }
  const std::vector<Record>& limit(std::uint16_t actor, std::uint64_t id, Side side,
                                   std::int64_t price, std::int64_t lots,
                                   std::uint32_t detail = 0) {
    Record r = request(OrderAct::New, actor, id);
    r.side = side;
    r.price_ticks = price;
    r.size_lots = lots;
    r.detail = detail;
    return send(r);
  }
  const std::vector<Record>& cancel(std::uint16_t actor, std::uint64_t id) {
    return send(request(OrderAct::Cancel, actor, id));
  }
};

bool is_report(const Record& r, ReportAct act, std::uint16_t actor, std::int64_t lots) {
  return r.kind == Kind::Report && r.report_act() == act && r.actor_id == actor &&
         r.size_lots == lots;
}
bool is_delta(const Record& r, Action act, std::uint64_t id, std::int64_t price,
              std::int64_t lots) {
  return r.kind == Kind::Delta && r.delta_action() == act && r.order_id == id &&
         r.price_ticks == price && r.size_lots == lots;
}

}  // namespace

TEST_CASE("a limit order rests, is met in time priority and cancelled") {
  Venue v;
  auto& rested = v.limit(7, 1, Side::Ask, 105, 10);
  REQUIRE(rested.size() == 2);
  CHECK(is_report(rested[0], ReportAct::Accepted, 7, 10));
  CHECK(is_delta(rested[1], Action::Add, 1, 105, 10));
  CHECK(rested[1].sequence == 1);
  CHECK(rested[1].is_last());
  v.limit(8, 1, Side::Ask, 105, 5);
  auto& taken = v.limit(9, 1, Side::Bid, 106, 12);
  REQUIRE(taken.size() == 7);
  CHECK(is_report(taken[0], ReportAct::Accepted, 9, 12));
  CHECK(is_delta(taken[1], Action::Execute, 1, 105, 10));
  CHECK(is_report(taken[2], ReportAct::Filled, 7, 10));
  CHECK((taken[2].flags & flag::kMaker) != 0);
  CHECK(is_report(taken[3], ReportAct::Filled, 9, 10));
  CHECK(is_delta(taken[4], Action::Execute, 2, 105, 2));
  CHECK(taken[4].is_last());
  CHECK_FALSE(taken[1].is_last());
  CHECK(v.engine.size_at(1, Side::Ask, 105) == 3);
  auto& gone = v.cancel(8, 1);
  REQUIRE(gone.size() == 2);
  CHECK(is_report(gone[0], ReportAct::Cancelled, 8, 3));
  CHECK(is_delta(gone[1], Action::Cancel, 2, 105, 3));
  CHECK(v.engine.best(1, Side::Ask).price_ticks == kNoPrice);
  auto& late = v.cancel(8, 1);
  REQUIRE(late.size() == 1);
  CHECK(late[0].detail == static_cast<std::uint32_t>(RefusalCode::TooLate));
}
