#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/market/book.hpp"
#include "kimera/market/itch_bbo.hpp"
#include "kimera/market/itch_books.hpp"
#include "kimera/market/itch_framing.hpp"
#include "kimera/market/itch_records.hpp"

namespace nb = nanobind;
using namespace kimera::market;
using kimera::model::Record;
using kimera::model::Side;

namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Room = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Rows = nb::ndarray<std::int64_t, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Counts = nb::typed<nb::dict, nb::str, std::uint64_t>;
using Queue = nb::typed<nb::list, std::tuple<std::uint64_t, std::int64_t>>;
using Listings = nb::typed<nb::list, std::tuple<int, std::string, int>>;
using Table = nb::ndarray<nb::numpy, std::int64_t, nb::ndim<2>>;

Side side_of(int side) {
  if (side != 0 && side != 1) throw nb::value_error("side: expected 0 (bid) or 1 (ask)");
  return static_cast<Side>(side);
}

Table table(std::vector<std::int64_t>&& values, std::size_t columns) {
  auto* kept = new std::vector<std::int64_t>(std::move(values));
  nb::capsule owner(kept,
                    [](void* p) noexcept { delete static_cast<std::vector<std::int64_t>*>(p); });
  return {kept->data(), {kept->size() / columns, columns}, owner};
}

template <class B>
Table levels_of(const B& book, int side, std::size_t n) {
  const Side s = side_of(side);
  std::vector<Level> levels(std::min<std::size_t>(n, book.n_levels(s)));
  levels.resize(book.levels(s, levels));
  std::vector<std::int64_t> out;
  out.reserve(levels.size() * 3);
  for (const Level& l : levels) out.insert(out.end(), {l.price_ticks, l.size_lots, l.order_count});
  return table(std::move(out), 3);
}

// What applying a batch came to. The row is of the first error, or else of the first record
// refused for staleness; -1 if there was none.
struct Applied {
  std::int64_t n_applied = 0;
  std::int64_t n_ignored = 0;
  std::int64_t n_refused = 0;
  std::int64_t first_refused_row = -1;
  int first_status = 0;

  [[nodiscard]] auto tuple() const {
    return std::make_tuple(n_applied, n_ignored, n_refused, first_refused_row, first_status);
  }
};

constexpr std::size_t kAhead = 8;  // records a book is told beforehand

// Calls f(record, row) for each record; f says whether to go on. Bytes of numpy need not lie on a
// cache line, as a Record must: then each is copied first.
template <class B, class F>
void for_each_record(const B& book, const Bytes& data, F&& f) {
  const std::size_t n = data.size() / sizeof(Record);
  if (reinterpret_cast<std::uintptr_t>(data.data()) % alignof(Record) == 0) {
    const auto* records = reinterpret_cast<const Record*>(data.data());
    for (std::size_t i = 0; i < n; ++i) {
      if constexpr (requires { book.expect(records[i]); }) {
        if (i + kAhead < n) book.expect(records[i + kAhead]);
      }
      if (!f(records[i], i)) return;
    }
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    Record r;
    std::memcpy(&r, data.data() + i * sizeof(Record), sizeof r);
    if (!f(r, i)) return;
  }
}

template <class B>
bool apply_one(B& book, const Record& r, std::size_t row, bool stop, Applied& a) {
  const BookStatus status = book.apply(r);
  if (status == BookStatus::Ok) {
    ++a.n_applied;
  } else if (status == BookStatus::Ignored) {
    ++a.n_ignored;
  } else {
    ++a.n_refused;
    // An error outranks an earlier refusal for staleness: it is what a strict caller is told.
    if (a.first_refused_row < 0 ||
        (is_error(status) && !is_error(static_cast<BookStatus>(a.first_status)))) {
      a.first_refused_row = static_cast<std::int64_t>(row);
      a.first_status = static_cast<int>(status);
    }
    return !(stop && is_error(status));
  }
  return true;
}

template <class B>
auto apply_batch(B& book, const Bytes& data, std::uint32_t instrument_id, bool stop) {
  Applied a;
  {
    const nb::gil_scoped_release released;
    for_each_record(book, data, [&](const Record& r, std::size_t row) {
      if (instrument_id != 0 && r.instrument_id != instrument_id) {
        ++a.n_ignored;
        return true;
      }
      return apply_one(book, r, row, stop, a);
    });
  }
  return a.tuple();
}

