// How long a record takes: constant, drawn from a histogram by a seeded stream, or as recorded on
// the tape. One model serves one direction of one venue.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/runtime/random.hpp"

namespace kimera::market {

enum class LatencyKind : std::uint8_t { Constant = 0, Recorded = 1, Empirical = 2 };

class LatencyModel {
 public:
  [[nodiscard]] static LatencyModel constant(std::int64_t ns) {
    LatencyModel m(LatencyKind::Constant, runtime::Random(0));
    m.ns_ = ns;
    return m;
  }
  // Recorded delays plus `offset_ns` (the clock correction), times `scale`; never below 0.
  [[nodiscard]] static LatencyModel recorded(std::int64_t offset_ns, double scale) {
    LatencyModel m(LatencyKind::Recorded, runtime::Random(0));
    m.ns_ = offset_ns;
    m.scale_ = scale;
    return m;
  }
  // `edges_ns` rises and has one entry more than `counts`; even within a bucket.
  [[nodiscard]] static LatencyModel empirical(std::span<const std::int64_t> edges_ns,
                                              std::span<const std::uint64_t> counts,
                                              runtime::Random random) {
    LatencyModel m(LatencyKind::Empirical, random);
    m.edges_ns_.assign(edges_ns.begin(), edges_ns.end());
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts) m.cumulated_.push_back(sum += n);
    return m;
  }

  [[nodiscard]] LatencyKind kind() const noexcept { return kind_; }

  // The delay [ns] of something that starts now; `recorded_ns` is what the tape shows for it
  // (receive time minus event time).
  [[nodiscard]] std::int64_t sample(std::int64_t recorded_ns) noexcept {
    if (kind_ == LatencyKind::Constant) return ns_;
    if (kind_ == LatencyKind::Empirical) return draw();
    std::int64_t ns = recorded_ns + ns_;
    if (ns < 0) {
      ++clamped_;
      ns_ -= ns;  // the clocks drift apart: the least seen stands for 0 from here on
      ns = 0;
    }
    return scale_ == 1.0 ? ns : static_cast<std::int64_t>(static_cast<double>(ns) * scale_);
  }
  // Recorded delays that were negative after the correction: each moved it, and counted as 0.
  [[nodiscard]] std::uint64_t clamped() const noexcept { return clamped_; }

 private:
  LatencyModel(LatencyKind kind, runtime::Random random) noexcept : kind_(kind), random_(random) {}

  [[nodiscard]] std::int64_t draw() noexcept {
    const std::uint64_t rank = random_.below(cumulated_.back());
    const auto at = std::upper_bound(cumulated_.begin(), cumulated_.end(), rank);
    const auto bucket = static_cast<std::size_t>(at - cumulated_.begin());
    return random_.between(edges_ns_[bucket], edges_ns_[bucket + 1] - 1);
  }

  LatencyKind kind_;
  std::int64_t ns_ = 0;
  double scale_ = 1.0;
  std::uint64_t clamped_ = 0;
  runtime::Random random_;
  std::vector<std::int64_t> edges_ns_;
  std::vector<std::uint64_t> cumulated_;
};

}  // namespace kimera::market
