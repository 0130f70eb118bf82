// The files of a journal: segments mapped into memory, the lock, the metadata, the anchor.
// Private to the journal's translation units.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kimera/runtime/journal.hpp"

namespace kimera::runtime::detail {

// "<what>: <the system's words>" with the status that the error number means.
[[noreturn]] void fail_system(const std::string& what, int error);

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_;
};

class SegmentFile {
 public:
  // A new file at full size, every byte of it allocated, in state Spare.
  [[nodiscard]] static std::unique_ptr<SegmentFile> make(const std::string& folder,
                                                         const format::SegmentIdentity& identity);
  enum class Access : std::uint8_t { Read, Write };
  // Throws Corrupt when the file is not a segment of this version and record layout.
  [[nodiscard]] static std::unique_ptr<SegmentFile> open(const std::string& folder,
                                                         std::uint64_t number, Access access);
  ~SegmentFile();
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;

  [[nodiscard]] format::SegmentHeader& header() const noexcept {
    return *reinterpret_cast<format::SegmentHeader*>(base_);
  }
  [[nodiscard]] const format::SegmentIdentity& identity() const noexcept {
    return header().identity;
  }
  [[nodiscard]] format::BlockEntry* entries() const noexcept {
    return reinterpret_cast<format::BlockEntry*>(base_ + format::kEntriesOffset);
  }
  [[nodiscard]] std::uint32_t* checksums() const noexcept {
    return reinterpret_cast<std::uint32_t*>(base_ + layout_.checksums_offset());
  }
  [[nodiscard]] model::Record* records() const noexcept {
    return reinterpret_cast<model::Record*>(base_ + layout_.records_offset());
  }
  [[nodiscard]] const format::Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const std::uint8_t* bytes() const noexcept { return base_; }
  [[nodiscard]] format::SegmentState state() const noexcept {
    return static_cast<format::SegmentState>(format::load(header().state));
  }
  // Size of the file now.
  [[nodiscard]] std::size_t file_bytes() const;
  // Records that are acknowledged and that the file really holds.
  [[nodiscard]] std::uint64_t readable() const;
  [[nodiscard]] bool is_full() const noexcept {
    return format::load(header().committed) >= layout_.records;
  }

  void resize(std::size_t bytes);                     // cuts, or allocates up to
  void sync(std::size_t from, std::size_t to) const;  // bytes of the file, to the disk
  void sync() const { sync(0, layout_.bytes()); }
  void release_unused_checksums(std::uint64_t used) const noexcept;

  std::atomic<SegmentFile*> next{nullptr};  // the one that the writer went on to

 private:
  SegmentFile(std::string path, Descriptor fd, std::uint8_t* base, format::Layout layout) noexcept;

  std::string path_;
  Descriptor fd_;
  std::uint8_t* base_;
  format::Layout layout_;
  mutable std::uint64_t held_ = 0;  // records the file held when last asked
};

[[nodiscard]] std::string segment_name(std::uint64_t number);
[[nodiscard]] std::string segment_path(const std::string& folder, std::uint64_t number);
// Numbers of the segment files in the folder, rising.
[[nodiscard]] std::vector<std::uint64_t> list_segments(const std::string& folder);
// False while the file is absent or only prepared for later; true when in doubt.
[[nodiscard]] bool is_started(const std::string& folder, std::uint64_t number);
// True for a file that a writer was preparing and never wrote to.
[[nodiscard]] bool is_unused(const std::string& folder, std::uint64_t number);
void remove_segment(const std::string& folder, std::uint64_t number) noexcept;

// Holds the exclusive lock of a writer as long as it lives.
[[nodiscard]] Descriptor lock_folder(const std::string& folder);
void make_folder(const std::string& folder);
void sync_folder(const std::string& folder);
// Written whole or not at all (a temporary file, then a rename).
void write_whole(const std::string& path, const std::string& text);
[[nodiscard]] std::optional<std::string> read_whole(const std::string& path);

// Where the chain begins after retention has deleted what was before.
struct Anchor {
  std::uint64_t segment = 1;  // first that is left
  std::uint64_t record = 0;   // its first record
  Digest chain{};             // chain before it
};
void write_anchor(const std::string& folder, const Anchor& anchor);
// Nothing when none was written; throws Corrupt when it cannot be read.
[[nodiscard]] std::optional<Anchor> read_anchor(const std::string& folder);

}  // namespace kimera::runtime::detail
