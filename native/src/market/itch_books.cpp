// The parts of ItchBooks that are seldom needed: prices outside the windows, errors, queries.
#include "kimera/market/itch_books.hpp"

#include <algorithm>
#include <vector>

namespace kimera::market::itch {

bool ItchBooks::refuse(const Byte* p, BookStatus status) noexcept {
  ++counters_.refused[static_cast<std::size_t>(status)];
  if (mode_ == Mode::Lenient) return true;
  trouble_.status = Status::BadOrder;
  trouble_.sequence = counters_.messages;
  trouble_.found = static_cast<std::uint64_t>(status);
  trouble_.offset = offset_ + static_cast<std::uint64_t>(p - data_) - 2;
  return false;
}

bool ItchBooks::skip(std::span<const Byte> message, std::size_t offset) noexcept {
  if (message.empty()) {
    ++counters_.sessions_ended;
    return true;
  }
  const Status status = check(message);
  ++(status == Status::UnknownType ? counters_.unknown_type : counters_.wrong_length);
  if (mode_ == Mode::Lenient) return true;
  trouble_.status = status;
  trouble_.offset = offset_ + offset;
  trouble_.sequence = counters_.messages + 1;
  trouble_.expected = kLengths[message[0]];
  trouble_.found = status == Status::UnknownType ? message[0] : message.size();
  return false;
}

const ItchBooks::Cell* ItchBooks::peek_far(std::uint32_t s, std::uint32_t price) const noexcept {
  const std::uint32_t f = find_far(s, price);
  return f == 0 ? nullptr : &far_[f].cell;
}

namespace {

// One number for a side and a price: the side needs 17 bits, the price 31.
[[nodiscard]] std::uint64_t far_id(std::uint32_t s, std::uint32_t price) noexcept {
  return (std::uint64_t{s} << 31U) | price;
}

}  // namespace

std::uint32_t ItchBooks::find_far(std::uint32_t s, std::uint32_t price) const noexcept {
  const std::uint64_t at = far_ids_.find(far_id(s, price), [&](std::uint32_t f) {
    return far_[f].price == price && far_[f].side == s;
  });
  return at == IdTable::kAbsent ? 0 : far_ids_.slot_at(at);
}

// A price outside the window, or the first of its side.
ItchBooks::Cell* ItchBooks::join_outside(std::uint32_t s, std::uint32_t price) noexcept {
  Side& side = sides_[s];
  // A window that moves pushes at most as many levels out as it holds.
  if (n_far_ + kWindow + 1 > max_far_) return nullptr;
  const bool on_grid = price % 100 == 0 && price >= 10'000;
  if (side.best == 0) {
    // Below a dollar prices may have four decimals.
    lay_window(s, price, on_grid ? 100 : 1);
    put_near(s, price, Cell{});
    side.best = price;
    return &cells_[near_cell(s, price)];
  }
  if (better(s, price, side.best)) {
    // The best price is always in the window.
    lay_window(s, price, on_grid ? side.unit : 1);
    return join(s, price);
  }
  if (++side.far_uses > 64 + side.n_near + side.n_far) {
    side.far_uses = 0;
    const std::uint32_t depth = tick_of(side.unit, side.best) - side.low;
    const std::uint32_t from_worse = (s & 1U) == 0 ? depth : kWindow - 1 - depth;
    if (from_worse < kWindow / 2 || from_worse > kWindow - kWindow / 8) {
      lay_window(s, side.best, side.unit);
      if (is_near(side, price, tick_of(side.unit, price))) return join(s, price);
    }
  }
  std::uint32_t f = find_far(s, price);
  if (f == 0) f = add_far(s, price, Cell{});
  return overfull(far_[f].cell) ? nullptr : &far_[f].cell;
}

std::uint32_t ItchBooks::add_far(std::uint32_t s, std::uint32_t price, const Cell& cell) noexcept {
  std::uint32_t f = free_far_;
  if (f == 0)
    f = ++high_far_;
  else
    free_far_ = far_[f].next;
  Side& side = sides_[s];
  far_[f] = {cell, price, s, side.far_head, 0};
  far_[side.far_head].prev = f;  // entry 0 takes the write of an empty list
  side.far_head = f;
  ++side.n_far;
  ++n_far_;
  far_ids_.insert(far_id(s, price), f);
  return f;
}

void ItchBooks::drop_far(std::uint32_t f) noexcept {
  const Far gone = far_[f];
  Side& side = sides_[gone.side];
  far_[gone.prev].next = gone.next;
  far_[gone.next].prev = gone.prev;
  if (side.far_head == f) side.far_head = gone.next;
  --side.n_far;
  --n_far_;
  far_ids_.erase(far_ids_.find(far_id(gone.side, gone.price),
                               [f](std::uint32_t other) { return other == f; }));
  far_[f].next = free_far_;
  free_far_ = f;
}

// The window has run empty while levels lie outside: lays it around the best of them.
void ItchBooks::come_near(std::uint32_t s) noexcept {
  Side& side = sides_[s];
  std::uint32_t best = 0;
  for (std::uint32_t f = side.far_head; f != 0; f = far_[f].next)
    if (best == 0 || better(s, far_[f].price, best)) best = far_[f].price;
  const bool on_grid = best % 100 == 0 && best >= 10'000;
  lay_window(s, best, on_grid ? 100 : 1);
  side.best = best;
}

void ItchBooks::put_near(std::uint32_t s, std::uint32_t price, const Cell& cell) noexcept {
  Side& side = sides_[s];
  const std::uint32_t i = tick_of(side.unit, price) % kWindow;
  side.bits[i / 64] |= std::uint64_t{1} << (i % 64);
  ++side.n_near;
  cells_[std::size_t{s} * kWindow + i] = cell;
}

// Lays the window around a price: a quarter of it for better prices, the rest for worse. Levels
// that fall out go to the far list, those that come in leave it. O(levels of the side).
void ItchBooks::lay_window(std::uint32_t s, std::uint32_t price, std::uint32_t unit) noexcept {
  Side& side = sides_[s];
  struct Moved {
    std::uint32_t price;
    Cell cell;
  };
  std::array<Moved, kWindow> moved;
  std::size_t n = 0;
  for (std::uint32_t tick = side.low; side.n_near != 0 && tick < side.low + kWindow; ++tick) {
    const std::uint32_t i = tick % kWindow;
    if (((side.bits[i / 64] >> (i % 64)) & 1U) == 0) continue;
    Cell& c = cells_[std::size_t{s} * kWindow + i];
    moved[n++] = {tick * side.unit, c};
    c = Cell{};
  }
  std::fill(std::begin(side.bits), std::end(side.bits), 0);
  side.n_near = 0;
  side.unit = unit;
  const std::uint32_t below = (s & 1U) == 0 ? kWindow - kWindow / 4 : kWindow / 4;
  const std::uint32_t tick = tick_of(unit, price);
  side.low = tick > below ? tick - below : 0;
  std::uint32_t f = side.far_head;
  for (std::size_t i = 0; i < n; ++i) {
    if (is_near(side, moved[i].price, tick_of(unit, moved[i].price)))
      put_near(s, moved[i].price, moved[i].cell);
    else
      add_far(s, moved[i].price, moved[i].cell);
  }
  while (f != 0) {
    const std::uint32_t next = far_[f].next;
    if (is_near(side, far_[f].price, tick_of(unit, far_[f].price))) {
      put_near(s, far_[f].price, far_[f].cell);
      drop_far(f);
    }
    f = next;
  }
}

std::size_t ItchBooks::levels(std::uint32_t locate, model::Side which,
                              std::span<ItchLevel> out) const {
  if (locate >= max_symbols_ || which == model::Side::None) return 0;
  const std::uint32_t s = locate * 2 + side_index(which);
  const Side& side = sides_[s];
  std::vector<ItchLevel> all;
  for (std::uint32_t tick = side.low; tick < side.low + kWindow; ++tick) {
    const std::uint32_t i = tick % kWindow;
    if (((side.bits[i / 64] >> (i % 64)) & 1U) != 0)
      all.push_back(level(tick * side.unit, cells_[std::size_t{s} * kWindow + i]));
  }
  for (std::uint32_t f = side.far_head; f != 0; f = far_[f].next)
    all.push_back(level(far_[f].price, far_[f].cell));
  std::sort(all.begin(), all.end(), [s](const ItchLevel& a, const ItchLevel& b) {
    return better(s, a.price_e4, b.price_e4);
  });
  const std::size_t n = std::min(all.size(), out.size());
  std::copy_n(all.begin(), n, out.begin());
  return n;
}

std::uint64_t ItchBooks::orders_of(std::uint32_t locate) const {
  std::uint64_t sum = 0;
  for (const model::Side side : {model::Side::Bid, model::Side::Ask}) {
    std::vector<ItchLevel> all(n_levels(locate, side));
    all.resize(levels(locate, side, all));
    for (const ItchLevel& l : all) sum += l.order_count;
  }
  return sum;
}

}  // namespace kimera::market::itch
