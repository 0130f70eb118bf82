#include "kimera/market/book.hpp"

namespace kimera::market {

const char* book_status_name(BookStatus s) noexcept {
  switch (s) {
    case BookStatus::Ok:
      return "ok";
    case BookStatus::Ignored:
      return "ignored";
    case BookStatus::Stale:
      return "stale";
    case BookStatus::UnknownOrder:
      return "unknown_order";
    case BookStatus::DuplicateOrder:
      return "duplicate_order";
    case BookStatus::BadSize:
      return "bad_size";
    case BookStatus::BadSide:
      return "bad_side";
    case BookStatus::OverSize:
      return "over_size";
    case BookStatus::OffRange:
      return "off_range";
    case BookStatus::OrdersFull:
      return "orders_full";
    case BookStatus::LevelsFull:
      return "levels_full";
    case BookStatus::NotSupported:
      return "not_supported";
  }
  return "unknown";
}

}  // namespace kimera::market
