#include "journal_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace kimera::runtime::detail {
namespace {

constexpr int kPopulateWrite = 23;  // MADV_POPULATE_WRITE, Linux 5.14; older kernels refuse it

// Past RLIMIT_FSIZE the kernel answers EFBIG and also sends SIGXFSZ, which would kill us: hold the
// signal back while a file grows and take it away if it came.
class FileSizeSignalHeld {
 public:
  FileSizeSignalHeld() noexcept {
    sigemptyset(&set_);
    sigaddset(&set_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~FileSizeSignalHeld() {
    const timespec now{};
    sigtimedwait(&set_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  FileSizeSignalHeld(const FileSizeSignalHeld&) = delete;
  FileSizeSignalHeld& operator=(const FileSizeSignalHeld&) = delete;

 private:
  sigset_t set_{};
  sigset_t before_{};
};

[[noreturn]] void corrupt(const std::string& message) {
  throw JournalFailure(JournalStatus::Corrupt, message);
}

void allocate(int fd, std::size_t bytes, const std::string& path) {
  const FileSizeSignalHeld held;
  const int error = posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  if (error != 0) {
    fail_system(path + ": cannot allocate " + std::to_string(bytes) + " bytes", error);
  }
}

// Writes the zeros of a new file. The kernel then holds it in larger pieces, which it maps at a
// third of the cost of giving it page by page, and the first write to a page does not wait for it.
void fill_with_zeros(int fd, std::size_t bytes, const std::string& path) {
  static constexpr std::size_t kPiece = std::size_t{1} << 16U;
  static constexpr std::array<std::uint8_t, kPiece> kZeros{};
  const FileSizeSignalHeld held;
  for (std::size_t at = 0; at < bytes;) {
    const ssize_t n =
        ::pwrite(fd, kZeros.data(), std::min(kPiece, bytes - at), static_cast<off_t>(at));
    if (n > 0) {
      at += static_cast<std::size_t>(n);
    } else if (n == 0 || errno != EINTR) {
      fail_system(path + ": cannot write " + std::to_string(bytes) + " bytes", errno);
    }
  }
}

std::uint8_t* map(int fd, std::size_t bytes, SegmentFile::Access access, const std::string& path) {
  const int protection = access == SegmentFile::Access::Write ? PROT_READ | PROT_WRITE : PROT_READ;
  void* base = mmap(nullptr, bytes, protection, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) fail_system(path + ": cannot map", errno);
  return static_cast<std::uint8_t*>(base);
}

format::SegmentIdentity read_identity(int fd, std::uint64_t number, const std::string& path) {
  format::SegmentIdentity identity{};
  const ssize_t got = pread(fd, &identity, sizeof(identity), 0);
  if (got < 0) fail_system(path + ": cannot read", errno);
  if (got != static_cast<ssize_t>(sizeof(identity))) {
    corrupt(path + ": offset 0: expected a header of 88 bytes, found " + std::to_string(got));
  }
  if (std::memcmp(identity.magic, format::kMagic, sizeof(format::kMagic)) != 0) {
    corrupt(path + ": offset 0: expected the magic KIMERAJ, found something else");
  }
  if (format::identity_checksum(identity) != identity.checksum) {
    corrupt(path + ": offset 0: the header does not match its checksum");
  }
  if (identity.version != format::kVersion) {
    corrupt(path + ": offset 8: expected version " + std::to_string(format::kVersion) + ", found " +
            std::to_string(identity.version));
  }
  if (identity.layout_hash != format::record_layout_hash() ||
      identity.record_bytes != sizeof(model::Record)) {
    corrupt(path + ": offset 16: the record layout is not the one of this program");
  }
  if (identity.number != number) {
    corrupt(path + ": offset 24: expected segment " + std::to_string(number) + ", found " +
            std::to_string(identity.number));
  }
  return identity;
}

}  // namespace

void fail_system(const std::string& what, int error) {
  const bool full = error == ENOSPC || error == EFBIG || error == EDQUOT;
  throw JournalFailure(full ? JournalStatus::Full : JournalStatus::Failed,
                       what + ": " + std::strerror(error));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

SegmentFile::SegmentFile(std::string path, Descriptor fd, std::uint8_t* base,
                         format::Layout layout) noexcept
    : path_(std::move(path)), fd_(std::move(fd)), base_(base), layout_(layout) {}

SegmentFile::~SegmentFile() {
  munmap(base_, layout_.bytes());
}

std::unique_ptr<SegmentFile> SegmentFile::make(const std::string& folder,
                                               const format::SegmentIdentity& identity) {
  const format::Layout layout{identity.records_per_segment, identity.records_per_block};
  const std::string path = segment_path(folder, identity.number);
  Descriptor fd(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644));
  if (!fd) fail_system(path + ": cannot make the file", errno);
  try {
    allocate(fd.get(), layout.bytes(), path);
    fill_with_zeros(fd.get(), layout.bytes(), path);
    std::uint8_t* base = map(fd.get(), layout.bytes(), Access::Write, path);
    madvise(base, layout.bytes(), kPopulateWrite);  // an optimisation: page faults now, not later
    std::unique_ptr<SegmentFile> file(new SegmentFile(path, std::move(fd), base, layout));
    // The magic last: a file without one is known to be unused, whenever we die.
    format::SegmentIdentity nameless = identity;
    std::memset(nameless.magic, 0, sizeof(nameless.magic));
    file->header().identity = nameless;
    format::store(file->header().state, format::SegmentState::Spare);
    std::uint64_t magic = 0;
    std::memcpy(&magic, identity.magic, sizeof(magic));
    format::store(*reinterpret_cast<std::uint64_t*>(base), magic);
    return file;
  } catch (...) {
    ::unlink(path.c_str());  // a half made file would only be in the way
    throw;
  }
}

std::unique_ptr<SegmentFile> SegmentFile::open(const std::string& folder, std::uint64_t number,
                                               Access access) {
  const std::string path = segment_path(folder, number);
  Descriptor fd(::open(path.c_str(), (access == Access::Write ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!fd) fail_system(path + ": cannot open", errno);
  const auto identity = read_identity(fd.get(), number, path);
  const format::Layout layout{identity.records_per_segment, identity.records_per_block};
  // The whole segment is mapped even where the file is shorter: readable() guards the end, and a
  // writer that resumes lets the file grow under the mapping.
  std::uint8_t* base = map(fd.get(), layout.bytes(), access, path);
  std::unique_ptr<SegmentFile> file(new SegmentFile(path, std::move(fd), base, layout));
  if (file->file_bytes() < layout.records_offset()) {
    corrupt(path + ": expected at least " + std::to_string(layout.records_offset()) +
            " bytes before the records, found " + std::to_string(file->file_bytes()));
  }
  return file;
}

std::size_t SegmentFile::file_bytes() const {
  struct stat info{};
  if (fstat(fd_.get(), &info) != 0) fail_system(path_ + ": cannot read its size", errno);
  return static_cast<std::size_t>(info.st_size);
}

std::uint64_t SegmentFile::readable() const {
  const std::uint64_t committed = std::min(format::load(header().committed), layout_.records);
  if (committed > held_) {
    const std::size_t bytes = file_bytes();
    const std::size_t offset = layout_.records_offset();
    held_ = bytes < offset ? 0 : (bytes - offset) / sizeof(model::Record);
  }
  return std::min(committed, held_);
}

void SegmentFile::resize(std::size_t bytes) {
  if (bytes < file_bytes()) {
    if (ftruncate(fd_.get(), static_cast<off_t>(bytes)) != 0) {
      fail_system(path_ + ": cannot cut", errno);
    }
  } else {
    allocate(fd_.get(), bytes, path_);
  }
  held_ = 0;
}

void SegmentFile::sync(std::size_t from, std::size_t to) const {
  const std::size_t start = from / format::kPage * format::kPage;
  if (msync(base_ + start, to - start, MS_SYNC) != 0) {
    fail_system(path_ + ": cannot write to the disk", errno);
  }
}

// Saves disk space only; a file system that cannot keeps the zeros.
void SegmentFile::release_unused_checksums(std::uint64_t used) const noexcept {
  const std::size_t from =
      format::page_up(layout_.checksums_offset() + used * sizeof(std::uint32_t));
  const std::size_t to = layout_.records_offset();
  if (from >= to) return;
  static_cast<void>(fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              static_cast<off_t>(from), static_cast<off_t>(to - from)));
}

std::string segment_name(std::uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "%08llu.seg", static_cast<unsigned long long>(number));
  return name;
}

std::string segment_path(const std::string& folder, std::uint64_t number) {
  return folder + "/" + segment_name(number);
}

std::vector<std::uint64_t> list_segments(const std::string& folder) {
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) fail_system(folder + ": cannot open the journal", errno);
  std::vector<std::uint64_t> numbers;
  while (const dirent* entry = readdir(dir)) {
    const std::string name = entry->d_name;
    const auto digits = name.find_first_not_of("0123456789");
    if (digits == std::string::npos || digits == 0 || name.substr(digits) != ".seg") continue;
    const std::uint64_t number = std::strtoull(name.c_str(), nullptr, 10);
    if (segment_name(number) == name) numbers.push_back(number);
  }
  closedir(dir);
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

bool is_started(const std::string& folder, std::uint64_t number) {
  const std::string path = segment_path(folder, number);
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return false;
    fail_system(path + ": cannot open", errno);
  }
  format::SegmentHeader header{};
  const ssize_t got = pread(fd.get(), &header, sizeof(header), 0);
  if (got < 0) fail_system(path + ": cannot read", errno);
  return got != 0 && (header.committed != 0 ||
                      (header.state != 0 &&
                       header.state != static_cast<std::uint32_t>(format::SegmentState::Spare)));
}

bool is_unused(const std::string& folder, std::uint64_t number) {
  const std::string path = segment_path(folder, number);
  const auto text = read_whole(path);
  if (!text) fail_system(path + ": cannot open", ENOENT);
  if (text->size() < format::kPage) return true;
  format::SegmentHeader header{};
  std::memcpy(&header, text->data(), sizeof(header));
  const bool nothing =
      header.state == 0 || header.state == static_cast<std::uint32_t>(format::SegmentState::Spare);
  // Every byte after the header, so that a damaged header alone never costs the records.
  return nothing && header.committed == 0 &&
         text->find_first_not_of('\0', format::kPage) == std::string::npos;
}

void remove_segment(const std::string& folder, std::uint64_t number) noexcept {
  ::unlink(segment_path(folder, number).c_str());
}

Descriptor lock_folder(const std::string& folder) {
  const std::string path = folder + "/LOCK";
  Descriptor fd(::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644));
  if (!fd) fail_system(folder + ": cannot write here", errno);
  char owner[32] = {};
  if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) fail_system(path + ": cannot lock", errno);
    static_cast<void>(pread(fd.get(), owner, sizeof(owner) - 1, 0) < 0);
    throw JournalFailure(JournalStatus::Locked,
                         folder + ": expected no other writer, found process " +
                             std::to_string(std::strtol(owner, nullptr, 10)));
  }
  const int length = std::snprintf(owner, sizeof(owner), "%-20ld\n", static_cast<long>(getpid()));
  if (pwrite(fd.get(), owner, static_cast<std::size_t>(length), 0) != length) {
    fail_system(path + ": cannot write", errno == 0 ? ENOSPC : errno);
  }
  return fd;
}

