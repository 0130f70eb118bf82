#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "book_naive.hpp"
#include "kimera/market/book.hpp"

using namespace kimera::market;
using kimera::model::Action;
using kimera::model::Kind;
using kimera::model::kNoPrice;
using kimera::model::Record;
using kimera::model::Side;
namespace flag = kimera::model::flag;

namespace {

Record delta(Action action, Side side, std::uint64_t id, std::int64_t price, std::int64_t size,
             std::uint8_t flags = 0) {
  Record r{};
  r.kind = Kind::Delta;
  r.action = static_cast<std::uint8_t>(action);
  r.side = side;
  r.order_id = id;
  r.price_ticks = price;
  r.size_lots = size;
  r.flags = flags;
  return r;
}

std::vector<std::uint64_t> queue(const BookL3& book, Side side, std::int64_t price) {
  std::vector<std::uint64_t> ids;
  book.for_each_in_queue(side, price, [&](const OrderView& o) { ids.push_back(o.order_id); });
  return ids;
}

// Holds every level, every queue and every place in it against the oracle.
void check_equal(const BookL3& book, const naive::Book& oracle) {
  for (const Side side : {Side::Bid, Side::Ask}) {
    std::vector<Level> expected;
    for (const auto& [price, orders] : oracle.side(side))
      expected.push_back(oracle.level(side, price));
    if (side == Side::Bid) std::reverse(expected.begin(), expected.end());
    std::vector<Level> found(expected.size() + 1);
    found.resize(book.levels(side, found));
    REQUIRE(found == expected);
    REQUIRE(book.n_levels(side) == expected.size());
    REQUIRE(book.best(side) == (expected.empty() ? Level{} : expected.front()));
    for (const auto& [price, orders] : oracle.side(side)) {
      std::vector<std::uint64_t> ids;
      for (const auto& o : orders) {
        ids.push_back(o.id);
        REQUIRE(book.order(o.id) == OrderView{o.id, price, o.size, side});
        REQUIRE(book.size_ahead(o.id) == oracle.ahead(o.id));
      }
      REQUIRE(queue(book, side, price) == ids);
    }
  }
  REQUIRE(book.n_orders() == oracle.n_orders());
}

struct Walk {
  std::mt19937_64 random;
  std::int64_t centre = 0;
  std::uint64_t next_id = 1;

  std::uint64_t below(std::uint64_t n) { return random() % n; }
  std::uint64_t some_id() {
    if (below(20) == 0) return next_id + below(5);
    return 1 + below(next_id + 1);
  }
  std::uint64_t new_id() {
    if (below(30) == 0) return below(next_id + 1);  // a duplicate, or 0
    if (below(40) == 0) return random();            // far from all others
    return next_id++;
  }
  std::int64_t price() {
    switch (below(60)) {
      case 0:
        return kNoPrice;
      case 1:
        return kMaxPriceTicks + 1;
      case 2:
        return -kMaxPriceTicks + static_cast<std::int64_t>(below(3));
      case 3:
        centre += static_cast<std::int64_t>(below(4000)) - 2000;
        break;
      case 4:
      case 5:
      case 6:
        return centre + static_cast<std::int64_t>(below(100'000'000)) - 50'000'000;
      default:
        break;
    }
    return centre + static_cast<std::int64_t>(below(60)) - 30;
  }
  std::int64_t size() {
    return below(25) == 0 ? -static_cast<std::int64_t>(below(2))
                          : 1 + static_cast<std::int64_t>(below(50));
  }
};

void run_walk(std::uint64_t seed, const BookCapacity& capacity, int n_events, int check_every) {
  Walk w{std::mt19937_64(seed)};
  BookL3 book(capacity);
  naive::Book oracle(capacity.max_orders, capacity.max_levels);
  for (int i = 0; i < n_events; ++i) {
    const std::uint64_t op = w.below(100);
    const Side side = w.below(60) == 0 ? Side::None : static_cast<Side>(w.below(2));
    const std::int64_t price = w.price();
    const std::int64_t size = w.size();
    if (op < 45) {
      const std::uint64_t id = w.new_id();
      REQUIRE(book.apply(delta(Action::Add, side, id, price, size)) ==
              oracle.add(side, id, price, size));
    } else if (op < 60) {
      const std::uint64_t id = w.some_id();
      const std::int64_t part = w.below(2) == 0 ? 0 : size;
      REQUIRE(book.apply(delta(Action::Cancel, side, id, kNoPrice, part)) ==
              oracle.cancel(id, part));
    } else if (op < 75) {
      const std::uint64_t id = w.some_id();
      REQUIRE(book.apply(delta(Action::Execute, Side::None, id, price, size)) ==
              oracle.execute(id, size));
    } else if (op < 90) {
      const std::uint64_t id = w.some_id();
      const OrderView o = book.order(id);
      const std::int64_t to = w.below(2) == 0 && o.order_id != 0 ? o.price_ticks : price;
      REQUIRE(book.apply(delta(Action::Modify, side, id, to, size)) == oracle.modify(id, to, size));
    } else {
      const std::uint64_t old_id = w.some_id();
      const std::uint64_t id = w.new_id();
      REQUIRE(book.replace(old_id, id, price, size) == oracle.replace(old_id, id, price, size));
    }
    if (w.below(5000) == 0) {
      book.clear();
      oracle.clear();
    }
    if (i % check_every == 0) check_equal(book, oracle);
  }
  check_equal(book, oracle);
}

}  // namespace

