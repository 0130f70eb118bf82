// However a file is cut into chunks, a decoder gives the same records and the same anomalies.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "kimera/market/codec.hpp"

namespace kimera::fuzz {

inline void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

inline void require_equal(const std::vector<market::Record>& a,
                          const std::vector<market::Record>& b) {
  require(a.size() == b.size());
  require(a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(market::Record)) == 0);
}

// make() gives a fresh decoder; the first byte of the input says how long the chunks are.
template <class Make>
void check_pieces(const std::uint8_t* data, std::size_t size, Make&& make) {
  if (size == 0) {
    return;
  }
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto whole = make();
  whole.feed(text);
  whole.finish();
  auto pieces = make();
  const std::size_t step = std::size_t{data[0]} % 61 + 1;
  for (std::size_t at = 0; at < text.size(); at += step) {
    pieces.feed(text.substr(at, step));
  }
  pieces.finish();
  for (std::size_t i = 0; i < static_cast<std::size_t>(market::Anomaly::kCount); ++i) {
    const auto anomaly = static_cast<market::Anomaly>(i);
    require(whole.anomalies().count_of(anomaly) == pieces.anomalies().count_of(anomaly));
  }
  const auto records = whole.take();
  require_equal(records, pieces.take());
  for (const auto& record : records) {
    require(record.kind != model::Kind::None);
    require(record.size_lots >= 0);
    require(record.side <= model::Side::None);
  }
}

}  // namespace kimera::fuzz
