// Writes ITCH messages in BinaryFILE framing, field by field, for the tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace itch_test {

class Builder {
 public:
  std::vector<std::uint8_t> bytes;

  Builder& add(std::uint16_t locate, std::uint64_t ref, char side, std::uint32_t shares,
               std::uint32_t price, bool with_mpid = false) {
    begin(with_mpid ? 'F' : 'A', locate).u64(ref).ch(side).u32(shares).text("STOCK", 8).u32(price);
    if (with_mpid) text("MMKR", 4);
    return end();
  }
  Builder& execute(std::uint16_t locate, std::uint64_t ref, std::uint32_t shares) {
    return begin('E', locate).u64(ref).u32(shares).u64(77).end();
  }
  Builder& execute_at(std::uint16_t locate, std::uint64_t ref, std::uint32_t shares,
                      std::uint32_t price) {
    return begin('C', locate).u64(ref).u32(shares).u64(78).ch('Y').u32(price).end();
  }
  Builder& cancel(std::uint16_t locate, std::uint64_t ref, std::uint32_t shares) {
    return begin('X', locate).u64(ref).u32(shares).end();
  }
  Builder& remove(std::uint16_t locate, std::uint64_t ref) {
    return begin('D', locate).u64(ref).end();
  }
  Builder& replace(std::uint16_t locate, std::uint64_t ref, std::uint64_t new_ref,
                   std::uint32_t shares, std::uint32_t price) {
    return begin('U', locate).u64(ref).u64(new_ref).u32(shares).u32(price).end();
  }
  Builder& system(char event) { return begin('S', 0).ch(event).end(); }
  Builder& directory(std::uint16_t locate, const std::string& stock) {
    return begin('R', locate)
        .text(stock, 8)
        .text("QN", 2)
        .u32(100)
        .text("NCZ PNN1N", 9)
        .u32(0)
        .ch('N')
        .end();
  }

  // Field by field, for the types above and all others.
  Builder& begin(char type, std::uint16_t locate, std::uint64_t ts_ns = 0) {
    start_ = bytes.size();
    u16(0);
    ch(type);
    u16(locate);
    u16(7);
    ts_ = ts_ns == 0 ? ts_ + 1000 : ts_ns;
    u16(static_cast<std::uint16_t>(ts_ >> 32U));
    return u32(static_cast<std::uint32_t>(ts_));
  }
  Builder& end() {
    const std::size_t n = bytes.size() - start_ - 2;
    bytes[start_] = static_cast<std::uint8_t>(n >> 8U);
    bytes[start_ + 1] = static_cast<std::uint8_t>(n);
    return *this;
  }
  Builder& ch(char c) {
    bytes.push_back(static_cast<std::uint8_t>(c));
    return *this;
  }
  Builder& u16(std::uint16_t v) { return big_endian(v, 2); }
  Builder& u32(std::uint32_t v) { return big_endian(v, 4); }
  Builder& u64(std::uint64_t v) { return big_endian(v, 8); }
  Builder& text(const std::string& s, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) ch(i < s.size() ? s[i] : ' ');
    return *this;
  }

 private:
  Builder& big_endian(std::uint64_t v, unsigned n) {
    while (n-- > 0) bytes.push_back(static_cast<std::uint8_t>(v >> (8 * n)));
    return *this;
  }

  std::size_t start_ = 0;
  std::uint64_t ts_ = 34'200'000'000'000;
};

}  // namespace itch_test
