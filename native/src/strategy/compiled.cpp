#include "kimera/strategy/compiled.hpp"

namespace kimera::strategy {

namespace {

Context& of(std::uint64_t handle) noexcept {
  return *reinterpret_cast<Context*>(handle);
}

bool known(std::uint64_t context, std::uint32_t instrument_id) noexcept {
  return instrument_id - 1U < of(context).n_instruments();
}

}  // namespace

extern "C" {

std::uint64_t kimera_submit(std::uint64_t context, std::uint32_t instrument_id, std::uint32_t side,
                            std::int64_t price_ticks, std::int64_t size_lots,
                            std::uint32_t detail) noexcept {
  OrderAsk ask;
  ask.instrument_id = instrument_id;
  ask.side = side <= 1 ? static_cast<model::Side>(side) : model::Side::None;
  ask.price_ticks = price_ticks;
  ask.size_lots = size_lots;
  ask.detail = detail;
  return of(context).submit(ask).order_id;
}

std::uint32_t kimera_cancel(std::uint64_t context, std::uint64_t order_id) noexcept {
  return static_cast<std::uint32_t>(of(context).cancel(order_id));
}

std::uint32_t kimera_replace(std::uint64_t context, std::uint64_t order_id,
                             std::int64_t price_ticks, std::int64_t size_lots) noexcept {
  return static_cast<std::uint32_t>(of(context).replace(order_id, price_ticks, size_lots));
}

std::uint32_t kimera_set_timer(std::uint64_t context, std::int64_t at_ns,
                               std::uint64_t timer_id) noexcept {
  return of(context).set_timer(at_ns, timer_id) ? 1 : 0;
}

std::int64_t kimera_order_leaves(std::uint64_t context, std::uint64_t order_id) noexcept {
  const OpenOrder* order = of(context).order(order_id);
  return order == nullptr ? 0 : order->leaves_lots;
}

std::int64_t kimera_order_price(std::uint64_t context, std::uint64_t order_id) noexcept {
  const OpenOrder* order = of(context).order(order_id);
  return order == nullptr ? model::kNoPrice : order->price_ticks;
}

std::uint32_t kimera_order_state(std::uint64_t context, std::uint64_t order_id) noexcept {
  const OpenOrder* order = of(context).order(order_id);
  return order == nullptr ? 0 : static_cast<std::uint32_t>(order->state);
}

std::int64_t kimera_position(std::uint64_t context, std::uint32_t instrument_id) noexcept {
  return known(context, instrument_id) ? of(context).position_lots(instrument_id) : 0;
}

std::int64_t kimera_top(std::uint64_t context, std::uint32_t instrument_id,
                        std::uint32_t what) noexcept {
  if (!known(context, instrument_id)) return model::kNoPrice;
  const TopOfBook& top = of(context).top(instrument_id);
  const std::int64_t values[4] = {top.bid_ticks, top.bid_lots, top.ask_ticks, top.ask_lots};
  return values[what & 3U];
}

std::int64_t kimera_size_at(std::uint64_t context, std::uint32_t instrument_id, std::uint32_t side,
                            std::int64_t price_ticks) noexcept {
  if (!known(context, instrument_id) || side > 1) return 0;
  return of(context).book(instrument_id).size_at(static_cast<model::Side>(side), price_ticks);
}

}  // extern "C"

}  // namespace kimera::strategy
