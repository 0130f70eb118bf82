#include "kimera/market/simulated_venue.hpp"

#include "kimera/market/order_flow.hpp"
#include "kimera/market/order_flow_agents.hpp"

namespace kimera::market {

SimulatedVenue::SimulatedVenue(const SimulationParameters& parameters, std::uint64_t seed) {
  check(parameters);
  flow_ = std::make_unique<OrderFlow>(parameters, seed);
}
SimulatedVenue::~SimulatedVenue() = default;
SimulatedVenue::SimulatedVenue(SimulatedVenue&&) noexcept = default;
SimulatedVenue& SimulatedVenue::operator=(SimulatedVenue&&) noexcept = default;

std::int64_t SimulatedVenue::next_event_ns() const noexcept {
  return flow_->next_event_ns();
}
std::span<const model::Record> SimulatedVenue::step_records() noexcept {
  return flow_->step();
}
std::span<const model::Record> SimulatedVenue::submit_records(const model::Record& order) noexcept {
  return flow_->submit(order);
}
std::size_t SimulatedVenue::venues() const noexcept {
  return flow_->parameters().venues.size();
}
std::size_t SimulatedVenue::assets() const noexcept {
  return flow_->parameters().assets.size();
}
FlowCounters SimulatedVenue::counters() const noexcept {
  return flow_->counters();
}
std::span<const FlowLabel> SimulatedVenue::labels() const noexcept {
  return flow_->labels();
}
std::size_t SimulatedVenue::agents() const noexcept {
  return flow_->participants().size();
}

std::int64_t SimulatedVenue::position_lots(std::uint16_t actor_id,
                                           std::uint32_t instrument_id) const noexcept {
  const std::size_t agent = static_cast<std::size_t>(actor_id) - kFirstAgentActor;
  if (actor_id < kFirstAgentActor || agent >= flow_->participants().size()) return 0;
  const auto& positions = flow_->participants()[agent].position_lots;
  return instrument_id >= 1 && instrument_id <= positions.size() ? positions[instrument_id - 1] : 0;
}

}  // namespace kimera::market
