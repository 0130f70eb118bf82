// What a native strategy is: a class with any of these members, all noexcept. What it does not
// declare is never called; there is no base class and no virtual call.
//
//   void on_start(Context&)
//   void on_top(Context&, std::uint32_t instrument_id, const TopOfBook&)   best price or size
//   void on_book(Context&, const model::Record&)                           every market record
//   void on_trade(Context&, const model::Record&)                          Trade or Execute
//   void on_report(Context&, const model::Record&)
//   void on_timer(Context&, std::uint64_t timer_id)
//   void on_stop(Context&)
#pragma once

#include <cstdint>

#include "kimera/model/record.hpp"
#include "kimera/strategy/context.hpp"

namespace kimera::strategy {

template <class S>
concept WantsStart = requires(S s, Context& c) { s.on_start(c); };
template <class S>
concept WantsTop = requires(S s, Context& c, const TopOfBook& t) { s.on_top(c, 1U, t); };
template <class S>
concept WantsBook = requires(S s, Context& c, const model::Record& r) { s.on_book(c, r); };
template <class S>
concept WantsTrade = requires(S s, Context& c, const model::Record& r) { s.on_trade(c, r); };
template <class S>
concept WantsReport = requires(S s, Context& c, const model::Record& r) { s.on_report(c, r); };
template <class S>
concept WantsTimer = requires(S s, Context& c) { s.on_timer(c, std::uint64_t{1}); };
template <class S>
concept WantsStop = requires(S s, Context& c) { s.on_stop(c); };

// A class that stands for a strategy of another language declares every callback; what that
// strategy really wants it tells with `bool wants(Callback) const`.
enum class Callback : std::uint8_t { Top = 0, Book = 1, Trade = 2, Report = 3, Timer = 4 };

template <class S>
[[nodiscard]] constexpr bool subscribes(const S& s, Callback callback) noexcept {
  if constexpr (requires { s.wants(callback); }) {
    return s.wants(callback);
  } else {
    return true;
  }
}

// The bare run: books, queues and latencies work, nobody trades.
struct DoNothing {};

}  // namespace kimera::strategy
