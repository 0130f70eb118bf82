#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "bind.hpp"
#include "kimera/runtime/journal.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using kimera::model::Record;
using namespace kimera::runtime;

namespace {

using ConstBytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

const char* error_name(JournalStatus status) noexcept {
  switch (status) {
    case JournalStatus::Full:
      return "JournalFullError";
    case JournalStatus::Corrupt:
      return "JournalCorruptError";
    case JournalStatus::BadInput:
      return "InputError";
    default:
      return "JournalError";
  }
}

void translate(const std::exception_ptr& p, void*) {
  try {
    std::rethrow_exception(p);
  } catch (const JournalFailure& failure) {
    const nb::object type =
        nb::module_::import_("kimera.errors").attr(error_name(failure.status()));
    PyErr_SetString(type.ptr(), failure.what());
  }
}

[[noreturn]] void refuse(const JournalWriter& w) {
  throw JournalFailure(w.status(), w.status_text());
}

void append_bytes(JournalWriter& w, ConstBytes bytes) {
  const std::size_t n = bytes.shape(0) / sizeof(Record);
  std::size_t done = 0;
  {
    nb::gil_scoped_release release;
    const auto at = reinterpret_cast<std::uintptr_t>(bytes.data());
    if (at % alignof(Record) == 0) {
      done = w.append({reinterpret_cast<const Record*>(bytes.data()), n});
    } else {
      for (Record record; done < n; ++done) {
        std::memcpy(&record, bytes.data() + done * sizeof(Record), sizeof(Record));
        if (!w.append(record)) break;
      }
    }
  }
  if (done < n) refuse(w);
}

std::uint64_t append_blob(JournalWriter& w, std::uint32_t type, const nb::bytes& payload,
                          std::int64_t ts_event_ns, std::int64_t ts_recv_ns) {
  const auto header =
      w.append_blob(type, {static_cast<const std::uint8_t*>(payload.data()), payload.size()},
                    {ts_event_ns, ts_recv_ns});
  if (!header) refuse(w);
  return *header;
}

// The bytes of the records, zero copy; the mapping lives as long as the array.
nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>> view_bytes(JournalReader& r,
                                                                   std::uint64_t start,
                                                                   std::uint64_t stop) {
  JournalView view = r.view(start, stop);
  using Bytes = nb::ndarray<nb::numpy, const std::uint8_t, nb::ndim<1>>;
  const std::size_t n = view.records.size() * sizeof(Record);
  const auto* data = reinterpret_cast<const std::uint8_t*>(view.records.data());
  using Owner = std::shared_ptr<const detail::SegmentFile>;
  auto owner = std::make_unique<Owner>(std::move(view.segment));
  nb::capsule capsule(owner.get(), [](void* p) noexcept { delete static_cast<Owner*>(p); });
  static_cast<void>(owner.release());
  return Bytes(data, {n}, capsule);
}

void bind_options(nb::module_& m) {
  nb::enum_<Sync>(m, "Sync")
      .value("NONE", Sync::None)
      .value("INTERVAL", Sync::Interval)
      .value("EVERY_APPEND", Sync::EveryAppend);
  nb::enum_<Upkeep>(m, "Upkeep")
      .value("BACKGROUND", Upkeep::Background)
      .value("INLINE", Upkeep::Inline);
  nb::class_<Retention>(m, "Retention")
      .def(nb::init<>())
      .def_rw("max_segments", &Retention::max_segments)
      .def_rw("max_bytes", &Retention::max_bytes)
      .def_rw("max_age_ns", &Retention::max_age_ns);
  nb::class_<JournalOptions>(m, "JournalOptions")
      .def(nb::init<>())
      .def_rw("records_per_segment", &JournalOptions::records_per_segment)
      .def_rw("records_per_block", &JournalOptions::records_per_block)
      .def_rw("max_bytes", &JournalOptions::max_bytes)
      .def_rw("sync", &JournalOptions::sync)
      .def_rw("sync_interval_ns", &JournalOptions::sync_interval_ns)
      .def_rw("upkeep", &JournalOptions::upkeep)
      .def_rw("retention", &JournalOptions::retention)
      .def_rw("metadata", &JournalOptions::metadata);
}

void bind_writer(nb::module_& m) {
  using Release = nb::call_guard<nb::gil_scoped_release>;
  nb::class_<JournalWriter>(m, "JournalWriter")
      .def_static("create", &JournalWriter::create, "path"_a, "options"_a, Release())
      .def_static("resume", &JournalWriter::resume, "path"_a, "options"_a, Release())
      .def("append_bytes", &append_bytes, "records"_a)
      .def("append_blob", &append_blob, "type"_a, "payload"_a, "ts_event_ns"_a, "ts_recv_ns"_a)
      .def(
          "check",
          [](const JournalWriter& w) {
            if (w.status() != JournalStatus::Ok) refuse(w);
          },
          "Raise what records are refused for; nothing while none is.")
      .def("sync", &JournalWriter::sync, Release())
      .def("digest", &JournalWriter::digest, Release())
      .def("close", &JournalWriter::close, Release())
      .def_prop_ro("size", &JournalWriter::size)
      .def_prop_ro("refused", &JournalWriter::refused)
      .def_prop_ro("stalls", &JournalWriter::stalls)
      .def_prop_ro("cut", &JournalWriter::cut);
}

void bind_reader(nb::module_& m) {
  using Release = nb::call_guard<nb::gil_scoped_release>;
  nb::class_<JournalReader::Segment>(m, "JournalSegment")
      .def_ro("file", &JournalReader::Segment::file)
      .def_ro("number", &JournalReader::Segment::number)
      .def_ro("first_record", &JournalReader::Segment::first_record)
      .def_ro("records", &JournalReader::Segment::records)
      .def_ro("bytes", &JournalReader::Segment::bytes)
      .def_ro("state", &JournalReader::Segment::state)
      .def_ro("max_recv_ns", &JournalReader::Segment::max_recv_ns);
  nb::class_<JournalReader>(m, "JournalReader")
      .def(nb::init<const std::string&>(), "path"_a)
      .def("refresh", &JournalReader::refresh)
      .def("view_bytes", &view_bytes, "start"_a, "stop"_a)
      .def("seek", &JournalReader::seek, "ts_recv_ns"_a)
      .def(
          "read_blob",
          [](JournalReader& r, std::uint64_t header) {
            const auto bytes = r.read_blob(header);
            return nb::bytes(bytes.data(), bytes.size());
          },
          "header"_a)
      .def("digest", &JournalReader::digest, Release())
      .def("segments", &JournalReader::segments)
      .def_prop_ro("metadata", &JournalReader::metadata)
      .def_prop_ro("first", &JournalReader::first)
      .def_prop_ro("end", &JournalReader::end)
      .def_prop_ro("records_per_block", &JournalReader::records_per_block)
      .def_prop_ro("records_per_segment", &JournalReader::records_per_segment);
}

std::optional<std::uint64_t> known(std::uint64_t value) {
  return value == JournalFinding::kNowhere ? std::nullopt : std::optional(value);
}

void bind_verify(nb::module_& m) {
  nb::class_<JournalFinding>(m, "JournalFinding")
      .def_ro("file", &JournalFinding::file)
      .def_prop_ro("offset", [](const JournalFinding& f) { return known(f.offset); })
      .def_prop_ro("block", [](const JournalFinding& f) { return known(f.block); })
      .def_prop_ro("record", [](const JournalFinding& f) { return known(f.record); })
      .def_ro("what", &JournalFinding::what);
  nb::class_<JournalVerdict>(m, "JournalVerdict")
      .def_ro("first", &JournalVerdict::first)
      .def_ro("records", &JournalVerdict::records)
      .def_ro("blocks", &JournalVerdict::blocks)
      .def_ro("digest", &JournalVerdict::digest)
      .def_ro("findings", &JournalVerdict::findings);
  m.def("verify_journal", &verify_journal, "path"_a, "max_findings"_a = 1000,
        nb::call_guard<nb::gil_scoped_release>());
}

}  // namespace

void kimera::bind::runtime_journal(nb::module_& m) {
  nb::register_exception_translator(translate);
  bind_options(m);
  bind_writer(m);
  bind_reader(m);
  bind_verify(m);
}
