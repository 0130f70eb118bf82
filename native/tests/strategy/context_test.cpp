#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <vector>

#include "kimera/strategy/context.hpp"
#include "kimera/strategy/touch_maker.hpp"

using namespace kimera::strategy;
using kimera::model::Action;
using kimera::model::Kind;
using kimera::model::Record;
using kimera::model::RefusalCode;
using kimera::model::ReportAct;
using kimera::model::Side;

namespace {

const std::array kInstruments{ContextInstrument{}};
const std::array kLedger{kimera::portfolio::LedgerInstrument{}};

struct Fixture {
  explicit Fixture(ContextBounds bounds = {4, 8, 32})
      : context(kInstruments, kLedger, bounds, {}) {}
  void level(Side side, std::int64_t price, std::int64_t lots) {
    Record r{};
    r.kind = Kind::Delta;
    r.action = static_cast<std::uint8_t>(Action::Level);
    r.side = side;
    r.price_ticks = price;
    r.size_lots = lots;
    r.instrument_id = 1;
    context.take_market(r);
    static_cast<void>(context.refresh_top(1));
  }
  void told(std::uint64_t id, ReportAct act, std::int64_t price = 0, std::int64_t lots = 0) {
    Record r{};
    r.kind = Kind::Report;
    r.action = static_cast<std::uint8_t>(act);
    r.order_id = id;
    r.side = Side::Bid;
    r.price_ticks = price;
    r.size_lots = lots;
    r.instrument_id = 1;
    static_cast<void>(context.take_report(r, kimera::model::kNoPrice));
  }
  [[nodiscard]] Submitted buy(std::int64_t price, std::int64_t lots) {
    return context.submit(
        {.instrument_id = 1, .side = Side::Bid, .price_ticks = price, .size_lots = lots});
  }
  Context context;
};

}  // namespace

TEST_CASE("orders beyond the bound are denied, and a slot is free again when its order is gone") {
  Fixture f;
  std::set<std::uint64_t> ids;
  std::vector<std::uint64_t> open;
  for (int i = 0; i < 4; ++i) open.push_back(f.buy(100, 1).order_id);
  CHECK(f.buy(100, 1).code == RefusalCode::BookFull);
  CHECK(f.context.denied() == 1);
  for (int round = 0; round < 1'000; ++round) {
    const std::uint64_t gone = open[static_cast<std::size_t>(round) % 4];
    f.told(gone, round % 2 == 0 ? ReportAct::Cancelled : ReportAct::Rejected);
    CHECK(f.context.order(gone) == nullptr);
    f.context.requests().clear();
    const Submitted again = f.buy(100, 1);
    REQUIRE(again.code == RefusalCode::None);
    CHECK(ids.insert(again.order_id).second);  // no id is used twice
    open[static_cast<std::size_t>(round) % 4] = again.order_id;
  }
  CHECK(f.context.n_open_orders() == 4);
}

TEST_CASE("what cannot be asked is refused by name and nothing is sent") {
  Fixture f;
  CHECK(f.buy(100, 0).code == RefusalCode::BadSize);
  CHECK(f.buy(100, -3).code == RefusalCode::BadSize);
  CHECK(f.buy(kimera::model::kNoPrice, 1).code == RefusalCode::BadPrice);
  CHECK(f.context.submit({.instrument_id = 2, .side = Side::Bid, .price_ticks = 1, .size_lots = 1})
            .code == RefusalCode::UnknownInstrument);
  CHECK(f.context.cancel(77) == RefusalCode::UnknownOrder);
  CHECK(f.context.replace(0, 1, 1) == RefusalCode::UnknownOrder);
  CHECK(f.context.requests().empty());
}

TEST_CASE("partial fills take the size down and the position up until the order is gone") {
  Fixture f;
  const std::uint64_t id = f.buy(100, 10).order_id;
  f.told(id, ReportAct::Accepted, 100, 10);
  f.told(id, ReportAct::Filled, 100, 3);
  REQUIRE(f.context.order(id) != nullptr);
  CHECK(f.context.order(id)->leaves_lots == 7);
  f.told(id, ReportAct::Filled, 100, 7);
  CHECK(f.context.order(id) == nullptr);
  CHECK(f.context.position_lots(1) == 10);
}

TEST_CASE("timers fire by time, and in the order they were set at one instant") {
  std::mt19937_64 random(3);
  Fixture f({4, 64, 32});
  std::vector<std::pair<std::int64_t, std::uint64_t>> expected;
  for (std::uint64_t i = 0; i < 64; ++i) {
    const auto at = static_cast<std::int64_t>(random() % 10);
    expected.emplace_back(at, i);
    REQUIRE(f.context.set_timer(at, i));
  }
  CHECK_FALSE(f.context.set_timer(1, 99));
  CHECK(f.context.timers_refused() == 1);
  std::stable_sort(expected.begin(), expected.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [at, id] : expected) {
    CHECK(f.context.next_timer_ns() == at);
    const Timer timer = f.context.pop_timer();
    CHECK(timer.timer_id == id);
  }
}

TEST_CASE("the touch maker quotes both best prices and moves with them") {
  Fixture f;
  TouchMaker maker({2, 100, 10});
  maker.on_start(f.context);
  f.level(Side::Bid, 99, 5);
  f.level(Side::Ask, 101, 5);
  maker.on_timer(f.context, 1);
  REQUIRE(f.context.requests().size() == 2);
  CHECK(f.context.requests()[0].price_ticks == 99);
  CHECK(f.context.requests()[1].price_ticks == 101);
  const std::uint64_t bid = f.context.requests()[0].order_id;
  f.context.requests().clear();
  f.level(Side::Bid, 100, 1);
  maker.on_timer(f.context, 1);
  REQUIRE(f.context.requests().size() == 2);  // the old bid goes, a new one comes
  CHECK(f.context.requests()[0].order_act() == kimera::model::OrderAct::Cancel);
  CHECK(f.context.requests()[0].order_id == bid);
  CHECK(f.context.requests()[1].price_ticks == 100);
}
