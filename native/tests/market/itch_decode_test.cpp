#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "itch_builder.hpp"
#include "kimera/market/itch.hpp"
#include "kimera/market/itch_framing.hpp"

using namespace kimera::market::itch;
using itch_test::Builder;

namespace {

// The message of the only frame.
std::span<const Byte> message(const Builder& b) {
  const Frame frame = next_frame(b.bytes, 0);
  REQUIRE(frame.whole);
  REQUIRE(frame.next == b.bytes.size());
  return frame.message;
}

// Reads one message as the view M, which the decoder must choose by itself.
template <class M>
M read(const Builder& b) {
  struct Visitor {
    M seen{};
    int n = 0;
    void on(const M& m) {
      seen = m;
      ++n;
    }
  } visitor;
  REQUIRE(decode(message(b), visitor) == Status::Ok);
  REQUIRE(visitor.n == 1);
  return visitor.seen;
}

std::vector<Byte> mold(std::uint64_t sequence, std::uint16_t count, const std::vector<Byte>& frames,
                       const std::string& session = "SESSION001") {
  Builder b;
  b.text(session, 10).u64(sequence).u16(count);
  b.bytes.insert(b.bytes.end(), frames.begin(), frames.end());
  return b.bytes;
}

}  // namespace

TEST_CASE("itch fields of the order messages are read where the specification puts them") {
  Builder a;
  a.add(513, 0x0102030405060708, 'B', 300, 1'234'500);
  const auto add = read<AddOrder>(a);
  CHECK(add.locate() == 513);
  CHECK(add.tracking() == 7);
  CHECK(add.ts_ns() == 34'200'000'001'000);
  CHECK(add.ref() == 0x0102030405060708);
  CHECK(add.side() == 'B');
  CHECK(add.shares() == 300);
  CHECK(add.stock() == "STOCK");
  CHECK(add.price_e4() == 1'234'500);
  Builder f;
  f.add(1, 2, 'S', 3, 4, true);
  CHECK(read<AddOrderMpid>(f).mpid() == "MMKR");
  CHECK(read<AddOrderMpid>(f).price_e4() == 4);
  Builder e;
  e.execute(1, 5, 6);
  CHECK(read<OrderExecuted>(e).match() == 77);
  CHECK(read<OrderExecuted>(e).shares() == 6);
  Builder c;
  c.execute_at(1, 5, 6, 7);
  CHECK(read<OrderExecutedPrice>(c).price_e4() == 7);
  CHECK(read<OrderExecutedPrice>(c).printable() == 'Y');
  Builder u;
  u.replace(1, 5, 6, 7, 8);
  CHECK(read<OrderReplace>(u).ref() == 5);
  CHECK(read<OrderReplace>(u).new_ref() == 6);
  CHECK(read<OrderReplace>(u).shares() == 7);
  CHECK(read<OrderReplace>(u).price_e4() == 8);
  Builder x;
  x.cancel(1, 5, 6);
  CHECK(read<OrderCancel>(x).shares() == 6);
  Builder d;
  d.remove(1, 5);
  CHECK(read<OrderDelete>(d).ref() == 5);
}

