#include "book.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <random>

#include "kimera/market/book.hpp"

namespace kimera::bench {

using market::BookCapacity;
using market::BookL2;
using market::BookL3;
using market::BookStatus;
using market::Level;
using model::Action;
using model::Record;
using model::Side;

namespace {

constexpr std::size_t kAhead = 8;  // records a book is told beforehand
constexpr std::uint64_t kDigestSeed = 0xcbf29ce484222325ULL;

[[nodiscard]] std::uint64_t fold(std::uint64_t digest, std::int64_t value) noexcept {
  return (digest ^ static_cast<std::uint64_t>(value)) * 0x100000001b3ULL;
}

[[nodiscard]] double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The generator's own book is the library's: its statuses are asserted, so a workload is legal.
class Market {
 public:
  explicit Market(BookWorkload& workload)
      : w_(workload),
        random_(workload.seed),
        book_(BookCapacity{.max_orders = workload.n_live * 4 + 64}) {}

  void run() {
    while (w_.by_order.size() < w_.n_events) {
      fair_ += 0.06 * (uniform() + uniform() + uniform() - 1.5);
      if (uniform() < 2e-5) fair_ += (uniform() - 0.5) * 40;
      step();
    }
  }

 private:
  [[nodiscard]] double uniform() { return static_cast<double>(random_() >> 11U) * 0x1p-53; }
  [[nodiscard]] double exponential() { return -std::log(1 - uniform()); }
  [[nodiscard]] bool has(Side side) const { return book_.best(side).size_lots != 0; }
  [[nodiscard]] std::int64_t best(Side side) const { return book_.best(side).price_ticks; }
  [[nodiscard]] std::uint64_t pick() {
    std::uint64_t id = live_[random_() % live_.size()];
    if (uniform() < 0.5) {
      const std::uint64_t other = live_[random_() % live_.size()];
      if (distance(other) > distance(id)) id = other;
    }
    return id;
  }
  [[nodiscard]] double distance(std::uint64_t id) const {
    return std::abs(static_cast<double>(book_.order(id).price_ticks) - fair_);
  }
  [[nodiscard]] std::int64_t size() {
    const double u = uniform();
    if (u < 0.35) return 1 + static_cast<std::int64_t>(uniform() * 10);
    if (u < 0.90) return 10 * (1 + static_cast<std::int64_t>(exponential() * 4));
    return 100 * (1 + static_cast<std::int64_t>(exponential() * 3));
  }
  [[nodiscard]] std::int64_t offset() {
    const double u = uniform();
    if (u < 0.62) return static_cast<std::int64_t>(exponential() * 1.5);
    if (u < 0.95) return static_cast<std::int64_t>(exponential() * 8);
    return static_cast<std::int64_t>(uniform() * w_.max_depth);
  }

  void step() {
    if (live_.size() < w_.n_live / 2) return add(uniform() < 0.5 ? Side::Bid : Side::Ask);
    if (has(Side::Ask) && fair_ > static_cast<double>(best(Side::Ask)) + 0.6)
      return overrun(Side::Ask);
    if (has(Side::Bid) && fair_ < static_cast<double>(best(Side::Bid)) - 0.6)
      return overrun(Side::Bid);
    const double crowd = (static_cast<double>(live_.size()) - w_.n_live) / w_.n_live;
    const double p_add = std::clamp(0.52 - 0.5 * crowd, 0.25, 0.75);
    const double u = uniform();
    if (u < 0.025) return take(uniform() < 0.5 ? Side::Bid : Side::Ask, size());
    if (u < 0.1) return modify(pick());
    if (u < 0.1 + 0.9 * p_add) return add(uniform() < 0.5 ? Side::Bid : Side::Ask);
    cancel(pick());
  }

  // The fair price has moved through the touch: the maker is faster, or is hit.
  void overrun(Side side) {
    if (uniform() >= 0.75) return take(side, size() * 2);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    book_.for_each_in_queue(side, best(side), [&](const market::OrderView& o) {
      if (first == 0) first = o.order_id;
      last = o.order_id;
    });
    cancel(uniform() < 0.5 ? last : first);
  }

