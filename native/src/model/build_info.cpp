#include "kimera/model/build_info.hpp"

namespace kimera::model {

BuildInfo build_info() noexcept {
  return BuildInfo{
#if defined(__clang__)
      "clang " __clang_version__,
#else
      "g++ " __VERSION__,
#endif
#if defined(__AVX512F__)
      "avx512",
#elif defined(__AVX2__)
      "avx2",
#else
      "x86-64-v2",
#endif
#if defined(__OPTIMIZE__)
      true,
#else
      false,
#endif
#if defined(__SANITIZE_ADDRESS__)
      "address",
#elif defined(__SANITIZE_THREAD__)
      "thread",
#else
      "",
#endif
  };
}

}  // namespace kimera::model
