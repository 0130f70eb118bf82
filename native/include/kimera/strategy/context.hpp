// What a strategy sees and may ask for: local books, time, positions, its open orders; submit,
// cancel, replace, set_timer. Everything is the strategy's own knowledge, as late as its feed and
// its reports are. A refusal is a value; nothing here allocates after construction or throws.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/market/tape_book.hpp"
#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"
#include "kimera/portfolio/ledger.hpp"

namespace kimera::strategy {

// Best prices and sizes; an empty side has kNoPrice and 0.
struct TopOfBook {
  std::int64_t bid_ticks = model::kNoPrice;
  std::int64_t bid_lots = 0;
  std::int64_t ask_ticks = model::kNoPrice;
  std::int64_t ask_lots = 0;

  friend bool operator==(const TopOfBook&, const TopOfBook&) = default;
  [[nodiscard]] bool two_sided() const noexcept {
    return bid_ticks != model::kNoPrice && ask_ticks != model::kNoPrice;
  }
};

enum class OrderState : std::uint8_t { Free = 0, Sent = 1, Open = 2, Closing = 3 };

struct OpenOrder {
  std::uint64_t order_id = 0;
  std::int64_t price_ticks = 0;
  std::int64_t leaves_lots = 0;
  std::uint32_t instrument_id = 0;
  model::Side side = model::Side::None;
  OrderState state = OrderState::Free;  // Closing: a cancel is on its way
};

struct OrderAsk {
  std::uint32_t instrument_id = 0;
  model::Side side = model::Side::None;
  std::int64_t price_ticks = model::kNoPrice;
  std::int64_t size_lots = 0;
  std::uint32_t detail = 0;  // model::order_detail
};

struct Submitted {
  std::uint64_t order_id;  // 0 when refused
  model::RefusalCode code;
};

struct Timer {
  std::int64_t at_ns;
  std::uint64_t sequence;  // timers of one instant fire in the order they were set
  std::uint64_t timer_id;
};

struct ContextInstrument {
  std::uint16_t venue_id = 1;
  market::BookKind book = market::BookKind::ByPrice;
};

struct ContextBounds {
  std::uint32_t max_orders = 1024;  // open at once
  std::uint32_t max_timers = 1024;
  std::uint32_t max_requests = 4096;  // by one callback
};

class Context {
 public:
  Context(std::span<const ContextInstrument> instruments,
          std::span<const portfolio::LedgerInstrument> ledger, const ContextBounds& bounds,
          const market::BookCapacity& capacity);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // --- what it sees -------------------------------------------------------------------------
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] std::uint32_t n_instruments() const noexcept {
    return static_cast<std::uint32_t>(tops_.size());
  }
  [[nodiscard]] const TopOfBook& top(std::uint32_t instrument_id) const noexcept {
    return tops_[instrument_id - 1];
  }
  [[nodiscard]] const market::TapeBook& book(std::uint32_t instrument_id) const noexcept {
    return books_[instrument_id - 1];
  }
  // Twice the mid [ticks]; kNoPrice until both sides were there once, then the last known.
  [[nodiscard]] std::int64_t mid2(std::uint32_t instrument_id) const noexcept {
    return mids2_[instrument_id - 1];
  }
  [[nodiscard]] std::int64_t position_lots(std::uint32_t instrument_id) const noexcept {
    return ledger_.position_lots(instrument_id);
  }
  [[nodiscard]] const portfolio::Ledger& ledger() const noexcept { return ledger_; }
  // nullptr once the order is gone.
  [[nodiscard]] const OpenOrder* order(std::uint64_t order_id) const noexcept {
    const std::uint64_t slot = order_id & kSlotMask;
    if (order_id == 0 || slot >= orders_.size()) return nullptr;
    return orders_[slot].order_id == order_id ? &orders_[slot] : nullptr;
  }
  [[nodiscard]] std::uint32_t n_open_orders() const noexcept {
    return static_cast<std::uint32_t>(orders_.size() - 1 - free_.size());
  }

