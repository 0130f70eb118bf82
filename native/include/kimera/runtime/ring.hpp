// A ring of records between threads or processes: one writer, any number of readers, bounded, no
// lock. Every reader has its own cursor and sees every record.
//
// Two modes, one code path (the writer compares its head with a limit it holds locally):
//   Overwrite  the writer never waits for anybody. A reader that falls more than `window()`
//              records behind is lapped: it is told how many records it lost, and goes on.
//   Gated      the writer never passes the one reader that holds the gate: claim() answers nothing
//              and counts while the ring is full. Other readers may be lapped as above.
//
// Order of memory, and why nothing torn is ever delivered. Sequence s lives in slot s mod capacity.
//   1. Before it touches a slot of sequence s, the writer raises `claimed` above s (in steps, so
//      that this line rarely moves between cores).
//   2. It writes the records, then stores `published` with release.
//   3. A reader loads `published` with acquire, so what it reads below that is whole, unless the
//      writer has come round. It therefore reads `claimed` after the records: when that is at most
//      (first sequence read) + capacity, no slot it read can have been touched again.
// Step 3 needs the reads of the records to happen before the read of `claimed`, step 1 the store of
// `claimed` before those of the records: copy_in and copy_out below are word-wise release stores
// and acquire loads, or on x86, where that is the order of the machine anyway, plain vector moves
// that the compiler may not move.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

#include "kimera/model/record.hpp"

#if defined(__SANITIZE_THREAD__)
#define KIMERA_RING_WORDWISE 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define KIMERA_RING_WORDWISE 1
#endif
#endif
#if !defined(__x86_64__)
#define KIMERA_RING_WORDWISE 1
#endif

namespace kimera::runtime {

enum class RingMode : std::uint32_t { Overwrite = 1, Gated = 2 };

class RingFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Two lines apart, because the prefetcher takes lines in pairs.
inline constexpr std::size_t kLinePair = 128;

struct RingHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t record_bytes;
  std::uint64_t capacity;
  RingMode mode;
  std::uint32_t unused;
  alignas(kLinePair) std::atomic<std::uint64_t> published;  // written by the writer
  alignas(kLinePair) std::atomic<std::uint64_t> claimed;    // written by the writer
  alignas(kLinePair) std::atomic<std::uint64_t> refused;    // written by the writer
  alignas(kLinePair) std::atomic<std::uint64_t> gate;       // written by the gating reader
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "needed between processes");

// The memory of a ring: private to the process, or a file (in /dev/shm, say) or descriptor that
// other processes attach to.
class RingMemory {
 public:
  // `capacity` in records, a power of two from 2 to 2^32. Throws RingFailure.
  [[nodiscard]] static RingMemory create(std::uint64_t capacity, RingMode mode);
  [[nodiscard]] static RingMemory create_file(const std::string& path, std::uint64_t capacity,
                                              RingMode mode);
  // Throws RingFailure when the file is not a ring of this version.
  [[nodiscard]] static RingMemory attach_file(const std::string& path);
  ~RingMemory();
  RingMemory(RingMemory&& other) noexcept;
  RingMemory& operator=(RingMemory&&) = delete;

  [[nodiscard]] RingHeader& header() const noexcept {
    return *reinterpret_cast<RingHeader*>(base_);
  }
  [[nodiscard]] model::Record* slots() const noexcept {
    return reinterpret_cast<model::Record*>(base_ + kSlotsOffset);
  }
  [[nodiscard]] std::uint64_t capacity() const noexcept { return header().capacity; }
  [[nodiscard]] RingMode mode() const noexcept { return header().mode; }
  // How far behind a reader may be and surely lose nothing.
  [[nodiscard]] std::uint64_t window() const noexcept;

  static constexpr std::size_t kSlotsOffset = 4096;

 private:
  RingMemory(std::byte* base, std::size_t bytes) noexcept : base_(base), bytes_(bytes) {}
  static RingMemory map(int fd, std::size_t bytes, const std::string& what);
  void begin(std::uint64_t capacity, RingMode mode) noexcept;

