// Every kind of agent. An agent is woken by the queue, looks at the market through OrderFlow,
// acts, and answers when it wants to be woken next (kNever: not again).
#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "kimera/market/hawkes.hpp"
#include "kimera/market/order_flow.hpp"

namespace kimera::market {

// What an agent thinks the asset is worth: it learns by noisy looks at the common value.
struct Belief {
  double ticks = 0;
  std::int64_t last_ns = 0;

  struct Terms {
    double rate_hz;
    double noise_bp;
  };
  void start(const OrderFlow& flow, std::uint32_t book) noexcept;
  double look(const OrderFlow& flow, std::uint32_t book, const Terms& terms,
              runtime::Random& random) noexcept;
};

class QueueReactiveMaker {
 public:
  QueueReactiveMaker(OrderFlow& flow, std::uint32_t self, std::uint32_t book,
                     double belief_rate_hz);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  void open(OrderFlow& flow) noexcept;
  void add(OrderFlow& flow) noexcept;
  void consider_cancel(OrderFlow& flow) noexcept;
  void pull_stale(OrderFlow& flow, const Touch& touch, double fair) noexcept;
  bool narrow(OrderFlow& flow, const Touch& touch, double fair) noexcept;
  void place(OrderFlow& flow, model::Side side, std::int64_t price, double distance_bp) noexcept;
  [[nodiscard]] std::int64_t next(OrderFlow& flow) noexcept;

  std::uint32_t self_;
  std::uint32_t book_;
  double belief_rate_hz_;
  double activity_;
  double depth_lots_;
  Belief belief_;
  double add_rate_ = 0;  // of the wake-up under way
  double cancel_rate_ = 0;
  bool opened_ = false;
};

class MarketMaker {
 public:
  MarketMaker(OrderFlow& flow, std::uint32_t self, std::uint32_t book);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  static constexpr std::size_t kMaxLevels = 16;
  void requote(OrderFlow& flow, std::size_t ladder, std::size_t level, std::int64_t target,
               std::int64_t lots) noexcept;

  std::uint32_t self_;
  std::uint32_t book_;
  Belief belief_;
  std::size_t levels_;
  std::array<std::array<std::uint64_t, kMaxLevels>, 2> ids_{};  // of the quote at each level
};

class NoiseTaker {
 public:
  NoiseTaker(OrderFlow& flow, std::uint32_t self, std::size_t asset);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  std::uint32_t self_;
  std::size_t asset_;
  Hawkes hawkes_;
  std::int64_t last_ns_;
};

class InformedTaker {
 public:
  InformedTaker(OrderFlow& flow, std::uint32_t self, std::size_t asset);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  std::uint32_t self_;
  std::size_t asset_;
};

class MomentumFollower {
 public:
  MomentumFollower(OrderFlow& flow, std::uint32_t self, std::size_t asset);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  std::uint32_t self_;
  std::size_t asset_;
  double fast_ = 0;
  double slow_ = 0;
  std::int64_t last_ns_;
};

// One slot for large orders: waits, then works one order to its end, and so on.
class MetaOrderSlot {
 public:
  MetaOrderSlot(OrderFlow& flow, std::uint32_t self, std::size_t asset);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  void child(OrderFlow& flow) noexcept;
  std::uint32_t self_;
  std::size_t asset_;
  std::int64_t leaves_lots_ = 0;
  model::Side side_ = model::Side::Bid;
  std::uint32_t label_ = 0;
};

class Arbitrageur {
 public:
  Arbitrageur(OrderFlow& flow, std::uint32_t self, std::size_t asset);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  struct Leg {
    std::uint32_t book;
    model::Side side;
    std::int64_t limit_ticks;
    std::int64_t lots;  // 0: free
  };
  void search(OrderFlow& flow) noexcept;
  void arrive(OrderFlow& flow, Leg& leg) noexcept;
  bool launch(OrderFlow& flow, const Leg& leg) noexcept;

  std::uint32_t self_;
  std::size_t asset_;
  std::array<Leg, 16> in_flight_{};
};

// One scripted episode; `second` is its accomplice (the other hand of a wash trade, the holders
// of the stops that are run).
class Manipulator {
 public:
  Manipulator(OrderFlow& flow, std::uint32_t self, std::uint32_t second, const Episode& episode);
  std::int64_t wake(OrderFlow& flow, std::uint32_t tag) noexcept;

 private:
  std::int64_t act(OrderFlow& flow) noexcept;
  std::int64_t spoof(OrderFlow& flow, std::size_t layers) noexcept;
  std::int64_t stuff(OrderFlow& flow) noexcept;
  std::int64_t ignite(OrderFlow& flow) noexcept;
  std::int64_t wash(OrderFlow& flow) noexcept;
  std::int64_t run_stops(OrderFlow& flow) noexcept;
  std::int64_t shock(OrderFlow& flow) noexcept;
  void push(OrderFlow& flow, model::Side side, double touch_multiple, double reach_bp) noexcept;
  std::int64_t finish(OrderFlow& flow) noexcept;
  [[nodiscard]] std::int64_t lots(const OrderFlow& flow, double units) const noexcept;
  [[nodiscard]] double progress(const OrderFlow& flow) const noexcept;

  std::uint32_t self_;
  std::uint32_t second_;
  Episode episode_;
  std::uint32_t book_;
  std::int64_t begin_ns_;
  std::int64_t end_ns_;
  std::uint32_t label_ = 0;
  model::Side side_ = model::Side::Bid;  // of the deception, or of the push
  std::uint32_t turn_ = 0;
  std::uint32_t exits_ = 0;  // attempts to get out after the end
};

using Agent = std::variant<QueueReactiveMaker, MarketMaker, NoiseTaker, InformedTaker,
                           MomentumFollower, MetaOrderSlot, Arbitrageur, Manipulator>;

class FlowAgents {
 public:
  explicit FlowAgents(OrderFlow& flow);
  std::int64_t wake(OrderFlow& flow, std::uint32_t agent, std::uint32_t tag) noexcept;

 private:
  void add_makers(OrderFlow& flow);
  void add_takers(OrderFlow& flow);
  void add_manipulators(OrderFlow& flow);

  std::vector<Agent> agents_;  // same index as its participant
};

// ---- shared by the takers
// Log-normal with this median, at least one lot.
[[nodiscard]] std::int64_t draw_lots(runtime::Random& random, double median_lots,
                                     double log_std) noexcept;
// The limit of a taker that accepts this much worse than the touch.
[[nodiscard]] std::int64_t slipped(const Touch& touch, model::Side side, double bp) noexcept;
// Where a taker goes: half of them to the best price, the others by the venues' shares.
[[nodiscard]] std::uint32_t choose_book(const OrderFlow& flow, std::size_t asset, model::Side side,
                                        runtime::Random& random) noexcept;

}  // namespace kimera::market
