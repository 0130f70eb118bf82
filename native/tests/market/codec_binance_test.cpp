#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "kimera/market/binance.hpp"

using namespace kimera::market;
using kimera::model::Action;
using kimera::model::Kind;
namespace flag = kimera::model::flag;

namespace {

std::string change(int first, int last, int previous, const char* size, bool futures) {
  std::string pu = futures ? ",\"pu\":" + std::to_string(previous) : "";
  return R"({"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,)"
         R"("s":"BTCUSDT","U":)" +
         std::to_string(first) + ",\"u\":" + std::to_string(last) + pu + R"(,"b":[["100.0",")" +
         size + R"("]],"a":[]}})";
}

std::string snapshot(int last) {
  return R"({"lastUpdateId":)" + std::to_string(last) + R"(,"bids":[["99.0","1"]],"asks":[]})";
}

struct Reader {
  explicit Reader(BinanceMarket market, std::size_t max_pending = 100)
      : decoder({{"BTCUSDT", {1, 1}, {0, 1}}}, market, max_pending) {}
  std::vector<Record> feed(const std::string& json) {
    now += 10;
    decoder.message(now, json, "");
    return decoder.take();
  }
  BinanceDecoder decoder;
  std::int64_t now = 0;
};

}  // namespace

TEST_CASE("spot: changes wait for the snapshot, old ones are dropped, the rest joins") {
  Reader r(BinanceMarket::Spot);
  CHECK(r.feed(change(1, 3, 0, "1", false)).empty());
  CHECK(r.feed(change(4, 6, 0, "2", false)).empty());
  CHECK(r.feed(change(7, 9, 0, "3", false)).empty());
  const auto records = r.feed(snapshot(5));
  REQUIRE(records.size() == 4);  // clear, one level, and the changes of 6 and 9
  CHECK(records[0].delta_action() == Action::Clear);
  CHECK((records[1].flags & flag::kSnapshot) != 0);
  CHECK(records[1].is_last());
  CHECK(records[2].sequence == 6);
  CHECK(records[3].sequence == 9);
  for (const Record& record : records) CHECK(record.ts_recv_ns == 40);
  CHECK(r.feed(change(10, 12, 0, "4", false)).size() == 1);
  CHECK(r.decoder.anomalies().first() == nullptr);
  CHECK(r.decoder.n_joined() == 1);
}

TEST_CASE("futures: changes follow each other by pu") {
  Reader r(BinanceMarket::UsdMargined);
  r.feed(snapshot(50));
  CHECK(r.feed(change(40, 49, 39, "1", true)).empty());  // u below the snapshot
  CHECK(r.feed(change(45, 60, 44, "2", true)).size() == 1);
  CHECK(r.feed(change(90, 95, 60, "3", true)).size() == 1);  // ids may jump, pu may not
  CHECK(r.decoder.anomalies().first() == nullptr);
  const auto records = r.feed(change(97, 99, 96, "4", true));
  REQUIRE(records.size() == 1);
  CHECK((records[0].flags & flag::kGapBefore) != 0);
  CHECK(r.decoder.anomalies().count_of(Anomaly::SequenceGap) == 1);
}

TEST_CASE("after a gap changes wait again and the next snapshot brings them") {
  Reader r(BinanceMarket::Spot);
  r.feed(snapshot(5));
  r.feed(change(6, 6, 0, "1", false));
  REQUIRE(r.feed(change(8, 8, 0, "2", false)).size() == 1);  // 7 is missing
  CHECK(r.feed(change(9, 9, 0, "3", false)).empty());
  const auto records = r.feed(snapshot(7));
  REQUIRE(records.size() == 4);
  CHECK(records[2].sequence == 8);
  CHECK((records[2].flags & flag::kGapBefore) == 0);
  CHECK(records[3].sequence == 9);
}

TEST_CASE("a snapshot older than the held changes leaves the book stale") {
  Reader r(BinanceMarket::Spot);
  r.feed(change(20, 21, 0, "1", false));
  const auto records = r.feed(snapshot(5));
  REQUIRE(records.size() == 3);
  CHECK((records[2].flags & flag::kGapBefore) != 0);
  CHECK(r.decoder.anomalies().count_of(Anomaly::SequenceGap) == 1);
  CHECK(r.feed(change(22, 23, 0, "1", false)).empty());
  CHECK(r.feed(snapshot(20)).size() == 4);
}

