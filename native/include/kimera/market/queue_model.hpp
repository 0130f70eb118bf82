// Where in the queue an own order stands when the tape shows only totals per price (L2).
//
// Trades at the order's price always move it up by what traded. When a total falls by more than
// trades explain, somebody cancelled; the models differ in where:
//   RiskAverse   behind us, as long as anything is behind us
//   Power(n)     a cancelled lot was behind us with probability b^n / (a^n + b^n)
//   Log          with probability log(1 + b) / (log(1 + a) + log(1 + b))
// where a lots are ahead of us and b behind. What the total itself rules out (more ahead than
// there is) is corrected afterwards, so that 0 <= ahead <= total.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace kimera::market {

enum class QueueModel : std::uint8_t { L3Fifo = 0, RiskAverse = 1, Power = 2, Log = 3 };

struct QueueRule {
  QueueModel model = QueueModel::Power;
  double exponent = 3.0;
};

// Share of cancelled lots that come from behind the order, in [0, 1]; ahead, behind >= 0.
[[nodiscard]] inline double behind_share(const QueueRule& rule, double ahead,
                                         double behind) noexcept {
  if (behind <= 0) return 0;
  if (ahead <= 0 || rule.model == QueueModel::RiskAverse) return 1;
  if (rule.model == QueueModel::Log) {
    const double b = std::log1p(behind);
    return b / (std::log1p(ahead) + b);
  }
  return 1.0 / (1.0 + std::pow(ahead / behind, rule.exponent));
}

// Lots ahead after the recorded total at the price fell from `total` by `cancelled`.
[[nodiscard]] inline double ahead_after_cancel(const QueueRule& rule, double ahead,
                                               std::int64_t total,
                                               std::int64_t cancelled) noexcept {
  const auto before = static_cast<double>(total);
  const auto gone = static_cast<double>(cancelled);
  const double behind = std::max(0.0, before - ahead);
  const double from_behind = std::min(behind, gone * behind_share(rule, ahead, behind));
  const double left = ahead - (gone - from_behind);
  return std::clamp(left, 0.0, std::max(0.0, before - gone));
}

}  // namespace kimera::market
