// IEX DEEP 1.0 and TOPS 1.6: messages in IEX-TP segments in UDP in a classic pcap.
//
// Sources: IEX Transport Specification 1.25, IEX DEEP Specification 1.0x, IEX TOPS
// Specification 1.6x. All integers are little endian; prices are in 1e-4 USD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kimera/market/codec.hpp"

namespace kimera::market {

enum class IexPass : std::uint8_t {
  Scan,    // symbols and price units are collected, no record is made
  Decode,  // symbols are given, records are made
};

class IexDecoder {
 public:
  struct Symbol {
    std::string name;
    std::int64_t price_unit = 0;  // greatest unit that divides every price [1e-4]; 0: no price
    bool has_book = false;
  };

  IexDecoder(IexPass pass, std::vector<Symbol> symbols);

  void feed(std::string_view chunk);
  // No more bytes come: a packet that is cut off is an anomaly.
  void finish();

  [[nodiscard]] std::vector<Record> take() noexcept { return std::exchange(out_, {}); }
  [[nodiscard]] const AnomalyLog& anomalies() const noexcept { return anomalies_; }
  [[nodiscard]] const std::vector<Symbol>& symbols() const noexcept { return symbols_; }
  [[nodiscard]] std::uint64_t n_of_type(unsigned char type) const noexcept {
    return by_type_[type];
  }
  [[nodiscard]] std::uint64_t n_packets() const noexcept { return n_packets_; }
  [[nodiscard]] std::uint64_t n_gaps() const noexcept { return n_gaps_; }
  [[nodiscard]] std::uint64_t n_restarts() const noexcept { return n_restarts_; }
  [[nodiscard]] std::uint64_t n_missing() const noexcept { return n_missing_; }
  [[nodiscard]] std::uint64_t n_repeated() const noexcept { return n_repeated_; }
  [[nodiscard]] std::uint16_t protocol() const noexcept { return protocol_; }

 private:
  [[nodiscard]] bool read_file_header(std::string_view bytes);
  void packet(std::string_view frame, std::int64_t ts_recv_ns);
  void segment(std::string_view payload, std::int64_t ts_recv_ns);
  void message(std::string_view m, std::int64_t ts_recv_ns, std::uint64_t sequence);
  void symbol_message(std::string_view m, Record& base);
  void price_level(std::string_view m, const Record& base);
  void quote(std::string_view m, const Record& base);
  void trade(std::string_view m, const Record& base);
  void status(std::string_view m, const Record& base);
  void follow(std::uint64_t first, std::uint64_t stream_offset, std::int64_t ts_recv_ns);
  void mark_gap(model::Action action, std::int64_t ts_recv_ns);
  [[nodiscard]] std::size_t find(std::string_view name);
  [[nodiscard]] bool ticks(std::size_t symbol, std::int64_t price, std::int64_t& out);
  void bad(Anomaly anomaly, const char* expected, std::string_view found);

  IexPass pass_;
  std::vector<Symbol> symbols_;
  std::unordered_map<std::string, std::size_t> index_;
  std::string held_;          // bytes of a packet that is not whole yet
  std::uint64_t offset_ = 0;  // of held_[0] in the file
  bool header_read_ = false;
  bool failed_ = false;
  bool swapped_ = false;
  bool nanoseconds_ = false;
  std::vector<Record> out_;
  AnomalyLog anomalies_;
  std::uint64_t by_type_[256] = {};
  std::uint64_t n_packets_ = 0, n_gaps_ = 0, n_restarts_ = 0, n_missing_ = 0, n_repeated_ = 0;
  std::uint64_t next_sequence_ = 0;
  std::uint32_t session_ = 0;
  std::uint16_t protocol_ = 0;
  std::int64_t last_event_ns_ = model::kNoTime;
};

}  // namespace kimera::market
