// Every byte of a journal held against what it must be, each difference named.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <utility>

#include "journal_files.hpp"
#include "kimera/runtime/journal.hpp"

namespace kimera::runtime {

using detail::SegmentFile;
using format::BlockEntry;
using format::BlockState;
using format::SegmentState;
using model::Record;

namespace {

constexpr std::uint64_t kNowhere = JournalFinding::kNowhere;

[[nodiscard]] const char* field_at(std::size_t byte) noexcept {
  constexpr std::array<std::pair<std::size_t, const char*>, 14> kFields{{{8, "ts_event_ns"},
                                                                         {16, "ts_recv_ns"},
                                                                         {24, "sequence"},
                                                                         {32, "order_id"},
                                                                         {40, "price_ticks"},
                                                                         {48, "size_lots"},
                                                                         {52, "instrument_id"},
                                                                         {56, "detail"},
                                                                         {58, "venue_id"},
                                                                         {60, "actor_id"},
                                                                         {61, "kind"},
                                                                         {62, "action"},
                                                                         {63, "side"},
                                                                         {64, "flags"}}};
  for (const auto& [end, name] : kFields) {
    if (byte < end) return name;
  }
  return "";
}

struct ByteFix {
  std::size_t byte;
  std::uint8_t expected;
};

// The one byte whose change explains the checksum; nothing when no single byte does. Of the
// 16,320 candidates another one fits by chance once in 2^18.
[[nodiscard]] std::optional<ByteFix> explain(const Record& record, std::uint64_t index,
                                             std::uint32_t checksum) noexcept {
  for (std::size_t byte = 0; byte < sizeof(Record); ++byte) {
    Record copy = record;
    auto* bytes = reinterpret_cast<std::uint8_t*>(&copy);
    const std::uint8_t found = bytes[byte];
    for (unsigned value = 0; value < 256; ++value) {
      bytes[byte] = static_cast<std::uint8_t>(value);
      if (value != found && format::record_checksum(copy, index) == checksum) {
        return ByteFix{byte, static_cast<std::uint8_t>(value)};
      }
    }
  }
  return std::nullopt;
}

[[nodiscard]] std::string hex_word(std::uint32_t word) {
  char text[16];
  std::snprintf(text, sizeof(text), "0x%08x", word);
  return text;
}

[[nodiscard]] std::string hex_byte(std::uint8_t byte) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%02x", byte);
  return text;
}

class Verifier {
 public:
  Verifier(const std::string& folder, std::size_t max_findings)
      : folder_(folder), max_findings_(max_findings) {}

  [[nodiscard]] JournalVerdict run();

 private:
  struct Where {
    std::uint64_t offset = kNowhere;
    std::uint64_t block = kNowhere;
    std::uint64_t record = kNowhere;
  };
  void note(const std::string& file, Where where, const std::string& what);
  void begin(std::uint64_t first_number);
  void segment(std::uint64_t number, bool is_last);
  void identity(const SegmentFile& file, const std::string& name);
  [[nodiscard]] std::uint64_t count(const SegmentFile& file, const std::string& name, bool is_last);
  void check_link(const SegmentFile& file, const std::string& name);
  void blocks(const SegmentFile& file, const std::string& name, std::uint64_t n_records);
  [[nodiscard]] bool block_records(const SegmentFile& file, const std::string& name,
                                   std::uint64_t block, std::uint64_t n);
  void entry(const SegmentFile& file, const std::string& name, std::uint64_t block, std::uint64_t n,
             bool records_changed);
  void extend_chain(const SegmentFile& file, const std::string& name, std::uint64_t block,
                    const Digest& digest, std::uint64_t n, bool records_changed);
  void expect_zeros(const SegmentFile& file, const std::string& name, std::size_t from,
                    std::size_t to);

