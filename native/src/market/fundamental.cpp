#include "kimera/market/fundamental.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kimera::market {
namespace {

constexpr double kBp = 1e-4;

// Laplace with this mean absolute value.
double laplace(runtime::Random& random, double mean_abs) noexcept {
  const double size = random.exponential(mean_abs);
  return random.chance(0.5) ? size : -size;
}

}  // namespace

Fundamental::Fundamental(const FundamentalParameters& parameters,
                         const std::vector<AssetFundamental>& assets, std::int64_t start_ns,
                         const runtime::Random& random)
    : parameters_(parameters),
      common_random_(random.stream("common")),
      start_ns_(start_ns),
      step_ns_(std::max<std::int64_t>(1, std::llround(parameters.step_s * 1e9))),
      lookahead_ns_(std::llround(parameters.lookahead_s * 1e9)) {
  cells_ = std::bit_ceil(static_cast<std::size_t>(lookahead_ns_ / step_ns_) + 3);
  double total = 0;
  double scale_s = parameters.fastest_s;
  for (std::size_t j = 0; j < kVolatilityFactors; ++j) {
    keep_[j] = std::exp(-parameters.step_s / scale_s);
    shake_[j] = std::sqrt(1 - keep_[j] * keep_[j]);
    weight_[j] = std::pow(scale_s, parameters.hurst);
    total += weight_[j] * weight_[j];
    scale_s *= parameters.scale_ratio;
  }
  for (auto& w : weight_) w *= parameters.log_volatility_std / std::sqrt(total);
  for (auto& factor : common_factors_) factor = common_random_.normal();
  for (std::size_t a = 0; a < assets.size(); ++a) {
    Asset asset{.parameters = assets[a],
                .log_value = std::log(assets[a].value_ticks),
                .random = random.stream(a)};
    for (auto& factor : asset.factors) factor = asset.random.normal();
    assets_.push_back(asset);
  }
  values_.resize(cells_ * assets_.size());
  nervousness_.resize(cells_ * assets_.size());
  advance(start_ns);
}

void Fundamental::advance(std::int64_t now_ns) noexcept {
  const std::int64_t wanted = (now_ns - start_ns_ + lookahead_ns_) / step_ns_ + 1;
  while (made_ < wanted) step();
}

void Fundamental::stir(std::array<double, kVolatilityFactors>& factors,
                       runtime::Random& random) noexcept {
  for (std::size_t j = 0; j < kVolatilityFactors; ++j) {
    factors[j] = keep_[j] * factors[j] + shake_[j] * random.normal();
  }
}

double Fundamental::log_nervousness(double own_share, const Asset& asset) const noexcept {
  const double common = std::sqrt(1 - own_share * own_share);
  double sum = 0;
  for (std::size_t j = 0; j < kVolatilityFactors; ++j) {
    sum += weight_[j] * (common * common_factors_[j] + own_share * asset.factors[j]);
  }
  // E[exp(2 sum)] = exp(2 std^2), so this makes the mean square 1.
  return sum - parameters_.log_volatility_std * parameters_.log_volatility_std;
}

// News of unit variance per second at nervousness 1, and a jump of mean absolute size 1.
Fundamental::Shock Fundamental::draw(runtime::Random& random, double nervousness) const noexcept {
  const auto& p = parameters_;
  Shock shock{0, 0};
  if (p.news_rate_hz == 0) {
    shock.news = nervousness * std::sqrt(p.step_s) * random.normal();
  } else if (random.chance(p.news_rate_hz * p.step_s * nervousness)) {
    // More news when the market is nervous, and larger: the variance is nervousness squared.
    shock.news = std::sqrt(nervousness / p.news_rate_hz) * random.normal();
  }
  if (random.chance(p.jump_rate_hz * p.step_s)) shock.jump = laplace(random, 1);
  return shock;
}

void Fundamental::step() noexcept {
  stir(common_factors_, common_random_);
  const double common_nervousness = assets_.empty() ? 1 : std::exp(log_nervousness(0, assets_[0]));
  const Shock common = draw(common_random_, common_nervousness);
  const std::size_t at = static_cast<std::size_t>(made_) & (cells_ - 1);
  for (auto& asset : assets_) move(asset, common, at);
  ++made_;
}

void Fundamental::move(Asset& asset, const Shock& common, std::size_t at) noexcept {
  const auto& p = asset.parameters;
  stir(asset.factors, asset.random);
  const double own_share =
      std::sqrt(1 - parameters_.common_volatility * parameters_.common_volatility);
  const double nervousness = std::exp(log_nervousness(own_share, asset));
  const Shock own = draw(asset.random, nervousness);
  const double rho = p.common_loading;
  const double news = rho * common.news + std::sqrt(1 - rho * rho) * own.news;
  if (made_ > 0) {
    asset.log_value += kBp * (p.volatility_bp * news + p.jump_bp * (common.jump + own.jump));
  }
  const auto index = static_cast<std::size_t>(&asset - assets_.data()) * cells_ + at;
  values_[index] = std::exp(asset.log_value);
  nervousness_[index] = nervousness;
}

std::size_t Fundamental::cell(std::int64_t ts_ns) const noexcept {
  const std::int64_t oldest = std::max<std::int64_t>(0, made_ - static_cast<std::int64_t>(cells_));
  const std::int64_t index = std::clamp((ts_ns - start_ns_) / step_ns_, oldest, made_ - 1);
  return static_cast<std::size_t>(index) & (cells_ - 1);
}

double Fundamental::value_ticks(std::size_t asset, std::int64_t ts_ns) const noexcept {
  return values_[asset * cells_ + cell(ts_ns)];
}

double Fundamental::nervousness(std::size_t asset, std::int64_t ts_ns) const noexcept {
  return nervousness_[asset * cells_ + cell(ts_ns)];
}

}  // namespace kimera::market
