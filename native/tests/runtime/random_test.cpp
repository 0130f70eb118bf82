// The distributions are held against scipy's closed forms in tests/unit/runtime/test_random.py;
// here stand the published vectors and the laws.
#include "kimera/runtime/random.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

using kimera::runtime::Random;
using kimera::runtime::splitmix64;

TEST_CASE("splitmix64 gives the published numbers of seed 1234567") {
  std::uint64_t state = 1234567;
  const std::array<std::uint64_t, 5> published{6457827717110365317ULL, 3203168211198807973ULL,
                                               9817491932198370423ULL, 4593380528125082431ULL,
                                               16408922859458223821ULL};
  for (const auto expected : published) CHECK(splitmix64(state) == expected);
}

TEST_CASE("xoshiro256++ gives the published numbers of state 1 2 3 4") {
  auto random = Random::from_state({1, 2, 3, 4});
  const std::array<std::uint64_t, 10> published{41943041ULL,
                                                58720359ULL,
                                                3588806011781223ULL,
                                                3591011842654386ULL,
                                                9228616714210784205ULL,
                                                9973669472204895162ULL,
                                                14011001112246962877ULL,
                                                12406186145184390807ULL,
                                                15849039046786891736ULL,
                                                10450023813501588000ULL};
  for (const auto expected : published) CHECK(random.next() == expected);
}

TEST_CASE("streams depend on seed and name, not on what was drawn") {
  Random a(7);
  const Random untouched(7);
  for (int i = 0; i < 100; ++i) static_cast<void>(a.next());
  CHECK(a.stream("makers").state() == untouched.stream("makers").state());
  CHECK(a.stream("makers").state() != a.stream("takers").state());
  CHECK(a.stream(1).state() != a.stream(2).state());
  CHECK(Random::stream(8, "makers").state() != a.stream("makers").state());
}

TEST_CASE("below stays below and reaches every value") {
  Random random(1);
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) ++seen.at(random.below(7));
  for (const int n : seen) CHECK((n > 850 && n < 1150));  // five deviations of 29
  CHECK(random.below(1) == 0);
  CHECK(random.below(0) == 0);
}

TEST_CASE("between reaches both ends, also across zero") {
  Random random(2);
  bool low = false;
  bool high = false;
  for (int i = 0; i < 200; ++i) {
    const auto value = random.between(-2, 2);
    REQUIRE((value >= -2 && value <= 2));
    low |= value == -2;
    high |= value == 2;
  }
  CHECK(low);
  CHECK(high);
}

TEST_CASE("jump moves to another part of the sequence and is repeatable") {
  Random a(3);
  Random b(3);
  a.jump();
  CHECK(a.state() != b.state());
  b.jump();
  CHECK(a.state() == b.state());
}
