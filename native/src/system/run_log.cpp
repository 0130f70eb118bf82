#include "kimera/system/run_log.hpp"

#include <algorithm>
#include <limits>

namespace kimera::system {

using model::kNoPrice;

RunLog::RunLog(const RunLogConfig& config, std::uint32_t n_instruments)
    : config_(config),
      n_instruments_(n_instruments),
      interval_ns_(config.sample_interval_ns),
      marked_(config.markout_horizons_ns.size(), 0) {
  const std::size_t cells = config.max_samples * n_instruments;
  sample_ns_.reserve(config.max_samples);
  bids_.reserve(cells);
  asks_.reserve(cells);
  positions_.reserve(cells);
  profits_.reserve(cells);
  fills_.reserve(config.max_fills);
  fill_mids2_.reserve(config.max_fills);
  markout_mids2_.reserve(config.max_fills * config.markout_horizons_ns.size());
}

void RunLog::start(std::int64_t now_ns) noexcept {
  start_ns_ = now_ns;
  next_sample_ns_ = now_ns + interval_ns_;
  set_due();
}

void RunLog::advance(const strategy::Context& context, std::int64_t now_ns) noexcept {
  if (next_sample_ns_ < now_ns) {
    // One row for a silence of many steps: the last step before now.
    if (sample_ns_.size() == config_.max_samples) thin();
    const std::int64_t ts_ns = now_ns - 1 - (now_ns - 1 - start_ns_) % interval_ns_;
    if (ts_ns >= next_sample_ns_) sample(context, ts_ns);
    next_sample_ns_ = std::max(ts_ns, start_ns_) + interval_ns_;
  }
  mark(context, now_ns);
  set_due();
}

void RunLog::finish(const strategy::Context& context, std::int64_t now_ns) noexcept {
  if (now_ns == model::kNoTime) return;
  advance(context, now_ns);
  if (sample_ns_.size() == config_.max_samples) thin();
  if (sample_ns_.empty() || sample_ns_.back() < now_ns) sample(context, now_ns);
}

void RunLog::sample(const strategy::Context& context, std::int64_t ts_ns) noexcept {
  sample_ns_.push_back(ts_ns);
  for (std::uint32_t id = 1; id <= n_instruments_; ++id) {
    const strategy::TopOfBook& top = context.top(id);
    bids_.push_back(top.bid_ticks);
    asks_.push_back(top.ask_ticks);
    positions_.push_back(context.position_lots(id));
    profits_.push_back(static_cast<double>(context.ledger().profit(id, context.mid2(id))));
  }
}

// Doubles the step and keeps what lies on it; again, if by chance all did.
void RunLog::thin() noexcept {
  const std::size_t n = n_instruments_;
  while (sample_ns_.size() == config_.max_samples) {
    interval_ns_ *= 2;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < sample_ns_.size(); ++i) {
      if ((sample_ns_[i] - start_ns_) % interval_ns_ != 0) continue;
      sample_ns_[kept] = sample_ns_[i];
      for (std::size_t k = 0; k < n; ++k) {
        bids_[kept * n + k] = bids_[i * n + k];
        asks_[kept * n + k] = asks_[i * n + k];
        positions_[kept * n + k] = positions_[i * n + k];
        profits_[kept * n + k] = profits_[i * n + k];
      }
      ++kept;
    }
    sample_ns_.resize(kept);
    bids_.resize(kept * n);
    asks_.resize(kept * n);
    positions_.resize(kept * n);
    profits_.resize(kept * n);
  }
}

// The mid that held `horizon` after each fill, for fills whose moment has passed.
void RunLog::mark(const strategy::Context& context, std::int64_t now_ns) noexcept {
  const std::size_t n = config_.markout_horizons_ns.size();
  for (std::size_t h = 0; h < n; ++h) {
    while (marked_[h] < fills_.size()) {
      const model::Record& f = fills_[marked_[h]];
      if (f.ts_recv_ns + config_.markout_horizons_ns[h] >= now_ns) break;
      markout_mids2_[marked_[h] * n + h] = context.mid2(f.instrument_id);
      ++marked_[h];
    }
  }
}

void RunLog::set_due() noexcept {
  due_ns_ = next_sample_ns_;
  for (std::size_t h = 0; h < marked_.size(); ++h) {
    if (marked_[h] == fills_.size()) continue;
    due_ns_ = std::min(due_ns_, fills_[marked_[h]].ts_recv_ns + config_.markout_horizons_ns[h]);
  }
}

void RunLog::fill(const model::Record& report, std::int64_t mid2) noexcept {
  if (fills_.size() == config_.max_fills) {
    ++fills_dropped_;
    return;
  }
  fills_.push_back(report);
  fill_mids2_.push_back(mid2);
  markout_mids2_.resize(markout_mids2_.size() + config_.markout_horizons_ns.size(), kNoPrice);
  set_due();
}

}  // namespace kimera::system
