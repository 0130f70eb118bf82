// How ITCH messages are cut out of files and packets: BinaryFILE, MoldUDP64, SoupBinTCP.
//
// Framing knows nothing of the messages but their bytes. Each class is fed spans and calls
// f(message, sequence) for each whole message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "kimera/market/itch.hpp"

namespace kimera::market::itch {

// Nasdaq's BinaryFILE: each message behind a two-byte big-endian length; length 0 ends a session.
// Gives the next message of `data` at `offset`, or says that more bytes are needed.
struct Frame {
  std::span<const Byte> message;  // empty with ok: end of session
  std::size_t next = 0;           // offset of the next frame
  bool whole = false;             // false: the data end first
};
[[nodiscard]] inline Frame next_frame(std::span<const Byte> data, std::size_t offset) noexcept {
  if (data.size() - offset < 2) return {{}, offset, false};
  const std::size_t n = load_be<std::uint16_t>(data.data() + offset);
  if (data.size() - offset - 2 < n) return {{}, offset, false};
  return {data.subspan(offset + 2, n), offset + 2 + n, true};
}

// MoldUDP64 (Nasdaq, version 1.00): a UDP packet is session (10), sequence (8), count (2), and
// count messages, each behind a two-byte length. Count 0 is a heartbeat, 0xFFFF the end of the
// session; both carry the next sequence to expect, so that a gap shows even in silence.
class MoldUdp64 {
 public:
  struct Result {
    Status status = Status::Ok;
    std::uint64_t first_missing = 0;  // messages [first_missing, first_missing + n_missing)
    std::uint64_t n_missing = 0;
    std::uint64_t n_messages = 0;    // new ones, given to f
    std::uint64_t n_duplicates = 0;  // seen before (a second line, or a retransmission): not given
    std::size_t offset = 0;          // where the packet went wrong, if it did
    bool end_of_session = false;
  };
  static constexpr std::size_t kHeader = 20;

  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return next_; }
  [[nodiscard]] std::string_view session() const noexcept {
    return {session_.data(), have_session_ ? session_.size() : 0};
  }

  template <class F>
  [[nodiscard]] Result feed(std::span<const Byte> packet, F&& f) {
    Result r;
    if (packet.size() < kHeader) return failed(r, Status::Truncated, packet.size());
    if (!same_session(packet)) return failed(r, Status::BadFrame, 0);
    const std::uint64_t sequence = load_be<std::uint64_t>(packet.data() + 10);
    const std::uint16_t count = load_be<std::uint16_t>(packet.data() + 18);
    if (sequence == 0) return failed(r, Status::BadFrame, 10);
    if (sequence > next_) {
      if (next_ != 0) {
        r.first_missing = next_;
        r.n_missing = sequence - next_;
      }
      next_ = sequence;
    }
    r.end_of_session = count == kEndOfSession;
    if (count == 0 || r.end_of_session) return r;
    return messages(r, packet, sequence, count, f);
  }

 private:
  static constexpr std::uint16_t kEndOfSession = 0xFFFF;

  [[nodiscard]] static Result failed(Result r, Status status, std::size_t offset) noexcept {
    r.status = status;
    r.offset = offset;
    return r;
  }
  [[nodiscard]] bool same_session(std::span<const Byte> packet) noexcept {
    if (have_session_) return std::memcmp(session_.data(), packet.data(), session_.size()) == 0;
    std::memcpy(session_.data(), packet.data(), session_.size());
    have_session_ = true;
    return true;
  }
  template <class F>
  Result messages(Result r, std::span<const Byte> packet, std::uint64_t sequence,
                  std::uint16_t count, F&& f) {
    std::size_t offset = kHeader;
    for (std::uint16_t i = 0; i < count; ++i, ++sequence) {
      const Frame frame = next_frame(packet, offset);
      if (!frame.whole) return failed(r, Status::Truncated, offset);
      if (sequence == next_) {
        ++next_;
        ++r.n_messages;
        f(frame.message, sequence);
      } else {
        ++r.n_duplicates;
      }
      offset = frame.next;
    }
    return offset == packet.size() ? r : failed(r, Status::BadFrame, offset);
  }

