// Going on with a journal that a writer left, cleanly or by dying.
#include <algorithm>
#include <cstring>
#include <utility>

#include "journal_store.hpp"

namespace kimera::runtime::detail {

using format::BlockState;
using format::SegmentState;

namespace {

[[noreturn]] void corrupt(const std::string& message) {
  throw JournalFailure(JournalStatus::Corrupt, message);
}

[[nodiscard]] bool matches(const SegmentFile& segment, std::uint64_t i) noexcept {
  const std::uint64_t index = segment.identity().first_record + i;
  return format::record_checksum(segment.records()[i], index) == segment.checksums()[i];
}

void expect_match(const SegmentFile& segment, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t i = from; i < to; ++i) {
    if (matches(segment, i)) continue;
    corrupt(segment.path() + ": offset " +
            std::to_string(segment.layout().records_offset() + i * sizeof(model::Record)) +
            ": record " + std::to_string(segment.identity().first_record + i) +
            " does not match its checksum; run `kimera journal verify`");
  }
}

}  // namespace

void JournalStore::recover(std::vector<std::uint64_t> numbers) {
  // A writer that died while it prepared the next file leaves one that holds nothing.
  while (!numbers.empty() && is_unused(folder_, numbers.back())) {
    remove_segment(folder_, numbers.back());
    numbers.pop_back();
  }
  if (numbers.empty()) {
    begin(1, 0, format::genesis(options_.records_per_block, metadata_digest_));
    return;
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i - 1] + 1) {
      corrupt(folder_ + ": expected " + segment_name(numbers[i - 1] + 1) + ", found " +
              segment_name(numbers[i]));
    }
  }
  adopt(numbers);
  SegmentFile& last = current();
  recover_tail(last);
  const std::uint64_t count = format::load(last.header().committed);
  start_.segment_first = last.identity().first_record;
  start_.index = start_.segment_first + count;
  for (std::uint64_t i = count - count % layout_.block; i < count; ++i) {
    start_.block_checksum = crc32c_step(start_.block_checksum, last.checksums()[i]);
    start_.max_recv_ns = std::max(start_.max_recv_ns, last.records()[i].ts_recv_ns);
  }
}

// Open every segment from the first whose place in the chain is known to the last one, and note
// the full ones before it.
void JournalStore::adopt(const std::vector<std::uint64_t>& numbers) {
  auto segment = SegmentFile::open(folder_, numbers.back(), SegmentFile::Access::Write);
  layout_ = segment->layout();
  options_.records_per_segment = layout_.records;
  options_.records_per_block = layout_.block;
  if (segment->identity().metadata_digest != metadata_digest_) {
    corrupt(folder_ + "/metadata.json: does not match the digest in " +
            segment_name(numbers.back()));
  }
  std::size_t at = numbers.size() - 1;
  SegmentFile* front = segment.release();
  sealing_ = front;
  current_.store(front, std::memory_order_release);
  while (format::load(front->header().linked) == 0) {
    if (at == 0) corrupt(front->path() + ": offset 256: its place in the chain is not recorded");
    --at;
    auto earlier = SegmentFile::open(folder_, numbers[at], SegmentFile::Access::Write);
    if (earlier->readable() != layout_.records) {
      corrupt(earlier->path() + ": expected " + std::to_string(layout_.records) +
              " records before the next segment, found " + std::to_string(earlier->readable()));
    }
    start_.max_recv_ns =
        std::max(start_.max_recv_ns, earlier->entries()[layout_.blocks() - 1].max_recv_ns);
    earlier->next.store(front, std::memory_order_release);
    front = earlier.release();
    sealing_ = front;
  }
  chain_ = front->header().previous_chain;
  sealing_number_.store(numbers[at], std::memory_order_release);
  for (std::size_t i = 0; i < at; ++i) {
    const auto done = SegmentFile::open(folder_, numbers[i], SegmentFile::Access::Read);
    const auto& entry = done->entries()[layout_.blocks() - 1];
    finished_.push_back(
        {numbers[i], done->identity().first_record, entry.max_recv_ns, entry.chain});
    start_.max_recv_ns = std::max(start_.max_recv_ns, entry.max_recv_ns);
  }
}

// Cut what was not wholly written at the end of the last segment, refuse what was changed before
// it, and leave the file as a writer that is in the middle of it wants it.
void JournalStore::recover_tail(SegmentFile& last) {
  const auto state = last.state();
  if (state != SegmentState::Open && state != SegmentState::Shut && state != SegmentState::Sealed) {
    corrupt(last.path() + ": offset 192: expected the state of a segment, found " +
            std::to_string(static_cast<std::uint32_t>(state)));
  }
  const std::uint64_t committed = format::load(last.header().committed);
  if (committed > layout_.records) {
    corrupt(last.path() + ": offset 128: expected at most " + std::to_string(layout_.records) +
            " records, found " + std::to_string(committed));
  }
  std::uint64_t count = last.readable();
  const bool torn = count < committed || state == SegmentState::Open;
  if (torn) {
    while (count > 0 && !matches(last, count - 1)) --count;
  }
  expect_match(last, torn ? 0 : count - count % layout_.block, count);
  cut_ = committed - count;

  format::store(last.header().committed, count);
  last.resize(layout_.bytes(count));
  last.resize(layout_.bytes());
  std::fill(last.checksums() + count, last.checksums() + layout_.records, 0U);
  const std::uint64_t whole = count / layout_.block;
  std::memset(static_cast<void*>(last.entries() + whole), 0,
              (layout_.blocks() - whole) * sizeof(format::BlockEntry));
  std::uint64_t sealed = 0;
  for (std::uint64_t block = 0; block < whole; ++block) {
    format::BlockEntry& entry = last.entries()[block];
    const auto was = static_cast<BlockState>(format::load(entry.state));
    if (was == BlockState::Sealed && sealed == block) ++sealed;
    if (was == BlockState::Empty) {
      entry.count = layout_.block;
      entry.max_recv_ns = start_.max_recv_ns;
      for (std::uint64_t i = block * layout_.block; i < (block + 1) * layout_.block; ++i) {
        entry.checksum = crc32c_step(entry.checksum, last.checksums()[i]);
        entry.max_recv_ns = std::max(entry.max_recv_ns, last.records()[i].ts_recv_ns);
      }
    }
    if (block >= sealed) format::store(entry.state, BlockState::Closed);
    start_.max_recv_ns = std::max(start_.max_recv_ns, entry.max_recv_ns);
  }
  if (sealing_ == &last) {
    next_block_ = sealed;
    if (sealed > 0) chain_ = last.entries()[sealed - 1].chain;
  }
  // A block that stands in the chain of a segment not yet linked was sealed by nobody: again.
  for (std::uint64_t block = 0; sealing_ != &last && block < whole; ++block) {
    format::store(last.entries()[block].state, BlockState::Closed);
  }
  for (SegmentFile* segment = sealing_; segment != &last;
       segment = segment->next.load(std::memory_order_relaxed)) {
    expect_match(*segment, 0, layout_.records);
    format::store(segment->header().state, SegmentState::Open);
    for (std::uint64_t block = 0; block < layout_.blocks(); ++block) {
      format::store(segment->entries()[block].state, BlockState::Closed);
    }
  }
  const bool sealed_full = sealing_ == &last && sealed == layout_.blocks();
  format::store(last.header().state, sealed_full ? SegmentState::Sealed : SegmentState::Open);
}

}  // namespace kimera::runtime::detail
