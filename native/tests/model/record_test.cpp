#include <doctest/doctest.h>

#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

using namespace kimera::model;

TEST_CASE("order detail packs and unpacks every part") {
  const auto detail = order_detail(OrderType::StopLimit, TimeInForce::Fok, order_option::kPostOnly);
  CHECK(order_type(detail) == OrderType::StopLimit);
  CHECK(time_in_force(detail) == TimeInForce::Fok);
  CHECK(order_options(detail) == order_option::kPostOnly);
}

TEST_CASE("opposite side of none is none") {
  CHECK(opposite(Side::Bid) == Side::Ask);
  CHECK(opposite(Side::Ask) == Side::Bid);
  CHECK(opposite(Side::None) == Side::None);
}
