#include "codec_pieces.hpp"
#include "kimera/market/binance.hpp"

using namespace kimera::market;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto market = static_cast<BinanceMarket>(size % 3);
  kimera::fuzz::check_pieces(data, size, [&] {
    return BinanceDecoder({{"BTCUSDT", {2, 1}, {5, 1}}, {"ETHUSDT", {1, 5}, {3, 1}}}, market, 64);
  });
  BinanceScan scan;
  scan.feed({reinterpret_cast<const char*>(data), size});
  scan.finish();
  return 0;
}