TEST_CASE("what is held is bounded; the oldest is given up and counted") {
  Reader r(BinanceMarket::Spot, 3);
  for (int i = 1; i <= 10; ++i) r.feed(change(i, i, 0, "1", false));
  CHECK(r.decoder.anomalies().count_of(Anomaly::PendingDropped) == 7);
  CHECK(r.feed(snapshot(8)).size() == 4);
}

TEST_CASE("every kind of bad line is one anomaly and no record") {
  struct Case {
    const char* json;
    Anomaly anomaly;
  };
  const Case cases[] = {
      {R"({"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1.0","q":"1")",
       Anomaly::Malformed},
      {R"({"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1.0","m":true}})",
       Anomaly::Malformed},
      {R"({"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1.05","q":"1","m":true}})",
       Anomaly::BadNumber},
      {R"({"stream":"btcusdt@trade","data":{"s":"BTCUSDT","t":1,"p":"1.0","q":"-1","m":true}})",
       Anomaly::NegativeSize},
      {R"({"stream":"ethusdt@trade","data":{"s":"ETHUSDT","t":1,"p":"1.0","q":"1","m":true}})",
       Anomaly::UnknownSymbol},
      {R"({"stream":"btcusdt@unheard","data":{}})", Anomaly::UnknownMessage},
      {R"({"lastUpdateId":1,"bids":[["1.0","-2"]],"asks":[]})", Anomaly::NegativeSize},
      {R"({"lastUpdateId":1,"bids":[["1.0"]],"asks":[]})", Anomaly::Malformed},
      {R"({"lastUpdateId":1,"bids":[],"asks":[]} x)", Anomaly::Malformed},
      {"", Anomaly::Malformed},
  };
  for (const Case& c : cases) {
    Reader r(BinanceMarket::Spot);
    CAPTURE(c.json);
    CHECK(r.feed(c.json).empty());
    CHECK(r.decoder.anomalies().count_of(c.anomaly) == 1);
    CHECK(r.decoder.anomalies().first() != nullptr);
  }
}

TEST_CASE("members in another order and unknown members change nothing") {
  Reader r(BinanceMarket::Spot);
  const auto usual = r.feed(
      R"({"stream":"btcusdt@bookTicker","data":{"u":7,"s":"BTCUSDT","b":"1.0","B":"2","a":"1.1","A":"3"}})");
  Reader other(BinanceMarket::Spot);
  const auto turned = other.feed(
      R"({ "data" : {"A":"3","x":[1,{"y":"\"}"}],"a":"1.1","B":"2","b":"1.0","s":"BTCUSDT","u":7}, "stream":"btcusdt@bookTicker"})");
  REQUIRE(usual.size() == 2);
  REQUIRE(turned.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(usual[i].price_ticks == turned[i].price_ticks);
    CHECK(usual[i].size_lots == turned[i].size_lots);
    CHECK(usual[i].sequence == turned[i].sequence);
  }
}

TEST_CASE("the unit of the receive time is told by its digits") {
  struct Case {
    std::string_view line;
    std::int64_t ns;
  };
  for (const Case& c : {Case{"1723161253937085768 {", 1723161253937085768},
                        Case{"1680652800004107 {", 1680652800004107000},
                        Case{"1680652800004 {", 1680652800004000000},
                        Case{"1633998512.0633569: {", 1633998512063356900}}) {
    std::string_view line = c.line;
    std::int64_t ns = 0;
    CHECK(take_receive_time(line, ns));
    CHECK(ns == c.ns);
    CHECK(line == "{");
  }
  for (std::string_view line : {"17 {", "x {", "1680652800004107{", "", "9999999999999999999 {",
                                "9680652700455070 {", "9999999999.9: {"}) {
    std::int64_t ns = 0;
    CHECK_FALSE(take_receive_time(line, ns));
  }
}
