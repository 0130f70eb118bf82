#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "book_naive.hpp"
#include "itch_builder.hpp"
#include "kimera/market/itch_bbo.hpp"
#include "kimera/market/itch_books.hpp"
#include "kimera/market/itch_records.hpp"

using namespace kimera::market;
using namespace kimera::market::itch;
using itch_test::Builder;
using kimera::model::Side;

namespace {

constexpr ItchBookCapacity kSmall{
    .max_orders = 1U << 16U, .max_symbols = 64, .max_far_levels = 1U << 16U, .ring_size = 1024};

// Feeds all bytes in pieces of random size, as a file reader would.
template <class Observer>
void feed(ItchBooks& books, const std::vector<Byte>& bytes, std::mt19937_64& random,
          Observer& observer) {
  std::size_t done = 0;
  while (done < bytes.size() && books.trouble().status == Status::Ok) {
    std::size_t n = std::min<std::size_t>(bytes.size() - done, 1 + random() % 5000);
    std::size_t used = books.consume({bytes.data() + done, n}, observer);
    if (used == 0) {
      n = std::min<std::size_t>(bytes.size() - done, n + 200);
      used = books.consume({bytes.data() + done, n}, observer);
      if (used == 0) break;
    }
    done += used;
  }
}

void check_equal(const ItchBooks& books, const naive::Book& oracle, std::uint16_t locate) {
  for (const Side side : {Side::Bid, Side::Ask}) {
    std::vector<ItchLevel> expected;
    for (const auto& [price, orders] : oracle.side(side)) {
      const Level l = oracle.level(side, price);
      expected.push_back({static_cast<std::uint32_t>(price), l.order_count,
                          static_cast<std::uint64_t>(l.size_lots)});
    }
    if (side == Side::Bid) std::reverse(expected.begin(), expected.end());
    std::vector<ItchLevel> found(expected.size() + 1);
    found.resize(books.levels(locate, side, found));
    REQUIRE(found == expected);
    REQUIRE(books.best(locate, side) == (expected.empty() ? ItchLevel{} : expected.front()));
    for (const auto& [price, orders] : oracle.side(side)) {
      std::vector<std::pair<std::uint64_t, std::int64_t>> queue;
      books.for_each_in_queue(
          locate, side, static_cast<std::uint32_t>(price),
          [&](std::uint64_t ref, std::uint32_t shares) { queue.emplace_back(ref, shares); });
      std::vector<std::pair<std::uint64_t, std::int64_t>> wanted;
      for (const auto& o : orders) wanted.emplace_back(o.id, o.size);
      REQUIRE(queue == wanted);
    }
  }
}

// Makes messages, good and bad, and keeps the books they should lead to.
class Market {
 public:
  Market(std::uint64_t seed, std::uint64_t first_ref, unsigned stride)
      : random_(seed), next_ref_(first_ref), stride_(stride) {
    for (std::uint16_t i = 0; i < kStocks; ++i) oracles_.emplace_back(1U << 20U, 1U << 20U);
  }

  static constexpr std::uint16_t kStocks = 5;
  Builder out;
  std::uint64_t n_refused = 0;

  void step() {
    const auto locate = static_cast<std::uint16_t>(1 + random_() % kStocks);
    naive::Book& oracle = oracles_[locate - 1];
    const std::uint64_t op = random_() % 100;
    const auto shares = static_cast<std::uint32_t>(random_() % 40 == 0 ? 0 : 1 + random_() % 300);
    BookStatus status = BookStatus::Ok;
    if (op < 48) {
      const std::uint64_t ref = new_ref();
      const std::uint32_t px = price(locate);
      const char side = random_() % 80 == 0 ? 'x' : random_() % 2 == 0 ? 'B' : 'S';
      out.add(locate, ref, side, shares, px, random_() % 10 == 0);
      status = known(ref) && side != 'x' ? BookStatus::DuplicateOrder
                                         : oracle.add(side == 'B'   ? Side::Bid
                                                      : side == 'S' ? Side::Ask
                                                                    : Side::None,
                                                      ref, px == 0 ? kBad : px, shares);
      remember(status, ref, locate);
    } else if (op < 62) {
      const std::uint64_t ref = old_ref();
      out.remove(locate_of(ref, locate), ref);
      status = of(ref, locate).cancel(ref, 0);
    } else if (op < 72) {
      const std::uint64_t ref = old_ref();
      out.cancel(locate_of(ref, locate), ref, shares);
      status = of(ref, locate).execute(ref, shares);
    } else if (op < 84) {
      const std::uint64_t ref = old_ref();
      if (op < 80)
        out.execute(locate_of(ref, locate), ref, shares);
      else
        out.execute_at(locate_of(ref, locate), ref, shares, 5);
      status = of(ref, locate).execute(ref, shares);
    } else if (op < 97) {
      const std::uint64_t ref = old_ref();
      const std::uint64_t to = new_ref();
      const std::uint16_t at = locate_of(ref, locate);
      const std::uint32_t px = price(at);
      out.replace(at, ref, to, shares, px);
      if (known(to) && to != ref && known(ref) && shares != 0)
        status = BookStatus::DuplicateOrder;
      else
        status = of(ref, locate).replace(ref, to, px == 0 ? kBad : px, shares);
      remember(status, to, at);
    } else {
      out.begin('P', locate).u64(0).ch('B').u32(5).text("X", 8).u32(6).u64(7).end();
    }
    n_refused += is_error(status) ? 1 : 0;
  }

