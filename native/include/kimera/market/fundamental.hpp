// What the assets are worth, and how nervous the market is: the common value that the agents of
// every venue see through their own noise.
//
//   d log value_a = sigma_a(t) (rho_a dN + sqrt(1 - rho_a^2) dN_a) + jumps
//   log sigma_a(t) = log sigma_a + sum_j weight_j (c Y_j + sqrt(1 - c^2) Y_aj) - variance / 2
//
// N and N_a bring news: Gaussian moves at the times of a Poisson process whose rate follows the
// nervousness, with the variance of a Brownian motion; with a news rate of 0 they are one. News
// in pieces is what makes prices stand still most of the time at fine scales.
//
// Y_j are Ornstein-Uhlenbeck processes of unit variance with time scales from `fastest_s` up by
// factors of `scale_ratio`; weight_j^2 grows as scale^(2 H). A few such factors are a Markovian
// stand-in for rough volatility (Gatheral, Jaisson and Rosenbaum 2018; Abi Jaber 2019): log
// volatility has increments of order lag^H between the fastest and the slowest scale. Jumps are
// Laplace, some common to all assets.
//
// The path is made on a grid, `lookahead_ns` ahead of the clock (the informed trader reads there)
// and depends on the seed only, never on who asks when.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/runtime/random.hpp"

namespace kimera::market {

inline constexpr std::size_t kVolatilityFactors = 5;

struct FundamentalParameters {
  double step_s = 0.001;            // of the grid
  double hurst = 0.1;               // H, in (0, 0.5]
  double log_volatility_std = 0.7;  // standard deviation of log sigma; 0 = constant volatility
  double fastest_s = 1;             // time scale of the fastest factor
  double scale_ratio = 4;           // between neighbouring factors
  double common_volatility = 0.8;   // c above, in [0, 1]
  double news_rate_hz = 3;          // pieces of common news, and of each asset's own; 0 = diffusion
  double jump_rate_hz = 0.02;       // of each asset's own jumps, and of the common ones
  double lookahead_s = 1;           // how far ahead the path is known
};

struct AssetFundamental {
  double value_ticks = 0;       // at the start
  double volatility_bp = 1;     // per square root of a second, root mean square without jumps
  double common_loading = 0.8;  // rho_a, in [-1, 1]
  double jump_bp = 3;           // mean absolute size of a jump
};

class Fundamental {
 public:
  Fundamental(const FundamentalParameters& parameters, const std::vector<AssetFundamental>& assets,
              std::int64_t start_ns, const runtime::Random& random);

  // Extends the path so that now_ns + lookahead is known. Times may not run backwards.
  void advance(std::int64_t now_ns) noexcept;

  // The value [ticks] at a time between the clock of the last advance() and its lookahead;
  // times outside are taken at the nearest end.
  [[nodiscard]] double value_ticks(std::size_t asset, std::int64_t ts_ns) const noexcept;
  // sigma_a(t) over its root mean square: 1 on average in square.
  [[nodiscard]] double nervousness(std::size_t asset, std::int64_t ts_ns) const noexcept;

  [[nodiscard]] std::size_t assets() const noexcept { return assets_.size(); }

 private:
  struct Asset {
    AssetFundamental parameters;
    double log_value;
    std::array<double, kVolatilityFactors> factors{};
    runtime::Random random;
  };

  void step() noexcept;
  // Moves of unit variance per second: a common one, and an asset's own.
  struct Shock {
    double news;
    double jump;
  };
  [[nodiscard]] Shock draw(runtime::Random& random, double nervousness) const noexcept;
  void move(Asset& asset, const Shock& common, std::size_t cell) noexcept;
  [[nodiscard]] std::size_t cell(std::int64_t ts_ns) const noexcept;
  [[nodiscard]] double log_nervousness(double own_share, const Asset& asset) const noexcept;
  void stir(std::array<double, kVolatilityFactors>& factors, runtime::Random& random) noexcept;

  FundamentalParameters parameters_;
  std::vector<Asset> assets_;
  runtime::Random common_random_;
  std::array<double, kVolatilityFactors> common_factors_{};
  std::array<double, kVolatilityFactors> keep_{};   // exp(-step / scale)
  std::array<double, kVolatilityFactors> shake_{};  // sqrt(1 - keep^2)
  std::array<double, kVolatilityFactors> weight_{};
  std::int64_t start_ns_;
  std::int64_t step_ns_;
  std::int64_t lookahead_ns_;
  std::int64_t made_ = 0;  // grid points made; the last is made_ - 1
  std::size_t cells_;      // of the ring that holds the path from the clock to the lookahead
  std::vector<double> values_;
  std::vector<double> nervousness_;
};

}  // namespace kimera::market
