#include "kimera/runtime/ring.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <new>
#include <utility>

namespace kimera::runtime {
namespace {

constexpr char kMagic[8] = {'K', 'I', 'M', 'E', 'R', 'A', 'R', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kMaxCapacity = std::uint64_t{1} << 32U;

static_assert(sizeof(RingHeader) <= RingMemory::kSlotsOffset);

[[noreturn]] void fail(const std::string& what, int error) {
  throw RingFailure(what + ": " + std::strerror(error));
}

[[nodiscard]] std::size_t ring_bytes(std::uint64_t capacity) {
  if (!std::has_single_bit(capacity) || capacity < 2 || capacity > kMaxCapacity) {
    throw RingFailure("ring: capacity must be a power of two from 2 to 2^32, was " +
                      std::to_string(capacity));
  }
  return RingMemory::kSlotsOffset + static_cast<std::size_t>(capacity) * sizeof(model::Record);
}

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {
    if (fd_ < 0) fail(path + ": cannot open the ring", errno);
  }
  ~File() { ::close(fd_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

RingMemory RingMemory::map(int fd, std::size_t bytes, const std::string& what) {
  const int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED;
  void* base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, fd, 0);
  if (base == MAP_FAILED) fail(what + ": cannot map " + std::to_string(bytes) + " bytes", errno);
  return {static_cast<std::byte*>(base), bytes};
}

void RingMemory::begin(std::uint64_t capacity, RingMode mode) noexcept {
  auto* header = new (base_) RingHeader{};
  header->version = kVersion;
  header->record_bytes = sizeof(model::Record);
  header->capacity = capacity;
  header->mode = mode;
  std::memcpy(header->magic, kMagic, sizeof(kMagic));
  header->published.store(0, std::memory_order_release);
}

RingMemory RingMemory::create(std::uint64_t capacity, RingMode mode) {
  RingMemory memory = map(-1, ring_bytes(capacity), "ring");
  memory.begin(capacity, mode);
  return memory;
}

RingMemory RingMemory::create_file(const std::string& path, std::uint64_t capacity, RingMode mode) {
  const std::size_t bytes = ring_bytes(capacity);
  const File file(path, O_CREAT | O_EXCL | O_RDWR);
  const int error = posix_fallocate(file.fd(), 0, static_cast<off_t>(bytes));
  if (error != 0) {
    ::unlink(path.c_str());
    fail(path + ": cannot allocate " + std::to_string(bytes) + " bytes", error);
  }
  RingMemory memory = map(file.fd(), bytes, path);
  memory.begin(capacity, mode);
  return memory;
}

RingMemory RingMemory::attach_file(const std::string& path) {
  const File file(path, O_RDWR);
  struct stat info{};
  if (fstat(file.fd(), &info) != 0) fail(path + ": cannot read its size", errno);
  const auto bytes = static_cast<std::size_t>(info.st_size);
  if (bytes < kSlotsOffset) {
    throw RingFailure(path + ": expected a ring, found a file of " + std::to_string(bytes) +
                      " bytes");
  }
  RingMemory memory = map(file.fd(), bytes, path);
  const RingHeader& header = memory.header();
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0 || header.version != kVersion ||
      header.record_bytes != sizeof(model::Record)) {
    throw RingFailure(path + ": offset 0: expected a ring of version 1, found something else");
  }
  if (ring_bytes(header.capacity) != bytes) {
    throw RingFailure(path + ": expected " + std::to_string(ring_bytes(header.capacity)) +
                      " bytes, found " + std::to_string(bytes));
  }
  return memory;
}

RingMemory::RingMemory(RingMemory&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), bytes_(other.bytes_) {}

RingMemory::~RingMemory() {
  if (base_ != nullptr) munmap(base_, bytes_);
}

std::uint64_t RingMemory::window() const noexcept {
  return mode() == RingMode::Gated ? capacity() : capacity() - detail::ring_step(capacity());
}

RingWriter::RingWriter(RingMemory& memory) noexcept
    : header_(&memory.header()),
      slots_(memory.slots()),
      mask_(memory.capacity() - 1),
      head_(header_->published.load(std::memory_order_acquire)),
      limit_(head_),
      step_(detail::ring_step(memory.capacity())),
      gated_(memory.mode() == RingMode::Gated) {}

std::uint64_t RingWriter::extend(std::uint64_t n) noexcept {
  if (gated_) {
    limit_ = header_->gate.load(std::memory_order_acquire) + mask_ + 1;
    if (limit_ == head_) {
      header_->refused.store(refused() + 1, std::memory_order_relaxed);
      return 0;
    }
  } else {
    limit_ = head_ + std::max(n, step_);
  }
  // An exchange, because its acquire half keeps the writes to the slots behind it (step 1 above).
  static_cast<void>(header_->claimed.exchange(limit_, std::memory_order_acq_rel));
  return limit_ - head_;
}

std::size_t RingWriter::push(std::span<const model::Record> records) noexcept {
  std::size_t done = 0;
  while (done < records.size()) {
    const auto slots = claim(records.size() - done);
    if (slots.empty()) break;
    for (std::size_t i = 0; i < slots.size(); ++i) detail::copy_in(slots[i], records[done + i]);
    commit(slots.size());
    done += slots.size();
  }
  return done;
}

RingReader::RingReader(const RingMemory& memory, Role role, Start start)
    : header_(&memory.header()),
      slots_(memory.slots()),
      mask_(memory.capacity() - 1),
      position_(0),
      seen_(header_->published.load(std::memory_order_acquire)),
      step_(detail::ring_step(memory.capacity())) {
  if (role == Role::Gate) {
    if (memory.mode() != RingMode::Gated) {
      throw RingFailure(
          "ring: expected a gated ring for a gating reader, found an overwriting one");
    }
    gate_ = &header_->gate;
    position_ = gate_->load(std::memory_order_acquire);
    gated_at_ = position_;
    return;
  }
  const std::uint64_t window = memory.window();
  if (start == Start::Newest) {
    position_ = seen_;
  } else if (seen_ > window) {
    position_ = seen_ - window;
  }
}

// To the middle of the ring: far enough from the writer not to be lapped again at once.
std::uint64_t RingReader::skip() noexcept {
  seen_ = header_->published.load(std::memory_order_acquire);
  const std::uint64_t safe = seen_ - (mask_ + 1) / 2;
  const std::uint64_t lost = safe - position_;
  position_ = safe;
  lost_ += lost;
  return lost;
}

RingBatch RingReader::read(std::span<model::Record> out) noexcept {
  RingBatch batch;
  for (;;) {
    if (position_ == seen_ && !look()) return batch;
    const std::uint64_t n = std::min<std::uint64_t>(seen_ - position_, out.size());
    for (std::uint64_t i = 0; i < n; ++i) {
      detail::copy_out(out[i], slots_[(position_ + i) & mask_]);
    }
    if (gate_ == nullptr && lapped()) {
      batch.lost += skip();
      continue;
    }
    position_ += n;
    batch.count = static_cast<std::size_t>(n);
    if (gate_ != nullptr && position_ - gated_at_ >= step_) move_gate();
    return batch;
  }
}

RingSpan RingReader::peek() noexcept {
  RingSpan out;
  if (gate_ == nullptr && lapped()) out.lost = skip();
  if (position_ == seen_ && !look()) return out;
  const std::uint64_t at = position_ & mask_;
  const std::uint64_t n = std::min(seen_ - position_, mask_ + 1 - at);
  out.records = {slots_ + at, static_cast<std::size_t>(n)};
  return out;
}

bool RingReader::consume(std::size_t n) noexcept {
  bool whole = true;
  if (gate_ == nullptr) {
    // The caller's reads of the span come before the read of `claimed`.
#if defined(__SANITIZE_THREAD__)
    detail::compiler_fence();  // the sanitizer knows no fences; spans are not lapped in its tests
#else
    std::atomic_thread_fence(std::memory_order_acquire);
#endif
    whole = !lapped();
    if (!whole) {
      lost_ += n;
    }
  }
  position_ += n;
  if (gate_ != nullptr && position_ - gated_at_ >= step_) move_gate();
  return whole;
}

}  // namespace kimera::runtime
