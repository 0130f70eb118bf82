// A strategy of plain C functions, as numba.cfunc makes them: each gets a view of the moment and
// the strategy's own memory, and talks back through the functions below. No Python, no GIL.
#pragma once

#include <cstdint>
#include <type_traits>

#include "kimera/strategy/strategy.hpp"

namespace kimera::strategy {

// What a compiled callback is told. Fields that the callback does not concern are 0 or kNoPrice.
struct CompiledView {
  std::uint64_t context;  // handle for the functions below
  std::int64_t now_ns;
  std::int64_t bid_ticks;  // best prices of the instrument
  std::int64_t bid_lots;
  std::int64_t ask_ticks;
  std::int64_t ask_lots;
  std::int64_t position_lots;
  std::int64_t price_ticks;  // on_book, on_trade, on_report: of the record
  std::int64_t size_lots;
  std::uint64_t order_id;
  std::uint64_t timer_id;
  std::uint32_t instrument_id;
  std::uint32_t detail;
  std::uint8_t kind;
  std::uint8_t action;
  std::uint8_t side;
  std::uint8_t flags;
  std::uint32_t n_instruments;
};
static_assert(std::is_standard_layout_v<CompiledView> && sizeof(CompiledView) == 104);

using CompiledCallback = void (*)(CompiledView*, void* state);

struct CompiledCallbacks {
  CompiledCallback on_start = nullptr;
  CompiledCallback on_top = nullptr;
  CompiledCallback on_book = nullptr;
  CompiledCallback on_trade = nullptr;
  CompiledCallback on_report = nullptr;
  CompiledCallback on_timer = nullptr;
  CompiledCallback on_stop = nullptr;
};

class Compiled {
 public:
  Compiled(const CompiledCallbacks& callbacks, void* state) noexcept
      : callbacks_(callbacks), state_(state) {}

  [[nodiscard]] bool wants(Callback callback) const noexcept {
    const CompiledCallback given[] = {callbacks_.on_top, callbacks_.on_book, callbacks_.on_trade,
                                      callbacks_.on_report, callbacks_.on_timer};
    return given[static_cast<std::size_t>(callback)] != nullptr;
  }
  void on_start(Context& c) noexcept { call(callbacks_.on_start, c, 1); }
  void on_stop(Context& c) noexcept { call(callbacks_.on_stop, c, 1); }
  void on_top(Context& c, std::uint32_t id, const TopOfBook& /*top*/) noexcept {
    call(callbacks_.on_top, c, id);
  }
  void on_book(Context& c, const model::Record& r) noexcept { call(callbacks_.on_book, c, r); }
  void on_trade(Context& c, const model::Record& r) noexcept { call(callbacks_.on_trade, c, r); }
  void on_report(Context& c, const model::Record& r) noexcept { call(callbacks_.on_report, c, r); }
  void on_timer(Context& c, std::uint64_t timer_id) noexcept {
    if (callbacks_.on_timer == nullptr) return;
    CompiledView view = look(c, 1);
    view.timer_id = timer_id;
    callbacks_.on_timer(&view, state_);
  }

 private:
  [[nodiscard]] static CompiledView look(Context& c, std::uint32_t id) noexcept {
    CompiledView view{};
    view.context = reinterpret_cast<std::uint64_t>(&c);
    view.now_ns = c.now_ns();
    const TopOfBook& top = c.top(id);
    view.bid_ticks = top.bid_ticks;
    view.bid_lots = top.bid_lots;
    view.ask_ticks = top.ask_ticks;
    view.ask_lots = top.ask_lots;
    view.position_lots = c.position_lots(id);
    view.price_ticks = model::kNoPrice;
    view.instrument_id = id;
    view.n_instruments = c.n_instruments();
    return view;
  }
  void call(CompiledCallback f, Context& c, std::uint32_t id) noexcept {
    if (f == nullptr) return;
    CompiledView view = look(c, id);
    f(&view, state_);
  }
  void call(CompiledCallback f, Context& c, const model::Record& r) noexcept {
    if (f == nullptr) return;
    CompiledView view = look(c, r.instrument_id);
    view.price_ticks = r.price_ticks;
    view.size_lots = r.size_lots;
    view.order_id = r.order_id;
    view.detail = r.detail;
    view.kind = static_cast<std::uint8_t>(r.kind);
    view.action = r.action;
    view.side = static_cast<std::uint8_t>(r.side);
    view.flags = r.flags;
    f(&view, state_);
  }

  CompiledCallbacks callbacks_;
  void* state_;
};

// The way back. `context` is CompiledView::context.
extern "C" {
// Order id, or 0 when refused.
std::uint64_t kimera_submit(std::uint64_t context, std::uint32_t instrument_id, std::uint32_t side,
                            std::int64_t price_ticks, std::int64_t size_lots,
                            std::uint32_t detail) noexcept;
// RefusalCode; 0 = sent.
std::uint32_t kimera_cancel(std::uint64_t context, std::uint64_t order_id) noexcept;
std::uint32_t kimera_replace(std::uint64_t context, std::uint64_t order_id,
                             std::int64_t price_ticks, std::int64_t size_lots) noexcept;
// 1, or 0 when the bound on timers is reached.
std::uint32_t kimera_set_timer(std::uint64_t context, std::int64_t at_ns,
                               std::uint64_t timer_id) noexcept;
// Size still open, 0 once the order is gone; price, kNoPrice once it is gone.
std::int64_t kimera_order_leaves(std::uint64_t context, std::uint64_t order_id) noexcept;
std::int64_t kimera_order_price(std::uint64_t context, std::uint64_t order_id) noexcept;
// OrderState.
std::uint32_t kimera_order_state(std::uint64_t context, std::uint64_t order_id) noexcept;
std::int64_t kimera_position(std::uint64_t context, std::uint32_t instrument_id) noexcept;
// What: 0 bid price, 1 bid size, 2 ask price, 3 ask size.
std::int64_t kimera_top(std::uint64_t context, std::uint32_t instrument_id,
                        std::uint32_t what) noexcept;
// Total at a price of the local book [lots]; side 0 bid, 1 ask.
std::int64_t kimera_size_at(std::uint64_t context, std::uint32_t instrument_id, std::uint32_t side,
                            std::int64_t price_ticks) noexcept;
}

}  // namespace kimera::strategy
