// What the simulated market is made of. Every number has a unit in its name and a range in its
// field table, from which the Python configuration is checked and filled: a parameter is named
// once here and once in kimera.market.simulation, and a test holds the two together.
//
// Distances are in basis points of the price and sizes in units of the asset (`unit_lots`, about
// the size of a usual quote), so one set of agents serves every asset.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "kimera/market/fundamental.hpp"
#include "kimera/market/hawkes.hpp"

namespace kimera::market {

inline constexpr std::uint16_t kFirstAgentActor = 1000;  // lower ids are for strategies

// A named number of a parameter struct with its range, both ends allowed.
template <typename Struct>
struct Field {
  const char* name;
  double Struct::* member;
  double low;
  double high;
};

// What the takers' flow tells everyone (the propagator of Bouchaud, Gefen, Potters, Wyart 2004):
// the market prices an asset at value (1 + impression), and a unit bought adds to the impression
// bp_per_unit times a kernel that decays as (age / fastest_s)^-exponent between the fastest and
// the slowest of five exponentials. With orders cut in pieces this makes impact concave.
struct FlowImpression {
  double bp_per_unit = 0.05;
  double exponent = 0.3;
  double fastest_s = 0.5;
  double scale_ratio = 4;
  double largest_bp = 50;  // bound of the impression
};

// Queue-reactive makers (Huang, Lehalle and Rosenbaum 2015): many small participants of one book,
// whose rates of adding and cancelling depend on the queues and on the distance to the touch.
struct QueueReactive {
  double makers = 6;                  // participants in each book
  double add_rate_hz = 60;            // attempts per participant, at nervousness 1
  double cancel_rate_hz = 0.5;        // per resting order, far from the touch
  double touch_cancel_rate_hz = 2.0;  // added to it at the touch, fading with distance
  double touch_fade_bp = 1;           // the e-folding distance of that
  double join_probability = 0.35;     // quote at the touch, or inside a wide spread
  double placement_bp = 1;            // scale of the power law of distances from the touch
  double placement_exponent = 1.2;    // P(distance > x) = (1 + x / scale)^-exponent
  double size_growth = 0.5;           // size grows as (1 + distance / scale)^growth
  double size_log_std = 1.2;          // of the log-normal sizes, median one unit at the touch
  double queue_full_units = 30;       // a queue this long halves the wish to join it
  double imbalance_cancel = 2;        // how much a thin own queue speeds up cancelling
  double belief_noise_bp = 0.15;      // standard deviation of one look at the fundamental
  double belief_rate_hz = 100;        // pull towards the fundamental, of the median participant
  double belief_spread = 0.5;         // half the range of the logarithm of that rate
  double stale_bp = 0.3;              // quotes worse than the belief by this are pulled at once
};

// Market makers: ladders on both sides of a belief, leaning against the inventory.
struct MarketMaking {
  double makers = 2;  // in each book
  double refresh_rate_hz = 50;
  double levels = 8;  // on each side
  double half_spread_bp = 0.1;
  double level_step_bp = 0.25;  // distance of the second level; grows from there
  double level_growth = 1.5;
  double size_units = 4;  // at the first level; each next one is larger
  double size_growth = 1.3;
  double inventory_units = 400;  // at which the skew is one half-spread and a step
  double belief_noise_bp = 0.1;
  double belief_rate_hz = 100;
  double requote_bp = 0.1;  // a quote nearer than this to its target stays
};

// Takers without information, arriving by a Hawkes process of buys and sells.
struct NoiseTaking {
  double base_rate_hz = 1.2;  // of buys, and of sells, in each asset
  double branching_self = 0.55;
  double branching_cross = 0.1;
  double slow_decay_hz = 0.5;
  double fast_decay_hz = 20;
  double fast_weight = 0.6;
  double size_units = 0.05;  // median
  double size_log_std = 2;
  double touch_probability = 0.8;  // take at most what the touch shows
  double slippage_bp = 3;          // of the limit that protects the order
};

// One who knows the fundamental ahead of the others, and takes what is mispriced.
struct InformedTaking {
  double wake_rate_hz = 20;
  double horizon_s = 0.05;  // how far ahead it sees, at most the fundamental's lookahead
  double edge_bp = 0.4;     // mispricing it needs
  double size_units = 5;    // at most, each time
};

// A herd that follows the price.
struct MomentumHerd {
  double members = 3;  // in each asset
  double wake_rate_hz = 4;
  double fast_s = 1;  // time scales of the two averages of the mid
  double slow_s = 8;
  double entry_bp = 1.2;  // their difference that starts a follower
  double size_units = 1;
  double inventory_units = 8;
};

// Large orders cut in pieces: the source of the long memory of signs (Lillo, Mike, Farmer 2005).
struct MetaOrders {
  double slots = 8;               // at a time, in each asset
  double arrival_rate_hz = 0.14;  // of new ones, in each asset
  double size_units = 12;         // smallest
  double size_exponent = 1.5;     // P(size > x) ~ x^-exponent
  double size_cap_units = 2000;
  double child_rate_hz = 6;
  double child_size_units = 0.5;  // median
  double child_log_std = 0.8;
  double slippage_bp = 2;
};

// Cross-venue arbitrage, one per asset.
struct Arbitrage {
  double wake_rate_hz = 100;
  double edge_bp = 0.2;      // bid of one venue over ask of another
  double latency_s = 0.002;  // from decision to arrival
  double size_units = 10;
};

enum class Manipulation : std::uint8_t {
  Spoofing = 1,
  Layering = 2,
  QuoteStuffing = 3,
  MomentumIgnition = 4,
  WashTrades = 5,
  StopRun = 6,
  LiquidityShock = 7,
};

// A scripted episode with a known beginning and end.
struct Episode {
  Manipulation kind = Manipulation::Spoofing;
  std::uint16_t venue_id = 1;  // from 1
  std::uint16_t asset = 0;     // index in SimulationParameters::assets
  std::int64_t start_ns = 0;   // after the market's start
  std::int64_t duration_ns = 0;
  double intensity = 1;  // scales sizes and rates
};

struct VenueParameters {
  std::string name;
  double activity = 1;     // scales the rates of the makers
  double depth = 1;        // scales their sizes
  double taker_share = 1;  // weight of the venue in the choice of a taker
  std::int64_t maker_fee_e7 = 0;
  std::int64_t taker_fee_e7 = 0;
};

struct AssetParameters {
  std::string symbol;
  AssetFundamental fundamental;
  double unit_lots = 1000;  // lots of one unit of size
  double activity = 1;      // scales every rate of the asset
};

enum class TopFeed : std::uint8_t {
  Deltas = 0,           // books are for the reader to build
  DeltasAndQuotes = 1,  // Kind::Quote records at each change of the touch as well
};

struct SimulationParameters {
  std::int64_t start_ns = 0;  // Unix epoch
  std::int64_t end_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t fundamental_mark_ns = 0;  // interval of Mark Fundamental records; 0 = none
  TopFeed top_feed = TopFeed::Deltas;
  double opening_spread_bp = 0.05;
  double price_window_frac = 0.15;  // orders further than this from the first price are refused
  std::vector<VenueParameters> venues;
  std::vector<AssetParameters> assets;
  FundamentalParameters fundamental;
  FlowImpression flow_impression;
  QueueReactive queue_reactive;
  MarketMaking market_making;
  NoiseTaking noise_taking;
  InformedTaking informed_taking;
  MomentumHerd momentum_herd;
  MetaOrders meta_orders;
  Arbitrage arbitrage;
  std::vector<Episode> episodes;
};

// Throws std::invalid_argument naming the parameter that is out of range.
void check(const SimulationParameters& parameters);

// The field tables; fields_of(x) finds the one of the type of x.
[[nodiscard]] std::span<const Field<FundamentalParameters>> fields_of(const FundamentalParameters&);
[[nodiscard]] std::span<const Field<FlowImpression>> fields_of(const FlowImpression&);
[[nodiscard]] std::span<const Field<QueueReactive>> fields_of(const QueueReactive&);
[[nodiscard]] std::span<const Field<MarketMaking>> fields_of(const MarketMaking&);
[[nodiscard]] std::span<const Field<NoiseTaking>> fields_of(const NoiseTaking&);
[[nodiscard]] std::span<const Field<InformedTaking>> fields_of(const InformedTaking&);
[[nodiscard]] std::span<const Field<MomentumHerd>> fields_of(const MomentumHerd&);
[[nodiscard]] std::span<const Field<MetaOrders>> fields_of(const MetaOrders&);
[[nodiscard]] std::span<const Field<Arbitrage>> fields_of(const Arbitrage&);

}  // namespace kimera::market