  std::string folder_;
  std::size_t max_findings_;
  JournalVerdict verdict_;
  std::optional<Digest> metadata_digest_;
  std::optional<detail::Anchor> anchor_;
  SegmentState state_ = SegmentState::Open;
  bool chain_known_ = false;
  Digest chain_{};                  // recomputed from the records
  std::optional<Digest> recorded_;  // what the last block entry says, where that differs
  std::uint64_t next_record_ = kNowhere;
  std::int64_t max_recv_ns_ = model::kNoTime;
  bool max_known_ = false;
};

void Verifier::note(const std::string& file, Where where, const std::string& what) {
  if (verdict_.findings.size() < max_findings_) {
    verdict_.findings.push_back({file, where.offset, where.block, where.record, what});
  } else if (verdict_.findings.size() == max_findings_) {
    verdict_.findings.push_back(
        {file, kNowhere, kNowhere, kNowhere,
         "more findings than " + std::to_string(max_findings_) + " are not listed"});
  }
}

void Verifier::begin(std::uint64_t first_number) {
  const auto metadata = detail::read_whole(folder_ + "/metadata.json");
  if (metadata) {
    metadata_digest_ = sha256(metadata->data(), metadata->size());
  } else {
    note("metadata.json", {}, "expected the metadata of the journal, found no file");
  }
  try {
    anchor_ = detail::read_anchor(folder_);
  } catch (const JournalFailure& failure) {
    note("anchor", {0}, failure.what());
  }
  if (first_number > 1 && (!anchor_ || anchor_->segment > first_number)) {
    note(detail::segment_name(first_number - 1), {},
         "expected this segment, or an anchor that says it was deleted by retention, found none");
  }
  // The other way round, files before the anchor, is a writer that died while it deleted them.
  if (anchor_ && anchor_->segment < first_number) {
    note("anchor", {0},
         "expected the journal to begin with " + detail::segment_name(anchor_->segment) +
             ", found " + detail::segment_name(first_number));
  }
}

void Verifier::identity(const SegmentFile& file, const std::string& name) {
  const auto& identity = file.identity();
  if (next_record_ != kNowhere && identity.first_record != next_record_) {
    note(name, {32},
         "expected to begin at record " + std::to_string(next_record_) + ", found " +
             std::to_string(identity.first_record));
  }
  if (metadata_digest_ && identity.metadata_digest != *metadata_digest_) {
    note("metadata.json", {},
         "does not match the digest in " + name + ": expected " + to_hex(identity.metadata_digest) +
             ", found " + to_hex(*metadata_digest_));
  }
  expect_zeros(file, name, sizeof(format::SegmentIdentity), 128);
  expect_zeros(file, name, 136, 192);
  expect_zeros(file, name, 232, format::kPage);
}

// How many records of this segment are to be verified.
std::uint64_t Verifier::count(const SegmentFile& file, const std::string& name, bool is_last) {
  const auto& layout = file.layout();
  const std::uint64_t committed = format::load(file.header().committed);
  const auto state = state_;
  const bool known =
      state == SegmentState::Open || state == SegmentState::Sealed || state == SegmentState::Shut;
  if (!known) {
    note(name, {192},
         "expected the state of a segment, found " + hex_word(static_cast<std::uint32_t>(state)));
  }
  if (committed > layout.records || (!is_last && committed != layout.records) ||
      (state == SegmentState::Sealed && committed != layout.records)) {
    note(name, {128},
         "expected a count of " + std::string(is_last ? "at most " : "") +
             std::to_string(layout.records) + " records, found " + std::to_string(committed));
  }
  if (!is_last && state == SegmentState::Shut) {
    // A journal that was closed on the last record of a segment and resumed stays Shut only until
    // its successor is sealed: the resumed writer marks it again.
    note(name, {192}, "expected a sealed segment before another one, found one that was shut");
  }
  const std::size_t bytes = file.file_bytes();
  const std::size_t wanted = layout.bytes(std::min(committed, layout.records));
  if (bytes < wanted) {
    const std::uint64_t held = (bytes - layout.records_offset()) / sizeof(Record);
    note(name, {bytes, kNowhere, file.identity().first_record + held},
         "expected " + std::to_string(wanted) + " bytes, found " + std::to_string(bytes) + ": " +
             std::to_string(std::min(committed, layout.records) - held) +
             " acknowledged records are not all there");
  } else if (state == SegmentState::Shut && bytes != wanted) {
    note(name, {wanted},
         "expected the file to end here with record " +
             std::to_string(file.identity().first_record + committed) + ", found " +
             std::to_string(bytes - wanted) + " bytes more");
  }
  return file.readable();
}

void Verifier::check_link(const SegmentFile& file, const std::string& name) {
  const auto& header = file.header();
  const std::uint32_t linked = format::load(header.linked);
  const std::uint64_t number = file.identity().number;
  if (linked > 1) note(name, {196}, "expected 0 or 1, found " + hex_word(linked));
  if (number == 1) {
    chain_ = format::genesis(file.identity().records_per_block, file.identity().metadata_digest);
    chain_known_ = true;
    recorded_.reset();
  } else if (anchor_ && anchor_->segment == number && !chain_known_) {
    chain_ = anchor_->chain;
    chain_known_ = true;
    if (anchor_->record != file.identity().first_record) {
      note("anchor", {0},
           "expected record " + std::to_string(file.identity().first_record) + ", found " +
               std::to_string(anchor_->record));
    }
  }
  const bool open = state_ == SegmentState::Open;
  if (linked == 0) {
    if (!open) note(name, {196}, "expected its place in the chain to be recorded, found none");
    return;
  }
  if (!chain_known_) {
    chain_ = header.previous_chain;
    chain_known_ = true;
  } else if (header.previous_chain != chain_ &&
             (!recorded_ || header.previous_chain != *recorded_)) {
    note(name, {200},
         "expected the chain to hang on " + to_hex(chain_) + ", found " +
             to_hex(header.previous_chain));
  }
  if (anchor_ && anchor_->segment == number && anchor_->chain != header.previous_chain) {
    note("anchor", {0},
         "expected the chain " + to_hex(header.previous_chain) + ", found " +
             to_hex(anchor_->chain));
  }
}

bool Verifier::block_records(const SegmentFile& file, const std::string& name, std::uint64_t block,
                             std::uint64_t n) {
  const auto& layout = file.layout();
  const std::uint64_t from = block * layout.block;
  const std::uint64_t first = file.identity().first_record;
  const Record* records = file.records() + from;
  const std::uint32_t* checksums = file.checksums() + from;
  bool all_match = true;
  std::uint32_t over_table = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    all_match &= format::record_checksum(records[i], first + from + i) == checksums[i];
    over_table = crc32c_step(over_table, checksums[i]);
    if (records[i].ts_recv_ns > max_recv_ns_) max_recv_ns_ = records[i].ts_recv_ns;
  }
  if (all_match) return false;
  // The block's own checksum was taken over the table: if it still agrees, the table is as it was
  // written and the record is not.
  const std::uint32_t recorded = file.entries()[block].checksum;
  const bool has_entry = format::load(file.entries()[block].state) != 0;
  const bool table_changed = has_entry && over_table != recorded;
  const std::uint64_t global = first / layout.block + block;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t index = first + from + i;
    const std::uint32_t actual = format::record_checksum(records[i], index);
    if (actual == checksums[i]) continue;
    const std::size_t at = layout.records_offset() + (from + i) * sizeof(Record);
    const std::size_t table_at = layout.checksums_offset() + (from + i) * sizeof(std::uint32_t);
    if (table_changed) {
      note(name, {table_at, global, index},
           "the checksum of the record was changed: expected " + hex_word(actual) + ", found " +
               hex_word(checksums[i]));
      continue;
    }
    if (const auto fix = explain(records[i], index, checksums[i])) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(records + i);
      note(name, {at + fix->byte, global, index},
           std::string("a byte of ") + field_at(fix->byte) + " was changed: expected " +
               hex_byte(fix->expected) + ", found " + hex_byte(bytes[fix->byte]));
    } else {
      note(name, {at, global, index},
           "the record does not match its checksum: expected " + hex_word(checksums[i]) +
               ", found " + hex_word(actual));
    }
  }
  return !table_changed;
}