// Writes one side's levels into every fourth column, from `at` on.
template <class B>
void write_side(const B& book, Side side, std::span<Level> room, std::int64_t* at) {
  const std::size_t n = book.levels(side, room);
  for (std::size_t i = 0; i < room.size(); ++i) {
    at[4 * i] = i < n ? room[i].price_ticks : kimera::model::kNoPrice;
    at[4 * i + 1] = i < n ? room[i].size_lots : 0;
  }
}

template <class B>
auto replay_rows(B& book, const Bytes& data, std::size_t n_levels, Rows out, bool stop) {
  if (out.shape(0) != data.size() / sizeof(Record) || out.shape(1) != 4 * n_levels)
    throw nb::value_error("out: expected a row of 4 * n_levels per record");
  Applied a;
  {
    const nb::gil_scoped_release released;
    std::vector<Level> room(n_levels);
    for_each_record(book, data, [&](const Record& r, std::size_t row) {
      std::int64_t* to = out.data() + row * 4 * n_levels;
      const std::int64_t before = a.n_applied;
      const bool go_on = apply_one(book, r, row, stop, a);
      if (row != 0 && a.n_applied == before) {
        std::memcpy(to, to - 4 * n_levels, 4 * n_levels * sizeof(std::int64_t));
      } else {
        write_side(book, Side::Ask, room, to);
        write_side(book, Side::Bid, room, to + 2);
      }
      return go_on;
    });
  }
  return a.tuple();
}

template <class B>
nb::class_<B> bind_book(nb::module_& m, const char* name, const char* doc) {
  return nb::class_<B>(m, name, doc)
      .def(
          "__init__",
          [](B* self, std::uint32_t max_orders, std::uint32_t max_levels,
             std::uint32_t window_ticks, bool refuse_while_stale) {
            new (self) B(
                {.max_orders = max_orders, .max_levels = max_levels, .window_ticks = window_ticks},
                refuse_while_stale ? WhileStale::Refuse : WhileStale::Apply);
          },
          nb::arg("max_orders"), nb::arg("max_levels"), nb::arg("window_ticks"),
          nb::arg("refuse_while_stale"))
      .def("apply", &apply_batch<B>, nb::arg("records"), nb::arg("instrument_id"), nb::arg("stop"),
           "Apply the bytes of records: (applied, ignored, refused, first refused row, status).")
      .def("replay_rows", &replay_rows<B>, nb::arg("records"), nb::arg("n_levels"),
           nb::arg("out").noconvert(), nb::arg("stop"),
           "Apply records and write the book's levels after each.")
      .def("levels", &levels_of<B>, nb::arg("side"), nb::arg("n"),
           "Levels best first: rows of price, size, order count.")
      .def("size_at",
           [](const B& b, int side, std::int64_t p) { return b.size_at(side_of(side), p); })
      .def("count_at",
           [](const B& b, int side, std::int64_t p) { return b.count_at(side_of(side), p); })
      .def("n_levels", [](const B& b, int side) { return b.n_levels(side_of(side)); })
      .def("state", [](const B& b) { return static_cast<int>(b.state()); })
      .def("clear", &B::clear)
      .def("mark_stale", &B::mark_stale)
      .def("counters", [](const B& b) -> Counts {
        nb::dict out;
        for (std::size_t i = 1; i < kBookStatuses; ++i)
          out[book_status_name(static_cast<BookStatus>(i))] = b.counters().by_status[i];
        return out;
      });
}

void bind_books(nb::module_& m) {
  bind_book<BookL3>(m, "BookL3", "Book of one instrument by order.")
      .def("n_orders", &BookL3::n_orders)
      .def("order",
           [](const BookL3& b, std::uint64_t id) {
             const OrderView o = b.order(id);
             return std::make_tuple(o.order_id, o.price_ticks, o.size_lots,
                                    static_cast<int>(o.side));
           })
      .def("size_ahead", &BookL3::size_ahead)
      .def("queue",
           [](const BookL3& b, int side, std::int64_t price) -> Queue {
             std::vector<std::pair<std::uint64_t, std::int64_t>> out;
             b.for_each_in_queue(side_of(side), price, [&](const OrderView& o) {
               out.emplace_back(o.order_id, o.size_lots);
             });
             nb::list rows;
             for (const auto& [id, size] : out) rows.append(nb::make_tuple(id, size));
             return rows;
           })
      .def("add",
           [](BookL3& b, int side, std::uint64_t id, std::int64_t price, std::int64_t size) {
             return static_cast<int>(b.add(side_of(side), id, price, size));
           })
      .def("replace", [](BookL3& b, std::uint64_t old_id, std::uint64_t new_id, std::int64_t price,
                         std::int64_t size) {
        return static_cast<int>(b.replace(old_id, new_id, price, size));
      });
  bind_book<BookL2>(m, "BookL2", "Book of one instrument by price.");
  m.def("book_statuses", [] {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < kBookStatuses; ++i)
      names.emplace_back(book_status_name(static_cast<BookStatus>(i)));
    return names;
  });
}

