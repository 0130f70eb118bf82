// Bytes as an ITCH file, as MoldUDP64 packets and as a SoupBinTCP stream: decoder, books, records.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "kimera/market/book.hpp"
#include "kimera/market/itch_bbo.hpp"
#include "kimera/market/itch_books.hpp"
#include "kimera/market/itch_framing.hpp"
#include "kimera/market/itch_records.hpp"

using namespace kimera::market;
using namespace kimera::market::itch;
using kimera::model::Side;

namespace {

constexpr std::uint32_t kSymbols = 8;
constexpr ItchBookCapacity kCapacity{
    .max_orders = 256, .max_symbols = kSymbols, .max_far_levels = 600, .ring_size = 1024};

void require(bool truth) {
  if (!truth) std::abort();
}

// Levels are sorted, queues add up to their levels, and all orders are accounted for.
void check(const ItchBooks& books) {
  std::uint64_t n_orders = 0;
  for (std::uint32_t locate = 0; locate < kSymbols; ++locate) {
    for (const Side side : {Side::Bid, Side::Ask}) {
      std::vector<ItchLevel> levels(books.n_levels(locate, side));
      require(books.levels(locate, side, levels) == levels.size());
      require(books.best(locate, side) == (levels.empty() ? ItchLevel{} : levels.front()));
      for (std::size_t i = 0; i < levels.size(); ++i) {
        if (i != 0)
          require(side == Side::Bid ? levels[i].price_e4 < levels[i - 1].price_e4
                                    : levels[i].price_e4 > levels[i - 1].price_e4);
        std::uint64_t shares = 0;
        std::uint32_t orders = 0;
        books.for_each_in_queue(locate, side, levels[i].price_e4,
                                [&](std::uint64_t, std::uint32_t n) {
                                  shares += n;
                                  ++orders;
                                });
        require(shares == levels[i].shares && orders == levels[i].order_count);
        n_orders += orders;
      }
    }
  }
  require(n_orders == books.n_orders());
}

// Frames of the right length for their type are made from the bytes, so that the books see more
// than refusals: the type comes from a list, references and prices from narrow ranges.
std::vector<Byte> plausible(std::span<const Byte> data) {
  constexpr char kTypes[] = "AAAFEECXDDUUPSHR";
  std::vector<Byte> out;
  for (std::size_t at = 0; at + 6 <= data.size(); at += 6) {
    const auto type = static_cast<Byte>(kTypes[data[at] % 16]);
    const std::size_t start = out.size() + 2;
    out.resize(start + kLengths[type], 0);
    Byte* m = out.data() + start;
    m[-1] = kLengths[type];
    m[0] = type;
    m[2] = data[at + 1] % kSymbols;
    if (kLengths[type] < 19) continue;
    m[18] = data[at + 2];
    if ((data[at + 1] & 0x80U) != 0) m[16] = data[at + 5];
    if (type == 'A' || type == 'F') {
      m[19] = (data[at + 1] & 0x40U) != 0 ? 'S' : 'B';
      m[23] = data[at + 3];
      m[34] = data[at + 4];
      m[35] = static_cast<Byte>(data[at + 5] * 100);
      if ((data[at + 5] & 0x80U) != 0) m[33] = data[at + 5];
    } else if (type == 'U') {
      m[26] = data[at + 3];
      m[30] = data[at + 4];
      m[33] = data[at + 5];
      m[34] = static_cast<Byte>(data[at + 4] * 100);
    } else if (kLengths[type] > 22) {
      m[22] = data[at + 3];
    }
  }
  return out;
}

void through_books(std::span<const Byte> bytes, Mode mode) {
  ItchBooks books(kCapacity, mode);
  std::vector<BboRow> rows(bytes.size() / 14 + 2);
  BboRows observer(kSymbols, 0);
  observer.into(rows);
  const std::size_t half = books.consume(bytes.first(bytes.size() / 2), observer);
  books.consume(bytes.subspan(half), observer);
  check(books);
}

// The records of any bytes are taken by a book without an error.
void through_records(std::span<const Byte> bytes) {
  ItchRecorder recorder({.max_orders = 256, .ring_size = 1024, .mode = Mode::Lenient});
  BookL3 book({.max_orders = 1024, .max_levels = 1024, .window_ticks = 64});
  std::vector<kimera::model::Record> room(64);
  for (std::size_t at = 0;;) {
    const auto progress = recorder.decode(bytes.subspan(at), room);
    at += progress.bytes;
    for (std::size_t i = 0; i < progress.records; ++i) require(!is_error(book.apply(room[i])));
    if (progress.records + 2 <= room.size()) break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const Byte> raw(data + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      through_books(raw, Mode::Strict);
      break;
    case 1: {
      const std::vector<Byte> made = plausible(raw);
      through_books(made, Mode::Lenient);
      through_records(made);
      break;
    }
    case 2:
      through_books(raw, Mode::Lenient);
      through_records(raw);
      break;
    case 3: {
      MoldUdp64 line;
      Silent silent;
      ItchBooks books(kCapacity, Mode::Lenient);
      static_cast<void>(line.feed(raw, [&](std::span<const Byte> m, std::uint64_t) {
        if (itch::check(m) == Status::Ok) static_cast<void>(books.apply(m.data(), silent));
      }));
      check(books);
      break;
    }
    default: {
      const auto soup = std::make_unique<SoupBinTcp>();
      std::uint64_t last = 0;
      for (std::size_t at = 0; at < raw.size(); at += data[0] / 5U + 1U) {
        const std::size_t n = std::min<std::size_t>(raw.size() - at, data[0] / 5U + 1U);
        static_cast<void>(
            soup->feed(raw.subspan(at, n), [&](std::span<const Byte>, std::uint64_t sequence) {
              require(last == 0 || sequence != last);
              last = sequence;
            }));
      }
    }
  }
  return 0;
}
