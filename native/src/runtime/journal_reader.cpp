#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <utility>

#include <unistd.h>

#include "journal_files.hpp"
#include "kimera/runtime/journal.hpp"

namespace kimera::runtime {

using detail::SegmentFile;
using format::BlockState;
using format::SegmentState;
using model::Record;

namespace {

// Segments kept mapped for the next call; views keep theirs alive by themselves.
constexpr std::size_t kMappedSegments = 3;

[[noreturn]] void corrupt(const std::string& message) {
  throw JournalFailure(JournalStatus::Corrupt, message);
}

}  // namespace

class JournalReader::State {
 public:
  explicit State(const std::string& folder) : folder_(folder) {
    const auto metadata = detail::read_whole(folder + "/metadata.json");
    auto numbers = detail::list_segments(folder);
    while (!numbers.empty() && !detail::is_started(folder, numbers.back())) numbers.pop_back();
    if (!metadata || numbers.empty()) {
      throw JournalFailure(JournalStatus::BadInput, folder + ": expected a journal, found none");
    }
    metadata_ = *metadata;
    for (std::size_t i = 1; i < numbers.size(); ++i) {
      if (numbers[i] == numbers[i - 1] + 1) continue;
      corrupt(folder + ": expected " + detail::segment_name(numbers[i - 1] + 1) + ", found " +
              detail::segment_name(numbers[i]));
    }
    first_number_ = numbers.front();
    last_number_ = numbers.back();
    last_ = SegmentFile::open(folder, last_number_, SegmentFile::Access::Read);
    layout_ = last_->layout();
    const Digest digest = sha256(metadata_.data(), metadata_.size());
    if (last_->identity().metadata_digest != digest) {
      corrupt(folder + "/metadata.json: does not match the digest in " +
              detail::segment_name(last_number_));
    }
    refresh();
  }

  std::uint64_t refresh() {
    while (first_number_ < last_number_ &&
           access(detail::segment_path(folder_, first_number_).c_str(), F_OK) != 0) {
      ++first_number_;  // retention took it
    }
    while (last_->readable() == layout_.records) {
      if (!detail::is_started(folder_, last_number_ + 1)) break;
      last_ = SegmentFile::open(folder_, ++last_number_, SegmentFile::Access::Read);
    }
    end_ = last_->identity().first_record + last_->readable();
    return end_;
  }

  [[nodiscard]] std::uint64_t first() const noexcept {
    return last_->identity().first_record - (last_number_ - first_number_) * layout_.records;
  }
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

  [[nodiscard]] std::shared_ptr<const SegmentFile> segment(std::uint64_t number) {
    if (number == last_number_) return last_;
    const auto found = std::find_if(mapped_.begin(), mapped_.end(),
                                    [&](const auto& s) { return s->identity().number == number; });
    if (found != mapped_.end()) return *found;
    std::shared_ptr<const SegmentFile> opened =
        SegmentFile::open(folder_, number, SegmentFile::Access::Read);
    if (opened->readable() != layout_.records) {
      corrupt(opened->path() + ": expected " + std::to_string(layout_.records) +
              " records, found " + std::to_string(opened->readable()));
    }
    mapped_.push_back(opened);
    if (mapped_.size() > kMappedSegments) mapped_.pop_front();
    return opened;
  }
  [[nodiscard]] std::uint64_t number_of(std::uint64_t record) const noexcept {
    return first_number_ + (record - first()) / layout_.records;
  }

  [[nodiscard]] JournalView view(std::uint64_t start, std::uint64_t stop) {
    stop = std::min(stop, end_);
    if (start < first()) {
      throw JournalFailure(JournalStatus::BadInput,
                           folder_ + ": records before " + std::to_string(first()) +
                               " were deleted by retention, asked for " + std::to_string(start));
    }
    if (start >= stop) return {nullptr, {}, start};
    auto file = segment(number_of(start));
    const std::uint64_t from = start - file->identity().first_record;
    const std::uint64_t n = std::min(stop - start, layout_.records - from);
    return {file, {file->records() + from, static_cast<std::size_t>(n)}, start};
  }

  [[nodiscard]] std::uint64_t seek(std::int64_t ts_recv_ns) {
    std::uint64_t low = first_number_;  // the first segment that reaches the time lies in low..high
    std::uint64_t high = last_number_;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const auto file = segment(middle);
      if (file->entries()[layout_.blocks() - 1].max_recv_ns >= ts_recv_ns) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    const auto file = segment(low);
    const std::uint64_t count = std::min(file->readable(), end_ - file->identity().first_record);
    const auto* entries = file->entries();
    const auto* block = std::partition_point(
        entries, entries + count / layout_.block,
        [&](const format::BlockEntry& e) { return e.max_recv_ns < ts_recv_ns; });
    const Record* from =
        file->records() + static_cast<std::uint64_t>(block - entries) * layout_.block;
    const Record* to = file->records() + count;
    const Record* found =
        std::find_if(from, to, [&](const Record& r) { return r.ts_recv_ns >= ts_recv_ns; });
    return file->identity().first_record + static_cast<std::uint64_t>(found - file->records());
  }

  [[nodiscard]] const Record& at(std::uint64_t record) {
    return view(record, record + 1).records[0];
  }

