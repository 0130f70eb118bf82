#include "codec_pieces.hpp"
#include "kimera/market/iex.hpp"

using namespace kimera::market;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  kimera::fuzz::check_pieces(data, size, [] { return IexDecoder(IexPass::Scan, {}); });
  if (size > 1) {
    IexDecoder scan(IexPass::Scan, {});
    scan.feed({reinterpret_cast<const char*>(data) + 1, size - 1});
    auto symbols = scan.symbols();
    if (symbols.empty()) {
      symbols.push_back({"ZIEXT", 100, false});
    }
    kimera::fuzz::check_pieces(data, size, [&] { return IexDecoder(IexPass::Decode, symbols); });
  }
  return 0;
}