TEST_CASE("l3 book equals the naive book on random events, good and bad") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    run_walk(seed, {.max_orders = 5000, .max_levels = 2000, .window_ticks = 64}, 6000, 50);
    run_walk(seed + 100, {.max_orders = 5000, .max_levels = 2000, .window_ticks = 8192}, 6000, 50);
    run_walk(seed + 200, {.max_orders = 60, .max_levels = 8, .window_ticks = 128}, 6000, 7);
  }
}

TEST_CASE("l3 modify keeps the place only when the price stays and the size shrinks") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  for (std::uint64_t id = 1; id <= 3; ++id)
    REQUIRE(book.add(Side::Bid, id, 100, 10) == BookStatus::Ok);
  REQUIRE(book.modify(1, 100, 4) == BookStatus::Ok);
  CHECK(queue(book, Side::Bid, 100) == std::vector<std::uint64_t>{1, 2, 3});
  REQUIRE(book.modify(1, 100, 5) == BookStatus::Ok);
  CHECK(queue(book, Side::Bid, 100) == std::vector<std::uint64_t>{2, 3, 1});
  REQUIRE(book.replace(2, 9, 100, 10) == BookStatus::Ok);
  CHECK(queue(book, Side::Bid, 100) == std::vector<std::uint64_t>{3, 1, 9});
  CHECK(book.size_ahead(9) == 15);
  CHECK(book.size_ahead(2) == -1);
  CHECK(book.size_at(Side::Bid, 100) == 25);
  CHECK(book.count_at(Side::Bid, 100) == 3);
}

TEST_CASE("l3 state follows the touch") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  CHECK(book.state() == BookState::Empty);
  REQUIRE(book.add(Side::Bid, 1, 100, 1) == BookStatus::Ok);
  CHECK(book.state() == BookState::OneSided);
  REQUIRE(book.add(Side::Ask, 2, 101, 1) == BookStatus::Ok);
  CHECK(book.state() == BookState::Normal);
  REQUIRE(book.modify(2, 100, 1) == BookStatus::Ok);
  CHECK(book.state() == BookState::Locked);
  REQUIRE(book.modify(2, 99, 1) == BookStatus::Ok);
  CHECK(book.state() == BookState::Crossed);
}

TEST_CASE("l3 a gap makes the book stale until a snapshot is complete") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  REQUIRE(book.apply(delta(Action::Add, Side::Bid, 1, 100, 1)) == BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Add, Side::Ask, 2, 102, 1, flag::kGapBefore)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Clear, Side::None, 0, kNoPrice, 0, flag::kSnapshot)) ==
          BookStatus::Ok);
  CHECK(book.n_orders() == 0);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Add, Side::Bid, 5, 99, 1, flag::kSnapshot)) == BookStatus::Ok);
  CHECK(book.state() == BookState::Stale);
  REQUIRE(book.apply(delta(Action::Add, Side::Ask, 6, 101, 1, flag::kSnapshot | flag::kLast)) ==
          BookStatus::Ok);
  CHECK(book.state() == BookState::Normal);
}

