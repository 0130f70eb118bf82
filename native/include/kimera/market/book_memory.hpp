// Zeroed memory for tables that are sized for the worst day and touched as far as needed.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace kimera::market {

// A fixed array of zeroed elements, straight from the kernel: a page costs memory only once it is
// touched, and huge pages are asked for where the array is large enough to hold one.
template <class T>
class ZeroedArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  ZeroedArray() = default;
  explicit ZeroedArray(std::size_t n) : n_(n) {
    if (n == 0) return;
    void* p = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<T*>(p);
    // Advice only: a kernel without huge pages gives small ones and the same results.
    if (bytes() >= kHugePage) static_cast<void>(::madvise(p, bytes(), MADV_HUGEPAGE));
  }
  ZeroedArray(const ZeroedArray&) = delete;
  ZeroedArray& operator=(const ZeroedArray&) = delete;
  ZeroedArray(ZeroedArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), n_(std::exchange(other.n_, 0)) {}
  ZeroedArray& operator=(ZeroedArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(n_, other.n_);
    return *this;
  }
  ~ZeroedArray() {
    if (data_ != nullptr) ::munmap(data_, bytes());
  }

  // Makes every page present now, so that none is waited for later.
  void touch() noexcept {
    auto* const first = reinterpret_cast<volatile unsigned char*>(data_);
    for (std::size_t at = 0; at < bytes(); at += kSmallPage) first[at] = 0;
  }

  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const noexcept { return data_[i]; }
  [[nodiscard]] std::size_t size() const noexcept { return n_; }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }

 private:
  static constexpr std::size_t kSmallPage = 4096;
  static constexpr std::size_t kHugePage = std::size_t{1} << 21U;
  [[nodiscard]] std::size_t bytes() const noexcept { return n_ * sizeof(T); }

  T* data_ = nullptr;
  std::size_t n_ = 0;
};

}  // namespace kimera::market
