#include "backtest.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_map>

#include "kimera/market/book.hpp"
#include "kimera/runtime/random.hpp"

namespace kimera::bench {

using market::BookL3;
using market::Level;
using market::OrderView;
using model::Action;
using model::kNoPrice;
using model::Record;
using model::Side;

namespace {

constexpr std::int64_t kStartNs = 1'700'000'000'000'000'000;
constexpr double kHalfSpread = 0.5;
constexpr double kStepTicks = 0.03;   // of the fair value, per packet
constexpr double kJumpChance = 2e-5;  // of a jump of up to 20 ticks
constexpr double kFadeShare = 0.75;   // of stale touch quotes pulled before they are hit
constexpr double kTakeShare = 0.025;  // packets that are a noise trade
constexpr double kModifyShare = 0.075;

class StreamMaker {
 public:
  explicit StreamMaker(const StreamShape& shape)
      : shape_(shape),
        random_(runtime::Random::stream(shape.seed, "backtest stream")),
        book_({.max_orders = 1U << 20U, .max_levels = 1U << 16U, .window_ticks = 4096}) {}

  [[nodiscard]] Stream make() {
    out_.l3.reserve(shape_.n_events + 64);
    out_.l2.reserve(shape_.n_events + shape_.n_events / 4);
    while (out_.l3.size() < shape_.n_events) packet();
    return std::move(out_);
  }

 private:
  void packet() {
    const std::size_t l3_before = out_.l3.size();
    const bool burst = random_.chance(0.7);
    ts_ns_ += 1 + static_cast<std::int64_t>(
                      random_.exponential(burst ? 5e3 : shape_.mean_gap_us * 1e3 / 0.3));
    const double base_ns = shape_.feed_latency_us * 1e3;
    recv_ns_ = std::max(
        recv_ns_, ts_ns_ + static_cast<std::int64_t>(base_ns * (1 + 0.5 * random_.exponential())));
    fair_ += kStepTicks * 2 * (random_.uniform() + random_.uniform() + random_.uniform() - 1.5);
    if (random_.chance(kJumpChance)) fair_ += random_.uniform(-20, 20);
    act();
    if (out_.l3.size() == l3_before) return;
    out_.l3.back().flags |= model::flag::kLast;
    out_.l2.back().flags |= model::flag::kLast;
  }

  void act() {
    const auto wanted = static_cast<double>(shape_.live_orders);
    if (ids_.size() < shape_.live_orders / 2) {
      const bool thin_bid = book_.n_levels(Side::Bid) < book_.n_levels(Side::Ask);
      add(thin_bid ? Side::Bid : Side::Ask);
      return;
    }
    const std::int64_t bid = book_.best(Side::Bid).price_ticks;
    const std::int64_t ask = book_.best(Side::Ask).price_ticks;
    const bool cheap = ask != kNoPrice && fair_ > static_cast<double>(ask) + 0.6;
    const bool dear = bid != kNoPrice && fair_ < static_cast<double>(bid) - 0.6;
    if (cheap || dear) {
      const Side stale = cheap ? Side::Ask : Side::Bid;
      if (random_.chance(kFadeShare)) {
        cancel(of_touch(stale, random_.chance(0.5)));
      } else {
        take(stale, size() * 2);
      }
      return;
    }
    const double u = random_.uniform();
    const double excess = (static_cast<double>(ids_.size()) - wanted) / wanted;
    const double adds = std::clamp(0.52 - 0.5 * excess, 0.25, 0.75);
    if (u < kTakeShare) {
      take(random_.chance(0.5) ? Side::Ask : Side::Bid, size());
    } else if (u < kTakeShare + kModifyShare) {
      modify(pick());
    } else if (u < kTakeShare + kModifyShare + 0.9 * adds) {
      add(random_.chance(0.5) ? Side::Ask : Side::Bid);
    } else {
      cancel(pick());
    }
  }

  // Odd lots, round lots and blocks.
  [[nodiscard]] std::int64_t size() {
    const double u = random_.uniform();
    if (u < 0.35) return random_.between(1, 10);
    if (u < 0.90) return 10 * (1 + static_cast<std::int64_t>(random_.exponential(4)));
    return 100 * (1 + static_cast<std::int64_t>(random_.exponential(3)));
  }
  [[nodiscard]] std::int64_t depth() {
    const double u = random_.uniform();
    if (u < 0.62) return static_cast<std::int64_t>(random_.exponential(1.5));
    if (u < 0.95) return static_cast<std::int64_t>(random_.exponential(8));
    return random_.between(0, shape_.max_depth_ticks - 1);
  }
  // A price that does not cross the other side.
  [[nodiscard]] std::int64_t uncrossed(Side side, std::int64_t price) const {
    const std::int64_t facing = book_.best(model::opposite(side)).price_ticks;
    if (facing == kNoPrice) return price;
    return side == Side::Bid ? std::min(price, facing - 1) : std::max(price, facing + 1);
  }
  // A live order: half the time the one of two that is farther from the fair value.
  [[nodiscard]] std::uint64_t pick() {
    const std::uint64_t a = ids_[random_.below(ids_.size())];
    if (random_.chance(0.5)) return a;
    const std::uint64_t b = ids_[random_.below(ids_.size())];
    return distance(b) > distance(a) ? b : a;
  }
  [[nodiscard]] double distance(std::uint64_t id) const {
    return std::abs(static_cast<double>(book_.order(id).price_ticks) - fair_);
  }
  [[nodiscard]] std::uint64_t of_touch(Side side, bool newest) const {
    std::uint64_t found = 0;
    book_.for_each_in_queue(side, book_.best(side).price_ticks, [&](const OrderView& o) {
      if (found == 0 || newest) found = o.order_id;
    });
    return found;
  }

