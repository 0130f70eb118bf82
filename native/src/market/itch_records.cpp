#include "kimera/market/itch_records.hpp"

#include <algorithm>

namespace kimera::market::itch {

using model::Action;
using model::Record;
using model::Side;

ItchRecorder::ItchRecorder(const RecorderOptions& options)
    : options_(options),
      index_(options.max_orders, options.ring_size),
      orders_(std::size_t{options.max_orders} + 1),
      chain_(std::size_t{options.max_orders} + 1),
      instrument_(65536, 0) {}

// One overload per type that becomes a record; each says what became of its message.
struct ItchRecorder::Visitor {
  ItchRecorder& r;
  BookStatus result = BookStatus::Ignored;

  void on(const AddOrder& m) { add(m, m.ref(), m.side(), m.shares(), m.price_e4()); }
  void on(const AddOrderMpid& m) { add(m, m.ref(), m.side(), m.shares(), m.price_e4()); }
  void on(const OrderExecuted& m) { result = r.take(m, m.ref(), m.shares(), Action::Execute, 0); }
  void on(const OrderExecutedPrice& m) {
    result = r.take(m, m.ref(), m.shares(), Action::Execute, m.price_e4());
  }
  void on(const OrderCancel& m) { result = r.take(m, m.ref(), m.shares(), Action::Cancel, 0); }
  void on(const OrderDelete& m) {
    const std::uint32_t slot = r.find(m, m.ref());
    result = slot == 0 ? BookStatus::UnknownOrder
                       : r.take(m, m.ref(), r.orders_[slot].shares, Action::Cancel, 0);
  }
  void on(const OrderReplace& m) { result = r.replace(m); }
  void on(const Trade& m) { trade(m, m.shares(), m.price_e4(), model::flag::kHidden); }
  void on(const CrossTrade& m) {
    trade(m, static_cast<std::int64_t>(m.shares() & ~(std::uint64_t{1} << 63U)), m.price_e4(), 0);
  }
  void on(const TradingAction& m) {
    const char s = m.state();
    r.status(m, r.instrument_[m.locate()],
             s == 'T'   ? model::Status::Trading
             : s == 'Q' ? model::Status::PreOpen
                        : model::Status::Halted);
    result = BookStatus::Ok;
  }
  void on(const OperationalHalt& m) {
    r.status(m, r.instrument_[m.locate()],
             m.action() == 'T' ? model::Status::Trading : model::Status::Halted);
    result = BookStatus::Ok;
  }
  void on(const SystemEvent& m) {
    const char e = m.event();
    if (e != 'S' && e != 'Q' && e != 'M' && e != 'C') return;
    r.status(m, 0,
             e == 'S'   ? model::Status::PreOpen
             : e == 'Q' ? model::Status::Trading
                        : model::Status::Closed);
    result = BookStatus::Ok;
  }
  void on(const StockDirectory& m) {
    if (r.instrument_[m.locate()] != 0) return;
    r.listings_.push_back({m.locate(), std::string(m.stock()), m.round_lot_size()});
    r.instrument_[m.locate()] = static_cast<std::uint32_t>(r.listings_.size());
  }