void make_folder(const std::string& folder) {
  for (std::size_t at = folder.find('/', 1);; at = folder.find('/', at + 1)) {
    const std::string part = folder.substr(0, at);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      fail_system(part + ": cannot make the folder", errno);
    }
    if (at == std::string::npos) return;
  }
}

void sync_folder(const std::string& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || fsync(fd.get()) != 0) fail_system(folder + ": cannot sync", errno);
}

void write_whole(const std::string& path, const std::string& text) {
  const std::string draft = path + ".draft";
  {
    const FileSizeSignalHeld held;
    const Descriptor fd(::open(draft.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    if (!fd) fail_system(draft + ": cannot make the file", errno);
    std::size_t done = 0;
    while (done < text.size()) {
      const ssize_t n = ::write(fd.get(), text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        const int error = errno;
        ::unlink(draft.c_str());
        fail_system(draft + ": cannot write", error);
      }
      done += static_cast<std::size_t>(n);
    }
    if (fsync(fd.get()) != 0) fail_system(draft + ": cannot sync", errno);
  }
  if (std::rename(draft.c_str(), path.c_str()) != 0) {
    fail_system(path + ": cannot put in place", errno);
  }
}

std::optional<std::string> read_whole(const std::string& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    fail_system(path + ": cannot open", errno);
  }
  std::string text;
  char chunk[65536];
  for (;;) {
    const ssize_t n = ::read(fd.get(), chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_system(path + ": cannot read", errno);
    if (n == 0) return text;
    text.append(chunk, static_cast<std::size_t>(n));
  }
}

namespace {

std::string anchor_text(const Anchor& anchor) {
  return "kimera anchor 1\nsegment " + std::to_string(anchor.segment) + "\nrecord " +
         std::to_string(anchor.record) + "\nchain " + to_hex(anchor.chain) + "\n";
}

}  // namespace

void write_anchor(const std::string& folder, const Anchor& anchor) {
  write_whole(folder + "/anchor", anchor_text(anchor));
}

std::optional<Anchor> read_anchor(const std::string& folder) {
  const std::string path = folder + "/anchor";
  const auto text = read_whole(path);
  if (!text) return std::nullopt;
  Anchor anchor;
  unsigned long long segment = 0;
  unsigned long long record = 0;
  char hex[65] = {};
  const int fields = std::sscanf(text->c_str(),  // NOLINT: the widths are bounded
                                 "kimera anchor 1 segment %llu record %llu chain %64[0-9a-f]",
                                 &segment, &record, hex);
  anchor.segment = segment;
  anchor.record = record;
  for (std::size_t i = 0; i < 32; ++i) {
    const char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
    anchor.chain[i] = static_cast<std::uint8_t>(std::strtoul(pair, nullptr, 16));
  }
  // Written again it must be the same, to the byte.
  if (fields != 3 || std::strlen(hex) != 64 || anchor_text(anchor) != *text) {
    corrupt(path + ": offset 0: expected segment, record and chain, found something else");
  }
  return anchor;
}

}  // namespace kimera::runtime::detail
