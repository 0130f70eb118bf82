#include "codec_pieces.hpp"
#include "kimera/market/lobster.hpp"

using namespace kimera::market;

namespace {

// Both files of the pair in one input: what stands before the first '#' is the messages.
class Pair {
 public:
  explicit Pair(std::size_t n_levels) : decoder_(0, n_levels, 100) {}
  void feed(std::string_view chunk) {
    const std::size_t hash = in_rows_ ? std::string_view::npos : chunk.find('#');
    if (in_rows_) {
      decoder_.feed({}, chunk);
    } else if (hash == std::string_view::npos) {
      decoder_.feed(chunk, {});
    } else {
      in_rows_ = true;
      decoder_.feed(chunk.substr(0, hash), {});
      decoder_.feed({}, chunk.substr(hash + 1));
    }
  }
  void finish() { decoder_.finish(); }
  auto take() { return decoder_.take(); }
  const AnomalyLog& anomalies() const { return decoder_.anomalies(); }

 private:
  LobsterDecoder decoder_;
  bool in_rows_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kimera::fuzz::check_pieces(data, size, [&] { return Pair(size % 3); });
  return 0;
}