  // Chain over all complete blocks that the writer has sealed so far, then the rest by ourselves.
  [[nodiscard]] Digest head() {
    std::uint64_t number = last_number_;
    while (number > first_number_ && format::load(segment(number)->header().linked) == 0) --number;
    auto file = segment(number);
    if (format::load(file->header().linked) == 0) {
      corrupt(file->path() + ": offset 256: its place in the chain is not recorded");
    }
    Digest chain = file->header().previous_chain;
    for (;; file = segment(++number)) {
      const std::uint64_t first = file->identity().first_record;
      const std::uint64_t count = std::min(file->readable(), end_ - first);
      for (std::uint64_t block = 0; block * layout_.block < count; ++block) {
        const std::uint64_t n =
            std::min<std::uint64_t>(layout_.block, count - block * layout_.block);
        const auto& entry = file->entries()[block];
        const bool sealed =
            format::load(entry.state) == static_cast<std::uint32_t>(BlockState::Sealed);
        if (sealed && n == layout_.block) {
          chain = entry.chain;
          continue;
        }
        const Record* records = file->records() + block * layout_.block;
        chain = format::link(chain, sha256(records, n * sizeof(Record)), n);
      }
      if (number == last_number_) return chain;
    }
  }

  [[nodiscard]] Segment describe(std::uint64_t number) {
    const auto file = segment(number);
    Segment out;
    out.file = detail::segment_name(number);
    out.number = number;
    out.first_record = file->identity().first_record;
    out.records = file->readable();
    out.bytes = file->file_bytes();
    switch (file->state()) {
      case SegmentState::Spare:
        out.state = "spare";
        break;
      case SegmentState::Open:
        out.state = "open";
        break;
      case SegmentState::Sealed:
        out.state = "sealed";
        break;
      case SegmentState::Shut:
        out.state = "shut";
        break;
      default:
        out.state = "unknown";
        break;
    }
    const std::uint64_t whole = out.records / layout_.block;
    if (whole > 0) out.max_recv_ns = file->entries()[whole - 1].max_recv_ns;
    for (std::uint64_t i = whole * layout_.block; i < out.records; ++i) {
      out.max_recv_ns = std::max(out.max_recv_ns, file->records()[i].ts_recv_ns);
    }
    return out;
  }

  [[nodiscard]] const std::string& metadata() const noexcept { return metadata_; }
  [[nodiscard]] const format::Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }
  [[nodiscard]] std::uint64_t first_number() const noexcept { return first_number_; }
  [[nodiscard]] std::uint64_t last_number() const noexcept { return last_number_; }

 private:
  std::string folder_;
  std::string metadata_;
  std::uint64_t first_number_ = 0;
  std::uint64_t last_number_ = 0;
  std::shared_ptr<const SegmentFile> last_;
  format::Layout layout_{};
  std::uint64_t end_ = 0;
  std::deque<std::shared_ptr<const SegmentFile>> mapped_;
};

JournalReader::JournalReader(const std::string& path) : state_(std::make_unique<State>(path)) {}
JournalReader::~JournalReader() = default;

std::uint64_t JournalReader::refresh() {
  return state_->refresh();
}
std::uint64_t JournalReader::first() const noexcept {
  return state_->first();
}
std::uint64_t JournalReader::end() const noexcept {
  return state_->end();
}
JournalView JournalReader::view(std::uint64_t start, std::uint64_t stop) {
  return state_->view(start, stop);
}
std::uint64_t JournalReader::seek(std::int64_t ts_recv_ns) {
  return state_->seek(ts_recv_ns);
}
const std::string& JournalReader::metadata() const noexcept {
  return state_->metadata();
}
std::string JournalReader::digest() {
  return to_hex(state_->head());
}
std::uint32_t JournalReader::records_per_block() const noexcept {
  return state_->layout().block;
}
std::uint64_t JournalReader::records_per_segment() const noexcept {
  return state_->layout().records;
}

std::vector<JournalReader::Segment> JournalReader::segments() {
  std::vector<Segment> out;
  for (auto n = state_->first_number(); n <= state_->last_number(); ++n) {
    out.push_back(state_->describe(n));
  }
  return out;
}

std::vector<std::uint8_t> JournalReader::read_blob(std::uint64_t header) {
  const auto refuse = [&](const std::string& found) {
    throw JournalFailure(JournalStatus::BadInput,
                         state_->folder() + ": record " + std::to_string(header) +
                             ": expected the header of a blob, found " + found);
  };
  if (header >= end()) refuse("the end at " + std::to_string(end()));
  const Record row = state_->at(header);
  if (row.kind != model::Kind::Blob || row.action != kBlobHeader || row.order_id != header) {
    refuse("a record of kind " + std::to_string(static_cast<int>(row.kind)));
  }
  const auto size = static_cast<std::uint64_t>(row.size_lots);
  if (size > (end() - header) * kBlobRowBytes || blob_rows(size) > end() - header - 1) {
    refuse("one of " + std::to_string(size) + " bytes of which the rows are not all there");
  }
  std::vector<std::uint8_t> bytes(size);
  for (std::uint64_t i = 0; i < blob_rows(size); ++i) {
    const Record& payload = state_->at(header + 1 + i);
    if (payload.kind != model::Kind::Blob || payload.action != kBlobRow) {
      refuse("one whose row " + std::to_string(i) + " is another record");
    }
    const std::uint64_t at = i * kBlobRowBytes;
    std::memcpy(bytes.data() + at, reinterpret_cast<const std::uint8_t*>(&payload) + kBlobRowOffset,
                std::min<std::uint64_t>(kBlobRowBytes, size - at));
  }
  return bytes;
}

}  // namespace kimera::runtime
