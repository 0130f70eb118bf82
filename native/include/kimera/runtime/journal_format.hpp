// What a segment file of a journal looks like on disk. Version 1, little endian.
//
//   0                     SegmentHeader, one page
//   kEntriesOffset        one BlockEntry for every block
//   checksums_offset      one CRC-32C register for every record (u32)
//   records_offset        the records, 64 bytes each, to the end of the file
//
// A checksum begins with the record's index, so a record moved to another place is found as well
// as a changed one. The hash chain hangs on the records alone (and on metadata.json), never on
// the clock or on where a segment ends:
//
//   chain[-1] = SHA-256("kimera journal 1\n" | u32 records per block | SHA-256(metadata.json))
//   chain[b]  = SHA-256(chain[b-1] | SHA-256(records of block b) | u64 number of records in b)
//
// A file is preallocated at full size when it is made (a full disk is found then, not in the
// middle of a record) and cut to its records when the journal is closed.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kimera/model/record.hpp"
#include "kimera/runtime/crc32c.hpp"
#include "kimera/runtime/sha256.hpp"

namespace kimera::runtime::format {

inline constexpr char kMagic[8] = {'K', 'I', 'M', 'E', 'R', 'A', 'J', '\n'};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kEntriesOffset = kPage;

// Words, not small numbers: one flipped byte never turns one state into another.
enum class SegmentState : std::uint32_t {
  Spare = 0x45524150U,   // "PARE": prepared, holds nothing
  Open = 0x4E45504FU,    // "OPEN": being written
  Sealed = 0x4C414553U,  // "SEAL": full, every block in the chain
  Shut = 0x54554853U,    // "SHUT": the last one of a journal that was closed
};
enum class BlockState : std::uint32_t {
  Empty = 0,
  Closed = 0x534F4C43U,  // "CLOS": checksum and time written
  Sealed = 0x4C414553U,  // "SEAL": in the chain
};

// The part of the header that never changes, under its own checksum.
struct SegmentIdentity {
  char magic[8];
  std::uint32_t version;
  std::uint32_t record_bytes;
  std::uint64_t layout_hash;  // FNV-1a of the record's field sizes and offsets
  std::uint64_t number;       // from 1
  std::uint64_t first_record;
  std::uint64_t records_per_segment;
  std::uint32_t records_per_block;
  std::uint32_t checksum;  // CRC-32C of this struct with 0 here
  Digest metadata_digest;
};
static_assert(std::is_trivially_copyable_v<SegmentIdentity> && sizeof(SegmentIdentity) == 88);

struct SegmentHeader {
  SegmentIdentity identity;
  std::uint8_t unused0[128 - sizeof(SegmentIdentity)];
  alignas(64) std::uint64_t committed;  // atomic: records of this segment that are acknowledged
  alignas(64) std::uint32_t state;      // atomic: SegmentState
  std::uint32_t linked;                 // atomic: 1 once previous_chain is written
  Digest previous_chain;                // chain at the end of the segment before
  std::uint8_t unused1[kPage - 256];
};
static_assert(sizeof(SegmentHeader) == kPage && offsetof(SegmentHeader, state) == 192);

struct BlockEntry {
  Digest chain;              // chain after this block, once sealed
  std::int64_t max_recv_ns;  // latest ts_recv_ns of the journal up to the end of this block
  std::uint32_t checksum;    // CRC-32C register over the checksums of its records
  std::uint32_t count;       // records in the block
  std::uint32_t state;       // atomic: BlockState
  std::uint8_t unused[12];
};
static_assert(sizeof(BlockEntry) == 64);

[[nodiscard]] constexpr std::size_t page_up(std::size_t bytes) noexcept {
  return (bytes + kPage - 1) / kPage * kPage;
}

// Where things lie in a segment of this many records in blocks of this many.
struct Layout {
  std::uint64_t records;
  std::uint32_t block;

  [[nodiscard]] constexpr std::uint64_t blocks() const noexcept { return records / block; }
  [[nodiscard]] constexpr std::size_t checksums_offset() const noexcept {
    return page_up(kEntriesOffset + blocks() * sizeof(BlockEntry));
  }
  [[nodiscard]] constexpr std::size_t records_offset() const noexcept {
    return page_up(checksums_offset() + records * sizeof(std::uint32_t));
  }
  [[nodiscard]] constexpr std::size_t bytes(std::uint64_t n_records) const noexcept {
    return records_offset() + n_records * sizeof(model::Record);
  }
  [[nodiscard]] constexpr std::size_t bytes() const noexcept { return bytes(records); }
};

// CRC-32C register over the 64 bytes, begun with the record's index in the journal. Records do not
// depend on each other, so the processor overlaps them.
[[nodiscard]] inline std::uint32_t record_checksum(const model::Record& record,
                                                   std::uint64_t index) noexcept {
  std::uint64_t words[8];
  std::memcpy(words, &record, sizeof(words));
  std::uint32_t state = ~(static_cast<std::uint32_t>(index) ^
                          static_cast<std::uint32_t>((index >> 32U) * 0x9E3779B1U));
  for (const std::uint64_t word : words) state = crc32c_step(state, word);
  return state;
}

[[nodiscard]] std::uint64_t record_layout_hash() noexcept;
[[nodiscard]] std::uint32_t identity_checksum(const SegmentIdentity& identity) noexcept;
[[nodiscard]] Digest genesis(std::uint32_t records_per_block, const Digest& metadata) noexcept;
[[nodiscard]] Digest link(const Digest& previous, const Digest& block,
                          std::uint64_t count) noexcept;

// Words in mapped memory that another thread or process reads.
template <typename T>
[[nodiscard]] inline T load(const T& word) noexcept {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);  // NOLINT
}
template <typename T>
inline void store(T& word, T value) noexcept {
  std::atomic_ref<T>(word).store(value, std::memory_order_release);
}
template <typename Enum>
  requires std::is_enum_v<Enum>
inline void store(std::uint32_t& word, Enum value) noexcept {
  store(word, static_cast<std::uint32_t>(value));
}

}  // namespace kimera::runtime::format