  void add(Side side) {
    const std::int64_t away = offset();
    std::int64_t price = 0;
    if (side == Side::Bid) {
      price = static_cast<std::int64_t>(std::floor(fair_ - 0.5)) - away;
      if (has(Side::Ask)) price = std::min(price, best(Side::Ask) - 1);
    } else {
      price = static_cast<std::int64_t>(std::ceil(fair_ + 0.5)) + away;
      if (has(Side::Bid)) price = std::max(price, best(Side::Bid) + 1);
    }
    live_.push_back(++next_id_);
    where_.push_back(live_.size() - 1);
    emit(Action::Add, side, next_id_, price, size());
    level(side, price);
  }

  void cancel(std::uint64_t id) {
    const market::OrderView o = book_.order(id);
    emit(Action::Cancel, o.side, id, o.price_ticks, o.size_lots);
    forget(id);
    level(o.side, o.price_ticks);
  }

  void modify(std::uint64_t id) {
    const market::OrderView o = book_.order(id);
    std::int64_t price = o.price_ticks;
    std::int64_t lots = o.size_lots;
    if (uniform() < 0.6 && lots > 1) {
      lots = 1 + static_cast<std::int64_t>(uniform() * static_cast<double>(lots - 1));
    } else if (uniform() < 0.5) {
      lots += size();
    } else {
      const auto steps = 1 + static_cast<std::int64_t>(uniform() * 3);
      price += uniform() < 0.5 ? steps : -steps;
      if (o.side == Side::Bid && has(Side::Ask)) price = std::min(price, best(Side::Ask) - 1);
      if (o.side == Side::Ask && has(Side::Bid)) price = std::max(price, best(Side::Bid) + 1);
    }
    emit(Action::Modify, o.side, id, price, lots);
    if (price != o.price_ticks) level(o.side, o.price_ticks);
    level(o.side, price);
  }

  void take(Side side, std::int64_t want) {
    for (int hits = 0; want > 0 && has(side) && hits < 20; ++hits) {
      const std::int64_t price = best(side);
      const double beyond = static_cast<double>(price) - fair_;
      if (side == Side::Ask ? beyond > 2.5 : beyond < -2.5) break;
      market::OrderView head;
      book_.for_each_in_queue(side, price, [&](const market::OrderView& o) {
        if (head.order_id == 0) head = o;
      });
      const std::int64_t filled = std::min(want, head.size_lots);
      emit(Action::Execute, side, head.order_id, price, filled);
      if (filled == head.size_lots) forget(head.order_id);
      want -= filled;
      level(side, price);
    }
  }

  void forget(std::uint64_t id) {
    const std::size_t at = where_[id - 1];
    live_[at] = live_.back();
    where_[live_[at] - 1] = at;
    live_.pop_back();
  }

  [[nodiscard]] Record& append(std::vector<Record>& to, Action action, Side side,
                               std::int64_t price, std::int64_t lots) {
    Record r{};
    r.ts_event_ns = r.ts_recv_ns = static_cast<std::int64_t>(w_.by_order.size()) * 1000;
    r.sequence = w_.by_order.size();
    r.instrument_id = r.venue_id = 1;
    r.kind = model::Kind::Delta;
    r.action = static_cast<std::uint8_t>(action);
    r.side = side;
    r.price_ticks = price;
    r.size_lots = lots;
    to.push_back(r);
    return to.back();
  }
  void emit(Action action, Side side, std::uint64_t id, std::int64_t price, std::int64_t lots) {
    Record& r = append(w_.by_order, action, side, price, lots);
    r.order_id = id;
    if (book_.apply(r) != BookStatus::Ok) std::abort();
  }
  void level(Side side, std::int64_t price) {
    append(w_.by_price, Action::Level, side, price, book_.size_at(side, price)).detail =
        book_.count_at(side, price);
  }

  BookWorkload& w_;
  std::mt19937_64 random_;
  BookL3 book_;
  double fair_ = 100'000;
  std::uint64_t next_id_ = 0;
  std::vector<std::uint64_t> live_;
  std::vector<std::size_t> where_;  // place of an id in live_
};

// Prices 0 to 2^18, ids below the number of records: what a book needs when nothing may go wrong.
class PlainBook {
 public:
  PlainBook() : levels_{std::vector<Queue>(kPrices), std::vector<Queue>(kPrices)}, table_(kTable) {}

