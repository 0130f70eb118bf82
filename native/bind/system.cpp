#include <nanobind/nanobind.h>

#include "bind.hpp"

namespace nb = nanobind;

void kimera::bind::system(nb::module_& m) {
  static_cast<void>(m);
}
