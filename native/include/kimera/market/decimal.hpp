// Decimal text to integer ticks or lots, exactly: no floating point on the way.
#pragma once

#include <cstdint>
#include <string_view>

namespace kimera::market {

// The unit of a price or a size: `units` x 10^-`decimals`, as 25 x 10^-2 for a tick of 0.25.
struct DecimalUnit {
  std::uint8_t decimals = 0;  // 0 to 18
  std::int64_t units = 1;     // above 0
};

enum class DecimalError : std::uint8_t {
  None = 0,
  NotANumber = 1,
  TooFine = 2,     // not a whole number of units
  OutOfRange = 3,  // does not fit 63 bits
};

namespace detail {

inline constexpr std::int64_t kPowerOfTen[19] = {1,
                                                 10,
                                                 100,
                                                 1'000,
                                                 10'000,
                                                 100'000,
                                                 1'000'000,
                                                 10'000'000,
                                                 100'000'000,
                                                 1'000'000'000,
                                                 10'000'000'000,
                                                 100'000'000'000,
                                                 1'000'000'000'000,
                                                 10'000'000'000'000,
                                                 100'000'000'000'000,
                                                 1'000'000'000'000'000,
                                                 10'000'000'000'000'000,
                                                 100'000'000'000'000'000,
                                                 1'000'000'000'000'000'000};

[[nodiscard]] constexpr bool is_digit(char c) noexcept {
  return static_cast<unsigned char>(c - '0') < 10;
}

}  // namespace detail

// Parsed but not yet scaled: value = digits x 10^exponent, trailing zeros of the fraction removed.
struct Decimal {
  std::int64_t digits = 0;
  int exponent = 0;
};

// Read `[-]digits[.digits][e[+-]digits]`, the whole of `text`.
[[nodiscard]] inline DecimalError parse_decimal(std::string_view text, Decimal& out) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  bool negative = false;
  if (p != end && (*p == '-' || *p == '+')) {
    negative = *p == '-';
    ++p;
  }
  std::uint64_t digits = 0;
  int exponent = 0;
  int pending_zeros = 0;  // zeros of the fraction count only when another digit follows
  bool any = false;
  bool fraction = false;
  bool overflow = false;
  constexpr std::uint64_t kLimit = 9'223'372'036'854'775'807ULL;
  const auto push = [&](unsigned digit) noexcept {
    if (digits > (kLimit - digit) / 10) {
      overflow = true;
      return;
    }
    digits = digits * 10 + digit;
  };
  for (; p != end; ++p) {
    const char c = *p;
    if (detail::is_digit(c)) {
      any = true;
      const auto digit = static_cast<unsigned>(c - '0');
      if (!fraction) {
        push(digit);
      } else if (digit == 0) {
        ++pending_zeros;
      } else {
        for (; pending_zeros > 0; --pending_zeros) {
          push(0);
          --exponent;
        }
        push(digit);
        --exponent;
      }
    } else if (c == '.' && !fraction) {
      fraction = true;
    } else {
      break;
    }
    if (overflow) {
      return DecimalError::OutOfRange;
    }
  }
  if (!any) {
    return DecimalError::NotANumber;
  }
  if (p != end) {
    if (*p != 'e' && *p != 'E') {
      return DecimalError::NotANumber;
    }
    ++p;
    bool down = false;
    if (p != end && (*p == '-' || *p == '+')) {
      down = *p == '-';
      ++p;
    }
    int shift = 0;
    const char* const first = p;
    for (; p != end && detail::is_digit(*p); ++p) {
      shift = shift * 10 + (*p - '0');
      if (shift > 400) {
        return DecimalError::OutOfRange;
      }
    }
    if (p == first || p != end) {
      return DecimalError::NotANumber;
    }
    exponent += down ? -shift : shift;
  }
  out.digits = negative ? -static_cast<std::int64_t>(digits) : static_cast<std::int64_t>(digits);
  out.exponent = digits == 0 ? 0 : exponent;
  return DecimalError::None;
}

// Decimals needed to write the value exactly: 2 for 61773.60 x 10^-1 ... 0 for whole numbers.
[[nodiscard]] inline int decimals_needed(Decimal value) noexcept {
  while (value.exponent < 0 && value.digits % 10 == 0 && value.digits != 0) {
    value.digits /= 10;
    ++value.exponent;
  }
  return value.exponent < 0 ? -value.exponent : 0;
}

// Express a decimal in whole units.
[[nodiscard]] inline DecimalError to_units(Decimal value, DecimalUnit unit,
                                           std::int64_t& out) noexcept {
  int shift = value.exponent + unit.decimals;
  std::int64_t digits = value.digits;
  for (; shift < 0; ++shift) {
    if (digits % 10 != 0) {
      return DecimalError::TooFine;
    }
    digits /= 10;
    if (digits == 0) {
      break;
    }
  }
  if (shift > 0 && digits != 0) {
    if (shift > 18 || __builtin_mul_overflow(digits, detail::kPowerOfTen[shift], &digits)) {
      return DecimalError::OutOfRange;
    }
  }
  if (unit.units != 1) {
    if (digits % unit.units != 0) {
      return DecimalError::TooFine;
    }
    digits /= unit.units;
  }
  out = digits;
  return DecimalError::None;
}

// Text to whole units. The common shape, plain digits with no more decimals than the unit, takes
// one pass; everything else goes the long way round.
[[nodiscard]] inline DecimalError parse_units(std::string_view text, DecimalUnit unit,
                                              std::int64_t& out) noexcept {
  const char* p = text.data();
  const char* const end = p + text.size();
  if (text.size() <= 18) {
    std::int64_t value = 0;
    const char* const first = p;
    while (p != end && detail::is_digit(*p)) {
      value = value * 10 + (*p++ - '0');
    }
    bool any = p != first;
    int missing = unit.decimals;
    if (p != end && *p == '.') {
      ++p;
      while (p != end && missing > 0 && detail::is_digit(*p)) {
        value = value * 10 + (*p++ - '0');
        --missing;
        any = true;
      }
      while (p != end && *p == '0') {
        ++p;
      }
    }
    if (p == end && any && unit.units == 1 &&
        !__builtin_mul_overflow(value, detail::kPowerOfTen[missing], &out)) {
      return DecimalError::None;
    }
  }
  Decimal decimal;
  const DecimalError error = parse_decimal(text, decimal);
  return error != DecimalError::None ? error : to_units(decimal, unit, out);
}

// Unsigned whole number, the whole of `text`; false if it is none or too large.
[[nodiscard]] inline bool parse_whole(std::string_view text, std::uint64_t& out) noexcept {
  if (text.empty() || text.size() > 20) {
    return false;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!detail::is_digit(c) || __builtin_mul_overflow(value, std::uint64_t{10}, &value) ||
        __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value)) {
      return false;
    }
  }
  out = value;
  return true;
}

[[nodiscard]] inline const char* describe(DecimalError error) noexcept {
  switch (error) {
    case DecimalError::None:
      return "a number";
    case DecimalError::NotANumber:
      return "a decimal number";
    case DecimalError::TooFine:
      return "a multiple of the tick or lot";
    case DecimalError::OutOfRange:
      return "a number that fits 63 bits of ticks or lots";
  }
  return "a number";
}

}  // namespace kimera::market
