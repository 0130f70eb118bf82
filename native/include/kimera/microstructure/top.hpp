// Top-of-book measures alone: for those who cannot spare the nanoseconds of the whole analyzer.
#pragma once

#include <array>
#include <cstdint>

#include "kimera/market/book_types.hpp"
#include "kimera/model/record.hpp"

namespace kimera::microstructure {

// After each record: best prices and sizes, twice the mid, spread, imbalance and the running
// order-flow imbalance of the best level (the analyzer's ofi[0] on a stream without gaps).
class TopOfBook {
 public:
  // True when the top changed.
  template <market::Book B>
  bool apply(const model::Record& r, const B& book) noexcept {
    if (r.kind != model::Kind::Delta || behind(r)) return false;
    bool changed = false;
    if (r.side != model::Side::Ask) changed = refresh(0, book.best(model::Side::Bid));
    if (r.side != model::Side::Bid) changed |= refresh(1, book.best(model::Side::Ask));
    if (!changed) return false;
    const std::int64_t bid = best_[0].size_lots;
    const std::int64_t ask = best_[1].size_lots;
    if (bid + ask > 0)
      imbalance_ = static_cast<double>(bid - ask) / static_cast<double>(bid + ask);
    else
      imbalance_ = 0.0;
    return true;
  }

  [[nodiscard]] const market::Level& bid() const noexcept { return best_[0]; }
  [[nodiscard]] const market::Level& ask() const noexcept { return best_[1]; }
  [[nodiscard]] std::int64_t mid2_ticks() const noexcept {
    return best_[0].price_ticks == model::kNoPrice || best_[1].price_ticks == model::kNoPrice
               ? model::kNoPrice
               : best_[0].price_ticks + best_[1].price_ticks;
  }
  [[nodiscard]] std::int64_t spread_ticks() const noexcept {
    return mid2_ticks() == model::kNoPrice ? model::kNoPrice
                                           : best_[1].price_ticks - best_[0].price_ticks;
  }
  // 0 on an empty book, of which there is nothing to say; +-1 on a one-sided one.
  [[nodiscard]] double imbalance() const noexcept { return imbalance_; }
  [[nodiscard]] std::int64_t ofi() const noexcept { return ofi_; }

 private:
  bool refresh(unsigned s, const market::Level& now) noexcept {
    const market::Level& was = best_[s];
    if (now.price_ticks == was.price_ticks && now.size_lots == was.size_lots) return false;
    const std::int64_t key =
        now.price_ticks == model::kNoPrice ? model::kNoPrice : market::key_of(s, now.price_ticks);
    const std::int64_t gained =
        (key >= key_[s] ? now.size_lots : 0) - (key <= key_[s] ? was.size_lots : 0);
    ofi_ += s == 0 ? gained : -gained;
    best_[s] = now;
    key_[s] = key;
    return true;
  }
  // Whether the record is about a price behind the best one of its side: an add, cancel or level
  // there leaves the top as it is, and so does what changes no book.
  [[nodiscard]] bool behind(const model::Record& r) const noexcept {
    constexpr auto bit = [](model::Action a) { return 1U << static_cast<unsigned>(a); };
    constexpr unsigned kNever = bit(model::Action::Trade) | bit(model::Action::Fill);
    constexpr unsigned kByPrice =
        bit(model::Action::Add) | bit(model::Action::Cancel) | bit(model::Action::Level);
    const unsigned action = 1U << (r.action & 31U);
    if ((action & kNever) != 0) return true;
    if (r.side == model::Side::None || r.price_ticks == model::kNoPrice) return false;
    const unsigned s = market::side_index(r.side);
    return (action & kByPrice) != 0 && market::key_of(s, r.price_ticks) < key_[s];
  }

  std::array<market::Level, 2> best_{};
  std::array<std::int64_t, 2> key_{model::kNoPrice, model::kNoPrice};
  std::int64_t ofi_ = 0;
  double imbalance_ = 0.0;
};

}  // namespace kimera::microstructure
