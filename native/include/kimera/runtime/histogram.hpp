// Latencies in fixed memory: a log-linear histogram (after HdrHistogram, Tene 2015) of 1 ns to
// 137 s with three significant digits. Values below 2,048 ns have a bucket each; every doubling
// above has 1,024 buckets, so a bucket is at most 1/1024 of its value wide.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace kimera::runtime {

class LatencyHistogram {
 public:
  static constexpr unsigned kLinearBits = 11;
  static constexpr std::size_t kHalf = std::size_t{1} << (kLinearBits - 1);
  static constexpr std::int64_t kMaxNs = (std::int64_t{1} << 37) - 1;
  static constexpr std::size_t kBuckets = (37 - kLinearBits) * kHalf + 2 * kHalf;

  LatencyHistogram() : counts_(kBuckets, 0) {}

  // Counts one duration. Below 0 counts as 0 and above kMaxNs as kMaxNs; both are also counted
  // in clamped().
  void record(std::int64_t duration_ns, std::uint64_t times = 1) noexcept {
    if (duration_ns < 0 || duration_ns > kMaxNs) [[unlikely]] {
      clamped_ += times;
      duration_ns = duration_ns < 0 ? 0 : kMaxNs;
    }
    counts_[bucket_of(duration_ns)] += times;
    count_ += times;
    sum_ns_ += static_cast<double>(duration_ns) * static_cast<double>(times);
    min_ns_ = std::min(min_ns_, duration_ns);
    max_ns_ = std::max(max_ns_, duration_ns);
  }
  void merge(const LatencyHistogram& other) noexcept {
    for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    clamped_ += other.clamped_;
    sum_ns_ += other.sum_ns_;
    min_ns_ = std::min(min_ns_, other.min_ns_);
    max_ns_ = std::max(max_ns_, other.max_ns_);
  }
  void reset() noexcept {
    std::fill(counts_.begin(), counts_.end(), 0);
    count_ = clamped_ = 0;
    sum_ns_ = 0;
    min_ns_ = std::numeric_limits<std::int64_t>::max();
    max_ns_ = 0;
  }

  // The highest value of the bucket that holds the ceil(fraction x count)-th smallest duration,
  // never above max_ns(); 0 when empty. `fraction` in [0, 1].
  [[nodiscard]] std::int64_t quantile_ns(double fraction) const noexcept {
    if (count_ == 0) return 0;
    const double wanted = std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_);
    auto rank = static_cast<std::uint64_t>(wanted);
    if (static_cast<double>(rank) < wanted) ++rank;
    rank = std::max<std::uint64_t>(rank, 1);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen += counts_[i];
      if (seen >= rank) return std::clamp(bucket_high_ns(i), min_ns_, max_ns_);
    }
    return max_ns_;
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] std::uint64_t clamped() const noexcept { return clamped_; }
  [[nodiscard]] std::int64_t min_ns() const noexcept { return count_ == 0 ? 0 : min_ns_; }
  [[nodiscard]] std::int64_t max_ns() const noexcept { return max_ns_; }
  [[nodiscard]] double mean_ns() const noexcept {
    return count_ == 0 ? 0 : sum_ns_ / static_cast<double>(count_);
  }
  [[nodiscard]] std::span<const std::uint64_t> counts() const noexcept { return counts_; }

  // duration_ns in [0, kMaxNs].
  [[nodiscard]] static constexpr std::size_t bucket_of(std::int64_t duration_ns) noexcept {
    const auto value = static_cast<std::uint64_t>(duration_ns);
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= kLinearBits) return static_cast<std::size_t>(value);
    const unsigned shift = width - kLinearBits;
    return shift * kHalf + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static constexpr std::int64_t bucket_low_ns(std::size_t bucket) noexcept {
    if (bucket < 2 * kHalf) return static_cast<std::int64_t>(bucket);
    const std::size_t shift = bucket / kHalf - 1;
    return static_cast<std::int64_t>((bucket - shift * kHalf) << shift);
  }
  [[nodiscard]] static constexpr std::int64_t bucket_high_ns(std::size_t bucket) noexcept {
    return bucket + 1 < kBuckets ? bucket_low_ns(bucket + 1) - 1 : kMaxNs;
  }

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t clamped_ = 0;
  double sum_ns_ = 0;
  std::int64_t min_ns_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ns_ = 0;
};

}  // namespace kimera::runtime
