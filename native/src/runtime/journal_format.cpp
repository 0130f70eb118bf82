#include "kimera/runtime/journal_format.hpp"

namespace kimera::runtime::format {

std::uint64_t record_layout_hash() noexcept {
  using model::Record;
  struct Field {
    std::size_t offset;
    std::size_t size;
  };
#define KIMERA_FIELD(name)                       \
  Field {                                        \
    offsetof(Record, name), sizeof(Record::name) \
  }
  constexpr Field kFields[] = {
      KIMERA_FIELD(ts_event_ns),   KIMERA_FIELD(ts_recv_ns),  KIMERA_FIELD(sequence),
      KIMERA_FIELD(order_id),      KIMERA_FIELD(price_ticks), KIMERA_FIELD(size_lots),
      KIMERA_FIELD(instrument_id), KIMERA_FIELD(detail),      KIMERA_FIELD(venue_id),
      KIMERA_FIELD(actor_id),      KIMERA_FIELD(kind),        KIMERA_FIELD(action),
      KIMERA_FIELD(side),          KIMERA_FIELD(flags)};
#undef KIMERA_FIELD
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const auto& field : kFields) {
    for (const std::uint64_t part : {field.offset, field.size}) {
      hash = (hash ^ part) * 0x100000001B3ULL;
    }
  }
  return hash;
}

std::uint32_t identity_checksum(const SegmentIdentity& identity) noexcept {
  SegmentIdentity copy = identity;
  copy.checksum = 0;
  return crc32c(&copy, sizeof(copy));
}

Digest genesis(std::uint32_t records_per_block, const Digest& metadata) noexcept {
  constexpr char kDomain[] = "kimera journal 1\n";
  Sha256 hash;
  hash.update(kDomain, sizeof(kDomain) - 1);
  hash.update(&records_per_block, sizeof(records_per_block));
  hash.update(metadata.data(), metadata.size());
  return hash.finish();
}

Digest link(const Digest& previous, const Digest& block, std::uint64_t count) noexcept {
  Sha256 hash;
  hash.update(previous.data(), previous.size());
  hash.update(block.data(), block.size());
  hash.update(&count, sizeof(count));
  return hash.finish();
}

}  // namespace kimera::runtime::format
