// ITCH as records: what the tape, the journal and the strategies read.
//
//   A, F  Add                     E, C  Execute, at the price the execution had
//   X     Cancel of a part        D     Cancel of what is left
//   U     Cancel of the old order, then Add of the new one (the last record of the two)
//   P     Trade against an order that was hidden      Q  Trade of a cross
//   H, h  Status of the stock     S     Status of the market (instrument 0)
//   R     an instrument; its id is its place in the directory, from 1
// The other types carry nothing a record has a place for; they are counted. Prices are ticks of
// 1/10,000 dollar, sizes shares. ITCH has one clock, the venue's: ts_recv_ns repeats it and says
// so in the flags.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kimera/market/book_memory.hpp"
#include "kimera/market/book_types.hpp"
#include "kimera/market/itch.hpp"
#include "kimera/market/itch_books.hpp"
#include "kimera/market/itch_framing.hpp"
#include "kimera/market/itch_orders.hpp"
#include "kimera/model/record.hpp"

namespace kimera::market::itch {

struct RecorderOptions {
  std::int64_t midnight_ns = 0;  // New York midnight of the session, ns since the Unix epoch
  std::uint16_t venue_id = 1;
  std::uint32_t max_orders = 1U << 22U;
  std::uint32_t ring_size = 1U << 22U;
  Mode mode = Mode::Strict;
};

class ItchRecorder {
 public:
  struct Listing {
    std::uint16_t locate;
    std::string symbol;
    std::uint32_t round_lot_size;
  };
  struct Progress {
    std::size_t bytes;    // of the input, taken
    std::size_t records;  // written
  };

  explicit ItchRecorder(const RecorderOptions& options);

  // Turns whole messages of `data`, which begins with a frame, into records until the data or the
  // room for records end, or trouble() is set.
  Progress decode(std::span<const Byte> data, std::span<model::Record> out);

  [[nodiscard]] const Trouble& trouble() const noexcept { return trouble_; }
  [[nodiscard]] const ItchCounters& counters() const noexcept { return counters_; }
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }
  [[nodiscard]] std::uint64_t times_back() const noexcept { return times_back_; }
  [[nodiscard]] std::uint64_t without_record() const noexcept { return without_record_; }
  // Grows while decoding, as the directory messages come.
  [[nodiscard]] const std::vector<Listing>& listings() const noexcept { return listings_; }

 private:
  struct Resting {
    std::uint32_t shares;
    std::uint32_t price;
    std::uint32_t instrument_id;
    std::uint16_t locate;
    model::Side side;
    std::uint8_t spare;
  };
  struct Visitor;

  [[nodiscard]] BookStatus record(const Byte* p);
  [[nodiscard]] model::Record& next(const Message& m, std::uint32_t instrument_id,
                                    model::Action action) noexcept;
  [[nodiscard]] std::uint32_t find(const Message& m, std::uint64_t ref) const noexcept;
  [[nodiscard]] BookStatus enter(const Message& m, std::uint64_t ref, std::uint32_t instrument_id,
                                 model::Side side, std::uint32_t shares,
                                 std::uint32_t price) noexcept;
  [[nodiscard]] BookStatus take(const Message& m, std::uint64_t ref, std::uint32_t shares,
                                model::Action action, std::uint32_t price) noexcept;
  [[nodiscard]] BookStatus replace(OrderReplace m) noexcept;
  void leave(std::uint32_t slot, std::uint64_t ref) noexcept;
  void status(const Message& m, std::uint32_t instrument_id, model::Status status) noexcept;
  [[nodiscard]] bool refuse(Status status, std::uint64_t at, std::uint64_t expected,
                            std::uint64_t found) noexcept;

  RecorderOptions options_;
  OrderIndex index_;
  ZeroedArray<Resting> orders_;
  ZeroedArray<std::uint32_t> chain_;       // next free slot
  std::vector<std::uint32_t> instrument_;  // by locate; 0: not in the directory
  std::vector<Listing> listings_;
  std::uint32_t n_orders_ = 0;
  std::uint32_t free_ = 0;
  std::uint32_t high_ = 0;
  std::int64_t last_ts_ = 0;
  std::uint64_t times_back_ = 0;
  std::uint64_t without_record_ = 0;
  std::uint64_t offset_ = 0;
  std::span<model::Record> out_;
  std::size_t n_out_ = 0;
  Trouble trouble_;
  ItchCounters counters_;
};

}  // namespace kimera::market::itch
