// Every change of a best bid or offer, as rows: an observer of ItchBooks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "kimera/market/book_memory.hpp"
#include "kimera/market/itch_books.hpp"

namespace kimera::market::itch {

// Best bid and offer of one stock after a message that changed a price or a size of them. Prices
// in 1/10,000 dollar; 0: that side is empty.
struct BboRow {
  std::int64_t ts_event_ns;
  std::uint64_t sequence;  // of the message, from 1
  std::uint64_t bid_shares;
  std::uint64_t ask_shares;
  std::uint32_t bid_price_e4;
  std::uint32_t ask_price_e4;
  std::uint32_t bid_orders;
  std::uint32_t ask_orders;
  std::uint32_t locate;
  std::uint32_t spare;
};
static_assert(sizeof(BboRow) == 56 && std::has_unique_object_representations_v<BboRow>);

class BboRows {
 public:
  BboRows(std::uint32_t max_symbols, std::int64_t midnight_ns)
      : midnight_ns_(midnight_ns), last_(std::size_t{max_symbols} * 2) {}

  // Rows go to `out` from now on; there must be room for one per message consumed.
  void into(std::span<BboRow> out) noexcept {
    out_ = out.data();
    n_ = 0;
  }
  [[nodiscard]] std::size_t rows() const noexcept { return n_; }

  void on_change(const ItchBooks& books, const Byte* p, std::uint32_t s) noexcept {
    const ItchLevel now = books.best_of(s);
    ItchLevel& before = last_[s];
    const bool same = now.price_e4 == before.price_e4 && now.shares == before.shares;
    before = now;
    if (same) return;
    const ItchLevel& bid = last_[s & ~1U];
    const ItchLevel& ask = last_[s | 1U];
    out_[n_++] = {midnight_ns_ + Message{p}.ts_ns(),
                  books.counters().messages,
                  bid.shares,
                  ask.shares,
                  bid.price_e4,
                  ask.price_e4,
                  bid.order_count,
                  ask.order_count,
                  s >> 1U,
                  0};
  }

 private:
  std::int64_t midnight_ns_;
  ZeroedArray<ItchLevel> last_;
  BboRow* out_ = nullptr;
  std::size_t n_ = 0;
};

}  // namespace kimera::market::itch
