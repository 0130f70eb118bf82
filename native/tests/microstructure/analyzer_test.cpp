#include "kimera/microstructure/analyzer.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kimera/market/book.hpp"
#include "kimera/microstructure/top.hpp"
#include "kimera/runtime/random.hpp"

using namespace kimera;
using model::Action;
using model::Record;
using model::Side;

namespace {

Record level(std::int64_t at, Side side, std::int64_t price, std::int64_t lots) {
  Record r{};
  r.ts_event_ns = at;
  r.kind = model::Kind::Delta;
  r.action = static_cast<std::uint8_t>(Action::Level);
  r.side = side;
  r.price_ticks = price;
  r.size_lots = lots;
  return r;
}

Record trade(std::int64_t at, Side taker, std::int64_t price, std::int64_t lots) {
  Record r = level(at, taker, price, lots);
  r.action = static_cast<std::uint8_t>(Action::Trade);
  return r;
}

struct Fixture {
  explicit Fixture(const microstructure::AnalyzerConfig& config = {})
      : book(market::BookCapacity{}), analyzer(config, {}) {}
  void feed(const Record& r) {
    book.apply(r);
    analyzer.apply(r, book);
    top.apply(r, book);
  }
  market::BookL2 book;
  microstructure::Analyzer analyzer;
  microstructure::TopOfBook top;
};

}  // namespace

TEST_CASE("a worked example by hand") {
  microstructure::AnalyzerConfig config;
  config.bucket_lots = 10;
  config.vpin_window = 1;
  config.horizon_ns = 5;
  Fixture f(config);
  f.feed(level(0, Side::Bid, 100, 8));
  f.feed(level(0, Side::Ask, 102, 2));
  f.feed(trade(10, Side::Bid, 102, 2));  // a buy lifts the ask
  f.feed(level(10, Side::Ask, 102, 0));
  f.feed(level(10, Side::Ask, 103, 6));
  f.feed(level(20, Side::Bid, 101, 4));
  f.feed(trade(30, Side::Ask, 101, 8));  // and a sell fills the bucket
  const microstructure::FeatureRow& row = f.analyzer.row();
  CHECK(row.bid_ticks == 101);
  CHECK(row.mid2_ticks == 204);
  CHECK(row.imbalance_1 == (4.0 - 6.0) / 10.0);
  CHECK(row.imbalance_5 == (12.0 - 6.0) / 18.0);
  CHECK(row.weighted_mid_ticks == 101 + 2 * 4 / 10.0);
  // buy: 2 (102 - 101) = 2 on 2 lots; sell: -2 (101 - 102) = 2 on 8 lots
  CHECK(row.effective_spread_ticks == 2.0);
  // at 15 the mid was 101.5: the buy kept 2 (102 - 101.5) = 1 and moved it by 2 (101.5 - 101)
  CHECK(row.realised_spread_ticks == 1.0);
  CHECK(row.price_impact_ticks == 1.0);
  CHECK(row.vpin == 6.0 / 10.0);
  // 2 ticks for 10 ns, 3 for 10, 2 for 10
  CHECK(row.quoted_spread_ticks == (20.0 + 30.0 + 20.0) / 30.0);
  // +8 -2, trade's own level changes: ask 102 gone (+2, 103 behind it is worse: +0), bid better +4
  CHECK(row.ofi[0] == 8 - 2 + 2 + 0 - 6 + 4);
}

TEST_CASE("top-of-book measures equal the analyzer's on random levels") {
  runtime::Random random(3);
  Fixture f;
  for (int i = 0; i < 20'000; ++i) {
    const bool bid = random.below(2) == 0;
    const auto away = static_cast<std::int64_t>(random.below(12));
    const auto lots = static_cast<std::int64_t>(random.below(4) * random.below(50));
    f.feed(level(i, bid ? Side::Bid : Side::Ask, bid ? 1000 - away : 1003 + away, lots));
    const microstructure::FeatureRow& row = f.analyzer.row();
    REQUIRE(f.top.bid().price_ticks == row.bid_ticks);
    REQUIRE(f.top.ask().size_lots == row.ask_lots);
    REQUIRE(f.top.mid2_ticks() == row.mid2_ticks);
    REQUIRE(f.top.spread_ticks() == row.spread_ticks);
    REQUIRE(f.top.ofi() == row.ofi[0]);
    if (!std::isnan(row.imbalance_1)) REQUIRE(f.top.imbalance() == row.imbalance_1);
  }
}

TEST_CASE("an exact sum says when it no longer is one") {
  microstructure::ExactSum sum;
  microstructure::ExactSum one;
  one.add(1);
  sum.add_product(std::int64_t{1} << 40, std::int64_t{1} << 22);
  CHECK(sum.value() == 4611686018427387904.0);
  CHECK(!sum.lost());
  sum.add_product(std::int64_t{1} << 40, std::int64_t{1} << 22);
  CHECK(sum.lost());
  CHECK(std::isnan(sum.over(one)));
}

TEST_CASE("settings that make no sense are refused") {
  microstructure::AnalyzerConfig config;
  config.micro_imbalances = 4;
  config.micro_spreads = 1;
  CHECK_THROWS_AS(microstructure::Analyzer(config, {}), std::invalid_argument);
  config = {};
  config.vpin_window = 0;
  CHECK_THROWS_AS(microstructure::Analyzer(config, {}), std::invalid_argument);
}