 private:
  void add(const Message& m, std::uint64_t ref, char side, std::uint32_t shares,
           std::uint32_t price) {
    const std::uint32_t instrument_id = r.instrument_[m.locate()];
    if (instrument_id == 0)
      result = BookStatus::NotSupported;  // a stock that is not in the directory
    else if (side != 'B' && side != 'S')
      result = BookStatus::BadSide;
    else
      result = r.enter(m, ref, instrument_id, side == 'B' ? Side::Bid : Side::Ask, shares, price);
  }
  void trade(const Message& m, std::int64_t shares, std::uint32_t price, std::uint8_t flags) {
    const std::uint32_t instrument_id = r.instrument_[m.locate()];
    if (instrument_id == 0) {
      result = BookStatus::NotSupported;
      return;
    }
    Record& record = r.next(m, instrument_id, Action::Trade);
    record.price_ticks = price;
    record.size_lots = shares;
    record.flags |= flags;
    result = BookStatus::Ok;
  }
};

ItchRecorder::Progress ItchRecorder::decode(std::span<const Byte> data, std::span<Record> out) {
  out_ = out;
  n_out_ = 0;
  std::size_t offset = 0;
  while (trouble_.status == Status::Ok && n_out_ + 2 <= out.size()) {
    const Frame frame = next_frame(data, offset);
    if (!frame.whole) break;
    const std::uint64_t at = offset_ + offset;
    if (frame.message.empty()) {
      ++counters_.sessions_ended;
    } else if (const Status bad = check(frame.message); bad != Status::Ok) {
      ++(bad == Status::UnknownType ? counters_.unknown_type : counters_.wrong_length);
      const Byte type = frame.message[0];
      if (!refuse(bad, at, kLengths[type],
                  bad == Status::UnknownType ? type : frame.message.size()))
        break;
    } else {
      ++counters_.messages;
      const BookStatus status = record(frame.message.data());
      if (is_error(status)) {
        ++counters_.refused[static_cast<std::size_t>(status)];
        if (!refuse(Status::BadOrder, at, 0, static_cast<std::uint64_t>(status))) break;
      }
    }
    offset = frame.next;
  }
  offset_ += offset;
  return {offset, n_out_};
}

BookStatus ItchRecorder::record(const Byte* p) {
  const std::int64_t ts = Message{p}.ts_ns();
  if (ts < last_ts_) ++times_back_;
  last_ts_ = std::max(last_ts_, ts);
  Visitor visitor{*this};
  dispatch(p, visitor);
  if (visitor.result == BookStatus::Ignored) ++without_record_;
  return visitor.result;
}

Record& ItchRecorder::next(const Message& m, std::uint32_t instrument_id, Action action) noexcept {
  Record& r = out_[n_out_++];
  r = Record{};
  r.ts_event_ns = options_.midnight_ns + m.ts_ns();
  r.ts_recv_ns = options_.midnight_ns + last_ts_;  // never backwards
  r.sequence = counters_.messages;
  r.price_ticks = model::kNoPrice;
  r.instrument_id = instrument_id;
  r.venue_id = options_.venue_id;
  r.kind = model::Kind::Delta;
  r.action = static_cast<std::uint8_t>(action);
  r.side = Side::None;
  r.flags = model::flag::kLast | model::flag::kBadRecvTime;
  return r;
}

void ItchRecorder::status(const Message& m, std::uint32_t instrument_id,
                          model::Status status) noexcept {
  Record& r = next(m, instrument_id, Action::None);
  r.kind = model::Kind::Status;
  r.action = static_cast<std::uint8_t>(status);
}

std::uint32_t ItchRecorder::find(const Message& m, std::uint64_t ref) const noexcept {
  const std::uint32_t slot = index_.find(ref);
  return slot != 0 && orders_[slot].locate == m.locate() ? slot : 0;
}

BookStatus ItchRecorder::enter(const Message& m, std::uint64_t ref, std::uint32_t instrument_id,
                               Side side, std::uint32_t shares, std::uint32_t price) noexcept {
  if (ref == 0) return BookStatus::UnknownOrder;  // 0 is no reference
  if (shares == 0) return BookStatus::BadSize;
  if (price == 0 || price > (1U << 31U) - 1) return BookStatus::OffRange;
  if (!index_.newest(ref) && index_.find(ref) != 0) return BookStatus::DuplicateOrder;
  if (n_orders_ == options_.max_orders) return BookStatus::OrdersFull;
  std::uint32_t slot = free_;
  if (slot == 0)
    slot = ++high_;
  else
    free_ = chain_[slot];
  ++n_orders_;
  orders_[slot] = {shares, price, instrument_id, m.locate(), side, 0};
  index_.insert(ref, slot);
  Record& r = next(m, instrument_id, Action::Add);
  r.order_id = ref;
  r.side = side;
  r.price_ticks = price;
  r.size_lots = shares;
  return BookStatus::Ok;
}

// Cancel or execution of `shares`; price 0: at the order's own.
BookStatus ItchRecorder::take(const Message& m, std::uint64_t ref, std::uint32_t shares,
                              Action action, std::uint32_t price) noexcept {
  const std::uint32_t slot = find(m, ref);
  if (slot == 0) return BookStatus::UnknownOrder;
  Resting& o = orders_[slot];
  if (shares == 0) return BookStatus::BadSize;
  if (shares > o.shares) return BookStatus::OverSize;
  Record& r = next(m, o.instrument_id, action);
  r.order_id = ref;
  r.side = o.side;
  r.price_ticks = price == 0 ? o.price : price;
  r.size_lots = shares;
  o.shares -= shares;
  if (o.shares == 0) leave(slot, ref);
  return BookStatus::Ok;
}

BookStatus ItchRecorder::replace(OrderReplace m) noexcept {
  const std::uint32_t slot = find(m, m.ref());
  if (slot == 0 || m.new_ref() == 0) return BookStatus::UnknownOrder;
  if (m.new_ref() != m.ref() && !index_.newest(m.new_ref()) && index_.find(m.new_ref()) != 0)
    return BookStatus::DuplicateOrder;
  if (m.shares() == 0) return BookStatus::BadSize;
  if (m.price_e4() == 0 || m.price_e4() > (1U << 31U) - 1) return BookStatus::OffRange;
  const Resting old = orders_[slot];
  const BookStatus gone = take(m, m.ref(), old.shares, Action::Cancel, 0);
  if (gone != BookStatus::Ok) return gone;
  out_[n_out_ - 1].flags &= static_cast<std::uint8_t>(~model::flag::kLast);
  return enter(m, m.new_ref(), old.instrument_id, old.side, m.shares(), m.price_e4());
}

void ItchRecorder::leave(std::uint32_t slot, std::uint64_t ref) noexcept {
  index_.erase(ref);
  chain_[slot] = free_;
  free_ = slot;
  --n_orders_;
}

bool ItchRecorder::refuse(Status status, std::uint64_t at, std::uint64_t expected,
                          std::uint64_t found) noexcept {
  if (options_.mode == Mode::Lenient) return true;
  trouble_ = {status, at, counters_.messages + (status == Status::BadOrder ? 0U : 1U), expected,
              found};
  return false;
}

}  // namespace kimera::market::itch