void Verifier::entry(const SegmentFile& file, const std::string& name, std::uint64_t block,
                     std::uint64_t n, bool records_changed) {
  const auto& layout = file.layout();
  const BlockEntry& e = file.entries()[block];
  const std::size_t at = format::kEntriesOffset + block * sizeof(BlockEntry);
  const std::uint64_t global = file.identity().first_record / layout.block + block;
  const auto differs = [&](std::size_t offset, const std::string& field,
                           const std::string& expected, const std::string& found) {
    note(name, {at + offset, global},
         field + " of the block: expected " + expected + ", found " + found);
  };
  std::uint32_t checksum = 0;
  for (std::uint64_t i = block * layout.block; i < block * layout.block + n; ++i) {
    checksum = crc32c_step(
        checksum, format::record_checksum(file.records()[i], file.identity().first_record + i));
  }
  // A changed record or table is already named; the entry itself is wrong when it fits neither.
  std::uint32_t table = 0;
  for (std::uint64_t i = block * layout.block; i < block * layout.block + n; ++i) {
    table = crc32c_step(table, file.checksums()[i]);
  }
  if (e.checksum != checksum && e.checksum != table) {
    differs(offsetof(BlockEntry, checksum), "checksum", hex_word(checksum), hex_word(e.checksum));
  }
  if (e.count != n) {
    differs(offsetof(BlockEntry, count), "count", std::to_string(n), std::to_string(e.count));
  }
  if (records_changed) {
    max_recv_ns_ = e.max_recv_ns;  // a changed record may bear any time: the entry is believed
  } else if (max_known_ && e.max_recv_ns != max_recv_ns_) {
    differs(offsetof(BlockEntry, max_recv_ns), "latest ts_recv_ns", std::to_string(max_recv_ns_),
            std::to_string(e.max_recv_ns));
  }
  expect_zeros(file, name, at + offsetof(BlockEntry, unused), at + sizeof(BlockEntry));
}

