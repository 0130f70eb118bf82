#include "kimera/market/order_flow_config.hpp"

#include <array>
#include <cmath>
#include <stdexcept>

namespace kimera::market {
namespace {

constexpr double kHz = 1e5;  // bounds of rates, distances and sizes: wide, but finite
constexpr double kFarBp = 1e3;
constexpr double kUnits = 1e6;

using F = FundamentalParameters;
constexpr std::array<Field<F>, 9> kFundamental{{
    {"step_s", &F::step_s, 1e-5, 1},
    {"hurst", &F::hurst, 0.01, 0.5},
    {"log_volatility_std", &F::log_volatility_std, 0, 2},
    {"fastest_s", &F::fastest_s, 1e-2, 1e5},
    {"scale_ratio", &F::scale_ratio, 1.1, 100},
    {"common_volatility", &F::common_volatility, 0, 1},
    {"news_rate_hz", &F::news_rate_hz, 0, 100},
    {"jump_rate_hz", &F::jump_rate_hz, 0, 10},
    {"lookahead_s", &F::lookahead_s, 0, 60},
}};

using P = FlowImpression;
constexpr std::array<Field<P>, 5> kFlowImpression{{
    {"bp_per_unit", &P::bp_per_unit, 0, 10},
    {"exponent", &P::exponent, 0, 2},
    {"fastest_s", &P::fastest_s, 1e-3, 1e4},
    {"scale_ratio", &P::scale_ratio, 1.1, 100},
    {"largest_bp", &P::largest_bp, 0, 1e3},
}};

using Q = QueueReactive;
constexpr std::array<Field<Q>, 16> kQueueReactive{{
    {"makers", &Q::makers, 1, 64},
    {"add_rate_hz", &Q::add_rate_hz, 1e-3, kHz},
    {"cancel_rate_hz", &Q::cancel_rate_hz, 1e-3, kHz},
    {"touch_cancel_rate_hz", &Q::touch_cancel_rate_hz, 0, kHz},
    {"touch_fade_bp", &Q::touch_fade_bp, 1e-3, kFarBp},
    {"join_probability", &Q::join_probability, 0, 1},
    {"placement_bp", &Q::placement_bp, 1e-3, kFarBp},
    {"placement_exponent", &Q::placement_exponent, 0.1, 10},
    {"size_growth", &Q::size_growth, 0, 4},
    {"size_log_std", &Q::size_log_std, 0, 4},
    {"queue_full_units", &Q::queue_full_units, 1e-3, kUnits},
    {"imbalance_cancel", &Q::imbalance_cancel, 0, 100},
    {"belief_noise_bp", &Q::belief_noise_bp, 0, kFarBp},
    {"belief_rate_hz", &Q::belief_rate_hz, 1e-4, kHz},
    {"belief_spread", &Q::belief_spread, 0, 5},
    {"stale_bp", &Q::stale_bp, 0, kFarBp},
}};

using M = MarketMaking;
constexpr std::array<Field<M>, 12> kMarketMaking{{
    {"makers", &M::makers, 0, 64},
    {"refresh_rate_hz", &M::refresh_rate_hz, 1e-3, kHz},
    {"levels", &M::levels, 1, 16},
    {"half_spread_bp", &M::half_spread_bp, 0, kFarBp},
    {"level_step_bp", &M::level_step_bp, 1e-4, kFarBp},
    {"level_growth", &M::level_growth, 1, 4},
    {"size_units", &M::size_units, 1e-6, kUnits},
    {"size_growth", &M::size_growth, 0.1, 10},
    {"inventory_units", &M::inventory_units, 1e-3, kUnits},
    {"belief_noise_bp", &M::belief_noise_bp, 0, kFarBp},
    {"belief_rate_hz", &M::belief_rate_hz, 1e-4, kHz},
    {"requote_bp", &M::requote_bp, 0, kFarBp},
}};

using N = NoiseTaking;
constexpr std::array<Field<N>, 10> kNoiseTaking{{
    {"base_rate_hz", &N::base_rate_hz, 0, kHz},
    {"branching_self", &N::branching_self, 0, 0.95},
    {"branching_cross", &N::branching_cross, 0, 0.95},
    {"slow_decay_hz", &N::slow_decay_hz, 1e-4, kHz},
    {"fast_decay_hz", &N::fast_decay_hz, 1e-4, kHz},
    {"fast_weight", &N::fast_weight, 0, 1},
    {"size_units", &N::size_units, 1e-9, kUnits},
    {"size_log_std", &N::size_log_std, 0, 4},
    {"touch_probability", &N::touch_probability, 0, 1},
    {"slippage_bp", &N::slippage_bp, 0, kFarBp},
}};

using I = InformedTaking;
constexpr std::array<Field<I>, 4> kInformedTaking{{
    {"wake_rate_hz", &I::wake_rate_hz, 0, kHz},
    {"horizon_s", &I::horizon_s, 0, 60},
    {"edge_bp", &I::edge_bp, 0, kFarBp},
    {"size_units", &I::size_units, 1e-9, kUnits},
}};

using H = MomentumHerd;
constexpr std::array<Field<H>, 7> kMomentumHerd{{
    {"members", &H::members, 0, 64},
    {"wake_rate_hz", &H::wake_rate_hz, 0, kHz},
    {"fast_s", &H::fast_s, 1e-3, 1e5},
    {"slow_s", &H::slow_s, 1e-3, 1e5},
    {"entry_bp", &H::entry_bp, 1e-3, kFarBp},
    {"size_units", &H::size_units, 1e-9, kUnits},
    {"inventory_units", &H::inventory_units, 0, kUnits},
}};

using O = MetaOrders;
constexpr std::array<Field<O>, 9> kMetaOrders{{
    {"slots", &O::slots, 0, 64},
    {"arrival_rate_hz", &O::arrival_rate_hz, 0, kHz},
    {"size_units", &O::size_units, 1e-6, kUnits},
    {"size_exponent", &O::size_exponent, 0.5, 10},
    {"size_cap_units", &O::size_cap_units, 1e-6, kUnits},
    {"child_rate_hz", &O::child_rate_hz, 1e-4, kHz},
    {"child_size_units", &O::child_size_units, 1e-9, kUnits},
    {"child_log_std", &O::child_log_std, 0, 4},
    {"slippage_bp", &O::slippage_bp, 0, kFarBp},
}};

using A = Arbitrage;
constexpr std::array<Field<A>, 4> kArbitrage{{
    {"wake_rate_hz", &A::wake_rate_hz, 0, kHz},
    {"edge_bp", &A::edge_bp, 0, kFarBp},
    {"latency_s", &A::latency_s, 0, 10},
    {"size_units", &A::size_units, 1e-9, kUnits},
}};

void require(bool met, const std::string& what) {
  if (!met) throw std::invalid_argument(what);
}

template <typename Struct>
void check_ranges(const char* path, const Struct& values) {
  for (const auto& field : fields_of(values)) {
    const double value = values.*field.member;
    require(value >= field.low && value <= field.high,
            "$." + std::string(path) + "." + field.name + " must be in [" +
                std::to_string(field.low) + ", " + std::to_string(field.high) + "], was " +
                std::to_string(value));
  }
}

void check_assets(const SimulationParameters& p) {
  require(!p.venues.empty() && p.venues.size() <= 16, "$.venues: 1 to 16 are allowed");
  require(!p.assets.empty() && p.assets.size() <= 64, "$.assets: 1 to 64 are allowed");
  for (const auto& asset : p.assets) {
    const auto& f = asset.fundamental;
    require(f.value_ticks >= 1'000 && f.value_ticks * 2 * p.price_window_frac < (1 << 24),
            "$.assets." + asset.symbol +
                ": the price must be 1000 ticks or more, and the price "
                "window at most 2^24 ticks wide");
    require(
        f.volatility_bp > 0 && f.volatility_bp <= 100 && f.jump_bp >= 0 && f.jump_bp <= kFarBp,
        "$.assets." + asset.symbol + ": volatility_bp must be in (0, 100], jump_bp in [0, 1000]");
    require(std::abs(f.common_loading) <= 1,
            "$.assets." + asset.symbol + ": common_loading must be in [-1, 1]");
    require(asset.unit_lots >= 1 && asset.unit_lots <= 1e12 && asset.activity > 0,
            "$.assets." + asset.symbol + ": unit_lots must be in [1, 1e12] and activity above 0");
  }
  for (const auto& venue : p.venues) {
    require(venue.activity > 0 && venue.depth > 0 && venue.taker_share >= 0,
            "$.venues." + venue.name + ": activity and depth must be above 0");
  }
}

void check_episodes(const SimulationParameters& p) {
  require(p.episodes.size() <= 4'096, "$.episodes: at most 4096 are allowed");
  for (std::size_t i = 0; i < p.episodes.size(); ++i) {
    const auto& e = p.episodes[i];
    const std::string path = "$.episodes[" + std::to_string(i) + "]";
    require(e.venue_id >= 1 && e.venue_id <= p.venues.size(), path + ".venue is not a venue");
    require(e.asset < p.assets.size(), path + ".asset is not an asset");
    require(e.start_ns >= 0 && e.duration_ns > 0,
            path + ": start >= 0 and duration > 0 are needed");
    require(e.intensity > 0 && e.intensity <= 100, path + ".intensity must be in (0, 100]");
  }
}

}  // namespace

std::span<const Field<F>> fields_of(const F& /*of*/) {
  return kFundamental;
}
std::span<const Field<P>> fields_of(const P& /*of*/) {
  return kFlowImpression;
}
std::span<const Field<Q>> fields_of(const Q& /*of*/) {
  return kQueueReactive;
}
std::span<const Field<M>> fields_of(const M& /*of*/) {
  return kMarketMaking;
}
std::span<const Field<N>> fields_of(const N& /*of*/) {
  return kNoiseTaking;
}
std::span<const Field<I>> fields_of(const I& /*of*/) {
  return kInformedTaking;
}
std::span<const Field<H>> fields_of(const H& /*of*/) {
  return kMomentumHerd;
}
std::span<const Field<O>> fields_of(const O& /*of*/) {
  return kMetaOrders;
}
std::span<const Field<A>> fields_of(const A& /*of*/) {
  return kArbitrage;
}

void check(const SimulationParameters& p) {
  require(p.end_ns > p.start_ns, "$.duration must be above 0");
  require(p.price_window_frac > 0 && p.price_window_frac <= 0.9,
          "$.price_window_frac must be in (0, 0.9]");
  check_assets(p);
  check_episodes(p);
  check_ranges("fundamental", p.fundamental);
  check_ranges("flow_impression", p.flow_impression);
  check_ranges("queue_reactive", p.queue_reactive);
  check_ranges("market_making", p.market_making);
  check_ranges("noise_taking", p.noise_taking);
  check_ranges("informed_taking", p.informed_taking);
  check_ranges("momentum_herd", p.momentum_herd);
  check_ranges("meta_orders", p.meta_orders);
  check_ranges("arbitrage", p.arbitrage);
  require(p.noise_taking.branching_self + p.noise_taking.branching_cross < 1,
          "$.noise_taking: branching_self + branching_cross must be below 1, or arrivals explode");
}

}  // namespace kimera::market
