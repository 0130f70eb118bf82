#include "kimera/runtime/sha256.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace kimera::runtime {
namespace {

using State = std::array<std::uint32_t, 8>;

alignas(64) constexpr std::array<std::uint32_t, 64> kRound{
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2};

void compress_plain(State& state, const std::uint8_t* data, std::size_t blocks) noexcept {
  for (; blocks > 0; --blocks, data += 64) {
    std::array<std::uint32_t, 64> w{};
    for (std::size_t i = 0; i < 16; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, data + 4 * i, 4);
      w[i] = __builtin_bswap32(word);
    }
    for (std::size_t i = 16; i < 64; ++i) {
      const auto s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3U);
      const auto s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10U);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = state;
    for (std::size_t i = 0; i < 64; ++i) {
      const auto s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const auto t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
      const auto s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const auto t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    const State out{a, b, c, d, e, f, g, h};
    for (std::size_t i = 0; i < 8; ++i) state[i] += out[i];
  }
}

#if defined(__x86_64__)
#define KIMERA_SHA __attribute__((target("sha,sse4.1"), always_inline)) inline

// One message in the registers the SHA instructions want: ABEF and CDGH, and the schedule.
struct Lane {
  __m128i abef, cdgh, saved_abef, saved_cdgh;
  __m128i w0, w1, w2, w3;
};

KIMERA_SHA void load_state(Lane& lane, const State& state) noexcept {
  const auto* words = reinterpret_cast<const __m128i*>(state.data());
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(words), 0xB1);
  const __m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128(words + 1), 0x1B);
  lane.abef = _mm_alignr_epi8(badc, hgfe, 8);
  lane.cdgh = _mm_blend_epi16(hgfe, badc, 0xF0);
}

KIMERA_SHA void store_state(const Lane& lane, State& state) noexcept {
  auto* words = reinterpret_cast<__m128i*>(state.data());
  const __m128i feba = _mm_shuffle_epi32(lane.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(lane.cdgh, 0xB1);
  _mm_storeu_si128(words, _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(words + 1, _mm_alignr_epi8(dchg, feba, 8));
}

KIMERA_SHA void load_block(Lane& lane, const std::uint8_t* data) noexcept {
  const __m128i swap = _mm_set_epi64x(0x0C0D0E0F08090A0BLL, 0x0405060700010203LL);
  const auto* words = reinterpret_cast<const __m128i*>(data);
  lane.w0 = _mm_shuffle_epi8(_mm_loadu_si128(words), swap);
  lane.w1 = _mm_shuffle_epi8(_mm_loadu_si128(words + 1), swap);
  lane.w2 = _mm_shuffle_epi8(_mm_loadu_si128(words + 2), swap);
  lane.w3 = _mm_shuffle_epi8(_mm_loadu_si128(words + 3), swap);
  lane.saved_abef = lane.abef;
  lane.saved_cdgh = lane.cdgh;
}

// Four rounds with the words in w0, then the schedule moves on by four words.
KIMERA_SHA void four_rounds(Lane& lane, std::size_t group) noexcept {
  const __m128i sum = _mm_add_epi32(
      lane.w0, _mm_load_si128(reinterpret_cast<const __m128i*>(kRound.data() + 4 * group)));
  lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
  lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32(sum, 0x0E));
  __m128i fresh = lane.w0;
  if (group < 12) {
    fresh = _mm_sha256msg1_epu32(lane.w0, lane.w1);
    fresh = _mm_add_epi32(fresh, _mm_alignr_epi8(lane.w3, lane.w2, 4));
    fresh = _mm_sha256msg2_epu32(fresh, lane.w3);
  }
  lane.w0 = lane.w1;
  lane.w1 = lane.w2;
  lane.w2 = lane.w3;
  lane.w3 = fresh;
}

KIMERA_SHA void finish_block(Lane& lane) noexcept {
  lane.abef = _mm_add_epi32(lane.abef, lane.saved_abef);
  lane.cdgh = _mm_add_epi32(lane.cdgh, lane.saved_cdgh);
}

__attribute__((target("sha,sse4.1"))) void compress_sha(State& state, const std::uint8_t* data,
                                                        std::size_t blocks) noexcept {
  Lane lane;
  load_state(lane, state);
  for (; blocks > 0; --blocks, data += 64) {
    load_block(lane, data);
#pragma GCC unroll 16
    for (std::size_t group = 0; group < 16; ++group) four_rounds(lane, group);
    finish_block(lane);
  }
  store_state(lane, state);
}

__attribute__((target("sha,sse4.1"))) void compress_sha_pair(State& first, State& second,
                                                             const std::uint8_t* a,
                                                             const std::uint8_t* b,
                                                             std::size_t blocks) noexcept {
  Lane left;
  Lane right;
  load_state(left, first);
  load_state(right, second);
  for (; blocks > 0; --blocks, a += 64, b += 64) {
    load_block(left, a);
    load_block(right, b);
#pragma GCC unroll 16
    for (std::size_t group = 0; group < 16; ++group) {
      four_rounds(left, group);
      four_rounds(right, group);
    }
    finish_block(left);
    finish_block(right);
  }
  store_state(left, first);
  store_state(right, second);
}
#undef KIMERA_SHA

bool has_sha() noexcept {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & (1U << 29U)) != 0;
}
#else
bool has_sha() noexcept {
  return false;
}
#endif

