#include "kimera/market/order_flow.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "kimera/market/order_flow_agents.hpp"

namespace kimera::market {
namespace {

using model::Action;
using model::Kind;
using model::kNoPrice;
using model::kNoTime;
using model::MarkAct;
using model::OrderAct;
using model::OrderType;
using model::Record;
using model::ReportAct;
using model::Side;
using model::TimeInForce;

constexpr std::uint32_t kMaxAgents = 60'000;  // actor ids are 16 bits
constexpr std::size_t kMaxLabels = 1U << 16U;
constexpr std::uint32_t kMaxOrders = 1U << 15U;                   // resting at one venue
constexpr std::size_t kMaxRecords = 4 * std::size_t{kMaxOrders};  // of one event
constexpr std::size_t kMaxWakeUps = 1U << 16U;
constexpr std::uint32_t kOpening = 0xFFFFFFFF;  // "agents" of the heap that are the market itself
constexpr std::uint32_t kFundamentals = 0xFFFFFFFE;
constexpr double kSlowestPace = 0.25;
constexpr double kFastestPace = 4;

std::vector<AssetFundamental> fundamentals_of(const SimulationParameters& parameters) {
  std::vector<AssetFundamental> out;
  out.reserve(parameters.assets.size());
  for (const auto& asset : parameters.assets) out.push_back(asset.fundamental);
  return out;
}

VenueConfig venue_config(const SimulationParameters& parameters, std::size_t venue) {
  VenueConfig config;
  config.venue_id = static_cast<std::uint16_t>(venue + 1);
  config.fees.maker_fee_e7 = parameters.venues[venue].maker_fee_e7;
  config.fees.taker_fee_e7 = parameters.venues[venue].taker_fee_e7;
  config.quotes =
      parameters.top_feed == TopFeed::DeltasAndQuotes ? QuoteOutput::On : QuoteOutput::Off;
  config.initial_status = model::Status::Closed;
  config.max_orders = kMaxOrders;
  config.max_orders_per_actor = kMaxOrders / 4;
  config.max_levels = kMaxOrders;
  for (std::size_t a = 0; a < parameters.assets.size(); ++a) {
    const double price = parameters.assets[a].fundamental.value_ticks;
    InstrumentRules rules;
    rules.instrument_id = static_cast<std::uint32_t>(venue * parameters.assets.size() + a + 1);
    rules.lowest_ticks =
        std::max<std::int64_t>(1, std::llround(price * (1 - parameters.price_window_frac)));
    rules.highest_ticks = std::llround(price * (1 + parameters.price_window_frac));
    config.instruments.push_back(rules);
  }
  return config;
}

}  // namespace

Impression::Impression(const FlowImpression& p) noexcept : largest_bp_(p.largest_bp) {
  double total = 0;
  double scale_s = p.fastest_s;
  for (std::size_t k = 0; k < kScales; ++k) {
    rate_hz_[k] = 1 / scale_s;
    weight_bp_[k] = std::pow(scale_s / p.fastest_s, -p.exponent);
    total += weight_bp_[k];
    scale_s *= p.scale_ratio;
  }
  for (auto& weight : weight_bp_) weight *= p.bp_per_unit / total;
}

void Impression::taken(double signed_units, std::int64_t now_ns) noexcept {
  const double elapsed_s = last_ns_ == kNoTime ? 0 : static_cast<double>(now_ns - last_ns_) * 1e-9;
  for (std::size_t k = 0; k < kScales; ++k) {
    level_bp_[k] = level_bp_[k] * std::exp(-rate_hz_[k] * elapsed_s) + weight_bp_[k] * signed_units;
  }
  last_ns_ = now_ns;
}

double Impression::bp(std::int64_t now_ns) const noexcept {
  if (last_ns_ == kNoTime) return 0;
  const double elapsed_s = static_cast<double>(now_ns - last_ns_) * 1e-9;
  double sum = 0;
  for (std::size_t k = 0; k < kScales; ++k)
    sum += level_bp_[k] * std::exp(-rate_hz_[k] * elapsed_s);
  return std::clamp(sum, -largest_bp_, largest_bp_);
}

OrderFlow::OrderFlow(const SimulationParameters& parameters, std::uint64_t seed)
    : parameters_(parameters),
      random_(runtime::Random::stream(seed, "order-flow")),
      fundamental_(parameters.fundamental, fundamentals_of(parameters), parameters.start_ns,
                   random_.stream("fundamental")),
      heap_(kMaxWakeUps),
      now_ns_(parameters.start_ns) {
  const std::size_t n_assets = parameters.assets.size();
  impressions_.assign(n_assets, Impression(parameters.flow_impression));
  venues_.reserve(parameters.venues.size());
  for (std::size_t v = 0; v < parameters.venues.size(); ++v) {
    venues_.emplace_back(venue_config(parameters, v));
    for (std::size_t a = 0; a < n_assets; ++a) {
      books_.push_back({static_cast<std::uint32_t>(books_.size()), v, a});
    }
  }
  out_.reserve(kMaxRecords);
  labels_.reserve(kMaxLabels);
  static_cast<void>(schedule(kOpening, now_ns_));
  agents_ = std::make_unique<FlowAgents>(*this);
  if (parameters.fundamental_mark_ns > 0) static_cast<void>(schedule(kFundamentals, now_ns_));
}

OrderFlow::~OrderFlow() = default;

// ---- time

bool OrderFlow::schedule(std::uint32_t agent, std::int64_t at_ns, std::uint32_t tag) noexcept {
  if (at_ns == kNever) return true;
  return heap_.push(std::max(at_ns, now_ns_), agent, tag);
}

std::int64_t OrderFlow::next_event_ns() const noexcept {
  const std::int64_t next = heap_.next_ns();
  return next < parameters_.end_ns ? next : kNever;
}

std::span<const Record> OrderFlow::step() noexcept {
  out_.clear();
  if (next_event_ns() == kNever) return {};
  const WakeUp event = heap_.pop();
  now_ns_ = std::max(now_ns_, event.ts_event_ns);
  fundamental_.advance(now_ns_);
  ++counters_.events;
  if (event.agent == kOpening) {
    open_books();
  } else if (event.agent == kFundamentals) {
    mark_fundamentals();
    static_cast<void>(schedule(kFundamentals, now_ns_ + parameters_.fundamental_mark_ns));
  } else {
    static_cast<void>(schedule(event.agent, agents_->wake(*this, event.agent, event.tag)));
  }
  return out_;
}

std::span<const Record> OrderFlow::submit(const Record& order) noexcept {
  out_.clear();
  now_ns_ = std::max(now_ns_, order.ts_event_ns);
  Record request = order;
  request.ts_event_ns = now_ns_;
  const std::size_t book = order.instrument_id - 1;
  if (order.instrument_id == 0 || book >= books_.size() || order.actor_id >= kFirstAgentActor) {
    Record refusal = request;
    refusal.kind = Kind::Report;
    refusal.action = static_cast<std::uint8_t>(
        order.order_act() == OrderAct::Cancel ? ReportAct::CancelRejected : ReportAct::Rejected);
    refusal.detail = static_cast<std::uint32_t>(order.actor_id >= kFirstAgentActor
                                                    ? model::RefusalCode::UnknownActor
                                                    : model::RefusalCode::UnknownInstrument);
    keep(refusal);
    return out_;
  }
  send(request, books_[book].venue);
  return out_;
}

FlowCounters OrderFlow::counters() const noexcept {
  FlowCounters out = counters_;
  out.refused_wake_ups = heap_.refused();
  return out;
}

// ---- what agents see

Touch OrderFlow::touch(std::uint32_t book) const noexcept {
  const MatchingEngine& venue = venues_[books_[book].venue];
  const DepthLevel bid = venue.best(book + 1, Side::Bid);
  const DepthLevel ask = venue.best(book + 1, Side::Ask);
  return {bid.price_ticks, bid.size_lots, ask.price_ticks, ask.size_lots};
}

std::int64_t OrderFlow::size_at(std::uint32_t book, Side side,
                                std::int64_t price_ticks) const noexcept {
  return venues_[books_[book].venue].size_at(book + 1, side, price_ticks);
}

double OrderFlow::pace(std::size_t asset) const noexcept {
  return std::clamp(fundamental_.nervousness(asset, now_ns_), kSlowestPace, kFastestPace);
}

// ---- what agents do

std::uint32_t OrderFlow::add_participant(std::string_view kind, std::uint64_t ordinal,
                                         std::size_t orders) {
  const auto index = static_cast<std::uint32_t>(participants_.size());
  if (index >= kMaxAgents) {
    throw std::invalid_argument("a market has at most " + std::to_string(kMaxAgents) + " agents");
  }
  const auto actor = static_cast<std::uint16_t>(kFirstAgentActor + index);
  participants_.push_back({.index = index,
                           .actor_id = actor,
                           .random = random_.stream(kind).stream(ordinal),
                           .orders = OwnOrders(actor, orders),
                           .position_lots = std::vector<std::int64_t>(books_.size())});
  for (auto& venue : venues_) {
    venue.set_self_trade(actor, model::SelfTradePrevention::CancelResting);
  }
  return index;
}

Record OrderFlow::request(const Participant& agent, std::uint32_t book,
                          OrderAct act) const noexcept {
  Record r{};
  r.ts_event_ns = now_ns_;
  r.ts_recv_ns = kNoTime;
  r.price_ticks = kNoPrice;
  r.instrument_id = book + 1;
  r.venue_id = static_cast<std::uint16_t>(books_[book].venue + 1);
  r.actor_id = agent.actor_id;
  r.kind = Kind::Order;
  r.action = static_cast<std::uint8_t>(act);
  r.side = Side::None;
  return r;
}

void OrderFlow::send(const Record& request, std::size_t venue) noexcept {
  venues_[venue].submit(request, [this](const Record& r) { receive(r); });
}

bool OrderFlow::quote(Participant& agent, std::uint32_t book, Side side, std::int64_t price_ticks,
                      std::int64_t lots) noexcept {
  if (agent.orders.full() || price_ticks < 1) return false;
  const std::uint32_t slot = agent.orders.open(
      {.price_ticks = price_ticks, .leaves_lots = lots, .book = book, .side = side});
  Record r = request(agent, book, OrderAct::New);
  r.order_id = agent.orders[slot].order_id;
  r.side = side;
  r.price_ticks = price_ticks;
  r.size_lots = lots;
  r.detail =
      model::order_detail(OrderType::Limit, TimeInForce::Day, model::order_option::kPostOnly);
  ++agent.orders_sent;
  ++counters_.requests;
  send(r, books_[book].venue);
  return agent.orders.find(r.order_id) != nullptr;
}

std::int64_t OrderFlow::take(Participant& agent, std::uint32_t book, Side side,
                             std::int64_t limit_ticks, std::int64_t lots, Tells tells) noexcept {
  if (limit_ticks == kNoPrice || lots < 1) return 0;
  Record r = request(agent, book, OrderAct::New);
  r.order_id = agent.orders.next_id(OwnOrders::kNoSlot);
  r.side = side;
  r.price_ticks = limit_ticks;
  r.size_lots = lots;
  r.detail = model::order_detail(OrderType::Limit, TimeInForce::Ioc);
  ++agent.orders_sent;
  ++counters_.requests;
  const std::int64_t before = agent.filled_lots;
  tells_ = tells;
  send(r, books_[book].venue);
  tells_ = Tells::Something;
  return agent.filled_lots - before;
}

void OrderFlow::leave_stop(Participant& agent, std::uint32_t book, Side side,
                           std::int64_t trigger_ticks, std::int64_t lots) noexcept {
  if (agent.orders.full() || trigger_ticks < 1) return;
  const std::uint32_t slot = agent.orders.open(
      {.price_ticks = trigger_ticks, .leaves_lots = lots, .book = book, .side = side});
  OrderTicket ticket{.order = request(agent, book, OrderAct::New), .trigger_ticks = trigger_ticks};
  ticket.order.order_id = agent.orders[slot].order_id;
  ticket.order.side = side;
  ticket.order.size_lots = lots;
  ticket.order.detail = model::order_detail(OrderType::Stop, TimeInForce::Day);
  ++agent.orders_sent;
  ++counters_.requests;
  venues_[books_[book].venue].submit(ticket, [this](const Record& x) { receive(x); });
}

void OrderFlow::cancel(Participant& agent, std::uint32_t slot) noexcept {
  const OwnOrder order = agent.orders[slot];
  Record r = request(agent, order.book, OrderAct::Cancel);
  r.order_id = order.order_id;
  ++counters_.requests;
  send(r, books_[order.book].venue);
}

void OrderFlow::cancel_all(Participant& agent) noexcept {
  for (std::size_t left = agent.orders.size(); left > 0; --left) {
    cancel(agent, agent.orders.slot_at(left - 1));
  }
}

// ---- what comes back

void OrderFlow::receive(const Record& record) noexcept {
  if (record.kind == Kind::Report && record.actor_id >= kFirstAgentActor) return report(record);
  if (record.kind == Kind::Delta) {
    ++counters_.public_records;
    const Action action = record.delta_action();
    const bool traded = action == Action::Execute || action == Action::Trade;
    if (traded && tells_ == Tells::Something) {
      const Side taker = action == Action::Trade ? record.side : model::opposite(record.side);
      const std::size_t asset = books_[record.instrument_id - 1].asset;
      const double units = static_cast<double>(record.size_lots) / unit_lots(asset);
      impressions_[asset].taken(sign_of(taker) * units, now_ns_);
    }
  }
  keep(record);
}

void OrderFlow::report(const Record& record) noexcept {
  Participant& agent = participants_[record.actor_id - kFirstAgentActor];
  OwnOrder* order = agent.orders.find(record.order_id);
  switch (record.report_act()) {
    case ReportAct::Filled: {
      const double sign = sign_of(record.side);
      agent.position_lots[record.instrument_id - 1] +=
          sign > 0 ? record.size_lots : -record.size_lots;
      agent.filled_lots += record.size_lots;
      if (order == nullptr) break;
      order->leaves_lots -= record.size_lots;
      if (order->leaves_lots <= 0) agent.orders.close(*order);
      break;
    }
    case ReportAct::Rejected:
      ++counters_.refused_requests;
      if (order != nullptr) agent.orders.close(*order);
      break;
    case ReportAct::Cancelled:
    case ReportAct::Expired:
    case ReportAct::CancelRejected:
      if (order != nullptr) agent.orders.close(*order);
      break;
    case ReportAct::Accepted:
    case ReportAct::Replaced:
    case ReportAct::Denied:
    case ReportAct::Triggered:
      break;
  }
}

void OrderFlow::keep(const Record& record) noexcept {
  if (out_.size() == kMaxRecords) {
    ++counters_.lost_records;
    return;
  }
  out_.push_back(record);  // within the reserved capacity: never allocates
}

// ---- marks and labels

void OrderFlow::open_books() noexcept {
  for (const FlowBook& book : books_) {
    venues_[book.venue].set_status(book.index + 1, model::Status::Trading, now_ns_,
                                   [this](const Record& r) { receive(r); });
  }
}

void OrderFlow::mark(MarkAct act, std::uint32_t book, std::uint32_t detail, std::uint16_t actor,
                     std::int64_t value) noexcept {
  Record r{};
  r.ts_event_ns = now_ns_;
  r.ts_recv_ns = kNoTime;
  r.price_ticks = value;
  r.instrument_id = book + 1;
  r.venue_id = static_cast<std::uint16_t>(books_[book].venue + 1);
  r.actor_id = actor;
  r.detail = detail;
  r.kind = Kind::Mark;
  r.action = static_cast<std::uint8_t>(act);
  r.side = Side::None;
  keep(r);
}

void OrderFlow::mark_fundamentals() noexcept {
  for (std::size_t a = 0; a < parameters_.assets.size(); ++a) {
    mark(MarkAct::Fundamental, book_of(0, a), 0, 0, std::llround(fundamental_ticks(a)));
  }
}

std::uint32_t OrderFlow::begin_label(std::uint8_t kind, const Participant& agent,
                                     std::uint32_t book, bool every_venue, Side side,
                                     std::int64_t lots) noexcept {
  if (labels_.size() == kMaxLabels) {
    ++counters_.dropped_labels;
    return 0;
  }
  const auto id = static_cast<std::uint32_t>(labels_.size() + 1);
  const auto venue = static_cast<std::uint16_t>(every_venue ? 0 : books_[book].venue + 1);
  // Sizes and orders are counted from here: end_label() takes the difference.
  labels_.push_back({.label_id = id,
                     .kind = kind,
                     .side = side,
                     .venue_id = venue,
                     .instrument_id = book + 1,
                     .actor_id = agent.actor_id,
                     .begin_ns = now_ns_,
                     .end_ns = kNoTime,
                     .size_lots = lots,
                     .filled_lots = agent.filled_lots,
                     .orders = agent.orders_sent,
                     .mid_begin_ticks = touch(book).mid(),
                     .mid_end_ticks = 0,
                     .value_begin_ticks = fundamental_ticks(books_[book].asset),
                     .value_end_ticks = 0});
  if (kind != kMetaOrderLabel) mark(MarkAct::LabelBegin, book, id, agent.actor_id, kNoPrice);
  return id;
}

void OrderFlow::end_label(std::uint32_t label_id, const Participant& agent) noexcept {
  if (label_id == 0) return;
  FlowLabel& label = labels_[label_id - 1];
  const std::uint32_t book = label.instrument_id - 1;
  label.end_ns = now_ns_;
  label.filled_lots = agent.filled_lots - label.filled_lots;
  label.orders = agent.orders_sent - label.orders;
  label.mid_end_ticks = touch(book).mid();
  label.value_end_ticks = fundamental_ticks(books_[book].asset);
  if (label.kind != kMetaOrderLabel) {
    mark(MarkAct::LabelEnd, book, label_id, agent.actor_id, kNoPrice);
  }
}

}  // namespace kimera::market
