// The matching engine of one venue with many instruments.
//
// Requests go in as records of Kind::Order, what happens comes out through a sink as the record
// stream a real venue would print (Delta, Quote, Status; `sequence` rises by one per record),
// mixed with private Reports addressed by actor_id and the client's own order_id. Same input, same
// output, byte for byte. Nothing allocates after construction; a full bound is a counted refusal.
//
//   MatchingEngine venue(config);
//   venue.submit(order_record, [&](const model::Record& r) { journal.append(r); });
//
// A displayed resting order that trades prints an Execute (side of the resting order); what trades
// against anything undisplayed prints a Trade flagged kHidden (side of the taker). An auction
// prints an Execute flagged kNoPrint for each displayed order and one Trade for the whole volume.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "kimera/market/matching_engine_config.hpp"
#include "kimera/market/matching_engine_ladder.hpp"
#include "kimera/market/matching_engine_outbox.hpp"
#include "kimera/market/matching_engine_pool.hpp"
#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

// An order with everything it may ask for. to_records() writes it down, submit() takes it whole.
// What is left unset is 0 or absent in a New, and stays as it is in a Replace.
struct OrderTicket {
  model::Record order{};
  std::int64_t trigger_ticks = model::kNoPrice;     // Stop, StopLimit
  std::int64_t display_lots = 0;                    // kIceberg
  std::int64_t min_lots = 0;                        // kMinQuantity, at most 2^32 - 1
  std::int64_t peg_offset_ticks = model::kNoPrice;  // Pegged: ticks behind the best price, >= 0
};

// Writes [Terms,] order to out; gives how many. Terms are written only when the order needs them.
std::size_t to_records(const OrderTicket& ticket, std::span<model::Record, 2> out) noexcept;

struct DepthLevel {
  std::int64_t price_ticks = model::kNoPrice;  // kNoPrice: there is none
  std::int64_t size_lots = 0;
  std::uint32_t n_orders = 0;

  friend bool operator==(const DepthLevel&, const DepthLevel&) = default;
};

// What the venue knows about one live order.
struct OrderState {
  bool live = false;
  model::Side side = model::Side::None;
  std::int64_t price_ticks = model::kNoPrice;  // where it rests; its trigger while it is a stop
  std::int64_t leaves_lots = 0;
  std::int64_t displayed_lots = 0;   // 0 while it is not in the displayed book
  std::uint64_t venue_order_id = 0;  // the id in the public stream
};

struct EngineCounters {
  std::uint64_t orders = 0;                 // New
  std::uint64_t cancels = 0;                // Cancel
  std::uint64_t replaces = 0;               // Replace
  std::uint64_t fills = 0;                  // pairs matched; an auction counts its filled orders
  std::uint64_t self_trades = 0;            // pairs kept from trading
  std::uint64_t ignored = 0;                // records that are not requests to this venue
  std::uint64_t unmatched_terms = 0;        // Terms records that no New or Replace followed
  std::array<std::uint64_t, 32> refused{};  // by RefusalCode
};

class MatchingEngine {
 public:
  // Throws std::invalid_argument when the configuration contradicts itself.
  explicit MatchingEngine(VenueConfig config);