  void check(const ItchBooks& books) const {
    std::size_t n = 0;
    for (std::uint16_t i = 0; i < kStocks; ++i) {
      check_equal(books, oracles_[i], static_cast<std::uint16_t>(i + 1));
      n += oracles_[i].n_orders();
    }
    REQUIRE(books.n_orders() == n);
  }

 private:
  static constexpr std::int64_t kBad = kimera::model::kNoPrice;

  std::uint64_t new_ref() {
    if (random_() % 60 == 0 && !refs_.empty()) return old_ref();
    if (random_() % 300 == 0) return random_();  // an outlier
    if (random_() % 20'000 == 0) next_ref_ += 1'000'000'000;
    next_ref_ += 1 + random_() % stride_;
    return next_ref_;
  }
  std::uint64_t old_ref() {
    if (refs_.empty() || random_() % 50 == 0) return next_ref_ + 1 + random_() % 3;
    return refs_[random_() % refs_.size()];
  }
  std::uint32_t price(std::uint16_t locate) {
    const std::uint64_t kind = random_() % 100;
    if (kind == 0)
      return random_() % 2 == 0 ? 0 : static_cast<std::uint32_t>(random_() % 2'000'000'000);
    if (kind < 4) return static_cast<std::uint32_t>(1 + random_() % 1'999'999'999);
    if (kind < 6) return static_cast<std::uint32_t>(centre(locate) + random_() % 60'000);
    if (kind < 7) shift_ += random_() % 20'000;
    const std::uint32_t grid = locate == 2 || kind < 10 ? 1 : 100;
    return static_cast<std::uint32_t>(centre(locate) + grid * (random_() % 60));
  }
  std::uint64_t centre(std::uint16_t locate) const {
    return locate == 2 ? 4'000 + shift_ % 3'000 : 100'000ULL * locate + shift_ / 100 * 100 % 90'000;
  }
  bool known(std::uint64_t ref) {
    for (const auto& [r, l] : where_)
      if (r == ref) return oracles_[l - 1].ahead(ref) >= 0;
    return false;
  }
  std::uint16_t locate_of(std::uint64_t ref, std::uint16_t otherwise) const {
    const auto it = where_.find(ref);
    return it == where_.end() ? otherwise : it->second;
  }
  naive::Book& of(std::uint64_t ref, std::uint16_t otherwise) {
    return oracles_[locate_of(ref, otherwise) - 1];
  }
  void remember(BookStatus status, std::uint64_t ref, std::uint16_t locate) {
    if (status != BookStatus::Ok) return;
    if (!where_.contains(ref)) refs_.push_back(ref);
    where_[ref] = locate;
    if (refs_.size() > 4000) refs_.erase(refs_.begin(), refs_.begin() + 500);
  }

  std::mt19937_64 random_;
  std::uint64_t next_ref_;
  unsigned stride_;
  std::uint64_t shift_ = 0;
  std::vector<naive::Book> oracles_;
  std::vector<std::uint64_t> refs_;
  std::map<std::uint64_t, std::uint16_t> where_;
};

}  // namespace

TEST_CASE("itch books equal naive books on random messages, good and bad, in any pieces") {
  const std::uint64_t starts[] = {1, 5'000'000'000, 77};
  const unsigned strides[] = {1, 3, 700};
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    Market market(seed, starts[seed], strides[seed]);
    ItchBooks books(kSmall, Mode::Lenient);
    std::mt19937_64 random(seed);
    for (int round = 0; round < 12; ++round) {
      market.out.bytes.clear();
      for (int i = 0; i < 1500; ++i) market.step();
      Silent silent;
      feed(books, market.out.bytes, random, silent);
      market.check(books);
    }
    std::uint64_t refused = 0;
    for (const std::uint64_t n : books.counters().refused) refused += n;
    CHECK(refused == market.n_refused);
    CHECK(books.counters().messages == 12 * 1500);
  }
}

TEST_CASE("itch best-price rows are all changes of a best price or its size") {
  Market market(9, 1, 2);
  for (int i = 0; i < 6000; ++i) market.step();
  std::vector<BboRow> rows(6000);
  BboRows observer(kSmall.max_symbols, 1'000'000);
  observer.into(rows);
  ItchBooks batch(kSmall, Mode::Lenient);
  REQUIRE(batch.consume(market.out.bytes, observer) == market.out.bytes.size());
  rows.resize(observer.rows());

  // The same by looking at both sides after each single message.
  ItchBooks single(kSmall, Mode::Lenient);
  std::map<std::uint32_t, std::array<ItchLevel, 2>> last;
  std::size_t n = 0;
  const std::span<const Byte> bytes(market.out.bytes);
  std::size_t at = 0;
  while (at < bytes.size()) {
    const Frame frame = next_frame(bytes, at);
    const Message m{frame.message.data()};
    Silent silent;
    at += single.consume(bytes.subspan(at, frame.next - at), silent);
    const std::array<ItchLevel, 2> now{single.best(m.locate(), Side::Bid),
                                       single.best(m.locate(), Side::Ask)};
    auto& before = last[m.locate()];
    const auto moved = [](const ItchLevel& a, const ItchLevel& b) {
      return a.price_e4 != b.price_e4 || a.shares != b.shares;
    };
    if (moved(now[0], before[0]) || moved(now[1], before[1])) {
      REQUIRE(n < rows.size());
      const BboRow& row = rows[n++];
      REQUIRE(row.locate == m.locate());
      REQUIRE(row.ts_event_ns == 1'000'000 + m.ts_ns());
      REQUIRE(row.sequence == single.counters().messages);
      REQUIRE(ItchLevel{row.bid_price_e4, row.bid_orders, row.bid_shares} == now[0]);
      REQUIRE(ItchLevel{row.ask_price_e4, row.ask_orders, row.ask_shares} == now[1]);
    }
    before = now;
  }
  CHECK(n == rows.size());
  CHECK(n > 100);
}

TEST_CASE("itch strict books stop exactly before the message that is wrong") {
  Builder b;
  for (std::uint64_t ref = 1; ref <= 100; ++ref) b.add(1, ref, 'B', 10, 100'000);
  const std::size_t good = b.bytes.size();
  Silent silent;
  SUBCASE("unknown order") {
    b.remove(1, 999).add(1, 101, 'B', 10, 100'000);
    ItchBooks books(kSmall);
    books.consume(b.bytes, silent);
    CHECK(books.trouble().status == Status::BadOrder);
    CHECK(books.trouble().found == static_cast<std::uint64_t>(BookStatus::UnknownOrder));
    CHECK(books.trouble().offset == good);
    CHECK(books.trouble().sequence == 101);
    CHECK(books.n_orders() == 100);
  }
  SUBCASE("reference 0") {
    b.add(1, 0, 'B', 10, 100'000);
    ItchBooks books(kSmall);
    books.consume(b.bytes, silent);
    CHECK(books.trouble().found == static_cast<std::uint64_t>(BookStatus::UnknownOrder));
  }
  SUBCASE("order of another stock") {
    b.remove(2, 5);
    ItchBooks books(kSmall);
    books.consume(b.bytes, silent);
    CHECK(books.trouble().status == Status::BadOrder);
  }
  SUBCASE("unknown type") {
    b.begin('z', 1).end();
    b.add(1, 101, 'B', 10, 100'000);
    ItchBooks strict(kSmall);
    strict.consume(b.bytes, silent);
    CHECK(strict.trouble().status == Status::UnknownType);
    CHECK(strict.trouble().offset == good);
    CHECK(strict.trouble().found == 'z');
    CHECK(strict.n_orders() == 100);
    ItchBooks lenient(kSmall, Mode::Lenient);
    CHECK(lenient.consume(b.bytes, silent) == b.bytes.size());
    CHECK(lenient.n_orders() == 101);
    CHECK(lenient.counters().unknown_type == 1);
  }
  SUBCASE("wrong length") {
    b.begin('D', 1).u32(5).end();
    ItchBooks books(kSmall);
    books.consume(b.bytes, silent);
    CHECK(books.trouble().status == Status::WrongLength);
    CHECK(books.trouble().expected == 19);
    CHECK(books.trouble().found == 15);
  }
  SUBCASE("cut off") {
    b.add(1, 101, 'B', 10, 100'000);
    b.bytes.pop_back();
    ItchBooks books(kSmall);
    CHECK(books.consume(b.bytes, silent) == good);
    CHECK(books.trouble().status == Status::Ok);
  }
}

TEST_CASE("itch books that are full refuse and count") {
  Builder b;
  for (std::uint64_t ref = 1; ref <= 10; ++ref) b.add(1, ref, 'B', 10, 100'000);
  b.add(64, 50, 'B', 10, 100'000);
  ItchBooks books({.max_orders = 4, .max_symbols = 64, .max_far_levels = 1024, .ring_size = 1024},
                  Mode::Lenient);
  Silent silent;
  books.consume(b.bytes, silent);
  CHECK(books.n_orders() == 4);
  CHECK(books.counters().refused[static_cast<std::size_t>(BookStatus::OrdersFull)] == 6);
  CHECK(books.counters().refused[static_cast<std::size_t>(BookStatus::OffRange)] == 1);
}

TEST_CASE("itch far levels that are full refuse and leave a replaced order where it was") {
  Builder b;
  b.add(1, 1, 'B', 10, 50'000'000);
  for (std::uint64_t ref = 2; ref <= 600; ++ref)
    b.add(1, ref, 'B', 10, static_cast<std::uint32_t>(ref * 100));
  b.replace(1, 1, 1000, 5, 300);
  ItchBooks books({.max_orders = 4096, .max_symbols = 64, .max_far_levels = 512, .ring_size = 1024},
                  Mode::Lenient);
  Silent silent;
  books.consume(b.bytes, silent);
  CHECK(books.counters().refused[static_cast<std::size_t>(BookStatus::LevelsFull)] > 0);
  CHECK(books.best(1, Side::Bid) == ItchLevel{50'000'000, 1, 10});
}

TEST_CASE("itch records through a record book give the same book") {
  Market market(21, 1, 2);
  Builder directory;
  for (std::uint16_t i = 1; i <= Market::kStocks; ++i)
    directory.directory(i, "STOCK" + std::to_string(i));
  for (int i = 0; i < 5000; ++i) market.step();
  std::vector<Byte> bytes = directory.bytes;
  bytes.insert(bytes.end(), market.out.bytes.begin(), market.out.bytes.end());

  ItchRecorder recorder(
      {.midnight_ns = 500, .max_orders = 1U << 16U, .ring_size = 1024, .mode = Mode::Lenient});
  std::vector<BookL3> books;
  for (int i = 0; i < Market::kStocks; ++i)
    books.emplace_back(BookCapacity{.max_orders = 8192, .max_levels = 8192, .window_ticks = 4096});
  std::vector<kimera::model::Record> room(100);
  std::size_t at = 0;
  std::int64_t last = 0;
  bool pair_open = false;
  while (at < bytes.size()) {
    const auto progress = recorder.decode({bytes.data() + at, bytes.size() - at}, room);
    at += progress.bytes;
    for (std::size_t i = 0; i < progress.records; ++i) {
      const auto& r = room[i];
      REQUIRE(r.ts_recv_ns >= last);
      last = r.ts_recv_ns;
      REQUIRE(r.instrument_id >= 1);
      const BookStatus status = books[r.instrument_id - 1].apply(r);
      REQUIRE(!is_error(status));
      if (pair_open) REQUIRE(r.delta_action() == kimera::model::Action::Add);
      pair_open = !r.is_last();
    }
  }
  CHECK(recorder.listings().size() == Market::kStocks);
  std::uint64_t refused = 0;
  for (const std::uint64_t n : recorder.counters().refused) refused += n;
  CHECK(refused == market.n_refused);

  ItchBooks direct(kSmall, Mode::Lenient);
  Silent silent;
  direct.consume(bytes, silent);
  for (std::uint16_t i = 1; i <= Market::kStocks; ++i) {
    for (const Side side : {Side::Bid, Side::Ask}) {
      std::vector<ItchLevel> expected(direct.n_levels(i, side));
      direct.levels(i, side, expected);
      std::vector<Level> found(expected.size() + 1);
      found.resize(books[i - 1U].levels(side, found));
      REQUIRE(found.size() == expected.size());
      for (std::size_t k = 0; k < found.size(); ++k)
        REQUIRE(found[k] == Level{expected[k].price_e4,
                                  static_cast<std::int64_t>(expected[k].shares),
                                  expected[k].order_count});
    }
  }
}
