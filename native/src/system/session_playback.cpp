#include "kimera/system/session.hpp"
#include "kimera/system/session_impl.hpp"

namespace kimera::system {

std::unique_ptr<Session> playback_nothing(const RunSpec& spec, PlaybackTape& tape) {
  return make_playback(spec, tape, strategy::DoNothing{});
}

std::unique_ptr<Session> playback_touch_maker(const RunSpec& spec, PlaybackTape& tape,
                                              const strategy::TouchMakerConfig& config) {
  return make_playback(spec, tape, strategy::TouchMaker(config));
}

std::unique_ptr<Session> playback_market_making(const RunSpec& spec, PlaybackTape& tape,
                                                const strategy::MarketMakingConfig& config) {
  return make_playback(spec, tape, strategy::MarketMaking(config));
}

std::unique_ptr<Session> playback_momentum(const RunSpec& spec, PlaybackTape& tape,
                                           const strategy::MomentumConfig& config) {
  return make_playback(spec, tape, strategy::Momentum(config));
}

std::unique_ptr<Session> playback_compiled(const RunSpec& spec, PlaybackTape& tape,
                                           const strategy::CompiledCallbacks& callbacks,
                                           void* state) {
  return make_playback(spec, tape, strategy::Compiled(callbacks, state));
}

}  // namespace kimera::system
