// A vector of plain values whose first N live inside it, so that a short one costs no cache line
// of its own. Grows on the heap beyond that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace kimera::cep {

template <class T, std::uint32_t N>
class SmallVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  SmallVector() noexcept = default;
  SmallVector(SmallVector&& other) noexcept { steal(other); }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      release();
      steal(other);
    }
    return *this;
  }
  SmallVector(const SmallVector&) = delete;
  SmallVector& operator=(const SmallVector&) = delete;
  ~SmallVector() { release(); }

  [[nodiscard]] T* data() noexcept { return heap_ != nullptr ? heap_ : inside(); }
  [[nodiscard]] const T* data() const noexcept {
    return heap_ != nullptr ? heap_ : const_cast<SmallVector*>(this)->inside();
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] bool on_heap() const noexcept { return heap_ != nullptr; }
  T& operator[](std::size_t i) noexcept { return data()[i]; }
  const T& operator[](std::size_t i) const noexcept { return data()[i]; }
  T* begin() noexcept { return data(); }
  T* end() noexcept { return data() + size_; }
  const T* begin() const noexcept { return data(); }
  const T* end() const noexcept { return data() + size_; }

  void clear() noexcept { size_ = 0; }
  void push_back(const T& value) {
    if (size_ == capacity_) grow(size_ + 1);
    data()[size_++] = value;
  }
  // Adds n values and gives the first; their contents are not set.
  T* extend(std::uint32_t n) {
    if (size_ + n > capacity_) grow(size_ + n);
    T* first = data() + size_;
    size_ += n;
    return first;
  }
  void assign(const T* from, std::size_t n) {
    size_ = 0;
    if (n != 0) std::memcpy(extend(static_cast<std::uint32_t>(n)), from, n * sizeof(T));
  }
  void drop_front(std::uint32_t n) noexcept {
    std::memmove(data(), data() + n, (size_ - n) * sizeof(T));
    size_ -= n;
  }

 private:
  [[nodiscard]] T* inside() noexcept { return reinterpret_cast<T*>(inside_); }
  void grow(std::uint32_t least) {
    const std::uint32_t wanted = least > capacity_ * 2 ? least : capacity_ * 2;
    T* fresh = static_cast<T*>(std::malloc(std::size_t{wanted} * sizeof(T)));
    if (fresh == nullptr) throw std::bad_alloc();
    std::memcpy(fresh, data(), size_ * sizeof(T));
    std::free(heap_);
    heap_ = fresh;
    capacity_ = wanted;
  }
  void release() noexcept {
    std::free(heap_);
    heap_ = nullptr;
  }
  void steal(SmallVector& other) noexcept {
    heap_ = std::exchange(other.heap_, nullptr);
    size_ = std::exchange(other.size_, 0U);
    capacity_ = std::exchange(other.capacity_, N);
    std::memcpy(inside_, other.inside_, sizeof(inside_));
  }

  T* heap_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = N;
  alignas(T) std::byte inside_[N * sizeof(T)];
};

}  // namespace kimera::cep
