#include "itch.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kimera/market/itch.hpp"
#include "kimera/market/itch_books.hpp"
#include "kimera/market/itch_framing.hpp"

namespace kimera::bench {

using namespace market::itch;
using model::Side;

namespace {

constexpr ItchBookCapacity kCapacity{.max_symbols = 1U << 16U};

[[nodiscard]] double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Day {
 public:
  explicit Day(ItchWorkload& workload)
      : w_(workload), random_(workload.seed), books_(kCapacity), stocks_(workload.n_symbols) {
    double sum = 0;
    for (std::size_t i = 0; i < stocks_.size(); ++i) {
      stocks_[i].middle = std::floor(std::exp(2.3 + 3.2 * uniform()) * 100) * 100;
      activity_.push_back(sum += 1 / std::pow(static_cast<double>(i + 1), 0.8));
    }
  }

  void run() {
    system('O');
    for (std::size_t i = 0; i < stocks_.size(); ++i) directory(static_cast<std::uint16_t>(i + 1));
    system('Q');
    const double gap_ns = 23'400e9 / static_cast<double>(w_.n_messages);
    while (n_ < w_.n_messages) {
      ts_ += static_cast<std::uint64_t>(-std::log(1 - uniform()) * gap_ns *
                                        (uniform() < 0.9 ? 0.3 : 7.3));
      const double at = uniform() * activity_.back();
      const auto i = std::lower_bound(activity_.begin(), activity_.end(), at) - activity_.begin();
      step(static_cast<std::uint16_t>(i + 1));
    }
    system('C');
  }

 private:
  struct Stock {
    double middle = 0;
    std::vector<std::uint64_t> live;
  };
  struct Resting {
    std::uint32_t shares;
    std::uint32_t price;
    Side side;
    std::uint32_t place;  // in Stock::live
  };

  [[nodiscard]] double uniform() { return static_cast<double>(random_() >> 11U) * 0x1p-53; }
  [[nodiscard]] std::uint32_t shares() {
    return uniform() < 0.7 ? 100 : 100 * (1 + static_cast<std::uint32_t>(uniform() * 10));
  }
  [[nodiscard]] std::uint64_t recent(const Stock& s) {
    const double u = uniform();
    const auto back = static_cast<std::size_t>(u * u * u * static_cast<double>(s.live.size()));
    return s.live[s.live.size() - 1 - std::min(back, s.live.size() - 1)];
  }
  [[nodiscard]] std::uint32_t price(std::uint16_t locate, Side side) {
    const double away = std::min(200.0, std::floor(std::pow(uniform() + 1e-9, -0.75)) - 1);
    const auto middle = static_cast<std::int64_t>(stocks_[locate - 1U].middle / 100);
    const auto off = static_cast<std::int64_t>(away) + 1;
    std::int64_t tick = side == Side::Bid ? middle - off : middle + off;
    const std::int64_t bid = books_.best(locate, Side::Bid).price_e4 / 100;
    const std::int64_t ask = books_.best(locate, Side::Ask).price_e4 / 100;
    if (side == Side::Bid && ask != 0) tick = std::min(tick, ask - 1);
    if (side == Side::Ask && bid != 0) tick = std::max(tick, bid + 1);
    return static_cast<std::uint32_t>(std::max<std::int64_t>(tick, 1)) * 100;
  }

  [[nodiscard]] static std::string name(std::uint16_t locate) {
    return "S" + std::to_string(locate);
  }

  void step(std::uint16_t locate) {
    Stock& s = stocks_[locate - 1U];
    if (uniform() < 0.02)
      s.middle = std::max(10'000.0, s.middle + (uniform() < 0.5 ? -100.0 : 100.0));
    const double fill = static_cast<double>(s.live.size()) / w_.depth;
    const double p_add = 0.44 + 0.1 * std::clamp(1 - fill, -1.0, 1.0);
    const double u = uniform();
    const Side side = uniform() < 0.5 ? Side::Bid : Side::Ask;
    if (u < p_add) return add(locate, side);
    if (u >= 0.989) return other(locate, u < 0.995);
    if (s.live.empty()) return;
    if (u < 0.868) return remove(locate, recent(s));
    if (u < 0.948) return replace(locate, recent(s));
    if (u < 0.976) return execute(locate, side);
    cancel(locate, recent(s));
  }

  void add(std::uint16_t locate, Side side) {
    const std::uint32_t n = shares();
    const std::uint32_t px = price(locate, side);
    const std::uint64_t ref = new_ref();
    const bool mpid = uniform() < 0.015;
    begin(mpid ? 'F' : 'A', locate);
    u64(ref);
    ch(side == Side::Bid ? 'B' : 'S');
    u32(n);
    text(name(locate), 8);
    u32(px);
    if (mpid) text("MMKR", 4);
    enter(locate, ref, {n, px, side, 0});
    end();
  }
  void remove(std::uint16_t locate, std::uint64_t ref) {
    begin('D', locate);
    u64(ref);
    leave(locate, ref);
    end();
  }
  void replace(std::uint16_t locate, std::uint64_t ref) {
    const Side side = orders_.at(ref).side;
    const std::uint64_t to = new_ref();
    const std::uint32_t n = shares();
    // The price is chosen as if the old order were gone, which may only move the touch away.
    const std::uint32_t px = price(locate, side);
    begin('U', locate);
    u64(ref);
    u64(to);
    u32(n);
    u32(px);
    leave(locate, ref);
    enter(locate, to, {n, px, side, 0});
    end();
  }
  void execute(std::uint16_t locate, Side side) {
    const ItchLevel best = books_.best(locate, side);
    if (best.price_e4 == 0) return;
    std::uint64_t ref = 0;
    books_.for_each_in_queue(locate, side, best.price_e4, [&](std::uint64_t r, std::uint32_t) {
      if (ref == 0) ref = r;
    });
    const std::uint32_t whole = orders_.at(ref).shares;
    const std::uint32_t n = uniform() < 0.6 ? whole : std::max(1U, whole / 2);
    const bool priced = uniform() < 0.02;
    begin(priced ? 'C' : 'E', locate);
    u64(ref);
    u32(n);
    u64(++match_);
    if (priced) {
      ch('Y');
      u32(best.price_e4);
    }
    reduce(locate, ref, n);
    end();
  }
  void cancel(std::uint16_t locate, std::uint64_t ref) {
    const std::uint32_t n = orders_.at(ref).shares / 2;
    if (n == 0) return;
    begin('X', locate);
    u64(ref);
    u32(n);
    reduce(locate, ref, n);
    end();
  }
  void other(std::uint16_t locate, bool trade) {
    const auto px = static_cast<std::uint32_t>(stocks_[locate - 1U].middle);
    begin(trade ? 'P' : 'I', locate);
    if (trade) {
      u64(0);
      ch('B');
      u32(shares());
      text(name(locate), 8);
      u32(px);
      u64(++match_);
    } else {
      u64(1000);
      u64(200);
      ch('B');
      text(name(locate), 8);
      for (int i = 0; i < 3; ++i) u32(px);
      text("C1", 2);
    }
    end();
  }
  void system(char event) {
    begin('S', 0);
    ch(event);
    end();
  }
  void directory(std::uint16_t locate) {
    begin('R', locate);
    text(name(locate), 8);
    text("QN", 2);
    u32(100);
    text("NCZ PNN1N", 9);
    u32(0);
    ch('N');
    end();
  }

  [[nodiscard]] std::uint64_t new_ref() {
    return next_ref_ += 1 + static_cast<std::uint64_t>(uniform() * 3);
  }
  void enter(std::uint16_t locate, std::uint64_t ref, Resting order) {
    auto& live = stocks_[locate - 1U].live;
    order.place = static_cast<std::uint32_t>(live.size());
    live.push_back(ref);
    orders_[ref] = order;
  }
  void leave(std::uint16_t locate, std::uint64_t ref) {
    auto& live = stocks_[locate - 1U].live;
    const std::uint32_t place = orders_.at(ref).place;
    live[place] = live.back();
    orders_.at(live[place]).place = place;
    live.pop_back();
    orders_.erase(ref);
  }
  void reduce(std::uint16_t locate, std::uint64_t ref, std::uint32_t n) {
    Resting& o = orders_.at(ref);
    o.shares -= n;
    if (o.shares == 0) leave(locate, ref);
  }

  void begin(char type, std::uint16_t locate) {
    start_ = w_.bytes.size();
    big_endian(0, 2);
    ch(type);
    big_endian(locate, 2);
    big_endian(0, 2);
    big_endian(ts_, 6);
  }
  // Writes the length, and lets the books take the message: a workload that is not legal stops.
  void end() {
    const std::size_t n = w_.bytes.size() - start_ - 2;
    w_.bytes[start_] = static_cast<std::uint8_t>(n >> 8U);
    w_.bytes[start_ + 1] = static_cast<std::uint8_t>(n);
    ++n_;
    Silent silent;
    if (books_.consume({w_.bytes.data() + start_, n + 2}, silent) != n + 2 ||
        books_.trouble().status != Status::Ok)
      std::abort();
  }
  void ch(char c) { w_.bytes.push_back(static_cast<std::uint8_t>(c)); }
  void u32(std::uint32_t v) { big_endian(v, 4); }
  void u64(std::uint64_t v) { big_endian(v, 8); }
  void text(std::string_view s, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) ch(i < s.size() ? s[i] : ' ');
  }
  void big_endian(std::uint64_t v, unsigned n) {
    while (n-- > 0) w_.bytes.push_back(static_cast<std::uint8_t>(v >> (8 * n)));
  }

  ItchWorkload& w_;
  std::mt19937_64 random_;
  ItchBooks books_;
  std::vector<Stock> stocks_;
  std::vector<double> activity_;
  std::unordered_map<std::uint64_t, Resting> orders_;
  std::uint64_t next_ref_ = 0;
  std::uint64_t match_ = 0;
  std::uint64_t ts_ = 34'200'000'000'000;
  std::size_t n_ = 0;
  std::size_t start_ = 0;
};

// Every field of the messages that carry orders and trades; headers only of the rest.
struct Fields {
  std::uint64_t n = 0;
  std::uint64_t sum = 0;

