// The book of one instrument of a tape, by order or by price as the tape has it. A tape that
// holds only quotes of the best prices gets a book of one level a side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "kimera/market/book.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

enum class BookKind : std::uint8_t { ByPrice = 2, ByOrder = 3 };

class TapeBook {
 public:
  TapeBook(BookKind kind, const BookCapacity& capacity) : kind_(kind) {
    if (kind == BookKind::ByOrder) {
      by_order_.emplace(capacity);
    } else {
      by_price_.emplace(capacity);
    }
  }

  [[nodiscard]] BookKind kind() const noexcept { return kind_; }
  [[nodiscard]] const BookL3& by_order() const noexcept { return *by_order_; }

  BookStatus apply(const model::Record& r) noexcept {
    if (quotes_are_the_book_) [[unlikely]] {
      if (r.kind == model::Kind::Quote) return quote(r);
      if (r.kind == model::Kind::Delta && changes_book(r.delta_action())) begin_depth();
    }
    if (kind_ == BookKind::ByOrder) return by_order_->apply(r);
    return by_price_->apply(r);
  }
  // A hint, some records before this one is applied.
  void expect(const model::Record& r) const noexcept {
    if (kind_ == BookKind::ByOrder) by_order_->expect(r);
  }
  [[nodiscard]] Level best(model::Side side) const noexcept {
    return kind_ == BookKind::ByOrder ? by_order_->best(side) : by_price_->best(side);
  }
  std::size_t levels(model::Side side, std::span<Level> out) const noexcept {
    return kind_ == BookKind::ByOrder ? by_order_->levels(side, out) : by_price_->levels(side, out);
  }
  [[nodiscard]] std::int64_t size_at(model::Side side, std::int64_t price) const noexcept {
    return kind_ == BookKind::ByOrder ? by_order_->size_at(side, price)
                                      : by_price_->size_at(side, price);
  }
  [[nodiscard]] BookState state() const noexcept {
    return kind_ == BookKind::ByOrder ? by_order_->state() : by_price_->state();
  }
  [[nodiscard]] const BookCounters& counters() const noexcept {
    return kind_ == BookKind::ByOrder ? by_order_->counters() : by_price_->counters();
  }
  // True until the first change of depth: from then on quotes are ignored.
  [[nodiscard]] bool quotes_are_the_book() const noexcept { return quotes_are_the_book_; }

 private:
  [[nodiscard]] static bool changes_book(model::Action action) noexcept {
    return action != model::Action::Trade && action != model::Action::Fill &&
           action != model::Action::None;
  }
  [[gnu::noinline]] void begin_depth() noexcept {
    quotes_are_the_book_ = false;
    if (kind_ == BookKind::ByOrder) {
      by_order_->clear();
    } else {
      by_price_->clear();
    }
  }
  BookStatus quote(const model::Record& r) noexcept {
    if (r.side > model::Side::Ask) return BookStatus::Ignored;
    const Level held = best(r.side);
    if (held.price_ticks != model::kNoPrice && held.price_ticks != r.price_ticks) {
      static_cast<void>(set(r.side, held.price_ticks, 0));
    }
    if (r.price_ticks == model::kNoPrice) return BookStatus::Ok;
    return set(r.side, r.price_ticks, r.size_lots);
  }
  BookStatus set(model::Side side, std::int64_t price, std::int64_t size) noexcept {
    model::Record level{};
    level.kind = model::Kind::Delta;
    level.action = static_cast<std::uint8_t>(model::Action::Level);
    level.side = side;
    level.price_ticks = price;
    level.size_lots = size;
    return kind_ == BookKind::ByOrder ? by_order_->apply(level) : by_price_->apply(level);
  }

  BookKind kind_;
  bool quotes_are_the_book_ = true;
  std::optional<BookL2> by_price_;
  std::optional<BookL3> by_order_;
};

}  // namespace kimera::market