// --- ITCH ----------------------------------------------------------------------------------------

auto trouble_of(const itch::Trouble& t) {
  return std::make_tuple(static_cast<int>(t.status), t.offset, t.sequence, t.expected, t.found);
}

Counts counters_of(const itch::ItchCounters& c) {
  nb::dict out;
  out["messages"] = c.messages;
  out["sessions_ended"] = c.sessions_ended;
  out["unknown_type"] = c.unknown_type;
  out["wrong_length"] = c.wrong_length;
  for (std::size_t i = static_cast<std::size_t>(BookStatus::UnknownOrder); i < kBookStatuses; ++i)
    out[book_status_name(static_cast<BookStatus>(i))] = c.refused[i];
  return out;
}

// Books of a feed, with the rows of best prices if asked for.
class ItchFeed {
 public:
  ItchFeed(const itch::ItchBookCapacity& capacity, bool strict, std::int64_t midnight_ns)
      : books(capacity, strict ? itch::Mode::Strict : itch::Mode::Lenient),
        rows(capacity.max_symbols, midnight_ns) {}

  itch::ItchBooks books;
  itch::BboRows rows;
};

std::size_t consume(ItchFeed& feed, const Bytes& data) {
  const nb::gil_scoped_release released;
  itch::Silent silent;
  return feed.books.consume({data.data(), data.size()}, silent);
}

// Rows are written to `out` from row `first` on; returns (bytes taken, rows there are now).
std::pair<std::size_t, std::size_t> consume_bbo(ItchFeed& feed, const Bytes& data, Room out,
                                                std::size_t first) {
  constexpr std::size_t kSmallestFrame = 14;
  const std::size_t room = out.size() / sizeof(itch::BboRow);
  if (reinterpret_cast<std::uintptr_t>(out.data()) % alignof(itch::BboRow) != 0)
    throw nb::value_error("out: expected memory on a boundary of 8 bytes");
  if (first > room || room - first < data.size() / kSmallestFrame + 1)
    throw nb::value_error("out: expected room for a row per message");
  const nb::gil_scoped_release released;
  feed.rows.into({reinterpret_cast<itch::BboRow*>(out.data()) + first, room - first});
  const std::size_t used = feed.books.consume({data.data(), data.size()}, feed.rows);
  return {used, first + feed.rows.rows()};
}

Table itch_levels(const ItchFeed& feed, std::uint32_t locate, int side, std::size_t n) {
  const Side s = side_of(side);
  if (locate >= feed.books.max_symbols()) throw nb::index_error("locate is beyond max_symbols");
  std::vector<itch::ItchLevel> levels(std::min<std::size_t>(n, feed.books.n_levels(locate, s)));
  levels.resize(feed.books.levels(locate, s, levels));
  std::vector<std::int64_t> out;
  for (const auto& l : levels)
    out.insert(out.end(), {l.price_e4, static_cast<std::int64_t>(l.shares), l.order_count});
  return table(std::move(out), 3);
}

Queue itch_queue(const ItchFeed& feed, std::uint32_t locate, int side, std::uint32_t price) {
  if (locate >= feed.books.max_symbols()) throw nb::index_error("locate is beyond max_symbols");
  nb::list out;
  feed.books.for_each_in_queue(
      locate, side_of(side), price,
      [&](std::uint64_t ref, std::uint32_t shares) { out.append(nb::make_tuple(ref, shares)); });
  return out;
}

// One row per stock that has an order: locate, orders, and of both sides levels, best price,
// shares and orders of the best level.
Table itch_summary(const ItchFeed& feed) {
  std::vector<std::int64_t> out;
  for (std::uint32_t locate = 0; locate < feed.books.max_symbols(); ++locate) {
    const std::uint32_t n_bid = feed.books.n_levels(locate, Side::Bid);
    const std::uint32_t n_ask = feed.books.n_levels(locate, Side::Ask);
    if (n_bid + n_ask == 0) continue;
    const auto bid = feed.books.best(locate, Side::Bid);
    const auto ask = feed.books.best(locate, Side::Ask);
    out.insert(out.end(),
               {locate, static_cast<std::int64_t>(feed.books.orders_of(locate)), n_bid,
                bid.price_e4, static_cast<std::int64_t>(bid.shares), bid.order_count, n_ask,
                ask.price_e4, static_cast<std::int64_t>(ask.shares), ask.order_count});
  }
  return table(std::move(out), 10);
}