  void head(const Message& m) {
    ++n;
    sum += m.locate() + static_cast<std::uint64_t>(m.ts_ns());
  }
  template <class A>
  void added(const A& m) {
    head(m);
    sum += m.ref() + m.shares() + m.price_e4() + static_cast<std::uint64_t>(m.side());
  }
  void on(const AddOrder& m) { added(m); }
  void on(const AddOrderMpid& m) { added(m); }
  void on(const OrderExecuted& m) {
    head(m);
    sum += m.ref() + m.shares() + m.match();
  }
  void on(const OrderExecutedPrice& m) {
    head(m);
    sum += m.ref() + m.shares() + m.match() + m.price_e4();
  }
  void on(const OrderCancel& m) {
    head(m);
    sum += m.ref() + m.shares();
  }
  void on(const OrderDelete& m) {
    head(m);
    sum += m.ref();
  }
  void on(const OrderReplace& m) {
    head(m);
    sum += m.ref() + m.new_ref() + m.shares() + m.price_e4();
  }
  void on(const Trade& m) {
    head(m);
    sum += m.shares() + m.price_e4() + m.match();
  }
  void other(const Message& m) { head(m); }
};

}  // namespace

void ItchWorkload::make() {
  bytes.clear();
  bytes.reserve(n_messages * 32);
  Day(*this).run();
}

ItchRun run_itch_books(std::span<const std::uint8_t> data) {
  ItchBooks books(kCapacity);
  Silent silent;
  ItchRun run;
  const double start = now_seconds();
  const std::size_t used = books.consume(data, silent);
  run.seconds = now_seconds() - start;
  run.messages = used == data.size() ? books.counters().messages : 0;
  for (std::uint32_t s = 2; s < 2 * books.max_symbols(); ++s) {
    const ItchLevel l = books.best_of(s);
    run.digest = run.digest * 0x100000001b3ULL + l.price_e4 + l.shares * 7 + l.order_count * 11;
  }
  return run;
}

ItchRun run_itch_decode(std::span<const std::uint8_t> data) {
  Fields fields;
  ItchRun run;
  const double start = now_seconds();
  for (std::size_t offset = 0;;) {
    const Frame frame = next_frame(data, offset);
    if (!frame.whole || decode(frame.message, fields) != Status::Ok) break;
    offset = frame.next;
  }
  run.seconds = now_seconds() - start;
  run.messages = fields.n;
  run.digest = fields.sum;
  return run;
}

}  // namespace kimera::bench