  // A request arrives now: a Kind::Order record (ts_event_ns = arrival; times that run backwards
  // are taken as "now"), or a Kind::Status record, which sets a status.
  // The sink gets every record as const Record& and must not throw.
  template <class Sink>
  void submit(const model::Record& request, Sink&& sink) {
    attach(sink);
    handle(request);
  }
  template <class Sink>
  void submit(const OrderTicket& ticket, Sink&& sink) {
    attach(sink);
    handle(ticket);
  }
  // Change the trading status of an instrument; auctions uncross on the way.
  template <class Sink>
  void set_status(std::uint32_t instrument_id, model::Status status, std::int64_t ts_ns,
                  Sink&& sink) {
    attach(sink);
    handle_status(instrument_id, status, ts_ns);
  }
  // Dark venues: the best prices elsewhere. kNoPrice on a side stops matching.
  template <class Sink>
  void set_reference(std::uint32_t instrument_id, std::int64_t bid_ticks, std::int64_t ask_ticks,
                     std::int64_t ts_ns, Sink&& sink) {
    attach(sink);
    handle_reference(instrument_id, bid_ticks, ask_ticks, ts_ns);
  }
  // Timed status changes (a day's end is a change to Closed, which expires what rests). They
  // happen in advance(), and before any request that arrives at or after their time. False: full.
  bool schedule(std::int64_t ts_ns, std::uint32_t instrument_id, model::Status status) noexcept;
  template <class Sink>
  void advance(std::int64_t ts_ns, Sink&& sink) {
    attach(sink);
    run_schedule(ts_ns);
  }
  [[nodiscard]] std::int64_t next_event_ns() const noexcept {  // INT64_MAX: nothing is scheduled
    return schedule_.empty() ? INT64_MAX : schedule_.back().ts_ns;
  }

  // The mode of one actor's incoming orders, instead of the venue's.
  void set_self_trade(std::uint16_t actor_id, model::SelfTradePrevention mode) noexcept;

  // The displayed book.
  [[nodiscard]] DepthLevel best(std::uint32_t instrument_id, model::Side side) const noexcept {
    const Book* b = find_book(instrument_id);
    if (b == nullptr || side == model::Side::None) return {};
    const auto& ladder = b->sides[index_of(side)].shown;
    return ladder.empty() ? DepthLevel{} : depth_at(ladder, ladder.best_key());
  }
  [[nodiscard]] std::int64_t size_at(std::uint32_t instrument_id, model::Side side,
                                     std::int64_t price_ticks) const noexcept {
    const Book* b = find_book(instrument_id);
    if (b == nullptr || side == model::Side::None) return 0;
    const auto& ladder = b->sides[index_of(side)].shown;
    return ladder.contains(price_ticks) ? ladder.level(ladder.key_of(price_ticks)).lots : 0;
  }
  // Best first; gives how many were written.
  std::size_t levels(std::uint32_t instrument_id, model::Side side,
                     std::span<DepthLevel> out) const noexcept {
    const Book* b = find_book(instrument_id);
    if (b == nullptr || side == model::Side::None) return 0;
    const auto& ladder = b->sides[index_of(side)].shown;
    std::size_t n = 0;
    for (auto key = ladder.best_key(); key >= 0 && n < out.size(); key = ladder.worse(key)) {
      out[n++] = depth_at(ladder, key);
    }
    return n;
  }
  [[nodiscard]] OrderState order(std::uint16_t actor_id, std::uint64_t client_id) const noexcept;
  // Displayed lots that trade before this order at its price; -1 when it is not displayed.
  // Walks the queue.
  [[nodiscard]] std::int64_t lots_ahead(std::uint16_t actor_id,
                                        std::uint64_t client_id) const noexcept;

