// Behind the writer: the chain of segment files from the one being sealed to the one being
// written, and the upkeep beside append(). Private to the journal's translation units.
//
// Two threads at most: the appending one and, with Upkeep::Background, one of our own. append()
// writes records and block entries and releases them (BlockEntry::state, SegmentFile::next);
// upkeep acquires those, so it never reads what is still being written. Everything below the
// mark "under upkeep_" is touched only with that mutex held, which append() takes once per
// segment at most and only when upkeep is late.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "journal_files.hpp"

namespace kimera::runtime::detail {

// Where an appender goes on.
struct Position {
  std::uint64_t index = 0;
  std::uint64_t segment_first = 0;
  std::int64_t max_recv_ns = model::kNoTime;
  std::uint32_t block_checksum = 0;  // over the records of the unfinished block
};

class JournalStore {
 public:
  [[nodiscard]] static std::unique_ptr<JournalStore> create(const std::string& folder,
                                                            const JournalOptions& options);
  [[nodiscard]] static std::unique_ptr<JournalStore> resume(const std::string& folder,
                                                            const JournalOptions& options);
  ~JournalStore();
  JournalStore(const JournalStore&) = delete;
  JournalStore& operator=(const JournalStore&) = delete;

  [[nodiscard]] const JournalOptions& options() const noexcept { return options_; }
  [[nodiscard]] const Position& start() const noexcept { return start_; }
  [[nodiscard]] std::uint64_t cut() const noexcept { return cut_; }

  // For the appending thread.
  [[nodiscard]] SegmentFile& current() const noexcept {
    return *current_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] bool roll() noexcept;  // on to the next segment; false: failure() says why
  void block_finished() noexcept;
  [[nodiscard]] bool failed() const noexcept { return failed_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint64_t stalls() const noexcept { return stalls_; }
  void sync();
  [[nodiscard]] Digest head();
  [[nodiscard]] Digest close();

  struct Failure {
    JournalStatus status = JournalStatus::Ok;
    std::string text;
  };
  [[nodiscard]] Failure failure();

 private:
  // A segment that is full and in the chain.
  struct Finished {
    std::uint64_t number;
    std::uint64_t first_record;
    std::int64_t max_recv_ns;
    Digest chain;
  };

  JournalStore(std::string folder, const JournalOptions& options, Descriptor lock) noexcept;
  void begin(std::uint64_t number, std::uint64_t first_record, const Digest& chain);
  void recover(std::vector<std::uint64_t> numbers);
  void recover_tail(SegmentFile& last);
  void adopt(const std::vector<std::uint64_t>& numbers);
  void start_upkeep();
  void run_upkeep() noexcept;
  void prepare_next();
  void release_segments() noexcept;
  void note_failure(JournalStatus status, const std::string& text) noexcept;
  // under upkeep_
  [[nodiscard]] SegmentFile* make_next();
  [[nodiscard]] bool seal_step(bool alone);
  void seal_all();
  void retire();
  void sync_live() const;
  void apply_retention(std::uint64_t coming);
  [[nodiscard]] std::uint64_t files() const noexcept;

  std::string folder_;
  JournalOptions options_;
  Descriptor lock_;
  format::Layout layout_;
  Digest metadata_digest_{};
  Position start_;
  std::uint64_t cut_ = 0;
  std::uint64_t stalls_ = 0;
  std::atomic<SegmentFile*> current_{nullptr};
  std::atomic<SegmentFile*> spare_{nullptr};
  std::atomic<std::uint64_t> sealing_number_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> stop_{false};
  std::mutex failure_mutex_;
  Failure failure_;

  std::mutex upkeep_;
  // under upkeep_
  SegmentFile* sealing_ = nullptr;  // owns it, and by SegmentFile::next all up to current_
  std::uint64_t next_block_ = 0;
  Digest chain_{};
  std::vector<Finished> finished_;
  std::uint64_t last_made_ = 0;  // number of the newest segment, the spare one included
  bool spare_refused_ = false;
  std::int64_t synced_at_ns_ = 0;

  std::thread thread_;
};

}  // namespace kimera::runtime::detail
