#include "journal_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <utility>

#include "kimera/runtime/clock.hpp"

namespace kimera::runtime::detail {

using format::BlockState;
using format::SegmentState;

namespace {

// More full segments than this waiting for the chain, and append() helps with it.
constexpr std::uint64_t kMaxBacklog = 4;
constexpr auto kUpkeepPause = std::chrono::microseconds(200);

[[nodiscard]] format::SegmentIdentity identity_of(std::uint64_t number, std::uint64_t first_record,
                                                  const format::Layout& layout,
                                                  const Digest& metadata) noexcept {
  format::SegmentIdentity identity{};
  std::memcpy(identity.magic, format::kMagic, sizeof(identity.magic));
  identity.version = format::kVersion;
  identity.record_bytes = sizeof(model::Record);
  identity.layout_hash = format::record_layout_hash();
  identity.number = number;
  identity.first_record = first_record;
  identity.records_per_segment = layout.records;
  identity.records_per_block = layout.block;
  identity.metadata_digest = metadata;
  identity.checksum = format::identity_checksum(identity);
  return identity;
}

void link_to(SegmentFile& segment, const Digest& previous) noexcept {
  segment.header().previous_chain = previous;
  format::store(segment.header().linked, std::uint32_t{1});
}

[[nodiscard]] Digest block_digest(const SegmentFile& segment, std::uint64_t block) noexcept {
  const std::size_t size = segment.layout().block * sizeof(model::Record);
  return sha256(segment.records() + block * segment.layout().block, size);
}

void check_options(const JournalOptions& options) {
  const auto refuse = [](const std::string& text) {
    throw JournalFailure(JournalStatus::BadInput, "journal: " + text);
  };
  const std::uint64_t block = options.records_per_block;
  const std::uint64_t segment = options.records_per_segment;
  if (block == 0 || block > (1U << 24U)) {
    refuse("records_per_block must be 1 .. 16777216, was " + std::to_string(block));
  }
  if (segment == 0 || segment % block != 0 || segment > (std::uint64_t{1} << 32U)) {
    refuse("records_per_segment must be a multiple of records_per_block (" + std::to_string(block) +
           ") up to 2^32, was " + std::to_string(segment));
  }
  const std::size_t bytes = format::Layout{segment, options.records_per_block}.bytes();
  if (options.max_bytes < bytes) {
    refuse("max_bytes must hold one segment of " + std::to_string(bytes) + " bytes, was " +
           std::to_string(options.max_bytes));
  }
  if (options.retention.max_age_ns < 0 || options.sync_interval_ns < 0) {
    refuse("max_age_ns and sync_interval_ns must not be negative");
  }
}

}  // namespace

JournalStore::JournalStore(std::string folder, const JournalOptions& options,
                           Descriptor lock) noexcept
    : folder_(std::move(folder)),
      options_(options),
      lock_(std::move(lock)),
      layout_{options.records_per_segment, options.records_per_block} {}

JournalStore::~JournalStore() {
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
  release_segments();
  if (const SegmentFile* spare = spare_.load(std::memory_order_relaxed)) {
    remove_segment(folder_, spare->identity().number);
    delete spare;
  }
}

void JournalStore::release_segments() noexcept {
  current_.store(nullptr, std::memory_order_release);
  for (SegmentFile* segment = std::exchange(sealing_, nullptr); segment != nullptr;) {
    SegmentFile* next = segment->next.load(std::memory_order_relaxed);
    delete segment;
    segment = next;
  }
}

std::unique_ptr<JournalStore> JournalStore::create(const std::string& folder,
                                                   const JournalOptions& options) {
  check_options(options);
  make_folder(folder);
  auto lock = lock_folder(folder);
  if (!list_segments(folder).empty()) {
    throw JournalFailure(JournalStatus::BadInput,
                         folder + ": expected no journal here, found one (resume it instead)");
  }
  std::unique_ptr<JournalStore> store(new JournalStore(folder, options, std::move(lock)));
  write_whole(folder + "/metadata.json", options.metadata);
  store->metadata_digest_ = sha256(options.metadata.data(), options.metadata.size());
  store->begin(1, 0, format::genesis(options.records_per_block, store->metadata_digest_));
  store->start_upkeep();
  return store;
}

std::unique_ptr<JournalStore> JournalStore::resume(const std::string& folder,
                                                   const JournalOptions& options) {
  check_options(options);
  const auto metadata = read_whole(folder + "/metadata.json");
  if (!metadata) {
    throw JournalFailure(JournalStatus::BadInput, folder + ": expected a journal, found none");
  }
  auto lock = lock_folder(folder);
  std::unique_ptr<JournalStore> store(new JournalStore(folder, options, std::move(lock)));
  store->options_.metadata = *metadata;
  store->metadata_digest_ = sha256(metadata->data(), metadata->size());
  store->recover(list_segments(folder));
  store->start_upkeep();
  return store;
}

void JournalStore::begin(std::uint64_t number, std::uint64_t first_record, const Digest& chain) {
  auto segment =
      SegmentFile::make(folder_, identity_of(number, first_record, layout_, metadata_digest_));
  link_to(*segment, chain);
  format::store(segment->header().state, SegmentState::Open);
  if (options_.sync != Sync::None) {
    segment->sync();
    sync_folder(folder_);
  }
  chain_ = chain;
  start_.index = first_record;
  start_.segment_first = first_record;
  sealing_ = segment.release();
  current_.store(sealing_, std::memory_order_release);
  sealing_number_.store(number, std::memory_order_release);
}

void JournalStore::start_upkeep() {
  last_made_ = current().identity().number;
  synced_at_ns_ = SystemClock{}.monotonic_ns();
  if (options_.upkeep == Upkeep::Background) thread_ = std::thread([this] { run_upkeep(); });
}

void JournalStore::run_upkeep() noexcept {
  while (!stop_.load(std::memory_order_acquire)) {
    try {
      for (bool more = true; more && !stop_.load(std::memory_order_acquire);) {
        const std::lock_guard guard(upkeep_);
        // Before each step of the chain: append() waits for a file, but not for the chain.
        prepare_next();
        more = seal_step(true);
      }
      const std::lock_guard guard(upkeep_);
      const std::int64_t now_ns = SystemClock{}.monotonic_ns();
      if (options_.sync == Sync::Interval && now_ns - synced_at_ns_ >= options_.sync_interval_ns) {
        sync_live();
        synced_at_ns_ = now_ns;
      }
      apply_retention(0);
    } catch (const JournalFailure& failure) {
      note_failure(failure.status(), failure.what());
      return;
    } catch (const std::exception& failure) {
      note_failure(JournalStatus::Failed, failure.what());
      return;
    }
    std::this_thread::sleep_for(kUpkeepPause);
  }
}

// The file after the current one, once the current one is begun in earnest: to make a file takes
// about as long as to fill one.
void JournalStore::prepare_next() {
  const SegmentFile& current = *current_.load(std::memory_order_acquire);
  const bool soon = format::load(current.header().committed) >= layout_.records / 8;
  if (!soon || spare_refused_ || last_made_ != current.identity().number) return;
  try {
    spare_.store(make_next(), std::memory_order_release);
  } catch (const JournalFailure&) {
    spare_refused_ = true;  // append() will try itself and answer for it
  }
}

void JournalStore::block_finished() noexcept {
  if (options_.upkeep != Upkeep::Inline) return;
  try {
    const std::lock_guard guard(upkeep_);
    while (seal_step(false)) {
    }
    apply_retention(0);
    if (options_.sync != Sync::Interval) return;
    const std::int64_t now_ns = SystemClock{}.monotonic_ns();
    if (now_ns - synced_at_ns_ < options_.sync_interval_ns) return;
    sync_live();
    synced_at_ns_ = now_ns;
  } catch (const JournalFailure& failure) {
    note_failure(failure.status(), failure.what());
  } catch (const std::exception& failure) {
    note_failure(JournalStatus::Failed, failure.what());
  }
}

bool JournalStore::roll() noexcept {
  SegmentFile& old = current();
  SegmentFile* next = spare_.exchange(nullptr, std::memory_order_acq_rel);
  try {
    if (next == nullptr) {
      const std::lock_guard guard(upkeep_);
      if (options_.upkeep == Upkeep::Background) ++stalls_;
      next = spare_.exchange(nullptr, std::memory_order_acq_rel);
      if (next == nullptr) next = make_next();
    }
    const std::uint64_t number = old.identity().number;
    if (number - sealing_number_.load(std::memory_order_acquire) >= kMaxBacklog) {
      ++stalls_;
      while (number - sealing_number_.load(std::memory_order_acquire) >= kMaxBacklog) {
        const std::lock_guard guard(upkeep_);
        static_cast<void>(seal_step(true));
      }
    }
  } catch (const JournalFailure& failure) {
    note_failure(failure.status(), failure.what());
    return false;
  } catch (const std::exception& failure) {
    note_failure(JournalStatus::Failed, failure.what());
    return false;
  }
  format::store(next->header().state, SegmentState::Open);
  current_.store(next, std::memory_order_release);
  old.next.store(next, std::memory_order_release);  // from here upkeep may free `old`
  return true;
}

std::uint64_t JournalStore::files() const noexcept {
  const std::uint64_t live =
      current_.load(std::memory_order_acquire)->identity().number - sealing_->identity().number + 1;
  const bool spare = spare_.load(std::memory_order_acquire) != nullptr;
  return finished_.size() + live + (spare ? 1 : 0);
}

SegmentFile* JournalStore::make_next() {
  apply_retention(1);
  const std::uint64_t bytes = layout_.bytes();
  if ((files() + 1) * bytes > options_.max_bytes) {
    throw JournalFailure(JournalStatus::Full,
                         folder_ + ": max_bytes " + std::to_string(options_.max_bytes) +
                             " would be passed: " + std::to_string(files()) + " segments of " +
                             std::to_string(bytes) + " bytes are there, one more is needed");
  }
  const auto& identity = current_.load(std::memory_order_acquire)->identity();
  auto segment = SegmentFile::make(
      folder_, identity_of(identity.number + 1, identity.first_record + layout_.records, layout_,
                           metadata_digest_));
  if (options_.sync != Sync::None) {
    segment->sync();
    sync_folder(folder_);
  }
  last_made_ = identity.number + 1;
  return segment.release();
}

// One or two blocks into the chain, or on to the next segment; false when there is nothing to do.
// A block without a second one beside it is left for later unless `alone`.
bool JournalStore::seal_step(bool alone) {
  const std::uint64_t blocks = layout_.blocks();
  if (next_block_ == blocks) {
    if (sealing_->next.load(std::memory_order_acquire) == nullptr) return false;
    retire();
    return true;
  }
  format::BlockEntry* entry = sealing_->entries() + next_block_;
  const auto closed = [](const format::BlockEntry& e) {
    return format::load(e.state) == static_cast<std::uint32_t>(BlockState::Closed);
  };
  if (!closed(*entry)) return false;
  const auto seal = [&](format::BlockEntry& e, const Digest& digest) {
    chain_ = format::link(chain_, digest, layout_.block);
    e.chain = chain_;
    format::store(e.state, BlockState::Sealed);
    ++next_block_;
  };
  if (next_block_ + 1 < blocks && closed(entry[1])) {
    const model::Record* records = sealing_->records() + next_block_ * layout_.block;
    const auto digests =
        sha256_pair(records, records + layout_.block, layout_.block * sizeof(model::Record));
    seal(entry[0], digests[0]);
    seal(entry[1], digests[1]);
  } else {
    if (!alone && next_block_ + 1 < blocks) return false;
    seal(entry[0], block_digest(*sealing_, next_block_));
  }
  if (next_block_ == blocks) format::store(sealing_->header().state, SegmentState::Sealed);
  return true;
}

// The full segment at the front leaves memory; the next one learns the chain it hangs on.
void JournalStore::retire() {
  SegmentFile* next = sealing_->next.load(std::memory_order_acquire);
  link_to(*next, chain_);
  if (options_.sync != Sync::None) sealing_->sync();
  finished_.push_back({sealing_->identity().number, sealing_->identity().first_record,
                       sealing_->entries()[layout_.blocks() - 1].max_recv_ns, chain_});
  delete sealing_;
  sealing_ = next;
  next_block_ = 0;
  sealing_number_.store(next->identity().number, std::memory_order_release);
}

void JournalStore::seal_all() {
  while (seal_step(true)) {
  }
}

void JournalStore::apply_retention(std::uint64_t coming) {
  const Retention& bound = options_.retention;
  while (!finished_.empty()) {
    const Finished oldest = finished_.front();
    const std::uint64_t count = files() + coming;
    const bool many = bound.max_segments > 0 && count > bound.max_segments;
    const bool large = bound.max_bytes > 0 && count * layout_.bytes() > bound.max_bytes;
    const std::int64_t newest_ns = finished_.back().max_recv_ns;
    const bool old = bound.max_age_ns > 0 && oldest.max_recv_ns != model::kNoTime &&
                     newest_ns - oldest.max_recv_ns > bound.max_age_ns;
    if (!many && !large && !old) return;
    // The anchor first: a crash between the two leaves a file too many, never a broken chain.
    write_anchor(folder_, {oldest.number + 1, oldest.first_record + layout_.records, oldest.chain});
    remove_segment(folder_, oldest.number);
    finished_.erase(finished_.begin());
  }
}

void JournalStore::sync_live() const {
  const SegmentFile* last = current_.load(std::memory_order_acquire);
  for (const SegmentFile* segment = sealing_;;
       segment = segment->next.load(std::memory_order_acquire)) {
    segment->sync();
    if (segment == last || segment->next.load(std::memory_order_acquire) == nullptr) return;
  }
}

void JournalStore::sync() {
  const std::lock_guard guard(upkeep_);
  sync_live();
}

Digest JournalStore::head() {
  const std::lock_guard guard(upkeep_);
  seal_all();
  const SegmentFile& last = current();
  const std::uint64_t count = format::load(last.header().committed) % layout_.block;
  if (count == 0) return chain_;
  const model::Record* records = last.records() + next_block_ * layout_.block;
  return format::link(chain_, sha256(records, count * sizeof(model::Record)), count);
}

Digest JournalStore::close() {
  stop_.store(true, std::memory_order_release);
  if (thread_.joinable()) thread_.join();
  const Digest digest = head();
  SegmentFile& last = current();
  const std::uint64_t count = format::load(last.header().committed);
  if (count % layout_.block != 0) {
    format::BlockEntry& entry = last.entries()[count / layout_.block];
    entry.chain = digest;
    format::store(entry.state, BlockState::Sealed);
  }
  if (count < layout_.records) last.resize(layout_.bytes(count));
  format::store(last.header().state, SegmentState::Shut);
  last.release_unused_checksums(count);
  if (options_.sync != Sync::None) last.sync(0, layout_.bytes(count));
  if (SegmentFile* spare = spare_.exchange(nullptr, std::memory_order_acq_rel)) {
    remove_segment(folder_, spare->identity().number);
    delete spare;
  }
  release_segments();
  lock_ = Descriptor();
  return digest;
}

void JournalStore::note_failure(JournalStatus status, const std::string& text) noexcept {
  const std::lock_guard guard(failure_mutex_);
  if (failure_.status == JournalStatus::Ok) {
    failure_.status = status;
    failure_.text = text;
  }
  failed_.store(true, std::memory_order_release);
}

JournalStore::Failure JournalStore::failure() {
  const std::lock_guard guard(failure_mutex_);
  return failure_;
}

}  // namespace kimera::runtime::detail