  [[nodiscard]] model::Status status(std::uint32_t instrument_id) const noexcept {
    const Book* b = find_book(instrument_id);
    return b == nullptr ? model::Status::Closed : b->status;
  }
  [[nodiscard]] std::int64_t last_trade_ticks(std::uint32_t instrument_id) const noexcept {
    const Book* b = find_book(instrument_id);
    return b == nullptr ? model::kNoPrice : b->last_trade;
  }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return now_ns_; }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return outbox_.sequence(); }
  [[nodiscard]] std::uint32_t n_orders() const noexcept { return pool_.size(); }
  [[nodiscard]] const EngineCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const FeeSchedule& fees() const noexcept { return config_.fees; }
  [[nodiscard]] const VenueConfig& config() const noexcept { return config_; }

 private:
  using Slot = matching::Slot;

  struct BookSide {
    matching::Ladder shown;
    matching::Ladder hidden;
    matching::Ladder stops;
    DepthLevel quoted;  // what the last Quote record said
  };
  struct Book {
    std::uint32_t instrument_id = 0;
    model::Status status = model::Status::Closed;
    std::uint32_t index = 0;
    InstrumentRules rules;
    TickTable ticks;
    std::array<BookSide, 2> sides;
    matching::List pegs;     // in order of entry: Pegged and Midpoint
    matching::List auction;  // in order of entry: AtOpen and AtClose
    std::int64_t last_trade = model::kNoPrice;
    std::int64_t trade_high = model::kNoPrice;  // of trades that stops have not seen yet
    std::int64_t trade_low = model::kNoPrice;
    std::array<std::int64_t, 2> reference{model::kNoPrice, model::kNoPrice};
  };
  // An order on its way in. slot != 0: it is already known and only moves.
  struct Incoming {
    Slot slot = 0;
    std::uint16_t actor_id = 0;
    std::uint16_t options = 0;
    model::Side side = model::Side::None;
    model::OrderType type = model::OrderType::Limit;
    model::TimeInForce tif = model::TimeInForce::Day;
    model::SelfTradePrevention self_trade = model::SelfTradePrevention::None;
    std::uint64_t client_id = 0;
    std::uint64_t venue_order_id = 0;
    std::int64_t price_ticks = model::kNoPrice;  // kNoPrice: any
    std::int64_t leaves = 0;
    std::int64_t display_lots = 0;
    std::int64_t min_lots = 0;
    std::int64_t trigger_ticks = model::kNoPrice;
    std::int64_t peg_offset_ticks = model::kNoPrice;
    std::int64_t deal_ticks = model::kNoPrice;  // the midpoint, in a dark venue
  };
  struct Timed {
    std::int64_t ts_ns;
    std::uint32_t instrument_id;
    model::Status status;
  };
  enum class Flow : std::uint8_t { Go = 0, Stop = 1 };
  enum class Closing : std::uint8_t { No = 0, Yes = 1 };  // whether AtClose orders take part
  struct Cross {
    std::int64_t price_ticks = model::kNoPrice;
    std::int64_t volume_lots = 0;
  };

  template <class Sink>
  void attach(Sink& sink) noexcept {
    outbox_.attach(
        [](void* to, const model::Record* records, std::size_t n) {
          auto& out = *static_cast<Sink*>(to);
          for (std::size_t i = 0; i < n; ++i) out(records[i]);
        },
        const_cast<void*>(static_cast<const void*>(std::addressof(sink))));
  }
  [[nodiscard]] static std::size_t index_of(model::Side side) noexcept {
    return static_cast<std::size_t>(side);
  }
  [[nodiscard]] static DepthLevel depth_at(const matching::Ladder& ladder,
                                           std::int32_t key) noexcept {
    const auto& level = ladder.level(key);
    return {ladder.price_of(key), level.lots, level.n_orders};
  }
  [[nodiscard]] const Book* find_book(std::uint32_t instrument_id) const noexcept {
    const std::uint32_t i = instrument_id < by_id_.size() ? by_id_[instrument_id] : 0;
    return i == 0 ? nullptr : &books_[i - 1];
  }
  [[nodiscard]] Book* find_book(std::uint32_t instrument_id) noexcept {
    return const_cast<Book*>(std::as_const(*this).find_book(instrument_id));
  }

  // Requests (matching_engine.cpp).
  void handle(const model::Record& request) noexcept;
  void handle(const OrderTicket& ticket) noexcept;
  void handle_status(std::uint32_t instrument_id, model::Status status, std::int64_t ts) noexcept;
  void apply_status(std::uint32_t instrument_id, model::Status status, std::int64_t ts) noexcept;
  void handle_reference(std::uint32_t instrument_id, std::int64_t bid, std::int64_t ask,
                        std::int64_t ts) noexcept;
  void run_schedule(std::int64_t ts) noexcept;
  void enter(const OrderTicket& ticket) noexcept;
  void enter_limit(Book& b, const model::Record& r) noexcept;
  void trade_or_rest(Book& b, Incoming& in) noexcept;
  void wait_for_trigger(Book& b, Slot slot, std::int64_t trigger_ticks) noexcept;
  void wait_for_auction(Book& b, const Incoming& in) noexcept;
  void cancel(const model::Record& request) noexcept;
  void replace(const OrderTicket& ticket) noexcept;
  [[nodiscard]] OrderTicket completed(Slot slot, const OrderTicket& ticket) const noexcept;
  [[nodiscard]] bool only_shrinks(Slot slot, const OrderTicket& asked) const noexcept;
  void shrink(Book& b, Slot slot, std::int64_t lots) noexcept;
  void reenter(Book& b, Slot slot, const OrderTicket& asked) noexcept;
  void reenter_limit(Book& b, Slot slot, const OrderTicket& asked) noexcept;
  void finish(Book& b) noexcept;
  [[nodiscard]] Incoming incoming(const OrderTicket& ticket) const noexcept;
  [[nodiscard]] Incoming incoming(Slot slot) const noexcept;

  // Whether a request is allowed (matching_engine_match.hpp, matching_engine_rules.cpp).
  [[nodiscard]] model::RefusalCode check_new(const Book* b, const OrderTicket& t) const noexcept;
  [[nodiscard]] model::RefusalCode check_kind(const OrderTicket& t) const noexcept;
  [[nodiscard]] model::RefusalCode check_sizes(const Book& b, const OrderTicket& t) const noexcept;
  [[nodiscard]] model::RefusalCode check_replace(const Book& b, Slot slot,
                                                 const OrderTicket& asked) const noexcept;
  [[nodiscard]] model::RefusalCode missing(const model::Record& request) const noexcept;
  [[nodiscard]] model::RefusalCode check_prices(const Book& b, const OrderTicket& t) const noexcept;
  [[nodiscard]] model::RefusalCode check_phase(const Book& b, model::OrderType type,
                                               model::TimeInForce tif,
                                               std::uint16_t options) const noexcept;
  [[nodiscard]] bool valid_price(const Book& b, std::int64_t price_ticks) const noexcept;
  [[nodiscard]] bool valid_size(const Book& b, std::int64_t lots) const noexcept;
  [[nodiscard]] bool dark() const noexcept { return config_.display == Display::Dark; }
  [[nodiscard]] model::SelfTradePrevention self_trade_mode(std::uint16_t actor_id) const noexcept {
    const std::uint8_t own = actor_self_trade_[actor_id];
    return own == 0 ? config_.self_trade : static_cast<model::SelfTradePrevention>(own - 1);
  }

  // Continuous trading (native/src/market/matching_engine_match.hpp).
  [[nodiscard]] model::RefusalCode check_liquidity(Book& b, const Incoming& in) const noexcept;
  [[nodiscard]] bool would_take(const Book& b, const Incoming& in) const noexcept;
  [[nodiscard]] std::int64_t available(const Book& b, const Incoming& in,
                                       std::int64_t wanted) const noexcept;
  void match(Book& b, Incoming& in) noexcept;
  void fill(Book& b, Incoming& in, Slot resting, std::int64_t lots) noexcept;
  Flow prevent_self_trade(Book& b, Incoming& in, Slot resting) noexcept;
  void take_from_queue(Book& b, Slot slot, std::int64_t lots) noexcept;
  // Where the rest of an order goes; `act` is how a displayed one appears: Add or Modify.
  void rest_or_cancel(Book& b, Incoming& in, model::Action act) noexcept;
  void cancel_rest(Book& b, const Incoming& in, model::RefusalCode code) noexcept;
  Slot keep(Book& b, const Incoming& in) noexcept;
  [[nodiscard]] bool join(Book& b, Slot slot, matching::Place place, model::Action act) noexcept;
  void leave(Book& b, Slot slot) noexcept;
  void withdraw(Book& b, Slot slot) noexcept;
  void forget(Book& b, Slot slot) noexcept;
  void refresh(Book& b, Slot slot) noexcept;
  void note_trade(Book& b, std::int64_t price_ticks) noexcept;
  [[nodiscard]] matching::Ladder& ladder_of(Book& b, const matching::Order& o) noexcept;
  [[nodiscard]] std::int64_t asked_price(Slot slot) const noexcept;

  // What follows a trade or a change of the best prices (matching_engine_triggers.cpp).
  void settle(Book& b) noexcept;
  void settle_all(Book& b) noexcept;
  [[nodiscard]] bool note_reference(Book& b) noexcept;
  [[nodiscard]] bool follow_reference(Book& b) noexcept;
  [[nodiscard]] model::RefusalCode check_midpoint(Book& b, const Incoming& in) noexcept;
  [[nodiscard]] bool elect_stop(Book& b) noexcept;
  void elect(Book& b, Slot slot) noexcept;
  void place_peg(Book& b, Slot slot) noexcept;
  void move_peg(Book& b, Slot slot, matching::Place from) noexcept;
  [[nodiscard]] std::int64_t firm_best(const Book& b, model::Side side) const noexcept;
  [[nodiscard]] std::int64_t peg_price(const Book& b, model::Side side, model::OrderType type,
                                       const matching::Terms& terms) const noexcept;
  void park_pegs(Book& b) noexcept;

  // Auctions and status (matching_engine_auction.cpp).
  void change_status(Book& b, model::Status status) noexcept;
  void uncross(Book& b, Closing closing) noexcept;
  [[nodiscard]] Cross equilibrium(const Book& b, Closing closing) const noexcept;
  [[nodiscard]] std::int64_t auction_market_lots(const Book& b, model::Side side,
                                                 Closing closing) const noexcept;
  [[nodiscard]] std::int64_t level_leaves(const matching::Ladder& ladder,
                                          std::int32_t key) const noexcept;
  void fill_auction_side(Book& b, model::Side side, const Cross& cross, Closing closing) noexcept;
  std::int64_t fill_in_auction(Book& b, Slot slot, const Cross& cross,
                               std::int64_t wanted) noexcept;
  void join_closing(Book& b) noexcept;
  void expire(Book& b, Slot slot) noexcept;
  void expire_all(Book& b) noexcept;

  // Dark matching (matching_engine_dark.cpp).
  void match_dark(Book& b, Incoming& in) noexcept;
  void trade_or_rest_dark(Book& b, Incoming& in) noexcept;
  [[nodiscard]] std::int64_t midpoint(const Book& b) const noexcept;
  [[nodiscard]] model::RefusalCode check_dark(const Book& b, Incoming& in) const noexcept;
  [[nodiscard]] Slot dark_partner(const matching::Ladder& against,
                                  const Incoming& in) const noexcept;
  void cross_dark(Book& b) noexcept;

  // Records (native/src/market/matching_engine_records.hpp).
  struct Deal {
    std::int64_t price_ticks;
    std::int64_t lots;
    std::uint32_t detail = 0;
    std::uint8_t flags = 0;
  };
  void delta(model::Action action, const matching::Order& o, const Deal& deal) noexcept;
  void print(model::Side taker, const Deal& deal) noexcept;
  void report(model::ReportAct act, const matching::Order& o, const Deal& deal) noexcept;
  void report(model::ReportAct act, const Incoming& in, const Deal& deal) noexcept;
  void refuse(model::ReportAct act, const model::Record& request, model::RefusalCode code) noexcept;
  void quote_changes(Book& b) noexcept;

  VenueConfig config_;
  std::vector<Book> books_;
  std::vector<std::uint32_t> by_id_;  // instrument id -> index in books_ + 1
  matching::OrderPool pool_;
  matching::OrderIndex index_;
  matching::Outbox outbox_;
  matching::ZeroArray<std::uint32_t> actor_orders_;     // live orders per actor
  matching::ZeroArray<std::uint64_t> actor_last_id_;    // highest order id an actor has used
  matching::ZeroArray<std::uint8_t> actor_self_trade_;  // mode + 1; 0 = the venue's
  std::vector<Timed> schedule_;                         // latest first
  OrderTicket plain_;                                   // a request on its way in, without terms
  model::Record terms_{};                               // of the New or Replace that must follow
  bool has_terms_ = false;
  std::uint64_t last_order_id_ = 0;
  std::int64_t now_ns_ = model::kNoTime;
  EngineCounters counters_;
};

}  // namespace kimera::market
