// Numbers for combinations of values: the key of a PARTITION BY over several columns, exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace kimera::cep {

class KeyTable {
 public:
  // The number of (prefix, value); a NULL is equal to a NULL. Start with prefix 0.
  std::uint64_t combine(std::uint64_t prefix, std::int64_t value, bool null) {
    return keys_.try_emplace(Part{prefix, null ? 0 : value, null}, keys_.size() + 1).first->second;
  }

 private:
  struct Part {
    std::uint64_t prefix;
    std::int64_t value;
    bool null;
    bool operator==(const Part&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Part& p) const noexcept {
      std::uint64_t h = (p.prefix + 0x9E3779B97F4A7C15ULL) * 0xBF58476D1CE4E5B9ULL;
      h ^= static_cast<std::uint64_t>(p.value) + (p.null ? 0x94D049BB133111EBULL : 0);
      h *= 0x94D049BB133111EBULL;
      return static_cast<std::size_t>(h ^ (h >> 31U));
    }
  };
  std::unordered_map<Part, std::uint64_t, Hash> keys_;
};

}  // namespace kimera::cep