TEST_CASE("itch fields of the other messages are read where the specification puts them") {
  Builder r;
  r.directory(9, "AAPL");
  const auto dir = read<StockDirectory>(r);
  CHECK(dir.stock() == "AAPL");
  CHECK(dir.market_category() == 'Q');
  CHECK(dir.round_lot_size() == 100);
  CHECK(dir.round_lots_only() == 'N');
  CHECK(dir.issue_subtype() == "Z");
  CHECK(dir.authenticity() == 'P');
  CHECK(dir.luld_tier() == '1');
  CHECK(dir.inverse() == 'N');
  Builder h;
  h.begin('H', 1).text("IBM", 8).ch('T').ch(' ').text("LUDP", 4).end();
  CHECK(read<TradingAction>(h).state() == 'T');
  CHECK(read<TradingAction>(h).reason() == "LUDP");
  Builder y;
  y.begin('Y', 1).text("IBM", 8).ch('2').end();
  CHECK(read<RegSho>(y).action() == '2');
  Builder l;
  l.begin('L', 1).text("MPID", 4).text("IBM", 8).ch('Y').ch('N').ch('A').end();
  CHECK(read<ParticipantPosition>(l).mpid() == "MPID");
  CHECK(read<ParticipantPosition>(l).stock() == "IBM");
  CHECK(read<ParticipantPosition>(l).state() == 'A');
  Builder v;
  v.begin('V', 0).u64(1).u64(2).u64(3).end();
  CHECK(read<MwcbLevels>(v).level_e8(2) == 3);
  Builder w;
  w.begin('W', 0).ch('2').end();
  CHECK(read<MwcbStatus>(w).breached() == '2');
  Builder k;
  k.begin('K', 1).text("IPO", 8).u32(36'000).ch('A').u32(150'000).end();
  CHECK(read<IpoQuoting>(k).release_s() == 36'000);
  CHECK(read<IpoQuoting>(k).price_e4() == 150'000);
  Builder j;
  j.begin('J', 1).text("IBM", 8).u32(1).u32(2).u32(3).u32(4).end();
  CHECK(read<LuldCollar>(j).lower_e4() == 3);
  CHECK(read<LuldCollar>(j).extension() == 4);
  Builder halt;
  halt.begin('h', 1).text("IBM", 8).ch('Q').ch('H').end();
  CHECK(read<OperationalHalt>(halt).market() == 'Q');
  CHECK(read<OperationalHalt>(halt).action() == 'H');
  Builder p;
  p.begin('P', 1).u64(0).ch('B').u32(5).text("IBM", 8).u32(6).u64(7).end();
  CHECK(read<Trade>(p).price_e4() == 6);
  CHECK(read<Trade>(p).match() == 7);
  Builder q;
  q.begin('Q', 1).u64(5'000'000'000).text("IBM", 8).u32(6).u64(7).ch('O').end();
  CHECK(read<CrossTrade>(q).shares() == 5'000'000'000);
  CHECK(read<CrossTrade>(q).price_e4() == 6);
  CHECK(read<CrossTrade>(q).cross_type() == 'O');
  Builder b;
  b.begin('B', 1).u64(7).end();
  CHECK(read<BrokenTrade>(b).match() == 7);
  Builder i;
  i.begin('I', 1).u64(1).u64(2).ch('B').text("IBM", 8).u32(3).u32(4).u32(5).ch('C').ch('1').end();
  CHECK(read<Imbalance>(i).imbalance() == 2);
  CHECK(read<Imbalance>(i).reference_e4() == 5);
  CHECK(read<Imbalance>(i).variation() == '1');
  Builder n;
  n.begin('N', 1).text("IBM", 8).ch('A').end();
  CHECK(read<RetailInterest>(n).interest() == 'A');
  Builder o;
  o.begin('O', 1).text("IBM", 8).ch('Y').u32(1).u32(2).u32(3).u64(4).u32(5).u32(6).end();
  CHECK(read<DirectListing>(o).near_ns() == 4);
  CHECK(read<DirectListing>(o).upper_e4() == 6);
}

TEST_CASE("itch a message of the wrong length or type is not read") {
  struct Nobody {
    void other(Message) { FAIL("called"); }
  } nobody;
  Builder b;
  b.remove(1, 2);
  const auto whole = message(b);
  CHECK(decode(whole.first(18), nobody) == Status::WrongLength);
  CHECK(decode(whole.first(0), nobody) == Status::WrongLength);
  const std::vector<Byte> unknown(19, 'z');
  CHECK(decode(unknown, nobody) == Status::UnknownType);
}

TEST_CASE("mold packets give each message once and tell what is missing") {
  Builder one, two;
  one.remove(1, 1);
  two.remove(1, 2).remove(1, 3);
  std::vector<std::uint64_t> seen;
  const auto sink = [&](std::span<const Byte> m, std::uint64_t sequence) {
    CHECK(load_be<std::uint64_t>(m.data() + 11) == sequence);
    seen.push_back(sequence);
  };
  MoldUdp64 line;
  CHECK(line.feed(mold(1, 1, one.bytes), sink).n_messages == 1);
  const auto twice = line.feed(mold(1, 1, one.bytes), sink);
  CHECK(twice.n_messages == 0);
  CHECK(twice.n_duplicates == 1);
  CHECK(line.feed(mold(2, 2, two.bytes), sink).n_messages == 2);
  CHECK(seen == std::vector<std::uint64_t>{1, 2, 3});
  CHECK(line.session() == "SESSION001");

  const auto silent_gap = line.feed(mold(9, 0, {}), sink);
  CHECK(silent_gap.first_missing == 4);
  CHECK(silent_gap.n_missing == 5);
  CHECK(line.next_sequence() == 9);
  Builder late;
  late.remove(1, 12);
  const auto gap = line.feed(mold(12, 1, late.bytes), sink);
  CHECK(gap.first_missing == 9);
  CHECK(gap.n_missing == 3);
  CHECK(gap.n_messages == 1);
  CHECK(line.feed(mold(13, 0xFFFF, {}), sink).end_of_session);
}

TEST_CASE("mold packets that are cut off or of another session are refused with the place") {
  const auto sink = [](std::span<const Byte>, std::uint64_t) {};
  Builder b;
  b.remove(1, 1);
  MoldUdp64 line;
  CHECK(line.feed(std::vector<Byte>(19, 0), sink).status == Status::Truncated);
  auto cut = mold(1, 2, b.bytes);
  const auto result = line.feed(cut, sink);
  CHECK(result.status == Status::Truncated);
  CHECK(result.offset == cut.size());
  CHECK(result.n_messages == 1);
  CHECK(line.feed(mold(2, 0, {}, "SESSION002"), sink).status == Status::BadFrame);
  CHECK(line.feed(mold(0, 0, {}), sink).status == Status::BadFrame);
  auto longer = mold(2, 1, b.bytes);
  longer.push_back(0);
  CHECK(line.feed(longer, sink).status == Status::BadFrame);
}

TEST_CASE("soup packets may come in any pieces") {
  Builder stream;
  const auto packet = [&stream](char type, const std::vector<Byte>& payload) {
    stream.u16(static_cast<std::uint16_t>(payload.size() + 1)).ch(type);
    stream.bytes.insert(stream.bytes.end(), payload.begin(), payload.end());
  };
  Builder login;
  login.text("SESSION001", 10).text("                  42", 20);
  packet('A', login.bytes);
  for (Byte i = 0; i < 20; ++i) {
    packet('S', std::vector<Byte>(std::size_t{i} * 7 + 1, i));
    if (i % 3 == 0) packet('H', {});
  }
  packet('Z', {});
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 64U, 100'000U}) {
    SoupBinTcp soup;
    std::map<std::uint64_t, std::vector<Byte>> seen;
    bool ended = false;
    for (std::size_t at = 0; at < stream.bytes.size(); at += piece) {
      const auto n = std::min(piece, stream.bytes.size() - at);
      const auto r = soup.feed({stream.bytes.data() + at, n},
                               [&](std::span<const Byte> m, std::uint64_t sequence) {
                                 seen[sequence].assign(m.begin(), m.end());
                               });
      REQUIRE(r.status == Status::Ok);
      ended = ended || r.end_of_session;
    }
    REQUIRE(ended);
    REQUIRE(seen.size() == 20);
    for (Byte i = 0; i < 20; ++i)
      REQUIRE(seen[42U + i] == std::vector<Byte>(std::size_t{i} * 7 + 1, i));
  }
}

TEST_CASE("soup packets of no known type are refused with the place") {
  Builder stream;
  stream.u16(1).ch('H').u16(1).ch('?');
  SoupBinTcp soup;
  const auto r = soup.feed(stream.bytes, [](std::span<const Byte>, std::uint64_t) {});
  CHECK(r.status == Status::BadFrame);
  CHECK(r.offset == 3);
}