void Verifier::extend_chain(const SegmentFile& file, const std::string& name, std::uint64_t block,
                            const Digest& digest, std::uint64_t n, bool records_changed) {
  const BlockEntry& e = file.entries()[block];
  const auto state = static_cast<BlockState>(format::load(e.state));
  const Digest expected = format::link(chain_, digest, n);
  // Behind a change the recorded chain goes on from the recorded value: no finding twice.
  const bool follows_recorded = recorded_ && format::link(*recorded_, digest, n) == e.chain;
  const std::uint64_t global = file.identity().first_record / file.layout().block + block;
  const std::size_t at = format::kEntriesOffset + block * sizeof(BlockEntry);
  const bool partial = n < file.layout().block;
  const bool may_wait = state_ == SegmentState::Open;
  chain_ = expected;
  // A living writer may have filled the last block since it was counted: its entry is of more
  // records than were read here, and is no finding.
  if (partial && may_wait) return;
  if (state == BlockState::Sealed) {
    if (e.chain == expected) {
      recorded_.reset();
      return;
    }
    if (!follows_recorded && !records_changed) {
      note(name, {at, global},
           "hash chain of the block: expected " + to_hex(expected) + " from its records, found " +
               to_hex(e.chain));
    }
    recorded_ = e.chain;
  } else if (state != BlockState::Closed) {
    note(name, {at + offsetof(BlockEntry, state), global},
         "expected the state of a block, found " + hex_word(static_cast<std::uint32_t>(state)));
  } else if (!may_wait) {
    note(name, {at + offsetof(BlockEntry, state), global},
         "expected the block to be in the chain, found it is not");
  }
}

