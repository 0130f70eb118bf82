#include "journal.hpp"

#include <vector>

#include "kimera/runtime/clock.hpp"
#include "pinned.hpp"

namespace kimera::bench {
namespace {

using model::Record;

[[nodiscard]] std::int64_t now_ns() noexcept {
  return runtime::SystemClock{}.monotonic_ns();
}

[[nodiscard]] double per_s(std::uint64_t count, std::int64_t start_ns) noexcept {
  return static_cast<double>(count) * 1e9 / static_cast<double>(now_ns() - start_ns);
}

// Keeps a result alive that nobody reads.
template <typename T>
void keep(const T& value) noexcept {
  asm volatile("" : : "g"(&value) : "memory");
}

}  // namespace

AppendRates journal_append_per_s(const std::string& folder, std::uint64_t n_records,
                                 runtime::Upkeep upkeep) {
  runtime::JournalOptions options;
  options.upkeep = upkeep;
  const auto journal = runtime::JournalWriter::create(folder, options);
  const Pinned pinned(0);  // after create(): the thread of the writer must not inherit it
  Record record{};
  record.kind = model::Kind::Delta;
  AppendRates rates;
  const std::int64_t start_ns = now_ns();
  for (std::uint64_t i = 0; i < n_records; ++i) {
    record.sequence = i;
    record.ts_recv_ns = static_cast<std::int64_t>(i * 40);
    record.size_lots = static_cast<std::int64_t>(i & 1023U);
    if (!journal->append(record)) return {};
  }
  rates.appended_per_s = per_s(n_records, start_ns);
  static_cast<void>(journal->digest());
  rates.chained_per_s = per_s(n_records, start_ns);
  journal->close();
  return rates;
}

double journal_read_per_s(const std::string& folder) {
  runtime::JournalReader reader(folder);
  const Pinned pinned(0);
  std::uint64_t sum = 0;
  const std::int64_t start_ns = now_ns();
  for (std::uint64_t at = reader.first(); at < reader.end();) {
    const auto view = reader.view(at, reader.end());
    for (const Record& record : view.records) sum += record.sequence;
    at += view.records.size();
  }
  const double rate = per_s(reader.end() - reader.first(), start_ns);
  keep(sum);
  return rate;
}

double journal_verify_per_s(const std::string& folder) {
  const Pinned pinned(0);
  const std::int64_t start_ns = now_ns();
  const auto verdict = runtime::verify_journal(folder);
  return verdict.findings.empty() ? per_s(verdict.records, start_ns) : 0;
}

HashRates hash_rates(std::uint64_t n_records) {
  std::vector<Record> records(n_records / 2 * 2, Record{});
  for (std::uint64_t i = 0; i < records.size(); ++i) records[i].sequence = i;
  const std::size_t bytes = records.size() * sizeof(Record);
  HashRates rates;
  const Pinned pinned(0);
  std::uint32_t sum = 0;
  std::int64_t start_ns = now_ns();
  for (std::uint64_t i = 0; i < records.size(); ++i) {
    sum ^= runtime::format::record_checksum(records[i], i);
  }
  rates.crc32c_bytes_per_s = per_s(bytes, start_ns);
  keep(sum);
  start_ns = now_ns();
  keep(runtime::sha256(records.data(), bytes));
  rates.sha256_bytes_per_s = per_s(bytes, start_ns);
  start_ns = now_ns();
  keep(runtime::sha256_pair(records.data(), records.data() + records.size() / 2, bytes / 2));
  rates.sha256_pair_bytes_per_s = per_s(bytes, start_ns);
  return rates;
}

}  // namespace kimera::bench
