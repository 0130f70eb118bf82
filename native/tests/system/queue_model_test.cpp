#include <doctest/doctest.h>

#include <cmath>
#include <random>

#include "kimera/market/latency.hpp"
#include "kimera/market/queue_model.hpp"

using namespace kimera::market;

TEST_CASE("the share behind is the odds of its model") {
  const QueueRule power{QueueModel::Power, 2.0};
  CHECK(behind_share(power, 3, 6) == doctest::Approx(36.0 / 45.0));
  const QueueRule log{QueueModel::Log, 0};
  CHECK(behind_share(log, 3, 6) ==
        doctest::Approx(std::log(7.0) / (std::log(4.0) + std::log(7.0))));
  const QueueRule averse{QueueModel::RiskAverse, 0};
  CHECK(behind_share(averse, 1'000, 1) == 1);
  CHECK(behind_share(averse, 1'000, 0) == 0);
}

TEST_CASE("lots ahead stay between nothing and the total, and never rise by a cancellation") {
  std::mt19937_64 random(5);
  for (const QueueModel model : {QueueModel::RiskAverse, QueueModel::Power, QueueModel::Log}) {
    for (int i = 0; i < 20'000; ++i) {
      const QueueRule rule{model, 0.1 + static_cast<double>(random() % 160) / 10};
      const auto total = static_cast<std::int64_t>(1 + random() % 1'000);
      const auto cancelled =
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(total + 1));
      const double ahead = static_cast<double>(random() % static_cast<std::uint64_t>(total + 1));
      const double left = ahead_after_cancel(rule, ahead, total, cancelled);
      REQUIRE(left >= 0);
      REQUIRE(left <= ahead);
      REQUIRE(left <= static_cast<double>(total - cancelled));
    }
  }
}

TEST_CASE("a recorded delay below the least seen becomes the least") {
  LatencyModel model = LatencyModel::recorded(1'000, 1.0);  // clocks 1000 ns apart
  CHECK(model.sample(-900) == 100);
  CHECK(model.sample(-1'200) == 0);
  CHECK(model.sample(-1'100) == 100);  // from here on -1200 stands for 0
  CHECK(model.clamped() == 1);
}

TEST_CASE("an empirical delay stays in its buckets, as often as they were seen") {
  const std::int64_t edges[] = {10, 20, 40, 50};
  const std::uint64_t counts[] = {1, 0, 3};
  LatencyModel model = LatencyModel::empirical(edges, counts, kimera::runtime::Random(9));
  int low = 0;
  for (int i = 0; i < 40'000; ++i) {
    const std::int64_t ns = model.sample(0);
    REQUIRE(((ns >= 10 && ns < 20) || (ns >= 40 && ns < 50)));
    low += ns < 20 ? 1 : 0;
  }
  CHECK(std::abs(low - 10'000) < 450);  // five standard deviations
}