void Verifier::blocks(const SegmentFile& file, const std::string& name, std::uint64_t n_records) {
  const auto& layout = file.layout();
  const std::uint64_t whole = n_records / layout.block;
  const std::size_t block_bytes = layout.block * sizeof(Record);
  Digest waiting{};
  for (std::uint64_t block = 0; block * layout.block < n_records; ++block) {
    const Record* records = file.records() + block * layout.block;
    const std::uint64_t n = std::min<std::uint64_t>(layout.block, n_records - block * layout.block);
    Digest digest{};
    if (block % 2 == 0 && block + 1 < whole) {
      const auto pair = sha256_pair(records, records + layout.block, block_bytes);
      digest = pair[0];
      waiting = pair[1];
    } else if (block % 2 == 1 && block < whole) {
      digest = waiting;
    } else {
      digest = sha256(records, n * sizeof(Record));
    }
    const bool changed = block_records(file, name, block, n);
    const bool unfinished = n < layout.block && state_ == SegmentState::Open;
    if (!unfinished) entry(file, name, block, n, changed);
    extend_chain(file, name, block, digest, n, changed);
    ++verdict_.blocks;
  }
  if (state_ == SegmentState::Open) return;
  const std::uint64_t used = (n_records + layout.block - 1) / layout.block;
  expect_zeros(file, name, format::kEntriesOffset + used * sizeof(BlockEntry),
               layout.checksums_offset());
  expect_zeros(file, name, layout.checksums_offset() + n_records * sizeof(std::uint32_t),
               layout.records_offset());
}

void Verifier::expect_zeros(const SegmentFile& file, const std::string& name, std::size_t from,
                            std::size_t to) {
  const std::uint8_t* bytes = file.bytes();
  const std::uint8_t* found =
      std::find_if(bytes + from, bytes + to, [](std::uint8_t b) { return b != 0; });
  if (found == bytes + to) return;
  note(name, {static_cast<std::uint64_t>(found - bytes)},
       "expected an unused byte to be 0x00, found " + hex_byte(*found));
}

void Verifier::segment(std::uint64_t number, bool is_last) {
  const std::string name = detail::segment_name(number);
  std::unique_ptr<SegmentFile> file;
  try {
    file = SegmentFile::open(folder_, number, SegmentFile::Access::Read);
  } catch (const JournalFailure& failure) {
    if (failure.status() != JournalStatus::Corrupt) throw;
    note(name, {0}, failure.what());
    chain_known_ = false;  // the next segment says itself where it hangs
    max_known_ = false;
    recorded_.reset();
    next_record_ = kNowhere;
    return;
  }
  state_ = file->state();  // once, before all else: a living writer may seal it while we look
  const std::uint64_t first = file->identity().first_record;
  if (verdict_.records == 0 && next_record_ == kNowhere) verdict_.first = first;
  identity(*file, name);
  const std::uint64_t n = count(*file, name, is_last);
  check_link(*file, name);
  if (number == 1) max_known_ = true;
  if (!max_known_ && n >= file->layout().block) {
    // What was before is gone: the first entry is believed.
    max_recv_ns_ = file->entries()[0].max_recv_ns;
    max_known_ = true;
  }
  blocks(*file, name, n);
  verdict_.records += n;
  next_record_ = first + file->layout().records;
}

JournalVerdict Verifier::run() {
  auto numbers = detail::list_segments(folder_);
  while (!numbers.empty() && !detail::is_started(folder_, numbers.back()) &&
         detail::is_unused(folder_, numbers.back())) {
    numbers.pop_back();  // prepared by a writer, not begun
  }
  if (numbers.empty()) {
    throw JournalFailure(JournalStatus::BadInput, folder_ + ": expected a journal, found none");
  }
  begin(numbers.front());
  std::uint64_t expected = numbers.front();
  for (const std::uint64_t number : numbers) {
    for (; expected < number; ++expected) {
      note(detail::segment_name(expected), {}, "expected this segment, found no file");
      chain_known_ = max_known_ = false;
      recorded_.reset();
      next_record_ = kNowhere;
    }
    segment(number, number == numbers.back());
    expected = number + 1;
  }
  if (anchor_ && anchor_->segment > numbers.back()) {
    note("anchor", {0},
         "expected a segment up to " + std::to_string(numbers.back()) + ", found " +
             std::to_string(anchor_->segment));
  }
  verdict_.digest = to_hex(chain_);
  return std::move(verdict_);
}

}  // namespace

JournalVerdict verify_journal(const std::string& path, std::size_t max_findings) {
  return Verifier(path, max_findings).run();
}

}  // namespace kimera::runtime
