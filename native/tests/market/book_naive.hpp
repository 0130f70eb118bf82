// A slow and obvious book: the oracle of the book tests.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <unordered_map>

#include "kimera/market/book.hpp"

namespace naive {

using kimera::market::BookStatus;
using kimera::market::Level;
using kimera::model::Side;

struct Order {
  std::uint64_t id;
  std::int64_t size;
};

class Book {
 public:
  Book(std::size_t max_orders, std::size_t max_levels)
      : max_orders_(max_orders), max_levels_(max_levels) {}

  BookStatus add(Side side, std::uint64_t id, std::int64_t price, std::int64_t size) {
    if (side == Side::None) return BookStatus::BadSide;
    if (size <= 0) return BookStatus::BadSize;
    if (!kimera::market::in_range(price)) return BookStatus::OffRange;
    if (id == 0 || where_.contains(id)) return BookStatus::DuplicateOrder;
    if (where_.size() == max_orders_) return BookStatus::OrdersFull;
    auto& levels = sides_[static_cast<int>(side)];
    if (!levels.contains(price) && levels.size() == max_levels_) return BookStatus::LevelsFull;
    levels[price].push_back({id, size});
    where_[id] = {side, price};
    return BookStatus::Ok;
  }
  BookStatus cancel(std::uint64_t id, std::int64_t size) {
    if (size < 0) return BookStatus::BadSize;
    return reduce(id, size);
  }
  BookStatus execute(std::uint64_t id, std::int64_t size) {
    if (size <= 0) return BookStatus::BadSize;
    return reduce(id, size);
  }
  BookStatus modify(std::uint64_t id, std::int64_t price, std::int64_t size) {
    if (size <= 0) return BookStatus::BadSize;
    if (!kimera::market::in_range(price)) return BookStatus::OffRange;
    if (!where_.contains(id)) return BookStatus::UnknownOrder;
    const auto [side, old_price] = where_.at(id);
    if (price == old_price && size <= find(id)->size) {
      find(id)->size = size;
      return BookStatus::Ok;
    }
    return move(id, id, price, size);
  }
  BookStatus replace(std::uint64_t old_id, std::uint64_t new_id, std::int64_t price,
                     std::int64_t size) {
    if (size <= 0) return BookStatus::BadSize;
    if (!kimera::market::in_range(price)) return BookStatus::OffRange;
    if (!where_.contains(old_id)) return BookStatus::UnknownOrder;
    if (new_id == 0 || (new_id != old_id && where_.contains(new_id)))
      return BookStatus::DuplicateOrder;
    return move(old_id, new_id, price, size);
  }

  const std::map<std::int64_t, std::list<Order>>& side(Side s) const {
    return sides_[static_cast<int>(s)];
  }
  Level level(Side s, std::int64_t price) const {
    const auto it = side(s).find(price);
    if (it == side(s).end()) return {};
    std::int64_t total = 0;
    for (const Order& o : it->second) total += o.size;
    return {price, total, static_cast<std::uint32_t>(it->second.size())};
  }
  std::int64_t ahead(std::uint64_t id) const {
    const auto it = where_.find(id);
    if (it == where_.end()) return -1;
    std::int64_t sum = 0;
    for (const Order& o : side(it->second.side).at(it->second.price)) {
      if (o.id == id) break;
      sum += o.size;
    }
    return sum;
  }
  std::size_t n_orders() const { return where_.size(); }
  void clear() {
    where_.clear();
    sides_[0].clear();
    sides_[1].clear();
  }

 private:
  struct Place {
    Side side;
    std::int64_t price;
  };
  Order* find(std::uint64_t id) {
    const Place p = where_.at(id);
    for (Order& o : sides_[static_cast<int>(p.side)].at(p.price))
      if (o.id == id) return &o;
    return nullptr;
  }
  void drop(std::uint64_t id) {
    const Place p = where_.at(id);
    auto& levels = sides_[static_cast<int>(p.side)];
    levels.at(p.price).remove_if([id](const Order& o) { return o.id == id; });
    if (levels.at(p.price).empty()) levels.erase(p.price);
    where_.erase(id);
  }
  BookStatus reduce(std::uint64_t id, std::int64_t size) {
    if (!where_.contains(id)) return BookStatus::UnknownOrder;
    Order* o = find(id);
    if (size > o->size) return BookStatus::OverSize;
    o->size -= size;
    if (size == 0 || o->size == 0) drop(id);
    return BookStatus::Ok;
  }
  BookStatus move(std::uint64_t old_id, std::uint64_t new_id, std::int64_t price,
                  std::int64_t size) {
    const Place p = where_.at(old_id);
    auto& levels = sides_[static_cast<int>(p.side)];
    const bool frees = levels.at(p.price).size() == 1;
    if (!levels.contains(price) && levels.size() == max_levels_ && !frees)
      return BookStatus::LevelsFull;
    drop(old_id);
    return add(p.side, new_id, price, size);
  }

  std::size_t max_orders_;
  std::size_t max_levels_;
  std::map<std::int64_t, std::list<Order>> sides_[2];
  std::unordered_map<std::uint64_t, Place> where_;
};

}  // namespace naive
