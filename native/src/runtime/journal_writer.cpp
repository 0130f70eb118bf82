#include <algorithm>
#include <cstring>
#include <utility>

#include "journal_store.hpp"
#include "kimera/runtime/journal.hpp"

namespace kimera::runtime {

using detail::JournalStore;
using format::BlockState;
using model::Record;

std::unique_ptr<JournalWriter> JournalWriter::create(const std::string& path,
                                                     const JournalOptions& options) {
  return std::unique_ptr<JournalWriter>(new JournalWriter(JournalStore::create(path, options)));
}

std::unique_ptr<JournalWriter> JournalWriter::resume(const std::string& path,
                                                     const JournalOptions& options) {
  return std::unique_ptr<JournalWriter>(new JournalWriter(JournalStore::resume(path, options)));
}

JournalWriter::JournalWriter(std::unique_ptr<JournalStore> store) noexcept
    : sync_every_append_(store->options().sync == Sync::EveryAppend), store_(std::move(store)) {
  const auto& start = store_->start();
  index_ = start.index;
  max_recv_ns_ = start.max_recv_ns;
  enter_segment();
  block_checksum_ = start.block_checksum;
}

JournalWriter::~JournalWriter() {
  if (status_ == JournalStatus::Closed) return;
  try {
    close();
  } catch (const std::exception&) {  // NOLINT(bugprone-empty-catch)
    // A destructor has nobody to tell. Nothing acknowledged is lost: the next resume() finds the
    // journal as a crash would have left it. Whoever wants to know calls close().
  }
}

// Point the cursor behind the last record of the current segment.
void JournalWriter::enter_segment() noexcept {
  detail::SegmentFile& segment = store_->current();
  const auto& layout = segment.layout();
  segment_first_ = segment.identity().first_record;
  const std::uint64_t count = index_ - segment_first_;
  committed_ = &segment.header().committed;
  cursor_ = segment.records() + count;
  checksum_ = segment.checksums() + count;
  block_checksum_ = 0;
  const std::uint64_t started = (count + layout.block - 1) / layout.block;  // blocks with a record
  block_end_ = segment.records() + started * layout.block;
}

bool JournalWriter::next_block() noexcept {
  if (status_ == JournalStatus::Ok && store_->failed()) status_ = store_->failure().status;
  if (status_ != JournalStatus::Ok) {
    ++refused_;
    return false;
  }
  // A copy: after roll() upkeep may free the segment that we came from at any moment.
  const format::Layout layout = store_->current().layout();
  if (index_ - segment_first_ == layout.records) {
    if (!store_->roll()) {
      status_ = store_->failure().status;
      ++refused_;
      return false;
    }
    enter_segment();
  }
  block_end_ = cursor_ + layout.block;
  block_checksum_ = 0;
  return true;
}

void JournalWriter::finish_block() noexcept {
  const detail::SegmentFile& segment = store_->current();
  const std::uint64_t block = (index_ - 1 - segment_first_) / segment.layout().block;
  format::BlockEntry& entry = segment.entries()[block];
  entry.max_recv_ns = max_recv_ns_;
  entry.checksum = block_checksum_;
  entry.count = segment.layout().block;
  format::store(entry.state, BlockState::Closed);
  store_->block_finished();
}

bool JournalWriter::publish_synced() noexcept {
  // The records reach the disk before the count that acknowledges them does.
  try {
    const detail::SegmentFile& segment = store_->current();
    const auto& layout = segment.layout();
    const std::uint64_t count = index_ - segment_first_;
    const std::uint64_t known = *committed_;
    segment.sync(layout.records_offset() + known * sizeof(Record), layout.bytes(count));
    segment.sync(layout.checksums_offset() + known * 4, layout.checksums_offset() + count * 4);
    format::store(*committed_, count);
    segment.sync(0, layout.checksums_offset());
    return true;
  } catch (const JournalFailure& failure) {
    status_ = failure.status();
    block_end_ = cursor_;  // the next append asks next_block(), which refuses
    ++refused_;
    return false;
  }
}

std::size_t JournalWriter::append(std::span<const Record> records) noexcept {
  std::size_t done = 0;
  while (done < records.size()) {
    if (cursor_ == block_end_ && !next_block()) break;
    const auto room = static_cast<std::size_t>(block_end_ - cursor_);
    const std::size_t stop = done + std::min(room, records.size() - done);
    for (; done < stop; ++done) put(records[done]);
    if (cursor_ == block_end_) finish_block();
    if (!publish()) return done;
  }
  return done;
}

std::optional<std::uint64_t> JournalWriter::append_blob(std::uint32_t type,
                                                        std::span<const std::uint8_t> bytes,
                                                        BlobStamp stamp) noexcept {
  const std::uint64_t header = index_;
  Record row{};
  row.ts_event_ns = stamp.ts_event_ns;
  row.ts_recv_ns = stamp.ts_recv_ns;
  row.order_id = header;
  row.price_ticks = model::kNoPrice;
  row.size_lots = static_cast<std::int64_t>(bytes.size());
  row.detail = type;
  row.kind = model::Kind::Blob;
  row.action = kBlobHeader;
  row.side = model::Side::None;
  if (!append(row)) return std::nullopt;
  row.action = kBlobRow;
  for (std::size_t at = 0; at < bytes.size(); at += kBlobRowBytes) {
    auto* payload = reinterpret_cast<std::uint8_t*>(&row) + kBlobRowOffset;
    std::memset(payload, 0, kBlobRowBytes);
    std::memcpy(payload, bytes.data() + at, std::min(kBlobRowBytes, bytes.size() - at));
    if (!append(row)) return std::nullopt;
  }
  return header;
}

std::uint64_t JournalWriter::stalls() const noexcept {
  return store_->stalls();
}
std::uint64_t JournalWriter::cut() const noexcept {
  return store_->cut();
}

std::string JournalWriter::status_text() const {
  if (status_ == JournalStatus::Closed) return "the journal is closed";
  return store_->failure().text;
}

void JournalWriter::sync() {
  store_->sync();
}

std::string JournalWriter::digest() {
  return status_ == JournalStatus::Closed ? to_hex(head_) : to_hex(store_->head());
}

void JournalWriter::close() {
  if (status_ == JournalStatus::Closed) return;
  const detail::SegmentFile& segment = store_->current();
  const std::uint64_t count = index_ - segment_first_;
  const auto rest = static_cast<std::uint32_t>(count % segment.layout().block);
  if (rest > 0) {
    format::BlockEntry& entry = segment.entries()[count / segment.layout().block];
    entry.max_recv_ns = max_recv_ns_;
    entry.checksum = block_checksum_;
    entry.count = rest;
  }
  status_ = JournalStatus::Closed;
  block_end_ = cursor_;  // the next append asks next_block(), which refuses
  head_ = store_->close();
}

}  // namespace kimera::runtime
