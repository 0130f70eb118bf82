// A running 128-bit digest of records: tells two runs apart, fast (a few ns a record). It is no
// proof against a forger; the journal's SHA-256 chain is.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kimera/model/record.hpp"

namespace kimera::system {

class RunDigest {
 public:
  void add(const model::Record& record) noexcept {
    std::uint64_t w[8];
    std::memcpy(w, &record, sizeof w);
    // Four products side by side; only the two sums carry from record to record.
    const std::uint64_t p = fold(w[0] ^ kOdd[0], w[1] ^ a_);
    const std::uint64_t q = fold(w[2] ^ kOdd[1], w[3] ^ b_);
    const std::uint64_t r = fold(w[4] ^ kOdd[2], w[5] ^ a_);
    const std::uint64_t s = fold(w[6] ^ kOdd[3], w[7] ^ b_);
    a_ = std::rotl(a_, 23) + (p ^ std::rotl(s, 31)) + kOdd[0];
    b_ = std::rotl(b_, 29) + (q ^ std::rotl(r, 37)) + kOdd[1];
    ++n_;
  }
  [[nodiscard]] std::array<std::uint64_t, 2> value() const noexcept {
    const std::uint64_t x = fold(a_ ^ kOdd[2], b_ ^ n_);
    return {x, fold(b_ ^ kOdd[3], a_ ^ x)};
  }
  [[nodiscard]] std::uint64_t records() const noexcept { return n_; }

 private:
  static constexpr std::uint64_t kOdd[4] = {0x9E3779B97F4A7C15ULL, 0xBF58476D1CE4E5B9ULL,
                                            0x94D049BB133111EBULL, 0xD6E8FEB86659FD93ULL};
  [[nodiscard]] static std::uint64_t fold(std::uint64_t x, std::uint64_t y) noexcept {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(x) * y;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  }

  std::uint64_t a_ = 0x6A09E667F3BCC909ULL;
  std::uint64_t b_ = 0xBB67AE8584CAA73BULL;
  std::uint64_t n_ = 0;
};

}  // namespace kimera::system
