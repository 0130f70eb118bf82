#include "codec_pieces.hpp"
#include "kimera/market/csv.hpp"

using namespace kimera::market;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using enum CsvRole;
  CsvLayout layout;
  layout.has_header = size % 2 == 0;
  layout.time_unit = static_cast<TimeUnit>(size % 5);
  layout.kind = static_cast<CsvKind>(size % 4);
  if (layout.kind == CsvKind::Trades || layout.kind == CsvKind::Levels) {
    layout.columns = {RecvTime, Symbol, Price, Size, Side, Detail, Venue};
  } else {
    layout.columns = {EventTime, BidPrice, BidSize, AskPrice, AskSize, Sequence, Ignore};
  }
  kimera::fuzz::check_pieces(data, size, [&] {
    return CsvDecoder(layout, {{"A", {4, 25}, {0, 1}}, {"B", {18, 1}, {18, 7}}}, {"N", "Q"});
  });
  kimera::fuzz::check_pieces(data, size, [&] { return CsvDecoder(layout, {}, {}); });
  return 0;
}
