// Plays a journal of a run back to its strategy: the recorded feed and the recorded reports arrive
// when they arrived, and every request of the strategy is held against the recorded one.
//
// PlaybackTape is the one cursor over the journal. The venue hands out the record at the cursor;
// the event loop's journal sink, which is told everything in the order it reached or left the
// strategy, moves it on. So nothing is delivered before what stood before it in the journal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "kimera/model/record.hpp"
#include "kimera/system/bounded_queue.hpp"
#include "kimera/system/run_digest.hpp"

namespace kimera::system {

class PlaybackTape {
 public:
  // `start_ns` is the moment at which the recorded run began; one callback makes at most
  // `max_requests` requests.
  PlaybackTape(std::int64_t start_ns, std::size_t max_requests) : start_ns_(start_ns) {
    asked_.reserve(max_requests);
  }
  PlaybackTape(const PlaybackTape&) = delete;
  PlaybackTape& operator=(const PlaybackTape&) = delete;

  // The next records of the journal; they must stay where they are until the next call.
  void feed(std::span<const model::Record> batch) noexcept {
    at_ = batch.data();
    end_ = batch.data() + batch.size();
    std::size_t compared = 0;
    while (compared < asked_.size() && at_ != end_ && !differs_) check(asked_[compared++]);
    asked_.erase(asked_.begin(), asked_.begin() + static_cast<std::ptrdiff_t>(compared));
  }
  void finish() noexcept {
    finished_ = true;
    if (!asked_.empty()) differ(asked_.front(), false);
  }
  [[nodiscard]] bool starved() const noexcept { return at_ == end_ && !finished_ && !differs_; }

  // When the record at the cursor happens; a request happens by itself, or is missed just after.
  [[nodiscard]] std::int64_t next_ns() const noexcept {
    if (!begun_) return start_ns_;
    if (in_hand_ || differs_) return kNever;
    if (at_ == end_) return finished_ ? kNever : last_ns_;
    return at_->kind == model::Kind::Order ? at_->ts_recv_ns + 1 : at_->ts_recv_ns;
  }
  // Takes the record at the cursor, or nullptr when there is none to hand out.
  [[nodiscard]] const model::Record* take() noexcept {
    if (!begun_) {
      begun_ = true;
      return nullptr;
    }
    if (at_ == end_ || differs_) return nullptr;
    if (at_->kind == model::Kind::Order) {
      differ(model::Record{}, true);
      return nullptr;
    }
    in_hand_ = true;
    return at_;
  }
  // What the loop tells: false at the first difference.
  [[nodiscard]] bool told(const model::Record& r) noexcept {
    if (differs_) return false;
    in_hand_ = false;
    if (at_ == end_ && !finished_ && asked_.size() < asked_.capacity()) {
      asked_.push_back(r);  // held against the next batch
      return true;
    }
    check(r);
    return !differs_;
  }
  // The run is over: what the journal still holds was not reached.
  void close() noexcept {
    if (!differs_ && at_ != end_) differ(model::Record{}, true);
  }

  [[nodiscard]] bool differs() const noexcept { return differs_; }
  // Records that agree; also the number of the first that does not.
  [[nodiscard]] std::uint64_t agreed() const noexcept { return agreed_; }
  [[nodiscard]] std::uint64_t orders() const noexcept { return orders_; }
  // Of the first difference; kind None stands for none.
  [[nodiscard]] const model::Record& expected() const noexcept { return expected_; }
  [[nodiscard]] const model::Record& found() const noexcept { return found_; }
  [[nodiscard]] const RunDigest& digest() const noexcept { return digest_; }

 private:
  void check(const model::Record& r) noexcept {
    if (at_ == end_ || !same(*at_, r)) {
      differ(r, false);
      return;
    }
    digest_.add(*at_);
    ++agreed_;
    if (at_->kind == model::Kind::Order) ++orders_;
    last_ns_ = at_->ts_recv_ns;
    ++at_;
  }
  // A request is recorded with the time it reached the venue, which is not the strategy's doing.
  [[nodiscard]] static bool same(const model::Record& recorded, const model::Record& r) noexcept {
    model::Record copy = r;
    if (r.kind == model::Kind::Order) copy.ts_event_ns = recorded.ts_event_ns;
    return std::memcmp(&copy, &recorded, sizeof copy) == 0;
  }
  void differ(const model::Record& found, bool missing) noexcept {
    if (differs_) return;
    differs_ = true;
    if (!missing) found_ = found;
    if (at_ != end_) expected_ = *at_;
  }

  std::int64_t start_ns_;
  const model::Record* at_ = nullptr;
  const model::Record* end_ = nullptr;
  std::int64_t last_ns_ = model::kNoTime;
  std::vector<model::Record> asked_;  // requests beyond the batch, within the reserved bound
  RunDigest digest_;
  std::uint64_t agreed_ = 0;
  std::uint64_t orders_ = 0;
  model::Record expected_{};
  model::Record found_{};
  bool begun_ = false;
  bool in_hand_ = false;  // handed out, not yet told
  bool finished_ = false;
  bool differs_ = false;
};

// The venue of a playback: what it does stands in the journal, requests change nothing.
class PlaybackVenue {
 public:
  explicit PlaybackVenue(PlaybackTape& tape) noexcept : tape_(&tape) {}

  void feed(std::span<const model::Record> batch) noexcept { tape_->feed(batch); }
  void finish() noexcept { tape_->finish(); }
  [[nodiscard]] bool starved() const noexcept { return tape_->starved(); }
  [[nodiscard]] std::int64_t next_event_ns() const noexcept { return tape_->next_ns(); }
  template <class Sink>
  void step(Sink&& sink) noexcept {
    if (const model::Record* r = tape_->take()) sink(*r);
  }
  template <class Sink>
  void submit(const model::Record&, Sink&&) noexcept {}

 private:
  PlaybackTape* tape_;
};

}  // namespace kimera::system
