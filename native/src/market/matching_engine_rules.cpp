// Whether a request is allowed, apart from the few checks that every order meets.
#include "matching_engine_match.hpp"

namespace kimera::market {

using model::OrderType;
using model::RefusalCode;
using model::Side;
using model::Status;
using model::TimeInForce;
namespace option = model::order_option;

namespace {

// Options each type may carry with each life; everything else is NotSupported.
constexpr std::uint16_t kNever = 0xFFFF;

constexpr std::uint16_t allowed_options(OrderType type, TimeInForce tif) noexcept {
  switch (type) {
    case OrderType::Limit:
      if (tif == TimeInForce::Day) {
        return option::kPostOnly | option::kIceberg | option::kHidden | option::kMinQuantity;
      }
      return tif == TimeInForce::Ioc ? option::kMinQuantity : 0;
    case OrderType::Market:
      return tif == TimeInForce::Day || tif == TimeInForce::Ioc ? option::kMinQuantity : 0;
    case OrderType::Stop:
      return tif == TimeInForce::Day ? 0 : kNever;
    case OrderType::StopLimit:
      return tif <= TimeInForce::Fok ? 0 : kNever;
    case OrderType::Pegged:
      return tif == TimeInForce::Day ? option::kPostOnly | option::kHidden : kNever;
    case OrderType::Midpoint:
      return tif <= TimeInForce::Ioc ? option::kHidden | option::kMinQuantity : kNever;
  }
  return kNever;
}

constexpr std::uint16_t allowed_in_dark(OrderType type, TimeInForce tif) noexcept {
  if (tif > TimeInForce::Fok) return kNever;
  switch (type) {
    case OrderType::Limit:
    case OrderType::Midpoint:
    case OrderType::Market:
      return tif == TimeInForce::Fok ? 0 : option::kHidden | option::kMinQuantity;
    default:
      return kNever;
  }
}

}  // namespace

RefusalCode MatchingEngine::check_kind(const OrderTicket& t) const noexcept {
  const model::Record& r = t.order;
  if (r.side != Side::Bid && r.side != Side::Ask) return RefusalCode::NotSupported;
  if (r.detail == 0) return RefusalCode::None;  // a plain limit order
  const auto tif = model::time_in_force(r.detail);
  const auto options = model::order_options(r.detail);
  const auto type = model::order_type(r.detail);
  if (type > OrderType::Midpoint || tif > TimeInForce::AtClose) return RefusalCode::NotSupported;
  const std::uint16_t allowed = dark() ? allowed_in_dark(type, tif) : allowed_options(type, tif);
  if (allowed == kNever || (options & ~allowed) != 0) return RefusalCode::NotSupported;
  // Options that contradict each other.
  const bool posts = has_option(options, option::kPostOnly);
  const bool hides = has_option(options, option::kHidden);
  if (has_option(options, option::kMinQuantity) && posts) return RefusalCode::NotSupported;
  if (has_option(options, option::kIceberg) && hides) return RefusalCode::NotSupported;
  return RefusalCode::None;
}

RefusalCode MatchingEngine::check_sizes(const Book& b, const OrderTicket& t) const noexcept {
  const model::Record& r = t.order;
  if (!valid_size(b, r.size_lots)) return RefusalCode::BadSize;
  const auto options = model::order_options(r.detail);
  if (options == 0) return RefusalCode::None;
  if (has_option(options, option::kIceberg) &&
      (!valid_size(b, t.display_lots) || t.display_lots > r.size_lots)) {
    return RefusalCode::BadSize;
  }
  if (has_option(options, option::kMinQuantity) &&
      (t.min_lots <= 0 || t.min_lots > r.size_lots || t.min_lots > 0xFFFF'FFFFLL)) {
    return RefusalCode::BadSize;
  }
  return RefusalCode::None;
}

RefusalCode MatchingEngine::check_prices(const Book& b, const OrderTicket& t) const noexcept {
  const std::int64_t price = t.order.price_ticks;
  const bool absent_or_valid = price == model::kNoPrice || valid_price(b, price);
  bool good = true;
  switch (model::order_type(t.order.detail)) {
    case OrderType::Limit:
      good = valid_price(b, price);
      break;
    case OrderType::Market:
      break;  // its price is ignored
    case OrderType::Stop:
      good = valid_price(b, t.trigger_ticks);
      break;
    case OrderType::StopLimit:
      good = valid_price(b, t.trigger_ticks) && valid_price(b, price);
      break;
    case OrderType::Pegged:
      good = (t.peg_offset_ticks == model::kNoPrice ||
              (t.peg_offset_ticks >= 0 && t.peg_offset_ticks <= b.rules.highest_ticks)) &&
             absent_or_valid;
      break;
    case OrderType::Midpoint:
      good = absent_or_valid;
      break;
  }
  return good ? RefusalCode::None : RefusalCode::BadPrice;
}

RefusalCode MatchingEngine::check_phase(const Book& b, OrderType type, TimeInForce tif,
                                        std::uint16_t options) const noexcept {
  if (b.status == Status::Trading) {
    return tif == TimeInForce::AtOpen ? RefusalCode::NotTrading : RefusalCode::None;
  }
  const bool closed = b.status == Status::Closed ||
                      (b.status == Status::Halted && config_.halt == HaltPolicy::Refuse);
  if (closed || dark()) return RefusalCode::NotTrading;
  if (is_auction_only(tif)) {
    const bool opens = b.status == Status::PreOpen || b.status == Status::OpeningAuction;
    return tif == TimeInForce::AtClose || opens ? RefusalCode::None : RefusalCode::NotTrading;
  }
  // Orders are only collected: what must trade at once has no place here.
  const bool at_once = type == OrderType::Market || type == OrderType::Midpoint
                           ? tif != TimeInForce::Day || type == OrderType::Market
                           : type == OrderType::Limit && tif != TimeInForce::Day;
  if (at_once || has_option(options, option::kMinQuantity)) return RefusalCode::NotTrading;
  return RefusalCode::None;
}

// Why there is no such order: it was there and is gone, or it never was.
RefusalCode MatchingEngine::missing(const model::Record& request) const noexcept {
  if (request.actor_id == 0 || request.actor_id > config_.max_actors) {
    return RefusalCode::UnknownActor;
  }
  return request.order_id <= actor_last_id_[request.actor_id] ? RefusalCode::TooLate
                                                              : RefusalCode::UnknownOrder;
}

// `asked` is complete: what the request left open has been filled in from the order.
RefusalCode MatchingEngine::check_replace(const Book& b, Slot slot,
                                          const OrderTicket& asked) const noexcept {
  const matching::Order& o = pool_[slot];
  if (!valid_size(b, asked.order.size_lots)) return RefusalCode::BadSize;
  if (has_option(o.options, option::kIceberg) && !valid_size(b, asked.display_lots)) {
    return RefusalCode::BadSize;
  }
  if (const auto code = check_prices(b, asked); code != RefusalCode::None) return code;
  if (has_option(o.options, option::kPostOnly) && o.type == OrderType::Limit &&
      b.status == Status::Trading) {
    Incoming in = incoming(slot);
    in.price_ticks = asked.order.price_ticks;
    if (would_take(b, in)) return RefusalCode::WouldCross;
  }
  const auto kept = static_cast<std::uint16_t>(o.options & ~option::kMinQuantity);
  const auto tif = o.type == OrderType::StopLimit ? TimeInForce::Day : o.tif;
  return check_phase(b, o.type, tif, kept);
}

}  // namespace kimera::market