  void add(Side side) {
    const bool buys = side == Side::Bid;
    const double from = buys ? std::floor(fair_ - kHalfSpread) : std::ceil(fair_ + kHalfSpread);
    const std::int64_t off = depth();
    const std::int64_t price =
        uncrossed(side, static_cast<std::int64_t>(from) + (buys ? -off : off));
    const std::int64_t lots = size();
    const std::uint64_t id = ++last_id_;
    tell(Action::Add, side, id, price, lots);
    place_[id] = ids_.size();
    ids_.push_back(id);
    level(side, price);
  }
  void cancel(std::uint64_t id) {
    const OrderView o = book_.order(id);
    tell(Action::Cancel, o.side, id, o.price_ticks, o.size_lots);
    forget(id);
    level(o.side, o.price_ticks);
  }
  void modify(std::uint64_t id) {
    const OrderView o = book_.order(id);
    std::int64_t price = o.price_ticks;
    std::int64_t lots = o.size_lots;
    if (random_.chance(0.6) && lots > 1) {
      lots = random_.between(1, lots - 1);  // shrinks, keeps its place
    } else if (random_.chance(0.5)) {
      lots += size();
    } else {
      price = uncrossed(o.side, price + random_.between(1, 3) * (random_.chance(0.5) ? 1 : -1));
    }
    tell(Action::Modify, o.side, id, price, lots);
    if (price != o.price_ticks) level(o.side, o.price_ticks);
    level(o.side, price);
  }
  // A taker meets the resting side: one Execute per order hit.
  void take(Side side, std::int64_t wanted) {
    for (int hits = 0; wanted > 0 && hits < 20; ++hits) {
      const std::int64_t price = book_.best(side).price_ticks;
      if (price == kNoPrice) return;
      const double edge = static_cast<double>(price) - fair_;
      if (side == Side::Ask ? edge > 2.5 : edge < -2.5) return;
      const std::uint64_t id = of_touch(side, false);
      const std::int64_t rests = book_.order(id).size_lots;
      const std::int64_t lots = std::min(wanted, rests);
      wanted -= lots;
      tell(Action::Execute, side, id, price, lots);
      if (lots == rests) forget(id);
      Record print = record(Action::Trade, model::opposite(side), 0, price, lots);
      out_.l2.push_back(print);
      level(side, price);
    }
  }

  void forget(std::uint64_t id) {
    const auto at = place_.find(id);
    const std::size_t i = at->second;
    place_.erase(at);
    const std::uint64_t moved = ids_.back();
    ids_.pop_back();
    if (moved == id) return;
    ids_[i] = moved;
    place_[moved] = i;
  }
  [[nodiscard]] Record record(Action action, Side side, std::uint64_t id, std::int64_t price,
                              std::int64_t lots) const {
    Record r{};
    r.ts_event_ns = ts_ns_;
    r.ts_recv_ns = recv_ns_;
    r.sequence = sequence_;
    r.order_id = id;
    r.price_ticks = price;
    r.size_lots = lots;
    r.instrument_id = 1;
    r.venue_id = 1;
    r.kind = model::Kind::Delta;
    r.action = static_cast<std::uint8_t>(action);
    r.side = side;
    return r;
  }
  void tell(Action action, Side side, std::uint64_t id, std::int64_t price, std::int64_t lots) {
    ++sequence_;
    const Record r = record(action, side, id, price, lots);
    static_cast<void>(book_.apply(r));
    out_.l3.push_back(r);
  }
  void level(Side side, std::int64_t price) {
    Record r = record(Action::Level, side, 0, price, book_.size_at(side, price));
    r.detail = book_.count_at(side, price);
    out_.l2.push_back(r);
  }

  StreamShape shape_;
  runtime::Random random_;
  BookL3 book_;
  Stream out_;
  std::vector<std::uint64_t> ids_;
  std::unordered_map<std::uint64_t, std::size_t> place_;
  double fair_ = 100'000;
  std::int64_t ts_ns_ = kStartNs;
  std::int64_t recv_ns_ = kStartNs;
  std::uint64_t sequence_ = 0;
  std::uint64_t last_id_ = 0;
};

}  // namespace

Stream make_stream(const StreamShape& shape) {
  return StreamMaker(shape).make();
}

}  // namespace kimera::bench
