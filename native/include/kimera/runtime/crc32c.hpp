// CRC-32C (Castagnoli), the checksum of iSCSI and ext4: one instruction per 8 bytes on x86-64-v2.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace kimera::runtime {

namespace detail {
constexpr std::array<std::uint32_t, 256> make_crc32c_table() noexcept {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1U) ^ ((c & 1U) != 0 ? 0x82F63B78U : 0U);
    table[i] = c;
  }
  return table;
}
inline constexpr auto kCrc32cTable = make_crc32c_table();
}  // namespace detail

// The register after one more byte or word; the caller inverts at both ends if it wants the
// published CRC-32C.
[[nodiscard]] inline std::uint32_t crc32c_step(std::uint32_t state, std::uint8_t byte) noexcept {
  return (state >> 8U) ^ detail::kCrc32cTable[(state ^ byte) & 0xFFU];
}
[[nodiscard]] inline std::uint32_t crc32c_step(std::uint32_t state, std::uint64_t word) noexcept {
#if defined(__SSE4_2__)
  return static_cast<std::uint32_t>(_mm_crc32_u64(state, word));
#else
  for (int i = 0; i < 8; ++i, word >>= 8U) {
    state = crc32c_step(state, static_cast<std::uint8_t>(word));
  }
  return state;
#endif
}
[[nodiscard]] inline std::uint32_t crc32c_step(std::uint32_t state, std::uint32_t word) noexcept {
#if defined(__SSE4_2__)
  return _mm_crc32_u32(state, word);
#else
  for (int i = 0; i < 4; ++i, word >>= 8U) {
    state = crc32c_step(state, static_cast<std::uint8_t>(word));
  }
  return state;
#endif
}

// Published CRC-32C of `size` bytes.
[[nodiscard]] inline std::uint32_t crc32c(const void* data, std::size_t size) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  std::uint32_t state = ~0U;
  for (; size >= 8; bytes += 8, size -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, 8);
    state = crc32c_step(state, word);
  }
  for (; size > 0; ++bytes, --size) state = crc32c_step(state, *bytes);
  return ~state;
}

}  // namespace kimera::runtime