  std::byte* base_;
  std::size_t bytes_;
};

namespace detail {

// By how much the writer raises `claimed`, and a gating reader delays moving the gate.
[[nodiscard]] constexpr std::uint64_t ring_step(std::uint64_t capacity) noexcept {
  const std::uint64_t eighth = capacity / 8;
  return eighth < 1 ? 1 : eighth > 1024 ? 1024 : eighth;
}

inline void spin_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  asm volatile("" ::: "memory");
#endif
}
inline void compiler_fence() noexcept {
  asm volatile("" ::: "memory");
}

inline void copy_in(model::Record& slot, const model::Record& record) noexcept {
#if defined(KIMERA_RING_WORDWISE)
  std::uint64_t words[8];
  std::memcpy(words, &record, sizeof(words));
  auto* to = reinterpret_cast<std::uint64_t*>(&slot);
  for (std::size_t i = 0; i < 8; ++i) {
    std::atomic_ref<std::uint64_t>(to[i]).store(words[i], std::memory_order_release);
  }
#else
  compiler_fence();
  std::memcpy(&slot, &record, sizeof(slot));
  compiler_fence();
#endif
}

inline void copy_out(model::Record& record, const model::Record& slot) noexcept {
#if defined(KIMERA_RING_WORDWISE)
  std::uint64_t words[8];
  auto* from = reinterpret_cast<std::uint64_t*>(const_cast<model::Record*>(&slot));  // NOLINT
  for (std::size_t i = 0; i < 8; ++i) {
    words[i] = std::atomic_ref<std::uint64_t>(from[i]).load(std::memory_order_acquire);
  }
  std::memcpy(&record, words, sizeof(words));
#else
  compiler_fence();
  std::memcpy(&record, &slot, sizeof(record));
  compiler_fence();
#endif
}

}  // namespace detail

// The one writer. A second writer on the same memory is an error of the caller.
class RingWriter {
 public:
  // Goes on behind what is published already.
  explicit RingWriter(RingMemory& memory) noexcept;

  // False (and counted) when a gated ring is full; an overwriting ring always takes it.
  [[nodiscard]] bool push(const model::Record& record) noexcept {
    if (head_ == limit_) [[unlikely]] {
      if (extend(1) == 0) return false;
    }
    detail::copy_in(slots_[head_ & mask_], record);
    publish(head_ + 1);
    return true;
  }

  // Room for up to n records to be written in place, side by side: fewer at the end of the ring
  // or when a gated ring is nearly full, none (and counted) when it is full. What was claimed and
  // not committed is claimed again by the next call.
  [[nodiscard]] std::span<model::Record> claim(std::size_t n) noexcept {
    const std::uint64_t to_end = mask_ + 1 - (head_ & mask_);
    if (n > to_end) n = static_cast<std::size_t>(to_end);
    if (limit_ - head_ < n) {
      const std::uint64_t room = extend(n);
      if (n > room) n = static_cast<std::size_t>(room);
    }
    return {slots_ + (head_ & mask_), n};
  }
  // Hand the first n claimed records to the readers.
  void commit(std::size_t n) noexcept { publish(head_ + n); }

  // How many of these were taken: all, unless a gated ring is full.
  [[nodiscard]] std::size_t push(std::span<const model::Record> records) noexcept;

  [[nodiscard]] std::uint64_t position() const noexcept { return head_; }
  [[nodiscard]] std::uint64_t refused() const noexcept {
    return header_->refused.load(std::memory_order_relaxed);
  }

 private:
  void publish(std::uint64_t head) noexcept {
    head_ = head;
    header_->published.store(head, std::memory_order_release);
  }
  // Raise the limit so that n more records fit, if that may be; the room there is then.
  [[nodiscard]] std::uint64_t extend(std::uint64_t n) noexcept;