  void apply(const Record& r) {
    switch (r.delta_action()) {
      case Action::Add:
        return add(r.order_id, static_cast<int>(r.side), r.price_ticks, r.size_lots);
      case Action::Cancel:
        return drop(find(r.order_id));
      case Action::Execute: {
        const std::uint32_t at = find(r.order_id);
        Order& o = orders_[table_[at].slot];
        if (o.size == r.size_lots) return drop(at);
        o.size -= r.size_lots;
        levels_[o.side][static_cast<std::size_t>(o.price)].size -= r.size_lots;
        return;
      }
      case Action::Modify: {
        const std::uint32_t at = find(r.order_id);
        Order& o = orders_[table_[at].slot];
        if (o.price == r.price_ticks && r.size_lots <= o.size) {
          levels_[o.side][static_cast<std::size_t>(o.price)].size += r.size_lots - o.size;
          o.size = r.size_lots;
          return;
        }
        const int side = o.side;
        drop(at);
        return add(r.order_id, side, r.price_ticks, r.size_lots);
      }
      default:
        return;
    }
  }
  [[nodiscard]] Level best(int side) const {
    const std::int64_t p = best_[side];
    if (p < 0 || p >= static_cast<std::int64_t>(kPrices)) return {};
    const Queue& q = levels_[side][static_cast<std::size_t>(p)];
    return {p, q.size, q.count};
  }

 private:
  static constexpr std::size_t kPrices = 1U << 18U;
  static constexpr std::uint32_t kTable = 1U << 17U;
  struct Queue {
    std::int64_t size = 0;
    std::uint32_t count = 0, head = 0, tail = 0;
  };
  struct Order {
    std::int64_t size, price;
    std::uint32_t prev, next;
    int side;
  };
  struct Entry {
    std::uint64_t id = 0;
    std::uint32_t slot = 0;
  };

  [[nodiscard]] static std::uint32_t home(std::uint64_t id) {
    return static_cast<std::uint32_t>((id * 0x9E3779B97F4A7C15ULL) >> 47U);
  }
  [[nodiscard]] std::uint32_t find(std::uint64_t id) const {
    std::uint32_t i = home(id);
    while (table_[i].id != id) i = (i + 1) % kTable;
    return i;
  }
  void add(std::uint64_t id, int side, std::int64_t price, std::int64_t size) {
    std::uint32_t slot = 0;
    if (free_.empty()) {
      slot = static_cast<std::uint32_t>(orders_.size());
      orders_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    Queue& q = levels_[side][static_cast<std::size_t>(price)];
    orders_[slot] = {size, price, q.tail, 0, side};
    if (q.count == 0) {
      q.head = slot;
      if (best_[side] < 0 || (side == 0 ? price > best_[0] : price < best_[1])) best_[side] = price;
    } else {
      orders_[q.tail].next = slot;
    }
    q.tail = slot;
    q.size += size;
    ++q.count;
    std::uint32_t i = home(id);
    while (table_[i].id != 0) i = (i + 1) % kTable;
    table_[i] = {id, slot};
  }
  void drop(std::uint32_t at) {
    const std::uint32_t slot = table_[at].slot;
    const Order o = orders_[slot];
    Queue& q = levels_[o.side][static_cast<std::size_t>(o.price)];
    if (q.head == slot)
      q.head = o.next;
    else
      orders_[o.prev].next = o.next;
    if (q.tail == slot)
      q.tail = o.prev;
    else
      orders_[o.next].prev = o.prev;
    q.size -= o.size;
    if (--q.count == 0 && best_[o.side] == o.price) walk(o.side);
    free_.push_back(slot);
    erase(at);
  }
  void walk(int side) {
    std::int64_t p = best_[side];
    const std::int64_t step = side == 0 ? -1 : 1;
    do p += step;
    while (p >= 0 && p < static_cast<std::int64_t>(kPrices) &&
           levels_[side][static_cast<std::size_t>(p)].count == 0);
    best_[side] = p < static_cast<std::int64_t>(kPrices) ? p : -1;
  }
  void erase(std::uint32_t hole) {
    for (std::uint32_t i = (hole + 1) % kTable; table_[i].id != 0; i = (i + 1) % kTable) {
      if (((i - home(table_[i].id)) % kTable) >= ((i - hole) % kTable)) {
        table_[hole] = table_[i];
        hole = i;
      }
    }
    table_[hole].id = 0;
  }

  std::vector<Queue> levels_[2];
  std::vector<Entry> table_;
  std::vector<Order> orders_ = std::vector<Order>(1);
  std::vector<std::uint32_t> free_;
  std::int64_t best_[2] = {-1, -1};
};

class PlainLevels {
 public:
  PlainLevels() : size_{std::vector<std::int64_t>(kPrices), std::vector<std::int64_t>(kPrices)} {}

