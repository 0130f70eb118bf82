#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string>

#include "kimera/market/csv.hpp"
#include "kimera/market/decimal.hpp"

using namespace kimera::market;

namespace {

// Long division on text, digit by digit: slow, obvious, and shares nothing with the parser.
std::string plain_text(__int128 value, int decimals) {
  std::string digits;
  const bool negative = value < 0;
  for (__int128 rest = negative ? -value : value; rest > 0; rest /= 10) {
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  }
  while (static_cast<int>(digits.size()) <= decimals) {
    digits.insert(digits.begin(), '0');
  }
  if (decimals > 0) {
    digits.insert(digits.size() - static_cast<std::size_t>(decimals), ".");
  }
  return (negative ? "-" : "") + digits;
}

DecimalError parse(const char* text, DecimalUnit unit, std::int64_t& out) {
  return parse_units(text, unit, out);
}

}  // namespace

TEST_CASE("decimal text of any unit comes back as the whole number it was made of") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 200'000; ++round) {
    const auto decimals = static_cast<std::uint8_t>(random() % 13);
    const std::int64_t units = (random() % 3 == 0) ? std::int64_t{25} : std::int64_t{1};
    const auto whole =
        static_cast<std::int64_t>(random() % 2'000'000'000'000ULL) - 1'000'000'000'000LL;
    std::string text = plain_text(static_cast<__int128>(whole) * units, decimals);
    if (decimals > 0) {
      text.append(random() % 4, '0');
    }
    std::int64_t out = 0;
    REQUIRE(parse_units(text, {decimals, units}, out) == DecimalError::None);
    REQUIRE(out == whole);
  }
}

TEST_CASE("what is no whole number of units, or no number, is told") {
  std::int64_t out = 0;
  CHECK(parse("1.001", {2, 1}, out) == DecimalError::TooFine);
  CHECK(parse("1.10", {2, 25}, out) == DecimalError::TooFine);
  CHECK(parse("9223372036854775808", {0, 1}, out) == DecimalError::OutOfRange);
  CHECK(parse("99999999999999999", {8, 1}, out) == DecimalError::OutOfRange);
  for (const char* text : {"", ".", "-", "1.2.3", "12a", " 1", "0x1", "1e", "nan", "1,5"}) {
    CHECK(parse(text, {2, 1}, out) == DecimalError::NotANumber);
  }
  CHECK(parse("1.5e-3", {4, 1}, out) == DecimalError::None);
  CHECK(out == 15);
  CHECK(parse("2E2", {0, 1}, out) == DecimalError::None);
  CHECK(out == 200);
  CHECK(parse("1e400", {0, 1}, out) == DecimalError::OutOfRange);
  CHECK(parse("0.0", {0, 1}, out) == DecimalError::None);
  CHECK(out == 0);
}

TEST_CASE("ISO 8601 times agree with known instants") {
  std::int64_t ns = 0;
  CHECK(parse_iso8601("1970-01-01T00:00:00Z", ns));
  CHECK(ns == 0);
  CHECK(parse_iso8601("2000-02-29 12:34:56.789", ns));
  CHECK(ns == 951'827'696'789'000'000);
  CHECK(parse_iso8601("2023-03-01 00:00:00+00:00", ns));
  CHECK(ns == 1'677'628'800'000'000'000);
  CHECK(parse_iso8601("2023-03-01T02:00:00+0200", ns));
  CHECK(ns == 1'677'628'800'000'000'000);
  for (const char* text : {"2023-13-01T00:00:00Z", "2023-03-01", "2023-03-01T00:00:00X",
                           "2023/03/01 00:00:00", "2023-03-01T24:00:00Z"}) {
    CHECK_FALSE(parse_iso8601(text, ns));
  }
}
