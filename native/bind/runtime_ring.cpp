#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "bind.hpp"
#include "kimera/runtime/ring.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using kimera::model::Record;
using namespace kimera::runtime;

namespace {

using ConstBytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Bytes = nb::ndarray<std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

void check_aligned(const void* data) {
  if (reinterpret_cast<std::uintptr_t>(data) % alignof(Record) != 0) {
    throw nb::value_error("ring: expected records aligned to 64 bytes (use empty_records)");
  }
}

void translate(const std::exception_ptr& p, void*) {
  try {
    std::rethrow_exception(p);
  } catch (const RingFailure& failure) {
    const nb::object type = nb::module_::import_("kimera.errors").attr("InputError");
    PyErr_SetString(type.ptr(), failure.what());
  }
}

}  // namespace

void kimera::bind::runtime_ring(nb::module_& m) {
  nb::register_exception_translator(translate);
  nb::enum_<RingMode>(m, "RingMode")
      .value("OVERWRITE", RingMode::Overwrite)
      .value("GATED", RingMode::Gated);
  nb::class_<RingMemory>(m, "RingMemory")
      .def_static("create", &RingMemory::create, "capacity"_a, "mode"_a)
      .def_static("create_file", &RingMemory::create_file, "path"_a, "capacity"_a, "mode"_a)
      .def_static("attach_file", &RingMemory::attach_file, "path"_a)
      .def_prop_ro("capacity", &RingMemory::capacity)
      .def_prop_ro("window", &RingMemory::window)
      .def_prop_ro("mode", &RingMemory::mode);
  nb::class_<RingWriter>(m, "RingWriter")
      .def(nb::init<RingMemory&>(), "memory"_a, nb::keep_alive<1, 2>())
      .def(
          "push_bytes",
          [](RingWriter& w, ConstBytes bytes) {
            check_aligned(bytes.data());
            nb::gil_scoped_release release;
            return w.push(std::span<const Record>(reinterpret_cast<const Record*>(bytes.data()),
                                                  bytes.shape(0) / sizeof(Record)));
          },
          "records"_a, "How many were taken.")
      .def_prop_ro("position", &RingWriter::position)
      .def_prop_ro("refused", &RingWriter::refused);
  nb::class_<RingReader> reader(m, "RingReader");
  nb::enum_<RingReader::Role>(m, "RingRole")
      .value("OBSERVER", RingReader::Role::Observer)
      .value("GATE", RingReader::Role::Gate);
  nb::enum_<RingReader::Start>(m, "RingStart")
      .value("OLDEST", RingReader::Start::Oldest)
      .value("NEWEST", RingReader::Start::Newest);
  reader
      .def(nb::init<const RingMemory&, RingReader::Role, RingReader::Start>(), "memory"_a,
           "role"_a = RingReader::Role::Observer, "start"_a = RingReader::Start::Oldest,
           nb::keep_alive<1, 2>())
      .def(
          "read_bytes",
          [](RingReader& r, Bytes out) {
            check_aligned(out.data());
            nb::gil_scoped_release release;
            const auto batch =
                r.read({reinterpret_cast<Record*>(out.data()), out.shape(0) / sizeof(Record)});
            return std::make_tuple(batch.count, batch.lost);
          },
          "out"_a, "(records copied, records lost before them).")
      .def_prop_ro("position", &RingReader::position)
      .def_prop_ro("lost", &RingReader::lost);
}
