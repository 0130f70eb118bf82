// Published vectors: RFC 3720 appendix B.4 for CRC-32C, FIPS 180-4 examples for SHA-256.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "kimera/runtime/crc32c.hpp"
#include "kimera/runtime/sha256.hpp"

using namespace kimera::runtime;

namespace {
std::string hex(const std::string& text) {
  return to_hex(sha256(text.data(), text.size()));
}
}  // namespace

TEST_CASE("crc32c gives the published values") {
  CHECK(crc32c("123456789", 9) == 0xE3069283U);
  const std::vector<std::uint8_t> zeros(32, 0);
  CHECK(crc32c(zeros.data(), 32) == 0x8A9136AAU);
  std::vector<std::uint8_t> rising(32);
  std::iota(rising.begin(), rising.end(), std::uint8_t{0});
  CHECK(crc32c(rising.data(), 32) == 0x46DD794EU);
}

TEST_CASE("sha256 gives the published values") {
  CHECK(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(hex(std::string(1'000'000, 'a')) ==
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256 in pieces and in pairs equals sha256 at once") {
  std::vector<std::uint8_t> data(64 * 40);
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::uint8_t>(i * 31 + 7);
  const Digest whole = sha256(data.data(), data.size());
  for (std::size_t piece : {1U, 3U, 63U, 64U, 65U, 127U, 1000U}) {
    Sha256 hash;
    for (std::size_t at = 0; at < data.size(); at += piece) {
      hash.update(data.data() + at, std::min(piece, data.size() - at));
    }
    CHECK(hash.finish() == whole);
  }
  const std::size_t half = data.size() / 2;
  const auto pair = sha256_pair(data.data(), data.data() + half, half);
  CHECK(pair[0] == sha256(data.data(), half));
  CHECK(pair[1] == sha256(data.data() + half, half));
}
