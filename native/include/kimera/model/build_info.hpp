// How this library was compiled; printed by `kimera doctor` and stored with every benchmark.
#pragma once

namespace kimera::model {

struct BuildInfo {
  const char* compiler;
  const char* instruction_set;
  bool optimised;
  const char* sanitizer;
};

[[nodiscard]] BuildInfo build_info() noexcept;

}  // namespace kimera::model