bool use_hardware() noexcept {
  static const bool answer = has_sha();
  return answer;
}

void compress(State& state, const std::uint8_t* data, std::size_t blocks) noexcept {
#if defined(__x86_64__)
  if (use_hardware()) return compress_sha(state, data, blocks);
#endif
  compress_plain(state, data, blocks);
}

void compress_pair(State& first, State& second, const std::uint8_t* a, const std::uint8_t* b,
                   std::size_t blocks) noexcept {
#if defined(__x86_64__)
  if (use_hardware()) return compress_sha_pair(first, second, a, b, blocks);
#endif
  compress_plain(first, a, blocks);
  compress_plain(second, b, blocks);
}

// The last 1 or 2 blocks: what is left, a one bit, zeros, and the length in bits.
Digest finish_state(State state, const std::uint8_t* rest, std::size_t n_rest,
                    std::uint64_t size) noexcept {
  std::array<std::uint8_t, 128> last{};
  if (n_rest > 0) std::memcpy(last.data(), rest, n_rest);
  last[n_rest] = 0x80;
  const std::size_t blocks = n_rest < 56 ? 1 : 2;
  const std::uint64_t bits = __builtin_bswap64(size * 8);
  std::memcpy(last.data() + 64 * blocks - 8, &bits, 8);
  compress(state, last.data(), blocks);
  Digest out{};
  for (std::size_t i = 0; i < 8; ++i) {
    const std::uint32_t word = __builtin_bswap32(state[i]);
    std::memcpy(out.data() + 4 * i, &word, 4);
  }
  return out;
}

}  // namespace

void Sha256::update(const void* data, std::size_t size) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::size_t held = size_ % 64;
  size_ += size;
  if (held > 0) {
    const std::size_t taken = std::min(size, 64 - held);
    std::memcpy(buffer_.data() + held, bytes, taken);
    bytes += taken;
    size -= taken;
    if (held + taken < 64) return;
    compress(state_, buffer_.data(), 1);
  }
  compress(state_, bytes, size / 64);
  held = size % 64;
  if (held > 0) std::memcpy(buffer_.data(), bytes + (size - held), held);
}

Digest Sha256::finish() noexcept {
  return finish_state(state_, buffer_.data(), size_ % 64, size_);
}

Digest sha256(const void* data, std::size_t size) noexcept {
  Sha256 hash;
  hash.update(data, size);
  return hash.finish();
}

std::array<Digest, 2> sha256_pair(const void* first, const void* second,
                                  std::size_t size) noexcept {
  State a{0x6A09E667U, 0xBB67AE85U, 0x3C6EF372U, 0xA54FF53AU,
          0x510E527FU, 0x9B05688CU, 0x1F83D9ABU, 0x5BE0CD19U};
  State b = a;
  compress_pair(a, b, static_cast<const std::uint8_t*>(first),
                static_cast<const std::uint8_t*>(second), size / 64);
  return {finish_state(a, nullptr, 0, size), finish_state(b, nullptr, 0, size)};
}

bool sha256_is_hardware() noexcept {
  return use_hardware();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

}  // namespace kimera::runtime
