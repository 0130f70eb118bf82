// What a run leaves behind, in memory bounded at construction: fills with the mid at the fill and
// at the markout horizons, and samples of book, position and profit at even steps of market time.
// When the samples are full the step doubles, and those that do not lie on it are dropped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kimera/model/record.hpp"
#include "kimera/strategy/context.hpp"

namespace kimera::system {

struct RunLogConfig {
  std::int64_t sample_interval_ns = 100'000'000;
  std::size_t max_samples = 20'000;
  std::size_t max_fills = 1'000'000;
  std::vector<std::int64_t> markout_horizons_ns;  // ascending
};

class RunLog {
 public:
  RunLog(const RunLogConfig& config, std::uint32_t n_instruments);

  // The next moment at which advance() has something to do.
  [[nodiscard]] std::int64_t due_ns() const noexcept { return due_ns_; }
  void start(std::int64_t now_ns) noexcept;
  // Called before anything of `now_ns` is taken: what the context shows held until then.
  void advance(const strategy::Context& context, std::int64_t now_ns) noexcept;
  // The last sample, at the end of the run.
  void finish(const strategy::Context& context, std::int64_t now_ns) noexcept;
  void fill(const model::Record& report, std::int64_t mid2) noexcept;

  [[nodiscard]] const std::vector<model::Record>& fills() const noexcept { return fills_; }
  [[nodiscard]] const std::vector<std::int64_t>& fill_mids2() const noexcept { return fill_mids2_; }
  [[nodiscard]] const std::vector<std::int64_t>& markout_mids2() const noexcept {
    return markout_mids2_;
  }
  [[nodiscard]] std::uint64_t fills_dropped() const noexcept { return fills_dropped_; }
  [[nodiscard]] const std::vector<std::int64_t>& sample_ns() const noexcept { return sample_ns_; }
  [[nodiscard]] const std::vector<std::int64_t>& bids() const noexcept { return bids_; }
  [[nodiscard]] const std::vector<std::int64_t>& asks() const noexcept { return asks_; }
  [[nodiscard]] const std::vector<std::int64_t>& positions() const noexcept { return positions_; }
  [[nodiscard]] const std::vector<double>& profits() const noexcept { return profits_; }
  [[nodiscard]] std::int64_t interval_ns() const noexcept { return interval_ns_; }

 private:
  void sample(const strategy::Context& context, std::int64_t ts_ns) noexcept;
  void thin() noexcept;
  void mark(const strategy::Context& context, std::int64_t now_ns) noexcept;
  void set_due() noexcept;

  RunLogConfig config_;
  std::uint32_t n_instruments_;
  std::int64_t due_ns_ = 0;
  std::int64_t interval_ns_;
  std::int64_t start_ns_ = 0;
  std::int64_t next_sample_ns_ = 0;
  std::vector<model::Record> fills_;
  std::vector<std::int64_t> fill_mids2_;
  std::vector<std::int64_t> markout_mids2_;  // row per fill, column per horizon
  std::vector<std::size_t> marked_;          // per horizon: fills done
  std::uint64_t fills_dropped_ = 0;
  std::vector<std::int64_t> sample_ns_;
  std::vector<std::int64_t> bids_;  // row per sample, column per instrument; so the next three
  std::vector<std::int64_t> asks_;
  std::vector<std::int64_t> positions_;
  std::vector<double> profits_;  // units of the instrument's account (portfolio/ledger.hpp)
};

}  // namespace kimera::system
