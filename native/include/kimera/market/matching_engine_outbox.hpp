// Where one event's records wait for the sink, so that the last public one can be marked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::market::matching {

class Outbox {
 public:
  // Gets n records in order; must not throw.
  using Drain = void (*)(void* sink, const model::Record* records, std::size_t n);

  explicit Outbox(std::uint16_t venue_id) : records_(kRecords) {
    blank_.ts_event_ns = model::kNoTime;
    blank_.ts_recv_ns = model::kNoTime;
    blank_.price_ticks = model::kNoPrice;
    blank_.venue_id = venue_id;
    blank_.side = model::Side::None;
  }

  void attach(Drain drain, void* sink) noexcept {
    drain_ = drain;
    sink_ = sink;
  }
  // Everything from here to the next call is stamped with this time and instrument.
  void stamp(std::int64_t ts_event_ns, std::uint32_t instrument_id) noexcept {
    blank_.ts_event_ns = ts_event_ns;
    blank_.instrument_id = instrument_id;
  }
  // A record of the public stream: gets the venue's next sequence number.
  [[nodiscard]] model::Record& add_public() noexcept {
    model::Record& r = next();
    last_public_ = n_;
    r.sequence = ++sequence_;
    return r;
  }
  // A record for one actor only.
  [[nodiscard]] model::Record& add_private() noexcept { return next(); }

  // End of a message: marks its last public record and hands everything over.
  void finish() noexcept {
    if (last_public_ != 0) records_[last_public_ - 1].flags |= model::flag::kLast;
    if (n_ != 0) drain_(sink_, records_.data(), n_);
    n_ = last_public_ = 0;
  }
  [[nodiscard]] std::uint64_t sequence() const noexcept { return sequence_; }

 private:
  static constexpr std::size_t kRecords = 1'024;

  [[nodiscard]] model::Record& next() noexcept {
    if (n_ == kRecords) spill();
    model::Record& r = records_[n_++];
    r = blank_;
    return r;
  }
  // A message longer than the outbox: keep back only what may have to be marked.
  void spill() noexcept {
    const std::size_t keep_from = last_public_ == 0 ? n_ : last_public_ - 1;
    if (keep_from == 0) return finish();  // one early mark is harmless: the book is whole here
    drain_(sink_, records_.data(), keep_from);
    for (std::size_t i = keep_from; i < n_; ++i) records_[i - keep_from] = records_[i];
    n_ -= keep_from;
    last_public_ = last_public_ == 0 ? 0 : 1;
  }

  std::vector<model::Record> records_;
  model::Record blank_{};
  std::size_t n_ = 0;
  std::size_t last_public_ = 0;  // its index + 1; 0 = none waits
  std::uint64_t sequence_ = 0;
  Drain drain_ = nullptr;
  void* sink_ = nullptr;
};

}  // namespace kimera::market::matching