  void apply(const Record& r) {
    const int side = static_cast<int>(r.side);
    size_[side][static_cast<std::size_t>(r.price_ticks)] = r.size_lots;
    std::int64_t& best = best_[side];
    if (r.size_lots != 0) {
      if (best < 0 || (side == 0 ? r.price_ticks > best : r.price_ticks < best))
        best = r.price_ticks;
    } else if (r.price_ticks == best) {
      const std::int64_t step = side == 0 ? -1 : 1;
      do best += step;
      while (best >= 0 && best < static_cast<std::int64_t>(kPrices) &&
             size_[side][static_cast<std::size_t>(best)] == 0);
      if (best == static_cast<std::int64_t>(kPrices)) best = -1;
    }
  }
  [[nodiscard]] Level best(int side) const {
    const std::int64_t p = best_[side];
    return p < 0 ? Level{} : Level{p, size_[side][static_cast<std::size_t>(p)], 0};
  }

 private:
  static constexpr std::size_t kPrices = 1U << 18U;
  std::vector<std::int64_t> size_[2];
  std::int64_t best_[2] = {-1, -1};
};

template <class Apply, class Best>
BookRun timed(std::span<const Record> records, Apply&& apply, Best&& best) {
  BookRun run{.digest = kDigestSeed};
  const double start = now_seconds();
  for (std::size_t i = 0; i < records.size(); ++i) {
    apply(i, run);
    for (const Side side : {Side::Bid, Side::Ask}) {
      const Level l = best(side);
      run.digest = fold(fold(run.digest, l.size_lots == 0 ? 0 : l.price_ticks), l.size_lots);
    }
  }
  run.seconds = now_seconds() - start;
  return run;
}

template <class B>
BookRun run_book(std::span<const Record> records) {
  B book(BookCapacity{.max_orders = 1U << 16U,
                      .max_levels = 1U << 14U,
                      .window_ticks = 8192,
                      .memory = market::Memory::Ready});
  return timed(
      records,
      [&](std::size_t i, BookRun& run) {
        if constexpr (requires { book.expect(records[i]); }) {
          book.expect(records[std::min(i + kAhead, records.size() - 1)]);
        }
        if (is_error(book.apply(records[i]))) ++run.n_errors;
      },
      [&](Side side) { return book.best(side); });
}

template <class B>
BookRun run_plain(std::span<const Record> records) {
  B book;
  return timed(
      records, [&](std::size_t i, BookRun&) { book.apply(records[i]); },
      [&](Side side) { return book.best(static_cast<int>(side)); });
}

}  // namespace

void BookWorkload::make() {
  by_order.clear();
  by_price.clear();
  by_order.reserve(n_events + 64);
  by_price.reserve(n_events + n_events / 8);
  Market(*this).run();
}

BookRun run_l3(std::span<const Record> records) {
  return run_book<BookL3>(records);
}
BookRun run_l2(std::span<const Record> records) {
  return run_book<BookL2>(records);
}
BookRun run_plain_l3(std::span<const Record> records) {
  return run_plain<PlainBook>(records);
}
BookRun run_plain_l2(std::span<const Record> records) {
  return run_plain<PlainLevels>(records);
}

}  // namespace kimera::bench
