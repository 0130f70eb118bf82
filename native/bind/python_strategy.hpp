// A strategy written in Python: its bound methods, called from the event loop with plain integers.
// The integers of the book are kept and used again as long as they do not change, so that most
// calls make one or two new objects. The GIL is held for the whole run.
#pragma once

#include <nanobind/nanobind.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "kimera/strategy/strategy.hpp"

namespace kimera::bind {

namespace nb = nanobind;

// A report as Python sees it; a copy, so that it may be kept.
struct ReportView {
  model::Record record;
};

// The record of on_book: one object used again and again, valid during the call.
struct BookEvent {
  const model::Record* record = nullptr;
};

class PythonStrategy {
 public:
  // `strategy` may have any of the callbacks; what it lacks is not called.
  explicit PythonStrategy(nb::object strategy);

  void on_start(strategy::Context& c) noexcept;
  void on_top(strategy::Context& c, std::uint32_t id, const strategy::TopOfBook& top) noexcept;
  void on_book(strategy::Context& c, const model::Record& r) noexcept;
  void on_trade(strategy::Context& c, const model::Record& r) noexcept;
  void on_report(strategy::Context& c, const model::Record& r) noexcept;
  void on_timer(strategy::Context& c, std::uint64_t timer_id) noexcept;
  void on_stop(strategy::Context& c) noexcept;

  [[nodiscard]] bool wants(strategy::Callback callback) const noexcept {
    const nb::object* given[] = {&on_top_, &on_book_, &on_trade_, &on_report_, &on_timer_};
    return given[static_cast<std::size_t>(callback)]->is_valid();
  }
  [[nodiscard]] bool failed() const noexcept { return failed_in_ != nullptr; }
  [[nodiscard]] const char* failed_in() const noexcept { return failed_in_; }
  [[nodiscard]] std::int64_t failed_at_ns() const noexcept { return failed_at_ns_; }
  // The exception the callback raised; null when none did.
  [[nodiscard]] nb::object take_error() noexcept;
  // Hands over what on_batch has not had yet.
  void flush(strategy::Context& c) noexcept;

 private:
  // A Python int that is made again only when the value changes; None for kNoPrice.
  struct CachedInt {
    std::int64_t value = 0;
    nb::object object;
    [[nodiscard]] PyObject* get(std::int64_t now) noexcept;
  };
  struct Line {
    nb::object id;
    std::array<CachedInt, 4> top;
  };

  [[nodiscard]] nb::object method(const char* name) const;
  void start(strategy::Context& c) noexcept;
  void call(const nb::object& f, const char* name, PyObject** arguments, std::size_t n) noexcept;
  void fail(const char* name) noexcept;
  void batch(const model::Record& r) noexcept;

  nb::object strategy_;
  nb::object on_start_;
  nb::object on_top_;
  nb::object on_book_;
  nb::object on_trade_;
  nb::object on_report_;
  nb::object on_timer_;
  nb::object on_stop_;
  nb::object on_batch_;
  nb::object context_object_;
  nb::object batch_array_;  // ndarray of records over batch_records_
  strategy::Context* context_ = nullptr;
  std::vector<Line> lines_;
  std::array<nb::object, 3> sides_;
  nb::object event_object_;
  BookEvent* event_ = nullptr;
  std::vector<model::Record> batch_records_;
  std::size_t n_batch_ = 0;
  const char* failed_in_ = nullptr;
  std::int64_t failed_at_ns_ = 0;
  nb::object error_;
};

}  // namespace kimera::bind
