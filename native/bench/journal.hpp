// Loops over the journal that `kimera bench runtime` times, one thread unless said.
#pragma once

#include <cstdint>
#include <string>

#include "kimera/runtime/journal.hpp"

namespace kimera::bench {

struct AppendRates {
  double appended_per_s = 0;  // until the last append() answered
  double chained_per_s = 0;   // until the digest covers all of it
};
// Append n records one by one to a new journal in `folder`.
[[nodiscard]] AppendRates journal_append_per_s(const std::string& folder, std::uint64_t n_records,
                                               runtime::Upkeep upkeep);
// Scan all records of a journal, summing one field.
[[nodiscard]] double journal_read_per_s(const std::string& folder);
[[nodiscard]] double journal_verify_per_s(const std::string& folder);

struct HashRates {
  double crc32c_bytes_per_s = 0;
  double sha256_bytes_per_s = 0;
  double sha256_pair_bytes_per_s = 0;
};
[[nodiscard]] HashRates hash_rates(std::uint64_t n_records);

}  // namespace kimera::bench
