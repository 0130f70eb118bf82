#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "kimera/market/book.hpp"

using namespace kimera::market;
using kimera::model::Action;
using kimera::model::Kind;
using kimera::model::kNoPrice;
using kimera::model::Record;
using kimera::model::Side;
namespace flag = kimera::model::flag;

namespace {

Record delta(Action action, Side side, std::int64_t price, std::int64_t size,
             std::uint32_t count = 0, std::uint8_t flags = 0) {
  Record r{};
  r.kind = Kind::Delta;
  r.action = static_cast<std::uint8_t>(action);
  r.side = side;
  r.price_ticks = price;
  r.size_lots = size;
  r.detail = count;
  r.flags = flags;
  return r;
}

std::vector<Level> levels(const BookL2& book, Side side) {
  std::vector<Level> out(book.n_levels(side) + 1);
  out.resize(book.levels(side, out));
  return out;
}

}  // namespace

TEST_CASE("l2 book equals a map on random levels near and far") {
  for (const std::uint32_t window : {64U, 1024U, 131072U}) {
    std::mt19937_64 random(window);
    BookL2 book({.max_levels = 300, .window_ticks = window});
    std::map<std::int64_t, Level> oracle[2];
    std::int64_t centre = 60'000'00;
    for (int i = 0; i < 60'000; ++i) {
      const auto side = static_cast<Side>(random() % 2);
      auto& levels_of_side = oracle[static_cast<int>(side)];
      if (random() % 500 == 0) centre += static_cast<std::int64_t>(random() % 20'000) - 10'000;
      const std::uint64_t reach = random() % 30 == 0 ? 10'000'000 : 100;
      const std::int64_t price = centre + static_cast<std::int64_t>(random() % reach);
      const std::int64_t size =
          random() % 2 == 0 ? 0 : static_cast<std::int64_t>(random() % 90) + 1;
      const bool full = size > 0 && levels_of_side.size() == 300 && !levels_of_side.contains(price);
      const BookStatus status = book.apply(delta(Action::Level, side, price, size, 3));
      REQUIRE(status == (full ? BookStatus::LevelsFull : BookStatus::Ok));
      if (full) {
        levels_of_side.clear();
        REQUIRE(book.apply(delta(Action::Clear, side, kNoPrice, 0)) == BookStatus::Ok);
      } else if (size == 0) {
        levels_of_side.erase(price);
      } else {
        levels_of_side[price] = {price, size, 3};
      }
      if (i % 37 != 0) continue;
      for (const Side s : {Side::Bid, Side::Ask}) {
        std::vector<Level> expected;
        for (const auto& [p, level] : oracle[static_cast<int>(s)]) expected.push_back(level);
        if (s == Side::Bid) std::reverse(expected.begin(), expected.end());
        REQUIRE(levels(book, s) == expected);
      }
    }
  }
}

TEST_CASE("l2 takes order deltas at the price they name") {
  BookL2 book({.max_levels = 4, .window_ticks = 64});
  REQUIRE(book.apply(delta(Action::Level, Side::Bid, 100, 10, 2)) == BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Add, Side::Bid, 100, 5)) == BookStatus::Ok);
  CHECK(book.best(Side::Bid) == Level{100, 15, 0});
  REQUIRE(book.apply(delta(Action::Execute, Side::Bid, 100, 6)) == BookStatus::Ok);
  CHECK(book.apply(delta(Action::Cancel, Side::Bid, 100, 10)) == BookStatus::OverSize);
  REQUIRE(book.apply(delta(Action::Cancel, Side::Bid, 100, 9)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Empty);
  CHECK(book.apply(delta(Action::Modify, Side::Bid, 100, 9)) == BookStatus::NotSupported);
  CHECK(book.apply(delta(Action::Cancel, Side::Bid, 100, 0)) == BookStatus::BadSize);
}

TEST_CASE("l2 refuses what it cannot hold") {
  BookL2 book({.max_levels = 1, .window_ticks = 64});
  CHECK(book.apply(delta(Action::Level, Side::Bid, 100, -1)) == BookStatus::BadSize);
  CHECK(book.apply(delta(Action::Level, Side::None, 100, 1)) == BookStatus::BadSide);
  CHECK(book.apply(delta(Action::Level, Side::Bid, kNoPrice, 1)) == BookStatus::OffRange);
  CHECK(book.apply(delta(Action::Level, Side::Bid, 99, 0)) == BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Level, Side::Bid, 100, 1)) == BookStatus::Ok);
  CHECK(book.apply(delta(Action::Level, Side::Bid, 101, 1)) == BookStatus::LevelsFull);
  CHECK(book.counters().errors() == 4);
  CHECK(levels(book, Side::Bid) == std::vector<Level>{{100, 1, 0}});
}

TEST_CASE("l2 a gap makes the book stale until the venue clears it or a snapshot is complete") {
  BookL2 book({.max_levels = 8, .window_ticks = 64});
  REQUIRE(book.apply(delta(Action::Level, Side::Bid, 100, 1, 1, flag::kGapBefore)) ==
          BookStatus::Ok);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Clear, Side::Bid, kNoPrice, 0)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Clear, Side::None, kNoPrice, 0)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Empty);
  book.mark_stale();
  REQUIRE(book.apply(delta(Action::Clear, Side::None, kNoPrice, 0, 0, flag::kSnapshot)) ==
          BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Level, Side::Bid, 100, 1, 1, flag::kSnapshot)) ==
          BookStatus::Ok);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Level, Side::Ask, 100, 1, 1)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Locked);
}
