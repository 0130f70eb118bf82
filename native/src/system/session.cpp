#include "kimera/system/session.hpp"

#include "kimera/system/session_impl.hpp"

namespace kimera::system {

std::unique_ptr<Session> replay_nothing(const RunSpec& spec) {
  return make_replay(spec, strategy::DoNothing{});
}

std::unique_ptr<Session> replay_touch_maker(const RunSpec& spec,
                                            const strategy::TouchMakerConfig& config) {
  return make_replay(spec, strategy::TouchMaker(config));
}

std::unique_ptr<Session> replay_market_making(const RunSpec& spec,
                                              const strategy::MarketMakingConfig& config) {
  return make_replay(spec, strategy::MarketMaking(config));
}

std::unique_ptr<Session> replay_momentum(const RunSpec& spec,
                                         const strategy::MomentumConfig& config) {
  return make_replay(spec, strategy::Momentum(config));
}

std::unique_ptr<Session> replay_compiled(const RunSpec& spec,
                                         const strategy::CompiledCallbacks& callbacks,
                                         void* state) {
  return make_replay(spec, strategy::Compiled(callbacks, state));
}

}  // namespace kimera::system
