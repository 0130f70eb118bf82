// How the matching engine writes its records: small and called once or more per order, so inline.
#pragma once

#include "kimera/market/matching_engine.hpp"

namespace kimera::market {

[[nodiscard]] inline bool is_peg(model::OrderType type) noexcept {
  return type == model::OrderType::Pegged || type == model::OrderType::Midpoint;
}
[[nodiscard]] inline bool is_auction_only(model::TimeInForce tif) noexcept {
  return tif == model::TimeInForce::AtOpen || tif == model::TimeInForce::AtClose;
}
[[nodiscard]] inline bool has_option(std::uint16_t options, std::uint16_t option) noexcept {
  return (options & option) != 0;
}
[[nodiscard]] inline std::uint32_t low32(std::uint64_t id) noexcept {
  return static_cast<std::uint32_t>(id);
}

inline void MatchingEngine::delta(model::Action action, const matching::Order& o,
                                  const Deal& deal) noexcept {
  model::Record& r = outbox_.add_public();
  r.kind = model::Kind::Delta;
  r.action = static_cast<std::uint8_t>(action);
  r.side = o.side;
  r.order_id = o.venue_order_id;
  r.price_ticks = deal.price_ticks;
  r.size_lots = deal.lots;
  r.detail = deal.detail;
}

inline void MatchingEngine::print(model::Side taker, const Deal& deal) noexcept {
  model::Record& r = outbox_.add_public();
  r.kind = model::Kind::Delta;
  r.action = static_cast<std::uint8_t>(model::Action::Trade);
  r.side = taker;
  r.price_ticks = deal.price_ticks;
  r.size_lots = deal.lots;
  r.detail = deal.detail;
  r.flags = deal.flags;
}

inline void MatchingEngine::report(model::ReportAct act, const matching::Order& o,
                                   const Deal& deal) noexcept {
  model::Record& r = outbox_.add_private();
  r.kind = model::Kind::Report;
  r.action = static_cast<std::uint8_t>(act);
  r.side = o.side;
  r.actor_id = o.actor_id;
  r.order_id = o.client_id;
  r.price_ticks = deal.price_ticks;
  r.size_lots = deal.lots;
  r.detail = deal.detail;
  r.flags = deal.flags;
}

inline void MatchingEngine::report(model::ReportAct act, const Incoming& in,
                                   const Deal& deal) noexcept {
  model::Record& r = outbox_.add_private();
  r.kind = model::Kind::Report;
  r.action = static_cast<std::uint8_t>(act);
  r.side = in.side;
  r.actor_id = in.actor_id;
  r.order_id = in.client_id;
  r.price_ticks = deal.price_ticks;
  r.size_lots = deal.lots;
  r.detail = deal.detail;
  r.flags = deal.flags;
}

inline void MatchingEngine::refuse(model::ReportAct act, const model::Record& request,
                                   model::RefusalCode code) noexcept {
  model::Record& r = outbox_.add_private();
  r.kind = model::Kind::Report;
  r.action = static_cast<std::uint8_t>(act);
  r.side = request.side;
  r.actor_id = request.actor_id;
  r.order_id = request.order_id;
  r.price_ticks = request.price_ticks;
  r.size_lots = request.size_lots;
  r.detail = static_cast<std::uint32_t>(code);
  ++counters_.refused[r.detail];
}

inline void MatchingEngine::quote_changes(Book& b) noexcept {
  if (config_.quotes == QuoteOutput::Off) return;
  for (const model::Side side : {model::Side::Bid, model::Side::Ask}) {
    BookSide& s = b.sides[index_of(side)];
    const DepthLevel now = s.shown.empty() ? DepthLevel{} : depth_at(s.shown, s.shown.best_key());
    if (now == s.quoted) continue;
    s.quoted = now;
    model::Record& r = outbox_.add_public();
    r.kind = model::Kind::Quote;
    r.side = side;
    r.price_ticks = now.price_ticks;
    r.size_lots = now.size_lots;
    r.detail = now.n_orders;
  }
}

inline matching::Ladder& MatchingEngine::ladder_of(Book& b, const matching::Order& o) noexcept {
  BookSide& side = b.sides[index_of(o.side)];
  return o.place == matching::Place::Shown    ? side.shown
         : o.place == matching::Place::Hidden ? side.hidden
                                              : side.stops;
}

// The limit price the client gave; kNoPrice when it gave none.
inline std::int64_t MatchingEngine::asked_price(Slot slot) const noexcept {
  const matching::Order& o = pool_[slot];
  return o.type == model::OrderType::Limit ? o.price_ticks : pool_.terms(slot).limit_ticks;
}

inline void MatchingEngine::note_trade(Book& b, std::int64_t price_ticks) noexcept {
  b.last_trade = price_ticks;
  if (b.trade_high == model::kNoPrice) {
    b.trade_high = b.trade_low = price_ticks;
  } else if (price_ticks > b.trade_high) {
    b.trade_high = price_ticks;
  } else if (price_ticks < b.trade_low) {
    b.trade_low = price_ticks;
  }
}

}  // namespace kimera::market