std::pair<std::size_t, std::size_t> decode_records(itch::ItchRecorder& recorder, const Bytes& data,
                                                   Room out) {
  if (reinterpret_cast<std::uintptr_t>(out.data()) % alignof(Record) != 0)
    throw nb::value_error("out: expected memory on a boundary of 64 bytes");
  const nb::gil_scoped_release released;
  const auto progress =
      recorder.decode({data.data(), data.size()},
                      {reinterpret_cast<Record*>(out.data()), out.size() / sizeof(Record)});
  return {progress.bytes, progress.records};
}

// Counts of messages by type; nothing but the framing and the types is looked at.
std::vector<std::uint64_t> count_types(const Bytes& data) {
  std::vector<std::uint64_t> counts(256, 0);
  const nb::gil_scoped_release released;
  const std::span<const itch::Byte> bytes(data.data(), data.size());
  for (std::size_t offset = 0;;) {
    const itch::Frame frame = itch::next_frame(bytes, offset);
    if (!frame.whole) break;
    if (!frame.message.empty()) ++counts[frame.message[0]];
    offset = frame.next;
  }
  return counts;
}

void bind_itch(nb::module_& m) {
  m.attr("ITCH_BBO_ROW_BYTES") = sizeof(itch::BboRow);
  m.def("itch_lengths",
        [] { return std::vector<int>(itch::kLengths.begin(), itch::kLengths.end()); });
  m.def("itch_count_types", &count_types, nb::arg("data"));
  nb::class_<ItchFeed>(m, "ItchFeed", "Books of every stock of an ITCH feed.")
      .def(
          "__init__",
          [](ItchFeed* self, std::uint32_t max_orders, std::uint32_t max_symbols,
             std::uint32_t max_far_levels, bool strict, std::int64_t midnight_ns) {
            new (self) ItchFeed({.max_orders = max_orders,
                                 .max_symbols = max_symbols,
                                 .max_far_levels = max_far_levels},
                                strict, midnight_ns);
          },
          nb::arg("max_orders"), nb::arg("max_symbols"), nb::arg("max_far_levels"),
          nb::arg("strict"), nb::arg("midnight_ns"))
      .def("consume", &consume, nb::arg("data"), "Take the whole messages; returns their bytes.")
      .def("consume_bbo", &consume_bbo, nb::arg("data"), nb::arg("out").noconvert(),
           nb::arg("first"), "The same, writing rows of best prices.")
      .def("trouble", [](const ItchFeed& f) { return trouble_of(f.books.trouble()); })
      .def("counters", [](const ItchFeed& f) { return counters_of(f.books.counters()); })
      .def("offset", [](const ItchFeed& f) { return f.books.offset(); })
      .def("n_orders", [](const ItchFeed& f) { return f.books.n_orders(); })
      .def("levels", &itch_levels, nb::arg("locate"), nb::arg("side"), nb::arg("n"))
      .def("queue", &itch_queue, nb::arg("locate"), nb::arg("side"), nb::arg("price_e4"))
      .def("summary", &itch_summary);
  nb::class_<itch::ItchRecorder>(m, "ItchRecorder", "ITCH messages to records.")
      .def(
          "__init__",
          [](itch::ItchRecorder* self, std::int64_t midnight_ns, std::uint32_t max_orders,
             bool strict) {
            new (self)
                itch::ItchRecorder({.midnight_ns = midnight_ns,
                                    .max_orders = max_orders,
                                    .mode = strict ? itch::Mode::Strict : itch::Mode::Lenient});
          },
          nb::arg("midnight_ns"), nb::arg("max_orders"), nb::arg("strict"))
      .def("decode", &decode_records, nb::arg("data"), nb::arg("out").noconvert(),
           "Write records until data or room end: (bytes taken, records written).")
      .def("trouble", [](const itch::ItchRecorder& r) { return trouble_of(r.trouble()); })
      .def("counters", [](const itch::ItchRecorder& r) { return counters_of(r.counters()); })
      .def("offset", &itch::ItchRecorder::offset)
      .def("times_back", &itch::ItchRecorder::times_back)
      .def("without_record", &itch::ItchRecorder::without_record)
      .def("listings", [](const itch::ItchRecorder& r) -> Listings {
        nb::list out;
        for (const auto& l : r.listings())
          out.append(nb::make_tuple(l.locate, l.symbol, l.round_lot_size));
        return out;
      });
}

}  // namespace

void kimera::bind::market_books(nb::module_& m) {
  bind_books(m);
  bind_itch(m);
}
