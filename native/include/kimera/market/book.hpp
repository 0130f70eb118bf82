// Order books of one instrument: BookL3 by order, BookL2 by price, one concept Book for both.
#pragma once

#include "kimera/market/book_l2.hpp"
#include "kimera/market/book_l3.hpp"
#include "kimera/market/book_types.hpp"
