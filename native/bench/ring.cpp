#include "ring.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <thread>

#include "kimera/runtime/clock.hpp"
#include "kimera/runtime/histogram.hpp"
#include "kimera/runtime/ring.hpp"
#include "pinned.hpp"

#if __has_include(<boost/lockfree/spsc_queue.hpp>)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#include <boost/lockfree/spsc_queue.hpp>
#include <boost/version.hpp>
#pragma GCC diagnostic pop
#define KIMERA_HAS_BOOST 1
#endif

namespace kimera::bench {
namespace {

using model::Record;
using runtime::RingMemory;
using runtime::RingMode;
using runtime::RingReader;
using runtime::RingWriter;

constexpr std::size_t kCapacity = 4096;
constexpr std::size_t kBatch = 64;

inline void pause() noexcept {
  __builtin_ia32_pause();
}

// What both sides share besides the queue.
struct alignas(128) Burst {
  std::atomic<int> ready{0};
  alignas(128) std::atomic<std::uint64_t> sum{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::int64_t> end_ns{0};
  std::atomic<bool> sent{false};
};

void meet(Burst& burst) noexcept {
  burst.ready.fetch_add(1, std::memory_order_acq_rel);
  while (burst.ready.load(std::memory_order_acquire) < 2) pause();
}

[[nodiscard]] std::int64_t now_ns() noexcept {
  return runtime::SystemClock{}.monotonic_ns();
}

Record numbered(std::uint64_t i) noexcept {
  Record record{};
  record.sequence = i;
  record.size_lots = static_cast<std::int64_t>(i * 3);
  return record;
}

void finish(Burst& burst, std::uint64_t sum, std::uint64_t received) noexcept {
  burst.end_ns.store(now_ns(), std::memory_order_relaxed);
  burst.received.store(received, std::memory_order_relaxed);
  burst.sum.store(sum, std::memory_order_release);
}

struct RingOne {
  static constexpr RingMode kMode = RingMode::Gated;
  static void send(RingMemory& memory, Burst&, std::uint64_t n) noexcept {
    RingWriter writer(memory);
    Record record{};
    for (std::uint64_t i = 0; i < n; ++i) {
      record.sequence = i;
      record.size_lots = static_cast<std::int64_t>(i * 3);
      while (!writer.push(record)) pause();
    }
  }
  static void receive(RingMemory& memory, Burst& burst, std::uint64_t n) {
    RingReader reader(memory, RingReader::Role::Gate);
    Record record;
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < n; ++i) {
      while (!reader.pop(record)) pause();
      sum += record.sequence;
    }
    finish(burst, sum, n);
  }
};

struct RingSpan {
  static constexpr RingMode kMode = RingMode::Gated;
  static void send(RingMemory& memory, Burst&, std::uint64_t n) noexcept {
    RingWriter writer(memory);
    for (std::uint64_t i = 0; i < n;) {
      const auto slots = writer.claim(std::min<std::uint64_t>(kBatch, n - i));
      for (auto& slot : slots) slot = numbered(i++);
      writer.commit(slots.size());
      if (slots.empty()) pause();
    }
  }
  static void receive(RingMemory& memory, Burst& burst, std::uint64_t n) {
    RingReader reader(memory, RingReader::Role::Gate);
    std::uint64_t sum = 0;
    for (std::uint64_t i = 0; i < n;) {
      const auto records = reader.peek().records;
      for (const auto& record : records) sum += record.sequence;
      i += records.size();
      static_cast<void>(reader.consume(records.size()));
      if (records.empty()) pause();
    }
    finish(burst, sum, n);
  }
};

struct RingObserved {
  static constexpr RingMode kMode = RingMode::Overwrite;
  static void send(RingMemory& memory, Burst& burst, std::uint64_t n) noexcept {
    RingWriter writer(memory);
    Record record{};
    for (std::uint64_t i = 0; i < n; ++i) {
      record.sequence = i;
      static_cast<void>(writer.push(record));
    }
    burst.sent.store(true, std::memory_order_release);
  }
  static void receive(RingMemory& memory, Burst& burst, std::uint64_t n) {
    RingReader reader(memory, RingReader::Role::Observer);
    std::array<Record, kBatch> out;
    std::uint64_t received = 0;
    while (reader.position() < n) {
      const auto batch = reader.read(out);
      received += batch.count;
      if (batch.count == 0) pause();
    }
    finish(burst, n * (n - 1) / 2, received);
  }
};

#if defined(KIMERA_HAS_BOOST)
using BoostQueue = boost::lockfree::spsc_queue<Record, boost::lockfree::capacity<kCapacity>>;

void boost_send_one(BoostQueue& queue, std::uint64_t n) {
  Record record{};
  for (std::uint64_t i = 0; i < n; ++i) {
    record.sequence = i;
    record.size_lots = static_cast<std::int64_t>(i * 3);
    while (!queue.push(record)) pause();
  }
}

std::uint64_t boost_receive_one(BoostQueue& queue, std::uint64_t n) {
  Record record;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    while (!queue.pop(record)) pause();
    sum += record.sequence;
  }
  return sum;
}

void boost_send_many(BoostQueue& queue, std::uint64_t n) {
  std::array<Record, kBatch> batch{};
  for (std::uint64_t i = 0; i < n;) {
    const std::uint64_t size = std::min<std::uint64_t>(kBatch, n - i);
    for (std::uint64_t k = 0; k < size; ++k) batch[k] = numbered(i + k);
    for (std::uint64_t done = 0; done < size;) {
      const std::uint64_t pushed = queue.push(batch.data() + done, size - done);
      done += pushed;
      if (pushed == 0) pause();
    }
    i += size;
  }
}

std::uint64_t boost_receive_many(BoostQueue& queue, std::uint64_t n) {
  std::array<Record, kBatch> batch;
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < n;) {
    const std::uint64_t got = queue.pop(batch.data(), batch.size());
    for (std::uint64_t k = 0; k < got; ++k) sum += batch[k].sequence;
    i += got;
    if (got == 0) pause();
  }
  return sum;
}

