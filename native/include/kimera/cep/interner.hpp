// Text as small numbers: equal text, equal number. Results of text functions are remembered, so
// that a function costs its work once per distinct text.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace kimera::cep {

class Interner {
 public:
  std::int32_t intern(std::string_view text);
  [[nodiscard]] const std::string& text(std::int64_t id) const;
  [[nodiscard]] std::size_t size() const noexcept { return texts_.size(); }

  std::int32_t upper(std::int64_t id);
  std::int32_t lower(std::int64_t id);
  std::int32_t trim(std::int64_t id);
  std::int32_t concat(std::int64_t a, std::int64_t b);
  std::int32_t substring(std::int64_t id, std::int64_t start, std::int64_t length);
  bool like(std::int64_t id, std::int64_t pattern);
  [[nodiscard]] std::int64_t length(std::int64_t id) const;  // in code points
  [[nodiscard]] int compare(std::int64_t a, std::int64_t b) const;

 private:
  template <class F>
  std::int32_t remembered(int function, std::int64_t a, std::int64_t b, F&& compute);

  std::deque<std::string> texts_;
  std::unordered_map<std::string_view, std::int32_t> ids_;
  std::unordered_map<std::uint64_t, std::int32_t> memory_[5];
};

}  // namespace kimera::cep
