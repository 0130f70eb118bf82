// The journal: every record that ever happened, append-only, memory-mapped, in segment files.
//
// One writer per journal (an exclusive lock on the file LOCK), any number of readers in any
// number of processes. append() is a 64-byte copy, a checksum and one release store; when it has
// answered true the record is acknowledged and survives the death of the process (the pages belong
// to the kernel). How much survives the death of the machine is the choice of Sync.
//
//   JournalOptions options;
//   options.metadata = R"({"seed": 7})";
//   auto journal = JournalWriter::create("out/journal", options);   // throws JournalFailure
//   if (!journal->append(record)) ...                               // journal->status() says why
//   journal->close();
//   std::string head = journal->digest();
//
// Slow work (the SHA-256 chain, preparing the next file, syncing, deleting old files) is done
// beside append(): by a thread of the writer (Upkeep::Background) or by append() itself at the end
// of each block (Upkeep::Inline). The bytes written are the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "kimera/model/record.hpp"
#include "kimera/runtime/journal_format.hpp"

namespace kimera::runtime {

enum class JournalStatus : std::uint8_t {
  Ok = 0,
  Full = 1,    // the disk, the file size limit, or max_bytes
  Failed = 2,  // an input/output error
  Closed = 3,
  Corrupt = 4,  // what is on disk does not match its checksums
  Locked = 5,   // another writer has it
  BadInput = 6,
};

// Thrown by what opens, closes or reads; append() answers with a value instead.
class JournalFailure : public std::runtime_error {
 public:
  JournalFailure(JournalStatus status, const std::string& message)
      : std::runtime_error(message), status_(status) {}
  [[nodiscard]] JournalStatus status() const noexcept { return status_; }

 private:
  JournalStatus status_;
};

enum class Sync : std::uint8_t {
  None = 0,         // the kernel writes when it likes: safe against kill -9, not against power loss
  Interval = 1,     // to the disk every sync_interval_ns
  EveryAppend = 2,  // to the disk before append() answers
};
enum class Upkeep : std::uint8_t { Background = 0, Inline = 1 };

// Oldest full segments are deleted while any bound is passed; 0 = no bound. Age is counted in
// ts_recv_ns of the records, not by a clock. Never deletes what is open or not yet in the chain.
struct Retention {
  std::uint64_t max_segments = 0;
  std::uint64_t max_bytes = 0;
  std::int64_t max_age_ns = 0;
};

struct JournalOptions {
  std::uint64_t records_per_segment = std::uint64_t{1} << 18U;  // a multiple of records_per_block
  std::uint32_t records_per_block = 4096;
  std::uint64_t max_bytes = std::uint64_t{64} << 30U;  // of all segment files; then Full
  Sync sync = Sync::None;
  std::int64_t sync_interval_ns = 100'000'000;
  Upkeep upkeep = Upkeep::Background;
  Retention retention;
  std::string metadata = "{}";  // JSON, kept in metadata.json and bound into the chain
};

// A payload longer than a record: a header row and rows of 44 bytes each (offsets 16 to 59), all
// of Kind::Blob and with the times of the blob, so that scans and seeks need not know them.
// Header: order_id = index of the header in the journal, size_lots = bytes, detail = type.
inline constexpr std::size_t kBlobRowOffset = 16;
inline constexpr std::size_t kBlobRowBytes = 44;
inline constexpr std::uint8_t kBlobHeader = 0;  // Record::action
inline constexpr std::uint8_t kBlobRow = 1;
[[nodiscard]] constexpr std::uint64_t blob_rows(std::uint64_t bytes) noexcept {
  return (bytes + kBlobRowBytes - 1) / kBlobRowBytes;
}

struct BlobStamp {
  std::int64_t ts_event_ns = model::kNoTime;
  std::int64_t ts_recv_ns = model::kNoTime;
};

namespace detail {
class JournalStore;  // files, chain and upkeep behind the writer
}

class JournalWriter {
 public:
  // Make a new journal in this folder (made if absent; must hold no journal).
  [[nodiscard]] static std::unique_ptr<JournalWriter> create(const std::string& path,
                                                             const JournalOptions& options);
  // Go on with an existing one: cuts a torn tail, refuses a changed one. Record and block counts
  // and metadata of `options` are ignored: the journal has its own.
  [[nodiscard]] static std::unique_ptr<JournalWriter> resume(const std::string& path,
                                                             const JournalOptions& options);
  ~JournalWriter();
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // True: acknowledged. False: status() says why, refused() counts; the journal stays readable.
  [[nodiscard]] bool append(const model::Record& record) noexcept {
    if (cursor_ == block_end_) [[unlikely]] {
      if (!next_block()) return false;
    }
    put(record);
    if (cursor_ == block_end_) [[unlikely]]
      finish_block();
    return publish();
  }
  // How many were appended: fewer than all only when append() would have answered false.
  [[nodiscard]] std::size_t append(std::span<const model::Record> records) noexcept;
  // The index of the header; nothing when the journal is full. A reader never takes a blob whose
  // rows are not all there for one that is.
  [[nodiscard]] std::optional<std::uint64_t> append_blob(std::uint32_t type,
                                                         std::span<const std::uint8_t> bytes,
                                                         BlobStamp stamp = {}) noexcept;

