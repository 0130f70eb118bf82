#include "microstructure.hpp"

#include <algorithm>
#include <chrono>

#include "kimera/market/book.hpp"
#include "kimera/microstructure/analyzer.hpp"
#include "kimera/microstructure/top.hpp"
#include "kimera/runtime/random.hpp"

namespace kimera::bench {

namespace {

using model::Action;
using model::Record;
using model::Side;

struct Resting {
  std::uint64_t id;
  std::int64_t price;
  std::int64_t size;
  Side side;
};

// A crowd of resting orders from which events are drawn. Prices keep one tick from the other
// side's home, so that the book is never crossed for long.
class Crowd {
 public:
  explicit Crowd(std::uint64_t seed) : random_(seed) {}

  Record next() {
    at_ += 200 + static_cast<std::int64_t>(random_.below(4000));
    if (random_.below(400) == 0) middle_ += random_.below(2) == 0 ? 1 : -1;
    const std::uint64_t draw = random_.below(100);
    Record r{};
    r.ts_event_ns = r.ts_recv_ns = at_;
    r.kind = model::Kind::Delta;
    r.instrument_id = r.venue_id = 1;
    r.flags = model::flag::kLast;
    if (live_.size() < 2000 || (draw < 46 && live_.size() < 20'000)) return add(r);
    const std::size_t at = random_.below(live_.size());
    if (draw < 88) return cancel(r, at);
    if (draw < 94) return modify(r, at);
    return execute(r, at);
  }

 private:
  std::int64_t price(Side side) {
    const auto away =
        static_cast<std::int64_t>(1 + std::min<std::uint64_t>(random_.geometric(0.25), 60));
    return side == Side::Bid ? middle_ - away : middle_ + away;
  }
  static Record& fill(Record& r, Action action, const Resting& o) {
    r.action = static_cast<std::uint8_t>(action);
    r.side = o.side;
    r.order_id = o.id;
    r.price_ticks = o.price;
    return r;
  }
  void drop(std::size_t at) {
    live_[at] = live_.back();
    live_.pop_back();
  }
  Record add(Record r) {
    const Side side = random_.below(2) == 0 ? Side::Bid : Side::Ask;
    live_.push_back({++id_, price(side), 1 + static_cast<std::int64_t>(random_.below(400)), side});
    fill(r, Action::Add, live_.back()).size_lots = live_.back().size;
    return r;
  }
  Record cancel(Record r, std::size_t at) {
    fill(r, Action::Cancel, live_[at]).size_lots = live_[at].size;
    drop(at);
    return r;
  }
  Record modify(Record r, std::size_t at) {
    Resting& o = live_[at];
    if (random_.below(2) == 0)
      o.price = price(o.side);
    else
      o.size = 1 + o.size / 2;
    fill(r, Action::Modify, o).size_lots = o.size;
    return r;
  }
  // The best of a few: near the touch, as executions are.
  Record execute(Record r, std::size_t at) {
    for (int i = 0; i < 24; ++i) {
      const std::size_t other = random_.below(live_.size());
      if (live_[other].side != live_[at].side) continue;
      const bool better = live_[at].side == Side::Bid ? live_[other].price > live_[at].price
                                                      : live_[other].price < live_[at].price;
      if (better) at = other;
    }
    Resting& o = live_[at];
    fill(r, Action::Execute, o);
    r.size_lots = random_.below(2) == 0 ? o.size : 1 + o.size / 3;
    o.size -= r.size_lots;
    if (o.size == 0) drop(at);
    return r;
  }

  runtime::Random random_;
  std::vector<Resting> live_;
  std::int64_t at_ = 1'700'000'000'000'000'000;
  std::int64_t middle_ = 100'000;
  std::uint64_t id_ = 0;
};

template <typename Update>
double timed(std::span<const Record> records, std::size_t warm, market::BookL3& book,
             Update update) {
  for (std::size_t i = 0; i < warm; ++i) {
    book.apply(records[i]);
    update(records[i]);
  }
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = warm; i < records.size(); ++i) {
    book.apply(records[i]);
    update(records[i]);
  }
  const auto stop = std::chrono::steady_clock::now();
  return std::chrono::duration<double>(stop - start).count();
}

}  // namespace

std::vector<Record> order_stream(std::size_t n, std::uint64_t seed) {
  Crowd crowd(seed);
  std::vector<Record> records;
  records.reserve(n);
  for (std::size_t i = 0; i < n; ++i) records.push_back(crowd.next());
  return records;
}

double measure_records(std::span<const Record> records, Measured what, std::int64_t& check) {
  market::BookCapacity capacity;
  capacity.max_orders = 1U << 16U;
  market::BookL3 book(capacity);
  const std::size_t warm = records.size() / 10;
  double seconds = 0.0;
  check = 0;
  switch (what) {
    case Measured::Book:
      seconds = timed(records, warm, book, [](const Record&) {});
      check = book.best(Side::Bid).size_lots;
      break;
    case Measured::Top: {
      microstructure::TopOfBook top;
      seconds = timed(records, warm, book, [&](const Record& r) { top.apply(r, book); });
      check = top.ofi();
      break;
    }
    case Measured::Analyzer: {
      microstructure::Analyzer analyzer({}, {});
      std::vector<microstructure::FeatureRow> rows(1024);  // as a consumer's batch
      std::size_t at = 0;
      seconds = timed(records, warm, book, [&](const Record& r) {
        analyzer.apply(r, book);
        microstructure::copy_row(analyzer.row(), &rows[at++ & 1023U]);
      });
      for (const auto& row : rows) check += row.ofi[0];
      break;
    }
  }
  return seconds + (book.counters().errors() == 0 ? 0.0 : 1e9);
}

}  // namespace kimera::bench
