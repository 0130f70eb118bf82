// Binance streams as recorded: one message a line, the local time before the JSON.
//
// Depth changes are held back until a REST snapshot arrives and joined to it by Binance's own rule:
// spot drops changes with u <= lastUpdateId and the first one kept has U <= lastUpdateId + 1;
// futures drop u < lastUpdateId and the first one kept has U <= lastUpdateId; after that spot
// changes follow each other by U == last u + 1 and futures by pu == last u. A change that does not
// follow is given with kGapBefore on its first record, and changes are held back again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kimera/market/codec.hpp"
#include "kimera/market/json.hpp"

namespace kimera::market {

enum class BinanceMarket : std::uint8_t { Spot = 0, UsdMargined = 1, CoinMargined = 2 };

enum class BinanceKind : std::uint8_t {
  Depth,
  BookTicker,
  Trade,
  AggTrade,
  Snapshot,
  Other,  // a documented stream that carries no book, quote or trade
  Unknown,
  kCount,
};

// One message, its fields still text.
struct BinanceMessage {
  BinanceKind kind = BinanceKind::Unknown;
  std::string_view symbol;
  std::string_view pair;
  std::uint64_t first_id = 0;  // U
  std::uint64_t last_id = 0;   // u, lastUpdateId or the trade id
  std::uint64_t previous_id = 0;
  std::uint64_t event_ms = 0;        // E
  std::uint64_t transaction_ms = 0;  // T
  std::string_view bid_price, bid_size, ask_price, ask_size;
  std::string_view price, size;
  bool has_previous = false;
  bool has_last = false;
  bool has_first = false;
  bool buyer_is_maker = false;
  bool has_maker = false;
};

// Receive time at the head of a line, in the unit its digits show; false when it is none.
[[nodiscard]] bool take_receive_time(std::string_view& line, std::int64_t& ts_recv_ns) noexcept;

// What a first pass finds out: symbols, the finest decimals, the market.
class BinanceScan {
 public:
  struct Found {
    std::string symbol;
    std::string pair;
    int price_decimals = 0;
    int size_decimals = 0;
    std::uint64_t n_depth = 0;
    std::uint64_t n_trades = 0;
  };

  void feed(std::string_view chunk);
  void finish();
  void line(std::string_view text);
  void payload(std::string_view json, std::string_view symbol);

  [[nodiscard]] const std::vector<Found>& found() const noexcept { return found_; }
  [[nodiscard]] BinanceMarket market() const noexcept { return market_; }
  [[nodiscard]] std::uint64_t n_lines() const noexcept { return n_lines_; }
  [[nodiscard]] std::uint64_t n_understood() const noexcept { return n_understood_; }

 private:
  static constexpr std::size_t kMaxSymbols = 65'535;
  Found* find(std::string_view symbol);

  LineCutter lines_;
  std::vector<Found> found_;
  std::unordered_map<std::string, std::size_t> index_;
  BinanceMarket market_ = BinanceMarket::Spot;
  std::uint64_t n_lines_ = 0;
  std::uint64_t n_understood_ = 0;
};

class BinanceDecoder {
 public:
  BinanceDecoder(std::vector<InstrumentUnits> instruments, BinanceMarket market,
                 std::size_t max_pending_records);

  void feed(std::string_view chunk);
  void finish();
  // One line with its receive time and its JSON already apart; `symbol` names the instrument of a
  // snapshot that does not name it itself.
  void message(std::int64_t ts_recv_ns, std::string_view json, std::string_view symbol);
  // Trades from aggregate-trade streams, for recordings that hold no trade stream.
  void take_aggregate_trades() noexcept { aggregate_trades_ = true; }

  [[nodiscard]] std::vector<Record> take() noexcept { return std::exchange(out_, {}); }
  [[nodiscard]] const AnomalyLog& anomalies() const noexcept { return anomalies_; }
  [[nodiscard]] std::uint64_t n_of(BinanceKind kind) const noexcept {
    return kinds_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::uint64_t n_joined() const noexcept { return n_joined_; }
  [[nodiscard]] std::uint64_t n_before_snapshot() const noexcept { return n_before_snapshot_; }

 private:
  struct Pending {
    std::uint64_t first_id, last_id, previous_id;
    std::size_t n_records;
  };
  struct State {
    InstrumentUnits units;
    bool synced = false;
    bool fresh = false;  // a snapshot came and no change has joined it yet
    std::uint64_t last_id = 0;
    std::vector<Pending> pending;
    std::vector<Record> held;
  };

  void line(std::string_view text);
  void emit(const BinanceMessage& message, std::size_t index, std::int64_t ts_recv_ns,
            std::size_t first);
  void depth(const BinanceMessage& message, State& state, std::int64_t ts_recv_ns,
             std::size_t first);
  void snapshot(const BinanceMessage& message, State& state, std::int64_t ts_recv_ns,
                std::size_t first);
  void quote(const BinanceMessage& message, State& state, const Record& base);
  void trade(const BinanceMessage& message, State& state, const Record& base);
  void hold(const BinanceMessage& message, State& state, std::size_t first);
  void release(State& state, std::int64_t ts_recv_ns);
  void mark_stale(const State& state, std::int64_t ts_event_ns, std::int64_t ts_recv_ns);
  [[nodiscard]] std::uint32_t instrument_id(const State& state) const noexcept {
    return static_cast<std::uint32_t>(&state - states_.data() + 1);
  }
  [[nodiscard]] bool follows(const State& state, const Pending& change) const noexcept;
  [[nodiscard]] bool too_old(const State& state, const Pending& change) const noexcept;
  [[nodiscard]] std::size_t find(std::string_view symbol);
  [[nodiscard]] bool number(std::string_view text, DecimalUnit unit, std::int64_t& out);
  void close_message(std::size_t first) noexcept;

  LineCutter lines_;
  std::vector<State> states_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t last_found_ = 0;
  BinanceMarket market_;
  std::size_t max_pending_records_;
  bool aggregate_trades_ = false;
  std::vector<Record> out_;
  AnomalyLog anomalies_;
  std::uint64_t row_ = 0;  // of the line being read, from 1
  std::uint64_t n_joined_ = 0;
  std::uint64_t n_before_snapshot_ = 0;
  std::uint64_t kinds_[static_cast<std::size_t>(BinanceKind::kCount)] = {};
};

}  // namespace kimera::market
