#include <doctest/doctest.h>

#include <array>
#include <random>
#include <vector>

#include "kimera/portfolio/ledger.hpp"

using namespace kimera::portfolio;
using kimera::model::Kind;
using kimera::model::kNoPrice;
using kimera::model::Record;
using kimera::model::ReportAct;
using kimera::model::Side;
namespace flag = kimera::model::flag;

namespace {

Record fill(Side side, std::int64_t price, std::int64_t lots, bool maker = true) {
  Record r{};
  r.kind = Kind::Report;
  r.action = static_cast<std::uint8_t>(ReportAct::Filled);
  r.side = side;
  r.price_ticks = price;
  r.size_lots = lots;
  r.instrument_id = 1;
  r.flags = maker ? flag::kMaker : std::uint8_t{0};
  return r;
}

}  // namespace

TEST_CASE("a ledger's profit is the sum over its fills of what each earned to the last mid") {
  // The oracle never looks at positions or cash: each fill alone is worth side x (mid - price).
  std::mt19937_64 random(11);
  const LedgerInstrument rates{-50, 170, Contract::Linear};
  Ledger ledger(std::array{rates});
  std::vector<Record> fills;
  const std::int64_t mid2 = 20'011;
  for (int i = 0; i < 20'000; ++i) {
    const auto side = random() % 2 == 0 ? Side::Bid : Side::Ask;
    fills.push_back(fill(side, 9'900 + static_cast<std::int64_t>(random() % 200),
                         1 + static_cast<std::int64_t>(random() % 50), random() % 3 != 0));
    REQUIRE(ledger.apply(fills.back(), 20'000));
  }
  Units expected = 0;
  std::int64_t position = 0;
  for (const Record& f : fills) {
    const std::int64_t sign = f.side == Side::Bid ? 1 : -1;
    const std::int64_t rate = (f.flags & flag::kMaker) != 0 ? -50 : 170;
    position += sign * f.size_lots;
    expected += Units{sign * f.size_lots} * (mid2 - 2 * f.price_ticks) * (kFeeScale / 2);
    expected -= Units{f.price_ticks} * f.size_lots * rate;
  }
  CHECK(ledger.position_lots(1) == position);
  CHECK((ledger.profit(1, mid2) == expected));
  const Account& a = ledger.account(1);
  const Units unrealised = ledger.marked(1, mid2) - a.open_cost;
  CHECK((a.realised + unrealised - a.fees == expected));
}

TEST_CASE("an inverse contract earns size over price, in the base currency") {
  Ledger ledger(std::array{LedgerInstrument{0, 0, Contract::Inverse}});
  CHECK(ledger.apply(fill(Side::Bid, 100, 1'000), kNoPrice));
  CHECK(ledger.apply(fill(Side::Ask, 125, 1'000), kNoPrice));
  // 1000/100 - 1000/125 = 2
  CHECK((ledger.profit(1, 250) == Units{2} * kInverseScale));
  CHECK((ledger.account(1).realised == Units{2} * kInverseScale));
}

TEST_CASE("a record that is no fill changes nothing") {
  Ledger ledger(std::array{LedgerInstrument{}});
  Record r = fill(Side::Bid, 100, 5);
  SUBCASE("another act") {
    r.action = static_cast<std::uint8_t>(ReportAct::Accepted);
  }
  SUBCASE("unknown instrument") {
    r.instrument_id = 2;
  }
  SUBCASE("instrument 0") {
    r.instrument_id = 0;
  }
  SUBCASE("no size") {
    r.size_lots = 0;
  }
  SUBCASE("negative size") {
    r.size_lots = -4;
  }
  SUBCASE("no price") {
    r.price_ticks = kNoPrice;
  }
  SUBCASE("no side") {
    r.side = Side::None;
  }
  CHECK_FALSE(ledger.apply(r, kNoPrice));
  CHECK(ledger.account(1).n_fills == 0);
  CHECK((ledger.profit(1, 200) == 0));
}

TEST_CASE("rounding goes to the nearest, halves away from zero") {
  CHECK((divide_rounded(7, 2) == 4));
  CHECK((divide_rounded(-7, 2) == -4));
  CHECK((divide_rounded(7, -3) == -2));
  CHECK((divide_rounded(5, 3) == 2));
}