  // Records acknowledged since the journal began, those deleted by retention included.
  [[nodiscard]] std::uint64_t size() const noexcept { return index_; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }
  // Appends that had to wait for upkeep.
  [[nodiscard]] std::uint64_t stalls() const noexcept;
  // Records that a torn tail had lost when the journal was resumed.
  [[nodiscard]] std::uint64_t cut() const noexcept;
  [[nodiscard]] JournalStatus status() const noexcept { return status_; }
  [[nodiscard]] std::string status_text() const;

  // Everything acknowledged so far to the disk, now.
  void sync();
  // Chain head over everything acknowledged so far, as 64 hex digits. Waits for the chain.
  [[nodiscard]] std::string digest();
  // Seal, cut the last file to its records, release the lock. append() answers false afterwards.
  void close();

 private:
  explicit JournalWriter(std::unique_ptr<detail::JournalStore> store) noexcept;

  void put(const model::Record& record) noexcept {
    std::memcpy(cursor_, &record, sizeof(record));
    const std::uint32_t checksum = format::record_checksum(record, index_);
    *checksum_++ = checksum;
    block_checksum_ = crc32c_step(block_checksum_, checksum);
    if (record.ts_recv_ns > max_recv_ns_) max_recv_ns_ = record.ts_recv_ns;
    ++cursor_;
    ++index_;
  }
  [[nodiscard]] bool publish() noexcept {
    if (sync_every_append_) [[unlikely]]
      return publish_synced();
    format::store(*committed_, index_ - segment_first_);
    return true;
  }
  [[nodiscard]] bool next_block() noexcept;
  void enter_segment() noexcept;
  void finish_block() noexcept;
  [[nodiscard]] bool publish_synced() noexcept;

  model::Record* cursor_ = nullptr;
  model::Record* block_end_ = nullptr;
  std::uint32_t* checksum_ = nullptr;
  std::uint64_t* committed_ = nullptr;
  std::uint64_t index_ = 0;
  std::uint64_t segment_first_ = 0;
  std::int64_t max_recv_ns_ = model::kNoTime;
  std::uint32_t block_checksum_ = 0;
  bool sync_every_append_ = false;
  JournalStatus status_ = JournalStatus::Ok;
  std::uint64_t refused_ = 0;
  Digest head_{};  // once closed
  std::unique_ptr<detail::JournalStore> store_;
};

namespace detail {
class SegmentFile;
}

// Records that lie side by side in one segment; the mapping lives as long as the view.
struct JournalView {
  std::shared_ptr<const detail::SegmentFile> segment;
  std::span<const model::Record> records;
  std::uint64_t first = 0;  // index of records[0] in the journal
};

class JournalReader {
 public:
  explicit JournalReader(const std::string& path);
  ~JournalReader();
  JournalReader(const JournalReader&) = delete;
  JournalReader& operator=(const JournalReader&) = delete;

  // Look for what was appended since; answers end().
  std::uint64_t refresh();
  // Index of the first record that retention has left, and one past the last.
  [[nodiscard]] std::uint64_t first() const noexcept;
  [[nodiscard]] std::uint64_t end() const noexcept;
  // The records from `start` to at most `stop` that lie in one segment; empty at the end.
  [[nodiscard]] JournalView view(std::uint64_t start, std::uint64_t stop);
  // Index of the first record with ts_recv_ns >= this; end() when there is none.
  [[nodiscard]] std::uint64_t seek(std::int64_t ts_recv_ns);
  [[nodiscard]] std::vector<std::uint8_t> read_blob(std::uint64_t header);
  [[nodiscard]] const std::string& metadata() const noexcept;
  [[nodiscard]] std::string digest();
  struct Segment {
    std::string file;
    std::uint64_t number = 0;
    std::uint64_t first_record = 0;
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;  // of the file
    std::string state;
    std::int64_t max_recv_ns = model::kNoTime;
  };
  [[nodiscard]] std::vector<Segment> segments();
  [[nodiscard]] std::uint32_t records_per_block() const noexcept;
  [[nodiscard]] std::uint64_t records_per_segment() const noexcept;

 private:
  class State;
  std::unique_ptr<State> state_;
};

// One thing that is not as it was written.
struct JournalFinding {
  static constexpr std::uint64_t kNowhere = ~std::uint64_t{0};
  std::string file;
  std::uint64_t offset = kNowhere;  // bytes into the file
  std::uint64_t block = kNowhere;   // in the journal, from 0
  std::uint64_t record = kNowhere;  // in the journal, from 0
  std::string what;                 // names what was expected and what was found
};

struct JournalVerdict {
  std::uint64_t first = 0;
  std::uint64_t records = 0;
  std::uint64_t blocks = 0;
  std::string digest;  // recomputed from the records
  std::vector<JournalFinding> findings;
};

// Recompute every checksum and the whole chain. Never throws for what it finds; throws
// JournalFailure only where there is no journal at all.
[[nodiscard]] JournalVerdict verify_journal(const std::string& path,
                                            std::size_t max_findings = 1000);

}  // namespace kimera::runtime
