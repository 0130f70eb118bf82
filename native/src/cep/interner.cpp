#include "kimera/cep/interner.hpp"

#include <algorithm>
#include <cctype>

namespace kimera::cep {

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// SQL LIKE without escape: % any run, _ any one code point. Linear-time two-pointer matching.
bool like_match(std::string_view text, std::string_view pattern) {
  std::size_t t = 0;
  std::size_t p = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  const auto next = [&](std::size_t at) {
    do ++at;
    while (at < text.size() && is_continuation(text[at]));
    return at;
  };
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == '_') {
      t = next(t);
      ++p;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++t;
      ++p;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      resume = next(resume);
      t = resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

template <class F>
std::string mapped(std::string text, F&& f) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [&](unsigned char c) { return static_cast<char>(c < 128 ? f(c) : c); });
  return text;
}

}  // namespace

std::int32_t Interner::intern(std::string_view text) {
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  const auto id = static_cast<std::int32_t>(texts_.size());
  texts_.emplace_back(text);
  ids_.emplace(texts_.back(), id);
  return id;
}

const std::string& Interner::text(std::int64_t id) const {
  return texts_.at(static_cast<std::size_t>(id));
}

template <class F>
std::int32_t Interner::remembered(int function, std::int64_t a, std::int64_t b, F&& compute) {
  const std::uint64_t key =
      (static_cast<std::uint64_t>(a) << 32U) | (static_cast<std::uint64_t>(b) & 0xFFFFFFFFU);
  auto& memory = memory_[function];
  if (const auto found = memory.find(key); found != memory.end()) return found->second;
  const std::int32_t result = compute();
  memory.emplace(key, result);
  return result;
}

std::int32_t Interner::upper(std::int64_t id) {
  return remembered(0, id, 0, [&] {
    return intern(mapped(text(id), [](unsigned char c) { return std::toupper(c); }));
  });
}

std::int32_t Interner::lower(std::int64_t id) {
  return remembered(1, id, 0, [&] {
    return intern(mapped(text(id), [](unsigned char c) { return std::tolower(c); }));
  });
}

std::int32_t Interner::trim(std::int64_t id) {
  return remembered(2, id, 0, [&] {
    const std::string& whole = text(id);
    const auto first = whole.find_first_not_of(' ');
    if (first == std::string::npos) return intern("");
    return intern(whole.substr(first, whole.find_last_not_of(' ') - first + 1));
  });
}

std::int32_t Interner::concat(std::int64_t a, std::int64_t b) {
  return remembered(3, a, b, [&] { return intern(text(a) + text(b)); });
}

std::int32_t Interner::substring(std::int64_t id, std::int64_t start, std::int64_t length) {
  const std::string& whole = text(id);
  std::string out;
  std::int64_t at = 0;
  for (const char c : whole) {
    if (!is_continuation(c)) ++at;
    if (at >= start && at - start < length) out.push_back(c);
  }
  return intern(out);
}

bool Interner::like(std::int64_t id, std::int64_t pattern) {
  return remembered(4, id, pattern, [&] {
           return static_cast<std::int32_t>(like_match(text(id), text(pattern)));
         }) != 0;
}

std::int64_t Interner::length(std::int64_t id) const {
  const std::string& whole = text(id);
  return std::count_if(whole.begin(), whole.end(), [](char c) { return !is_continuation(c); });
}

int Interner::compare(std::int64_t a, std::int64_t b) const {
  return a == b ? 0 : text(a).compare(text(b));
}

}  // namespace kimera::cep
