// The loops that `kimera bench venue` times: streams of requests and the engine that takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::bench {

enum class VenueFlow : std::uint8_t {
  Inserts = 0,  // limit orders only, on ten prices a side of which six cross: the recipe of
                // liquibook's own performance test
  Market = 1,   // adds, cancels, replaces and takes around a drifting price, in a steady book
};

struct VenueLoad {
  VenueFlow flow = VenueFlow::Market;
  std::uint64_t seed = 1;
  std::size_t n_requests = 1'000'000;
  std::size_t n_levels = 10;         // Market: depth of the book, per side
  std::size_t orders_per_level = 8;  // Market: about how many rest at each
};

// Deterministic: the same load, the same requests.
struct VenueRequests {
  std::vector<model::Record> records;
  std::uint32_t max_orders = 0;  // the bound an engine for them needs
};
[[nodiscard]] VenueRequests venue_requests(const VenueLoad& load);

struct VenueRun {
  std::uint64_t n_records = 0;  // printed
  std::uint64_t n_fills = 0;
  std::uint64_t n_resting = 0;
  std::int64_t elapsed_ns = 0;  // of the requests alone, not of building engine and journal
};

// Records go to a ring of 2^18 records (16 MB): what a journal's copy costs, without its files.
[[nodiscard]] VenueRun run_venue_to_memory(const VenueRequests& requests);
// Records, with the requests themselves, go to a journal in a new folder.
[[nodiscard]] VenueRun run_venue_to_journal(const VenueRequests& requests,
                                            const std::string& folder);

}  // namespace kimera::bench
