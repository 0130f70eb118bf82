// A JSON reader for one message in memory: it walks, it does not build. Strings are given as they
// stand between their quotes (escapes are stepped over, not resolved), numbers as their text.
#pragma once

#include <cstddef>
#include <string_view>

namespace kimera::market {

class JsonCursor {
 public:
  explicit JsonCursor(std::string_view text) noexcept
      : at_(text.data()), begin_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] std::size_t offset() const noexcept {
    return static_cast<std::size_t>(at_ - begin_);
  }
  [[nodiscard]] bool at_end() noexcept {
    skip_space();
    return at_ == end_;
  }
  // What comes next, 0 at the end.
  [[nodiscard]] char peek() noexcept {
    skip_space();
    return at_ == end_ ? '\0' : *at_;
  }
  [[nodiscard]] bool take(char c) noexcept {
    if (at_ != end_ && *at_ == c) {
      ++at_;
      return true;
    }
    skip_space();
    if (at_ == end_ || *at_ != c) {
      return false;
    }
    ++at_;
    return true;
  }

  [[nodiscard]] bool string(std::string_view& out) noexcept {
    if (!take('"')) {
      return false;
    }
    const char* const first = at_;
    while (at_ != end_ && *at_ != '"') {
      if (*at_ == '\\') {
        ++at_;
        if (at_ == end_) {
          return false;
        }
      }
      ++at_;
    }
    if (at_ == end_) {
      return false;
    }
    out = {first, static_cast<std::size_t>(at_ - first)};
    ++at_;
    return true;
  }

  // A number, true, false or null: its text.
  [[nodiscard]] bool literal(std::string_view& out) noexcept {
    skip_space();
    const char* const first = at_;
    while (at_ != end_ && is_literal(*at_)) {
      ++at_;
    }
    out = {first, static_cast<std::size_t>(at_ - first)};
    return at_ != first;
  }

  // The text of a string or of a literal.
  [[nodiscard]] bool scalar(std::string_view& out) noexcept {
    return peek() == '"' ? string(out) : literal(out);
  }

  // Calls on_key(key) for each member; it reads the value and tells whether it could.
  template <class OnKey>
  [[nodiscard]] bool object(OnKey&& on_key) {
    if (!take('{')) {
      return false;
    }
    if (take('}')) {
      return true;
    }
    do {
      std::string_view key;
      if (!string(key) || !take(':') || !on_key(key)) {
        return false;
      }
    } while (take(','));
    return take('}');
  }

  // Calls on_item() for each element; it reads the element and tells whether it could.
  template <class OnItem>
  [[nodiscard]] bool array(OnItem&& on_item) {
    if (!take('[')) {
      return false;
    }
    if (take(']')) {
      return true;
    }
    do {
      if (!on_item()) {
        return false;
      }
    } while (take(','));
    return take(']');
  }

  [[nodiscard]] bool skip_value(int depth = 0) {
    constexpr int kMaxDepth = 64;
    if (depth > kMaxDepth) {
      return false;
    }
    std::string_view ignored;
    switch (peek()) {
      case '{':
        return object([&](std::string_view) { return skip_value(depth + 1); });
      case '[':
        return array([&] { return skip_value(depth + 1); });
      case '"':
        return string(ignored);
      default:
        return literal(ignored);
    }
  }

  // Steps over a value and gives its text.
  [[nodiscard]] bool raw_value(std::string_view& out) {
    skip_space();
    const char* const first = at_;
    if (!skip_value()) {
      return false;
    }
    out = {first, static_cast<std::size_t>(at_ - first)};
    return true;
  }

 private:
  [[nodiscard]] static constexpr bool is_literal(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '+' ||
           c == 'E';
  }
  void skip_space() noexcept {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) {
      ++at_;
    }
  }

  const char* at_;
  const char* begin_;
  const char* end_;
};

}  // namespace kimera::market
