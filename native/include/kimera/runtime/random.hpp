// Seeded chance: xoshiro256++ (Blackman and Vigna 2019), its state expanded from the seed by
// splitmix64. The distributions are written here because the algorithms behind
// std::*_distribution are not specified and differ between libraries: on one platform the same
// seed gives the same numbers for ever.
//
// Every component takes its own stream, so that one component drawing more numbers does not move
// the others:
//
//   Random makers = Random::stream(seed, "makers");
//   Random third_maker = makers.stream(3);
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace kimera::runtime {

// One step of splitmix64: advances `state`, returns the mixed value.
[[nodiscard]] constexpr std::uint64_t splitmix64(std::uint64_t& state) noexcept {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

// FNV-1a, then mixed: the number by which a name is known among the streams of a seed.
[[nodiscard]] constexpr std::uint64_t stream_index(std::string_view name) noexcept {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char c : name) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001B3ULL;
  }
  return splitmix64(hash);
}

// Seed of stream `index` of `seed`; two rounds, so that neighbours share no structure.
[[nodiscard]] constexpr std::uint64_t stream_seed(std::uint64_t seed,
                                                  std::uint64_t index) noexcept {
  std::uint64_t state = seed;
  std::uint64_t mixed = splitmix64(state) ^ index;
  return splitmix64(mixed);
}

namespace detail {
// Edges x[0..256] and heights f[0..256] of the 256 layers of a ziggurat (Marsaglia and Tsang
// 2000), computed at compile time in random.cpp. Layer i lies between f[i] and f[i + 1]; layer 0
// holds the tail beyond x[1].
struct Ziggurat {
  std::array<double, 257> x;
  std::array<double, 257> f;
};
extern const Ziggurat kNormalZiggurat;
extern const Ziggurat kExponentialZiggurat;
}  // namespace detail

class Random {
 public:
  using State = std::array<std::uint64_t, 4>;
  using result_type = std::uint64_t;  // NOLINT: the standard's name

  explicit Random(std::uint64_t seed) noexcept : seed_(seed), state_{} {
    std::uint64_t mixer = seed;
    for (auto& word : state_) word = splitmix64(mixer);
  }
  [[nodiscard]] static Random stream(std::uint64_t seed, std::string_view name) noexcept {
    return Random(stream_seed(seed, stream_index(name)));
  }
  [[nodiscard]] static Random stream(std::uint64_t seed, std::uint64_t index) noexcept {
    return Random(stream_seed(seed, index));
  }
  // A stream of this stream. Depends on the seed only, never on how many numbers were drawn.
  [[nodiscard]] Random stream(std::string_view name) const noexcept { return stream(seed_, name); }
  [[nodiscard]] Random stream(std::uint64_t index) const noexcept { return stream(seed_, index); }

  // Begin at a given state, not all zero (to hold the generator against published vectors).
  [[nodiscard]] static Random from_state(const State& state) noexcept {
    Random out(0);
    out.state_ = state;
    return out;
  }
  [[nodiscard]] const State& state() const noexcept { return state_; }

  [[nodiscard]] std::uint64_t next() noexcept {
    const std::uint64_t out = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return out;
  }
  [[nodiscard]] std::uint64_t operator()() noexcept { return next(); }
  [[nodiscard]] static constexpr std::uint64_t min() noexcept { return 0; }
  [[nodiscard]] static constexpr std::uint64_t max() noexcept {
    return std::numeric_limits<std::uint64_t>::max();
  }

  // Advance by 2^128 numbers: up to 2^128 sub-sequences of one seed that never meet.
  void jump() noexcept;

  // Uniform on [0, 1), a multiple of 2^-53.
  [[nodiscard]] double uniform() noexcept { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  // Uniform on (0, 1]: safe under a logarithm.
  [[nodiscard]] double uniform_positive() noexcept {
    return static_cast<double>((next() >> 11U) + 1) * 0x1.0p-53;
  }
  [[nodiscard]] double uniform(double low, double high) noexcept {
    return low + (high - low) * uniform();
  }

  // Uniform on 0 .. n - 1 without bias (Lemire 2019); 0 when n is 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) noexcept {
    __extension__ using Wide = unsigned __int128;
    Wide product = static_cast<Wide>(next()) * n;
    if (static_cast<std::uint64_t>(product) < n) [[unlikely]] {
      const std::uint64_t threshold = (0 - n) % n;
      while (static_cast<std::uint64_t>(product) < threshold) {
        product = static_cast<Wide>(next()) * n;
      }
    }
    return static_cast<std::uint64_t>(product >> 64U);
  }
  // Uniform on low .. high, both included; low <= high and high - low < 2^63.
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    const auto width = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low) + 1;
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + below(width));
  }
  // True with this probability, in [0, 1].
  [[nodiscard]] bool chance(double probability) noexcept { return uniform() < probability; }

  // Exponential with mean 1.
  [[nodiscard]] double exponential() noexcept {
    const std::uint64_t bits = next();
    const auto layer = static_cast<std::size_t>(bits & 255U);
    const double x =
        static_cast<double>(bits >> 11U) * 0x1.0p-53 * detail::kExponentialZiggurat.x[layer];
    if (x < detail::kExponentialZiggurat.x[layer + 1]) [[likely]]
      return x;
    return exponential_edge(layer, x);
  }
  [[nodiscard]] double exponential(double mean) noexcept { return mean * exponential(); }

  // Standard normal.
  [[nodiscard]] double normal() noexcept {
    const std::uint64_t bits = next();
    const auto layer = static_cast<std::size_t>(bits & 255U);
    const double x =
        (static_cast<double>(bits >> 11U) * 0x1.0p-52 - 1.0) * detail::kNormalZiggurat.x[layer];
    if (std::abs(x) < detail::kNormalZiggurat.x[layer + 1]) [[likely]]
      return x;
    return normal_edge(layer, x);
  }
  [[nodiscard]] double normal(double mean, double deviation) noexcept {
    return mean + deviation * normal();
  }

  // Gamma with this shape (> 0) and scale 1 (Marsaglia and Tsang 2000).
  [[nodiscard]] double gamma(double shape) noexcept;
  // Student's t with this many degrees of freedom (> 0).
  [[nodiscard]] double student_t(double degrees) noexcept {
    return normal() / std::sqrt(gamma(degrees / 2) * 2 / degrees);
  }
  // Pareto with minimum 1: P(X > x) = x^-alpha, alpha > 0.
  [[nodiscard]] double pareto(double alpha) noexcept { return std::exp(exponential() / alpha); }
  // Failures before the first success, success having this probability, in (0, 1].
  [[nodiscard]] std::uint64_t geometric(double probability) noexcept {
    if (probability >= 1) return 0;
    return static_cast<std::uint64_t>(exponential() / -std::log1p(-probability));
  }
  // Poisson with this mean, in [0, 1e15] (product of uniforms below 10, PTRS above; Hoermann 1993).
  [[nodiscard]] std::uint64_t poisson(double mean) noexcept;

 private:
  [[nodiscard]] double normal_edge(std::size_t layer, double x) noexcept;
  [[nodiscard]] double exponential_edge(std::size_t layer, double x) noexcept;
  [[nodiscard]] std::uint64_t poisson_rejection(double mean) noexcept;

  std::uint64_t seed_;
  State state_;
};

}  // namespace kimera::runtime