TEST_CASE("l3 a stale book told to refuse takes nothing but a snapshot") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64}, WhileStale::Refuse);
  book.mark_stale();
  CHECK(book.apply(delta(Action::Add, Side::Bid, 1, 100, 1)) == BookStatus::Stale);
  CHECK(book.counters().of(BookStatus::Stale) == 1);
  CHECK(book.counters().errors() == 0);
  CHECK(book.n_orders() == 0);
  REQUIRE(book.apply(delta(Action::Clear, Side::None, 0, kNoPrice, 0, flag::kSnapshot)) ==
          BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Add, Side::Bid, 1, 100, 1)) == BookStatus::Ok);
  CHECK(book.state() == BookState::OneSided);
}

TEST_CASE("l3 a level record keeps unknown size ahead of the known orders") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  REQUIRE(book.apply(delta(Action::Level, Side::Ask, 0, 100, 30)) == BookStatus::Ok);
  REQUIRE(book.apply(delta(Action::Add, Side::Ask, 7, 100, 5)) == BookStatus::Ok);
  CHECK(book.size_ahead(7) == 30);
  REQUIRE(book.apply(delta(Action::Cancel, Side::Ask, 999, 100, 10)) == BookStatus::Ok);
  CHECK(book.size_ahead(7) == 20);
  CHECK(book.apply(delta(Action::Cancel, Side::Ask, 999, 101, 10)) == BookStatus::UnknownOrder);
  CHECK(book.apply(delta(Action::Execute, Side::Ask, 999, 100, 21)) == BookStatus::OverSize);
  REQUIRE(book.apply(delta(Action::Execute, Side::Ask, 999, 100, 20)) == BookStatus::Ok);
  CHECK(book.size_ahead(7) == 0);
  REQUIRE(book.apply(delta(Action::Level, Side::Ask, 0, 100, 12)) == BookStatus::Ok);
  CHECK(book.size_ahead(7) == 7);
  CHECK(book.apply(delta(Action::Level, Side::Ask, 0, 100, 4)) == BookStatus::OverSize);
  REQUIRE(book.apply(delta(Action::Level, Side::Ask, 0, 100, 0)) == BookStatus::Ok);
  CHECK(book.n_orders() == 0);
  CHECK(book.order(7).order_id == 0);
}

TEST_CASE("l3 fills and trades change nothing and are told apart from errors") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  REQUIRE(book.add(Side::Bid, 1, 100, 10) == BookStatus::Ok);
  CHECK(book.apply(delta(Action::Fill, Side::Bid, 1, 100, 4)) == BookStatus::Ignored);
  CHECK(book.apply(delta(Action::Trade, Side::Ask, 1, 100, 4)) == BookStatus::Ignored);
  CHECK(book.size_at(Side::Bid, 100) == 10);
  CHECK(book.apply(delta(Action::None, Side::Bid, 1, 100, 4)) == BookStatus::NotSupported);
  CHECK(book.counters().errors() == 1);
}

TEST_CASE("l3 a level's total never wraps") {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  REQUIRE(book.add(Side::Bid, 1, 100, kHuge) == BookStatus::Ok);
  CHECK(book.add(Side::Bid, 2, 100, 1) == BookStatus::BadSize);
  REQUIRE(book.add(Side::Bid, 3, 99, 1) == BookStatus::Ok);
  CHECK(book.modify(3, 100, 1) == BookStatus::BadSize);
  CHECK(book.size_at(Side::Bid, 99) == 1);
}

TEST_CASE("l3 an empty book asked for far prices again and again stays sound") {
  BookL3 book({.max_orders = 10, .max_levels = 4, .window_ticks = 64});
  REQUIRE(book.add(Side::Bid, 1, 1'000'000, 1) == BookStatus::Ok);
  REQUIRE(book.cancel(1) == BookStatus::Ok);
  for (std::int64_t i = 0; i < 500; ++i)
    REQUIRE(book.apply(delta(Action::Level, Side::Bid, 0, i * 1000, 0)) == BookStatus::Ok);
  REQUIRE(book.add(Side::Bid, 2, -5, 3) == BookStatus::Ok);
  CHECK(book.best(Side::Bid) == Level{-5, 3, 1});
}

TEST_CASE("l3 refuses a capacity that makes no sense") {
  CHECK_THROWS(BookL3({.max_orders = 0}));
  CHECK_THROWS(BookL3({.max_levels = 0}));
  CHECK_THROWS(BookL3({.window_ticks = 100}));
}