  std::array<char, 10> session_{};
  bool have_session_ = false;
  std::uint64_t next_ = 0;  // 0: nothing seen, any sequence may come first
};

// SoupBinTCP (Nasdaq, versions 3.00 and 4.00): a TCP stream of packets, each a two-byte length,
// a type and a payload. Bytes may be fed in any pieces; a packet cut by a piece is kept.
class SoupBinTcp {
 public:
  struct Result {
    Status status = Status::Ok;
    std::uint64_t n_messages = 0;  // sequenced ones, given to f
    std::uint64_t n_other = 0;     // heartbeats, debug, unsequenced, login answers
    std::uint64_t offset = 0;      // of the packet that went wrong, from the start of the stream
    bool end_of_session = false;
  };

  // Sequence of the first message to come, as the login answer gives it.
  explicit SoupBinTcp(std::uint64_t next_sequence = 1) noexcept : next_(next_sequence) {}
  [[nodiscard]] std::uint64_t next_sequence() const noexcept { return next_; }

  template <class F>
  [[nodiscard]] Result feed(std::span<const Byte> bytes, F&& f) {
    Result r;
    while (!bytes.empty() && r.status == Status::Ok) {
      if (n_kept_ == 0) {
        const Frame frame = next_frame(bytes, 0);
        if (frame.whole) {
          packet(r, frame.message, f);
          stream_offset_ += frame.next;
          bytes = bytes.subspan(frame.next);
          continue;
        }
      }
      bytes = bytes.subspan(keep(bytes));
      const Frame frame = next_frame({kept_.data(), n_kept_}, 0);
      if (frame.whole) {
        packet(r, frame.message, f);
        stream_offset_ += frame.next;
        n_kept_ = 0;
      }
    }
    return r;
  }

 private:
  // Appends what the kept packet still lacks (its length first); returns how much was taken.
  std::size_t keep(std::span<const Byte> bytes) noexcept {
    std::size_t taken = 0;
    while (taken < bytes.size()) {
      const std::size_t want =
          n_kept_ < 2 ? 2 : std::size_t{2} + load_be<std::uint16_t>(kept_.data());
      if (n_kept_ >= 2 && n_kept_ == want) break;
      const std::size_t n = std::min(want - n_kept_, bytes.size() - taken);
      std::memcpy(kept_.data() + n_kept_, bytes.data() + taken, n);
      n_kept_ += n;
      taken += n;
    }
    return taken;
  }
  template <class F>
  void packet(Result& r, std::span<const Byte> packet, F&& f) {
    if (packet.empty()) {
      r.status = Status::BadFrame;
      r.offset = stream_offset_;
      return;
    }
    switch (static_cast<char>(packet[0])) {
      case 'S':
        ++r.n_messages;
        f(packet.subspan(1), next_++);
        return;
      case 'Z':
        r.end_of_session = true;
        return;
      case 'A':  // login accepted: session (10), sequence (20 digits)
        ++r.n_other;
        return login(r, packet);
      case 'H':
      case '+':
      case 'U':
      case 'J':
        ++r.n_other;
        return;
      default:
        r.status = Status::BadFrame;
        r.offset = stream_offset_;
    }
  }
  void login(Result& r, std::span<const Byte> packet) noexcept {
    std::uint64_t sequence = 0;
    for (std::size_t i = 11; i < packet.size() && i < 31; ++i) {
      if (packet[i] == ' ') continue;
      if (packet[i] < '0' || packet[i] > '9' || sequence > (std::uint64_t{1} << 59U)) {
        r.status = Status::BadFrame;
        r.offset = stream_offset_;
        return;
      }
      sequence = sequence * 10 + (packet[i] - std::uint64_t{'0'});
    }
    if (sequence != 0) next_ = sequence;
  }

  std::uint64_t next_;
  std::uint64_t stream_offset_ = 0;
  std::size_t n_kept_ = 0;
  std::array<Byte, 2 + 65535> kept_{};
};

}  // namespace kimera::market::itch