  // --- what it asks for ---------------------------------------------------------------------
  [[nodiscard]] Submitted submit(const OrderAsk& ask) noexcept;
  [[nodiscard]] model::RefusalCode cancel(std::uint64_t order_id) noexcept;
  [[nodiscard]] model::RefusalCode replace(std::uint64_t order_id, std::int64_t price_ticks,
                                           std::int64_t size_lots) noexcept;
  // False when the bound on timers is reached. A time that is past fires at once.
  [[nodiscard]] bool set_timer(std::int64_t at_ns, std::uint64_t timer_id) noexcept;
  // End the run after this callback; on_stop is still called.
  void stop() noexcept { stop_ = true; }

  // --- for the event loop -------------------------------------------------------------------
  void set_now(std::int64_t now_ns) noexcept { now_ns_ = now_ns; }
  // A hint, some records before this one is taken.
  void expect(const model::Record& r) const noexcept {
    if (r.instrument_id - 1U < books_.size()) books_[r.instrument_id - 1].expect(r);
  }
  // Changes the local book; true when the best prices or sizes are not what they were.
  void take_market(const model::Record& r) noexcept {
    static_cast<void>(books_[r.instrument_id - 1].apply(r));
  }
  // True when the best prices or sizes are not what they were when last asked.
  [[nodiscard]] bool refresh_top(std::uint32_t instrument_id) noexcept {
    const market::TapeBook& book = books_[instrument_id - 1];
    const market::Level bid = book.best(model::Side::Bid);
    const market::Level ask = book.best(model::Side::Ask);
    TopOfBook& top = tops_[instrument_id - 1];
    if (bid.price_ticks == top.bid_ticks && bid.size_lots == top.bid_lots &&
        ask.price_ticks == top.ask_ticks && ask.size_lots == top.ask_lots) {
      return false;
    }
    top = TopOfBook{bid.price_ticks, bid.size_lots, ask.price_ticks, ask.size_lots};
    if (top.two_sided()) mids2_[instrument_id - 1] = top.bid_ticks + top.ask_ticks;
    return true;
  }
  [[nodiscard]] bool take_report(const model::Record& r, std::int64_t mid2) noexcept;
  [[nodiscard]] std::vector<model::Record>& requests() noexcept { return requests_; }
  [[nodiscard]] bool has_work() const noexcept { return !requests_.empty() || stop_; }
  [[nodiscard]] bool stopped() const noexcept { return stop_; }
  [[nodiscard]] std::int64_t next_timer_ns() const noexcept { return next_timer_ns_; }
  [[nodiscard]] Timer pop_timer() noexcept;
  [[nodiscard]] std::uint64_t denied() const noexcept { return denied_; }
  [[nodiscard]] std::uint64_t timers_refused() const noexcept { return timers_refused_; }

 private:
  static constexpr std::uint64_t kSlotMask = 0xFFFF;

  [[nodiscard]] model::RefusalCode check(const OrderAsk& ask) const noexcept;
  [[nodiscard]] model::RefusalCode deny(model::RefusalCode code) noexcept {
    ++denied_;
    return code;
  }
  void request(model::OrderAct act, const OpenOrder& order, std::int64_t price_ticks,
               std::int64_t size_lots, std::uint32_t detail) noexcept;
  void release(OpenOrder& order) noexcept;

  std::int64_t now_ns_ = model::kNoTime;
  std::int64_t next_timer_ns_;
  bool stop_ = false;
  std::vector<TopOfBook> tops_;
  std::vector<std::int64_t> mids2_;
  std::vector<market::TapeBook> books_;
  std::vector<ContextInstrument> instruments_;
  portfolio::Ledger ledger_;
  std::vector<OpenOrder> orders_;  // slot 0 is nobody's
  std::vector<std::uint32_t> free_;
  std::vector<model::Record> requests_;
  std::size_t max_requests_;
  std::vector<Timer> timers_;  // a heap, earliest first
  std::size_t max_timers_;
  std::uint64_t timer_sequence_ = 0;
  std::uint64_t order_sequence_ = 0;
  std::uint64_t denied_ = 0;
  std::uint64_t timers_refused_ = 0;
};

}  // namespace kimera::strategy
