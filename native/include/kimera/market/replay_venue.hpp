// A venue made of a recorded tape. The tape decides what happens to the recorded book; own orders
// rest beside it, in a place of the queue that is exact where the tape names orders (L3) and
// modelled where it shows totals (queue_model.hpp), and are filled by the volume that would have
// met them:
//   - an execution behind us at our price, or at a price worse than ours, fills us first;
//   - an order (L3) or new size (L2) that arrives at a price that crosses ours fills us;
//   - never by more than the volume the tape shows.
// A marketable order takes the displayed levels, best first; what it took is remembered (or not,
// Consumption), because the tape itself does not change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kimera/market/own_orders.hpp"
#include "kimera/market/queue_model.hpp"
#include "kimera/market/tape_book.hpp"
#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market {

enum class Consumption : std::uint8_t { Remember = 0, Forget = 1 };

struct ReplayVenueConfig {
  BookKind book = BookKind::ByPrice;
  QueueRule queue;
  Consumption consumption = Consumption::Remember;
  std::uint32_t n_instruments = 1;
  std::uint32_t max_orders = 1024;  // own orders resting at once
  BookCapacity capacity;
};

struct ReplayCounters {
  std::uint64_t records = 0;
  std::uint64_t foreign_records = 0;  // orders and reports on the tape: not market data
  std::uint64_t unknown_instrument = 0;
  std::uint64_t time_backwards = 0;  // event times that ran backwards; taken at the later one
  std::uint64_t consumption_forgotten = 0;
};

class ReplayVenue {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  explicit ReplayVenue(const ReplayVenueConfig& config);

  // The next records of the tape; they must stay where they are until the next call or the end.
  void feed(std::span<const model::Record> batch) noexcept;
  // No more will come.
  void finish() noexcept { finished_ = true; }
  // True when the batch is used up and more may come: time must not pass it.
  [[nodiscard]] bool starved() const noexcept { return at_ == end_ && !finished_; }

  [[nodiscard]] std::int64_t next_event_ns() const noexcept { return next_ns_; }
  template <class Sink>
  void step(Sink&& sink) noexcept;
  template <class Sink>
  void submit(const model::Record& order, Sink&& sink) noexcept;

  [[nodiscard]] const ReplayCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] const TapeBook& book(std::uint32_t instrument_id) const noexcept {
    return lines_[instrument_id - 1].book;
  }
  [[nodiscard]] std::uint32_t n_instruments() const noexcept {
    return static_cast<std::uint32_t>(lines_.size());
  }
  // Recorded lots ahead of an own resting order; -1 when there is none. For tests and reports.
  [[nodiscard]] double lots_ahead(std::uint64_t order_id) const noexcept;

 private:
  struct Line {
    Line(const ReplayVenueConfig& c)
        : book(c.book, c.capacity), own{OwnSide(c.max_orders), OwnSide(c.max_orders)} {}
    TapeBook book;
    OwnSide own[2];
    Consumed consumed;
    bool watched = false;  // own orders rest or consumption is remembered
    bool trading = true;
  };

  void advance() noexcept;
  void take(Line& line, const model::Record& r) noexcept;
  template <class Sink>
  void take_watched(Line& line, const model::Record& r, Sink& sink) noexcept;
  template <class Sink>
  void by_order(Line& line, const model::Record& r, Sink& sink) noexcept;
  template <class Sink>
  void executed(Line& line, const model::Record& r, Sink& sink) noexcept;
  template <class Sink>
  void by_price(Line& line, const model::Record& r, Sink& sink) noexcept;
  template <class Sink>
  void traded(Line& line, const model::Record& r, Sink& sink) noexcept;
  template <class Sink>
  void crossed(Line& line, model::Side arriving, std::int64_t price, std::int64_t lots,
               Sink& sink) noexcept;
  template <class Sink>
  void accept(Line& line, const model::Record& order, Sink& sink) noexcept;
  template <class Sink>
  std::int64_t take_liquidity(Line& line, const model::Record& order, Sink& sink) noexcept;
  template <class Sink>
  void fill(Line& line, std::uint32_t slot, std::int64_t lots, Sink& sink) noexcept;
  template <class Sink>
  void cancel(const model::Record& request, Sink& sink) noexcept;
  template <class Sink>
  void replace(const model::Record& request, Sink& sink) noexcept;
  template <class Sink>
  void refuse(const model::Record& request, model::ReportAct act, model::RefusalCode code,
              Sink& sink) noexcept;

  [[nodiscard]] model::RefusalCode check(const model::Record& order) const noexcept;
  [[nodiscard]] bool would_cross(const Line& line, model::Side side,
                                 std::int64_t limit) const noexcept;
  [[nodiscard]] std::int64_t available(const Line& line, model::Side side, std::int64_t limit,
                                       std::int64_t wanted) const noexcept;
  void queue_moved(Line& line, model::Side side, std::int64_t price, std::int64_t before,
                   std::int64_t after) noexcept;
  void ahead_gone(Line& line, model::Side side, std::int64_t price, std::int64_t lots_before,
                  std::int64_t lots) noexcept;
  void limit_consumed(Line& line, const model::Record& r) noexcept;
  void rest(Line& line, const model::Record& order, std::int64_t leaves) noexcept;
  void drop(Line& line, std::uint32_t slot) noexcept;
  void refresh(Line& line) noexcept;
  [[nodiscard]] std::uint32_t find(std::uint64_t order_id) const noexcept;
  [[nodiscard]] model::Record report(const model::Record& order, model::ReportAct act,
                                     std::int64_t price, std::int64_t lots) noexcept;

  static constexpr std::ptrdiff_t kAhead = 8;  // records a book is told beforehand
  static constexpr std::uint32_t kAbsent = ~std::uint32_t{0};
  static constexpr std::size_t kSweepLevels = 64;  // an order takes at most this many levels

  ReplayVenueConfig config_;
  std::vector<Line> lines_;
  std::vector<OwnOrder> pool_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> hint_;  // low bits of an order id -> slot
  bool clashed_ = false;
  const model::Record* at_ = nullptr;
  const model::Record* end_ = nullptr;
  std::int64_t now_ns_ = model::kNoTime;
  std::int64_t next_ns_ = kNever;
  std::uint64_t report_sequence_ = 0;
  bool finished_ = false;
  ReplayCounters counters_;
};

}  // namespace kimera::market

#include "kimera/market/replay_venue_impl.hpp"
