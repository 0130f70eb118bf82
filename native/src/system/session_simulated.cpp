#include <utility>

#include "kimera/system/session.hpp"
#include "kimera/system/session_impl.hpp"

namespace kimera::system {

using market::SimulatedVenue;

std::unique_ptr<Session> simulate_nothing(const RunSpec& spec, SimulatedVenue venue) {
  return make_simulated(spec, std::move(venue), strategy::DoNothing{});
}

std::unique_ptr<Session> simulate_touch_maker(const RunSpec& spec, SimulatedVenue venue,
                                              const strategy::TouchMakerConfig& config) {
  return make_simulated(spec, std::move(venue), strategy::TouchMaker(config));
}

std::unique_ptr<Session> simulate_market_making(const RunSpec& spec, SimulatedVenue venue,
                                                const strategy::MarketMakingConfig& config) {
  return make_simulated(spec, std::move(venue), strategy::MarketMaking(config));
}

std::unique_ptr<Session> simulate_momentum(const RunSpec& spec, SimulatedVenue venue,
                                           const strategy::MomentumConfig& config) {
  return make_simulated(spec, std::move(venue), strategy::Momentum(config));
}

std::unique_ptr<Session> simulate_compiled(const RunSpec& spec, SimulatedVenue venue,
                                           const strategy::CompiledCallbacks& callbacks,
                                           void* state) {
  return make_simulated(spec, std::move(venue), strategy::Compiled(callbacks, state));
}

}  // namespace kimera::system
