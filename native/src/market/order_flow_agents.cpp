#include "kimera/market/order_flow_agents.hpp"

#include <cmath>
#include <variant>

namespace kimera::market {
namespace {

constexpr std::size_t kMakerOrders = 512;
constexpr std::size_t kLadderOrders = 40;
constexpr std::size_t kScriptOrders = 128;
constexpr std::size_t kTakerOrders = 1;  // takers rest nothing

}  // namespace

FlowAgents::FlowAgents(OrderFlow& flow) {
  add_makers(flow);
  add_takers(flow);
  add_manipulators(flow);
}

void FlowAgents::add_makers(OrderFlow& flow) {
  const auto& reactive = flow.parameters().queue_reactive;
  const auto n = static_cast<std::uint32_t>(reactive.makers);
  for (std::uint32_t book = 0; book < flow.n_books(); ++book) {
    for (std::uint32_t i = 0; i < n; ++i) {
      // Rates of belief spread evenly in logarithm: some are quick, some slow to learn.
      const double place = n > 1 ? 2.0 * i / (n - 1) - 1 : 0;
      const double rate = reactive.belief_rate_hz * std::exp(reactive.belief_spread * place);
      const auto self = flow.add_participant("queue-reactive", book * 1'000ULL + i, kMakerOrders);
      agents_.emplace_back(QueueReactiveMaker(flow, self, book, rate));
    }
    for (std::uint32_t i = 0;
         i < static_cast<std::uint32_t>(flow.parameters().market_making.makers); ++i) {
      const auto self = flow.add_participant("market-making", book * 1'000ULL + i, kLadderOrders);
      agents_.emplace_back(MarketMaker(flow, self, book));
    }
  }
}

void FlowAgents::add_takers(OrderFlow& flow) {
  const auto& p = flow.parameters();
  for (std::size_t asset = 0; asset < p.assets.size(); ++asset) {
    const auto one = [&](const char* kind, std::uint64_t i) {
      return flow.add_participant(kind, asset * 1'000 + i, kTakerOrders);
    };
    agents_.emplace_back(NoiseTaker(flow, one("noise", 0), asset));
    agents_.emplace_back(InformedTaker(flow, one("informed", 0), asset));
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(p.momentum_herd.members); ++i) {
      agents_.emplace_back(MomentumFollower(flow, one("momentum", i), asset));
    }
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(p.meta_orders.slots); ++i) {
      agents_.emplace_back(MetaOrderSlot(flow, one("meta-order", i), asset));
    }
    agents_.emplace_back(Arbitrageur(flow, one("arbitrage", 0), asset));
  }
}

void FlowAgents::add_manipulators(OrderFlow& flow) {
  const auto& episodes = flow.parameters().episodes;
  const auto n = static_cast<std::uint32_t>(episodes.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    const auto self = flow.add_participant("manipulator", i, kScriptOrders);
    agents_.emplace_back(Manipulator(flow, self, self + n, episodes[i]));
  }
  // The accomplices come after all agents, so that an agent's index stays its participant's.
  for (std::uint32_t i = 0; i < n; ++i) {
    static_cast<void>(flow.add_participant("accomplice", i, kScriptOrders));
  }
}

// NOLINTNEXTLINE(bugprone-exception-escape): no agent is ever without a value
std::int64_t FlowAgents::wake(OrderFlow& flow, std::uint32_t agent, std::uint32_t tag) noexcept {
  return std::visit([&](auto& a) { return a.wake(flow, tag); }, agents_[agent]);
}

}  // namespace kimera::market