double boost_per_s(bool one, std::uint64_t n) {
  const auto queue = std::make_unique<BoostQueue>();
  Burst burst;
  std::thread receiver([&] {
    const Pinned pinned(1);
    meet(burst);
    const std::uint64_t sum = one ? boost_receive_one(*queue, n) : boost_receive_many(*queue, n);
    finish(burst, sum, n);
  });
  const Pinned pinned(0);
  meet(burst);
  const std::int64_t start_ns = now_ns();
  if (one) {
    boost_send_one(*queue, n);
  } else {
    boost_send_many(*queue, n);
  }
  receiver.join();
  if (burst.sum.load() != n * (n - 1) / 2) return 0;
  return static_cast<double>(n) * 1e9 / static_cast<double>(burst.end_ns.load() - start_ns);
}
#endif

[[nodiscard]] double rate(const Burst& burst, std::uint64_t n, std::int64_t start_ns) {
  if (burst.sum.load(std::memory_order_acquire) != n * (n - 1) / 2) return 0;
  return static_cast<double>(burst.received.load()) * 1e9 /
         static_cast<double>(burst.end_ns.load() - start_ns);
}

template <typename Queue>
double threads_per_s(std::uint64_t n) {
  auto memory = RingMemory::create(kCapacity, Queue::kMode);
  Burst burst;
  std::thread receiver([&] {
    const Pinned pinned(1);
    meet(burst);
    Queue::receive(memory, burst, n);
  });
  const Pinned pinned(0);
  meet(burst);
  const std::int64_t start_ns = now_ns();
  Queue::send(memory, burst, n);
  receiver.join();
  return rate(burst, n, start_ns);
}

