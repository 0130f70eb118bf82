#include <nanobind/nanobind.h>

#include "bind.hpp"

namespace nb = nanobind;

void kimera::bind::bench(nb::module_& m) {
  bench_backtest(m);
  bench_books(m);
  bench_venue(m);
  bench_runtime(m);
  bench_microstructure(m);
}
