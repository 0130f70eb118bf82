// Runs the code of a condition or a measure. A View tells what a leaf, an aggregate, the
// classifier and the match number are at the point where the code is run.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "kimera/cep/interner.hpp"
#include "kimera/cep/program.hpp"

namespace kimera::cep {

[[nodiscard]] inline Value of_int(std::int64_t v) noexcept {
  return {v, false};
}
[[nodiscard]] inline Value of_double(double v) noexcept {
  return {std::bit_cast<std::int64_t>(v), false};
}
[[nodiscard]] inline Value of_bool(bool v) noexcept {
  return {v ? 1 : 0, false};
}
[[nodiscard]] inline double as_double(Value v) noexcept {
  return std::bit_cast<double>(v.bits);
}

// Integer arithmetic that leaves 64 bits is NULL, never a wrapped number.
[[nodiscard]] inline Value arithmetic_int(Op op, std::int64_t a, std::int64_t b) noexcept {
  std::int64_t r = 0;
  bool overflows = false;
  switch (op) {
    case Op::AddI:
      overflows = __builtin_add_overflow(a, b, &r);
      break;
    case Op::SubI:
      overflows = __builtin_sub_overflow(a, b, &r);
      break;
    case Op::MulI:
      overflows = __builtin_mul_overflow(a, b, &r);
      break;
    default:
      if (b == 0) return {};
      if (b == -1) {  // the one quotient that overflows, and the remainder that traps
        overflows = op == Op::DivI && __builtin_sub_overflow(std::int64_t{0}, a, &r);
        break;
      }
      r = op == Op::DivI ? a / b : a % b;
  }
  return overflows ? Value{} : of_int(r);
}

[[nodiscard]] inline Value arithmetic_double(Op op, double a, double b) noexcept {
  switch (op) {
    case Op::AddD:
      return of_double(a + b);
    case Op::SubD:
      return of_double(a - b);
    case Op::MulD:
      return of_double(a * b);
    case Op::DivD:
      if (b == 0)
        return of_double(a == 0 || std::isnan(a) ? std::numeric_limits<double>::quiet_NaN()
                                                 : std::copysign(HUGE_VAL, a));
      return of_double(a / b);
    case Op::PowD:
      return of_double(std::pow(a, b));
    default:
      return of_double(b == 0 ? std::numeric_limits<double>::quiet_NaN() : std::fmod(a, b));
  }
}

[[nodiscard]] inline Value single_double(Op op, double a) noexcept {
  switch (op) {
    case Op::NegD:
      return of_double(-a);
    case Op::AbsD:
      return of_double(std::fabs(a));
    case Op::FloorD:
      return of_double(std::floor(a));
    case Op::CeilD:
      return of_double(std::ceil(a));
    case Op::SqrtD:
      return of_double(std::sqrt(a));
    case Op::ExpD:
      return of_double(std::exp(a));
    default:
      return of_double(std::log(a));
  }
}

template <class T>
[[nodiscard]] bool compare(int relation, T a, T b) noexcept {
  switch (relation) {
    case 0:
      return a == b;
    case 1:
      return a != b;
    case 2:
      return a < b;
    case 3:
      return a <= b;
    case 4:
      return a > b;
    default:
      return a >= b;
  }
}

[[nodiscard]] inline Value to_int(double a) noexcept {
  if (!(a >= -9.2233720368547758e18 && a < 9.2233720368547758e18)) return {};
  return of_int(static_cast<std::int64_t>(a));
}

[[nodiscard]] inline Value text_function(Op op, Interner& names, Value a, Value b, Value c) {
  switch (op) {
    case Op::Upper:
      return of_int(names.upper(a.bits));
    case Op::Lower:
      return of_int(names.lower(a.bits));
    case Op::Trim:
      return of_int(names.trim(a.bits));
    case Op::Length:
      return of_int(names.length(a.bits));
    case Op::Concat:
      return of_int(names.concat(a.bits, b.bits));
    case Op::Like:
      return of_bool(names.like(a.bits, b.bits));
    default:
      return of_int(names.substring(a.bits, b.bits, c.bits));
  }
}

// Operators that look at NULL themselves.
[[nodiscard]] inline bool null_aware(Op op, const Value* slot, const Instruction& i,
                                     Value& out) noexcept {
  const Value a = slot[i.a];
  const Value b = slot[i.b];
  switch (op) {
    case Op::AndB:
    case Op::OrB: {
      const std::int64_t decisive = op == Op::OrB ? 1 : 0;
      if ((!a.null && a.bits == decisive) || (!b.null && b.bits == decisive))
        out = of_int(decisive);
      else
        out = a.null || b.null ? Value{} : of_int(1 - decisive);
      return true;
    }
    case Op::IsNull:
      out = of_bool(a.null);
      return true;
    case Op::NotDistinct:
      out = of_bool(a.null || b.null ? a.null == b.null : a.bits == b.bits);
      return true;
    case Op::Case:
      out = !a.null && a.bits != 0 ? b : slot[i.c];
      return true;
    case Op::Coalesce:
      out = a.null ? b : a;
      return true;
    case Op::NullIf:
      out = !a.null && !b.null && a.bits == b.bits ? Value{} : a;
      return true;
    default:
      return false;
  }
}

[[nodiscard]] inline Value apply(Op op, Value a, Value b, Value c, Interner& names) {
  if (op >= Op::EqI && op <= Op::GeI)
    return of_bool(compare(static_cast<int>(op) - static_cast<int>(Op::EqI), a.bits, b.bits));
  if (op >= Op::EqD && op <= Op::GeD)
    return of_bool(
        compare(static_cast<int>(op) - static_cast<int>(Op::EqD), as_double(a), as_double(b)));
  if (op >= Op::LtS && op <= Op::GeS)
    return of_bool(compare(2 + static_cast<int>(op) - static_cast<int>(Op::LtS),
                           names.compare(a.bits, b.bits), 0));
  switch (op) {
    case Op::NotB:
      return of_bool(a.bits == 0);
    case Op::NegI:
      return arithmetic_int(Op::SubI, 0, a.bits);
    case Op::AbsI:
      return a.bits < 0 ? arithmetic_int(Op::SubI, 0, a.bits) : a;
    case Op::AddI:
    case Op::SubI:
    case Op::MulI:
    case Op::DivI:
    case Op::ModI:
      return arithmetic_int(op, a.bits, b.bits);
    case Op::AddD:
    case Op::SubD:
    case Op::MulD:
    case Op::DivD:
    case Op::ModD:
    case Op::PowD:
      return arithmetic_double(op, as_double(a), as_double(b));
    case Op::MaxI:
      return a.bits >= b.bits ? a : b;
    case Op::MinI:
      return a.bits <= b.bits ? a : b;
    case Op::MaxD:
      return as_double(a) >= as_double(b) ? a : b;
    case Op::MinD:
      return as_double(a) <= as_double(b) ? a : b;
    case Op::ToDouble:
      return of_double(static_cast<double>(a.bits));
    case Op::ToInt:
      return to_int(as_double(a));
    case Op::NegD:
    case Op::AbsD:
    case Op::FloorD:
    case Op::CeilD:
    case Op::SqrtD:
    case Op::ExpD:
    case Op::LnD:
      return single_double(op, as_double(a));
    default:
      return text_function(op, names, a, b, c);
  }
}

[[nodiscard]] inline bool takes_two(Op op) noexcept {
  return (op >= Op::EqI && op <= Op::GeS) || (op >= Op::AddI && op <= Op::ModI) ||
         (op >= Op::AddD && op <= Op::ModD) || op == Op::PowD ||
         (op >= Op::MaxI && op <= Op::MinD) || op == Op::Concat || op == Op::Like ||
         op == Op::Substring;
}

inline constexpr std::size_t kMaxSlots = 256;

template <class View>
Value evaluate(const Program& program, const Code& code, const View& view, Interner& names) {
  // Not initialised: an instruction reads slots of earlier ones only (validate() checks).
  alignas(Value) std::byte raw[kMaxSlots * sizeof(Value)];
  Value* slot = reinterpret_cast<Value*>(raw);
  for (const Instruction& i : code.instructions) {
    Value out;
    switch (i.op) {
      case Op::Const:
        out = program.constants[static_cast<std::size_t>(i.index)];
        break;
      case Op::Leaf:
        out = view.leaf(program.leaves[static_cast<std::size_t>(i.index)], i.index);
        break;
      case Op::Aggregate:
        out = view.aggregate(static_cast<std::size_t>(i.index));
        break;
      case Op::MatchNumber:
        out = of_int(view.match_number());
        break;
      default:
        if (!null_aware(i.op, slot, i, out)) {
          const Value a = slot[i.a];
          const Value b = slot[i.b];
          if (!a.null && !(takes_two(i.op) && b.null) && !(i.op == Op::Substring && slot[i.c].null))
            out = apply(i.op, a, b, slot[i.c], names);
        }
    }
    slot[i.dst] = out;
  }
  return slot[code.n_slots - 1];
}

}  // namespace kimera::cep
