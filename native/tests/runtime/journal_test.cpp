// The journal from C++: what Python's tests cannot reach, and its two threads under the
// sanitizers. Oracle: the records that went in.
#include "kimera/runtime/journal.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

using kimera::model::Record;
using namespace kimera::runtime;

namespace {

class Folder {
 public:
  Folder() {
    char pattern[] = "/tmp/kimera-journal-XXXXXX";
    path_ = mkdtemp(pattern);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] std::string journal() const { return path_ + "/j"; }

 private:
  std::string path_;
};

Record numbered(std::uint64_t i) {
  Record record{};
  record.sequence = i;
  record.order_id = i * 0x9E3779B97F4A7C15ULL;
  record.ts_recv_ns = static_cast<std::int64_t>(i);
  return record;
}

bool is_numbered(const Record& record, std::uint64_t i) {
  const Record expected = numbered(i);
  return std::memcmp(&record, &expected, sizeof(record)) == 0;
}

JournalOptions small(Upkeep upkeep) {
  JournalOptions options;
  options.records_per_block = 16;
  options.records_per_segment = 64;
  options.upkeep = upkeep;
  return options;
}

}  // namespace

TEST_CASE("a reader beside the writer's two threads sees whole prefixes") {
  const Folder folder;
  const auto writer = JournalWriter::create(folder.journal(), small(Upkeep::Background));
  constexpr std::uint64_t kCount = 6'000;
  std::atomic<std::uint64_t> acknowledged{0};
  std::uint64_t wrong = 0;
  std::thread reading([&] {
    JournalReader reader(folder.journal());
    std::uint64_t at = 0;
    while (at < kCount) {
      const std::uint64_t least = acknowledged.load(std::memory_order_acquire);
      if (reader.refresh() < least) ++wrong;
      const auto view = reader.view(at, reader.end());
      for (const Record& record : view.records) wrong += is_numbered(record, at++) ? 0 : 1;
      if (view.records.empty()) std::this_thread::yield();
    }
  });
  for (std::uint64_t i = 0; i < kCount; ++i) {
    REQUIRE(writer->append(numbered(i)));
    acknowledged.store(i + 1, std::memory_order_release);
  }
  reading.join();
  CHECK(wrong == 0);
  const std::string digest = writer->digest();
  writer->close();
  const auto verdict = verify_journal(folder.journal());
  CHECK(verdict.findings.empty());
  CHECK(verdict.records == kCount);
  CHECK(verdict.digest == digest);
}

TEST_CASE("one by one, in batches and by either upkeep the digest is the same") {
  std::vector<Record> records;
  for (std::uint64_t i = 0; i < 500; ++i) records.push_back(numbered(i));
  const Folder a;
  const Folder b;
  const auto one = JournalWriter::create(a.journal(), small(Upkeep::Inline));
  for (const auto& record : records) REQUIRE(one->append(record));
  const auto many = JournalWriter::create(b.journal(), small(Upkeep::Background));
  REQUIRE(many->append(records) == records.size());
  CHECK(one->digest() == many->digest());
  CHECK(one->size() == 500);
}

TEST_CASE("a full journal refuses, counts and says why") {
  const Folder folder;
  auto options = small(Upkeep::Inline);
  options.max_bytes = format::Layout{64, 16}.bytes();
  const auto writer = JournalWriter::create(folder.journal(), options);
  for (std::uint64_t i = 0; i < 64; ++i) REQUIRE(writer->append(numbered(i)));
  CHECK_FALSE(writer->append(numbered(64)));
  CHECK_FALSE(writer->append(numbered(64)));
  CHECK(writer->refused() == 2);
  CHECK(writer->status() == JournalStatus::Full);
  CHECK(writer->status_text().find("max_bytes") != std::string::npos);
  CHECK(writer->size() == 64);
  writer->close();
  CHECK_FALSE(writer->append(numbered(64)));
  CHECK(verify_journal(folder.journal()).findings.empty());
}

TEST_CASE("a blob that does not fit whole is not taken for one") {
  const Folder folder;
  auto options = small(Upkeep::Inline);
  options.max_bytes = format::Layout{64, 16}.bytes();
  const auto writer = JournalWriter::create(folder.journal(), options);
  const std::vector<std::uint8_t> payload(64 * kBlobRowBytes, 7);
  CHECK_FALSE(writer->append_blob(1, payload).has_value());
  writer->close();
  JournalReader reader(folder.journal());
  CHECK_THROWS_AS(static_cast<void>(reader.read_blob(0)), JournalFailure);
}
