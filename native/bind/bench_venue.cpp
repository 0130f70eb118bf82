#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../bench/venue.hpp"
#include "bind.hpp"

namespace nb = nanobind;

namespace {

// Requests made once, timed often.
class VenueWorkload {
 public:
  VenueWorkload(int flow, std::uint64_t seed, std::size_t n_requests, std::size_t n_levels)
      : requests_(kimera::bench::venue_requests(
            {static_cast<kimera::bench::VenueFlow>(flow), seed, n_requests, n_levels})) {}

  [[nodiscard]] kimera::bench::VenueRun run(const std::string& folder) const {
    nb::gil_scoped_release release;
    return folder.empty() ? kimera::bench::run_venue_to_memory(requests_)
                          : kimera::bench::run_venue_to_journal(requests_, folder);
  }
  [[nodiscard]] std::size_t size() const noexcept { return requests_.records.size(); }

 private:
  kimera::bench::VenueRequests requests_;
};

}  // namespace

void kimera::bind::bench_venue(nb::module_& m) {
  using kimera::bench::VenueRun;
  nb::class_<VenueRun>(m, "VenueRun")
      .def_ro("n_records", &VenueRun::n_records)
      .def_ro("n_fills", &VenueRun::n_fills)
      .def_ro("n_resting", &VenueRun::n_resting)
      .def_ro("elapsed_ns", &VenueRun::elapsed_ns);
  nb::class_<VenueWorkload>(m, "VenueWorkload")
      .def(nb::init<int, std::uint64_t, std::size_t, std::size_t>())
      .def("run", &VenueWorkload::run, "Time the requests; an empty folder means memory.")
      .def("__len__", &VenueWorkload::size);
}