  RingHeader* header_;
  model::Record* slots_;
  std::uint64_t mask_;
  std::uint64_t head_;   // next sequence to write
  std::uint64_t limit_;  // up to here we may write without asking
  std::uint64_t step_;
  bool gated_;
};

struct RingBatch {
  std::size_t count = 0;   // records delivered
  std::uint64_t lost = 0;  // records lost just before them, because the reader was lapped
};
struct RingSpan {
  std::span<const model::Record> records;
  std::uint64_t lost = 0;
};

class RingReader {
 public:
  enum class Role : std::uint8_t {
    Observer,  // may be lapped; never slows the writer
    Gate,      // the writer of a gated ring waits for it; one per ring
  };
  enum class Start : std::uint8_t { Oldest, Newest };
  // Throws RingFailure for the gate of an overwriting ring.
  RingReader(const RingMemory& memory, Role role, Start start = Start::Oldest);

  // Copy up to out.size() of the records seen so far. What is delivered is whole and in order;
  // `lost` tells of any gap before it. Nothing there: count 0.
  [[nodiscard]] RingBatch read(std::span<model::Record> out) noexcept;
  // Copy one; false when nothing is there. Losses are counted in lost().
  [[nodiscard]] bool pop(model::Record& out) noexcept {
    if (gate_ != nullptr) [[likely]] {
      if (position_ == seen_ && !look()) return false;
      detail::copy_out(out, slots_[position_ & mask_]);
      ++position_;
      if (position_ - gated_at_ >= step_) move_gate();
      return true;
    }
    return read({&out, 1}).count == 1;
  }

  // What can be read in place, side by side. Use it, then consume(): only if that answers true was
  // it untouched all the while (always, for the gate).
  [[nodiscard]] RingSpan peek() noexcept;
  [[nodiscard]] bool consume(std::size_t n) noexcept;

  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  // All records this reader was lapped by.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }

 private:
  // See whether more was published; the gate is brought up to date when there is nothing.
  //
  // Each look takes the line of `published` from the writer, whose next store must fetch it back:
  // a reader close behind a streaming writer slows both to a few records per exchange. So a look
  // that brought few records, and at once, makes the next one come a little later (some
  // microseconds at most). A look after waiting in vain, as in sparse traffic, is never delayed.
  [[nodiscard]] bool look() noexcept {
    for (unsigned i = 0; i < patience_; ++i) detail::spin_pause();
    seen_ = header_->published.load(std::memory_order_acquire);
    const std::uint64_t fresh = seen_ - position_;
    if (fresh == 0) {
      patience_ = 0;
      waited_ = true;
      if (gate_ != nullptr && gated_at_ != position_) move_gate();
      return false;
    }
    if (!waited_ && fresh < kFew) {
      patience_ = patience_ < kMaxPatience ? 2 * patience_ + 1 : kMaxPatience;
    } else if (fresh > 4 * kFew) {
      patience_ /= 2;
    }
    waited_ = false;
    return true;
  }
  void move_gate() noexcept {
    gated_at_ = position_;
    gate_->store(position_, std::memory_order_release);
  }
  static constexpr std::uint64_t kFew = 64;
  static constexpr unsigned kMaxPatience = 127;
  [[nodiscard]] bool lapped() const noexcept {
    return header_->claimed.load(std::memory_order_acquire) > position_ + mask_ + 1;
  }
  [[nodiscard]] std::uint64_t skip() noexcept;  // to where it is safe again; how many were lost

  RingHeader* header_;
  const model::Record* slots_;
  std::uint64_t mask_;
  std::uint64_t position_;  // next sequence to read
  std::uint64_t seen_;      // published, when last looked at
  std::uint64_t step_;
  std::uint64_t gated_at_ = 0;
  std::atomic<std::uint64_t>* gate_ = nullptr;  // set for Role::Gate
  std::uint64_t lost_ = 0;
  unsigned patience_ = 0;  // pauses before the next look
  bool waited_ = false;    // the last look found nothing
};

}  // namespace kimera::runtime