template <typename Queue>
double processes_per_s(std::uint64_t n) {
  const std::string path = "/dev/shm/kimera-bench-ring-" + std::to_string(getpid());
  auto memory = RingMemory::create_file(path, kCapacity, Queue::kMode);
  void* shared =
      mmap(nullptr, sizeof(Burst), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 0;
  auto* burst = new (shared) Burst;
  const pid_t child = fork();
  if (child == 0) {
    auto attached = RingMemory::attach_file(path);
    const Pinned pinned(1);
    meet(*burst);
    Queue::receive(attached, *burst, n);
    _exit(0);
  }
  double answer = 0;
  if (child > 0) {
    const Pinned pinned(0);
    meet(*burst);
    const std::int64_t start_ns = now_ns();
    Queue::send(memory, *burst, n);
    int status = 0;
    waitpid(child, &status, 0);
    answer = rate(*burst, n, start_ns);
  }
  unlink(path.c_str());
  munmap(shared, sizeof(Burst));
  return answer;
}

template <typename Queue>
double ring_per_s(Between parties, std::uint64_t n) {
  return parties == Between::Threads ? threads_per_s<Queue>(n) : processes_per_s<Queue>(n);
}

[[nodiscard]] RoundTrip summary(const runtime::LatencyHistogram& ticks,
                                const runtime::TscClock& clock) {
  return {static_cast<double>(ticks.quantile_ns(0.5)) / clock.ticks_per_ns(),
          static_cast<double>(ticks.quantile_ns(0.99)) / clock.ticks_per_ns()};
}

bool two_cores() noexcept {
  return std::thread::hardware_concurrency() >= 2;
}

}  // namespace

bool has_boost() noexcept {
#if defined(KIMERA_HAS_BOOST)
  return true;
#else
  return false;
#endif
}

const char* boost_version() noexcept {
#if defined(KIMERA_HAS_BOOST)
  return BOOST_LIB_VERSION;
#else
  return "";
#endif
}

double handover_per_s(Handover queue, Between parties, std::uint64_t n_records) {
  if (!two_cores()) return 0;
  switch (queue) {
    case Handover::RingOne:
      return ring_per_s<RingOne>(parties, n_records);
    case Handover::RingSpan:
      return ring_per_s<RingSpan>(parties, n_records);
    case Handover::RingObserved:
      return ring_per_s<RingObserved>(parties, n_records);
#if defined(KIMERA_HAS_BOOST)
    case Handover::BoostOne:
      return boost_per_s(true, n_records);
    case Handover::BoostMany:
      return boost_per_s(false, n_records);
#endif
    default:
      return 0;
  }
}

RoundTrip ring_round_trip(std::uint64_t n_trips) {
  if (!two_cores()) return {};
  auto there = RingMemory::create(kCapacity, RingMode::Gated);
  auto back = RingMemory::create(kCapacity, RingMode::Gated);
  Burst burst;
  std::thread echo([&] {
    RingReader reader(there, RingReader::Role::Gate);
    RingWriter writer(back);
    const Pinned pinned(1);
    meet(burst);
    Record record;
    for (std::uint64_t i = 0; i < n_trips; ++i) {
      while (!reader.pop(record)) {
      }
      static_cast<void>(writer.push(record));
    }
  });
  const runtime::TscClock clock;
  runtime::LatencyHistogram ticks;
  RingWriter writer(there);
  RingReader reader(back, RingReader::Role::Gate);
  {
    const Pinned pinned(0);
    meet(burst);
    Record record = numbered(0);
    for (std::uint64_t i = 0; i < n_trips; ++i) {
      const std::uint64_t start = runtime::TscClock::ticks();
      record.sequence = i;
      static_cast<void>(writer.push(record));
      while (!reader.pop(record)) {
      }
      ticks.record(static_cast<std::int64_t>(runtime::TscClock::ticks() - start));
    }
  }
  echo.join();
  return summary(ticks, clock);
}

RoundTrip line_round_trip(std::uint64_t n_trips) {
  if (!two_cores()) return {};
  struct Lines {
    alignas(128) std::atomic<std::uint64_t> there{0};
    alignas(128) std::atomic<std::uint64_t> back{0};
  };
  Lines lines;
  Burst burst;
  std::thread echo([&] {
    const Pinned pinned(1);
    meet(burst);
    for (std::uint64_t i = 1; i <= n_trips; ++i) {
      while (lines.there.load(std::memory_order_acquire) != i) {
      }
      lines.back.store(i, std::memory_order_release);
    }
  });
  const runtime::TscClock clock;
  runtime::LatencyHistogram ticks;
  {
    const Pinned pinned(0);
    meet(burst);
    for (std::uint64_t i = 1; i <= n_trips; ++i) {
      const std::uint64_t start = runtime::TscClock::ticks();
      lines.there.store(i, std::memory_order_release);
      while (lines.back.load(std::memory_order_acquire) != i) {
      }
      ticks.record(static_cast<std::int64_t>(runtime::TscClock::ticks() - start));
    }
  }
  echo.join();
  return summary(ticks, clock);
}

}  // namespace kimera::bench
