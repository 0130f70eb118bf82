#include "python_strategy.hpp"

#include <nanobind/ndarray.h>

#include <utility>

namespace kimera::bind {

using model::kNoPrice;
using model::Record;
using strategy::Context;
using strategy::TopOfBook;

PyObject* PythonStrategy::CachedInt::get(std::int64_t now) noexcept {
  if (!object.is_valid() || now != value) {
    value = now;
    object = now == kNoPrice ? nb::none() : nb::steal(PyLong_FromLongLong(now));
  }
  return object.ptr();
}

PythonStrategy::PythonStrategy(nb::object strategy) : strategy_(std::move(strategy)) {
  on_start_ = method("on_start");
  on_top_ = method("on_top");
  on_book_ = method("on_book");
  on_trade_ = method("on_trade");
  on_report_ = method("on_report");
  on_timer_ = method("on_timer");
  on_stop_ = method("on_stop");
  on_batch_ = method("on_batch");
  if (on_batch_.is_valid()) {
    const auto n = nb::cast<std::size_t>(strategy_.attr("batch_records"));
    batch_records_.resize(n);
    nb::object numpy = nb::module_::import_("numpy");
    nb::object record = nb::module_::import_("kimera.model").attr("RECORD");
    PyObject* view =
        PyMemoryView_FromMemory(reinterpret_cast<char*>(batch_records_.data()),
                                static_cast<Py_ssize_t>(n * sizeof(Record)), PyBUF_READ);
    batch_array_ = numpy.attr("frombuffer")(nb::steal(view), record);
  }
  nb::object side = nb::module_::import_("kimera.model").attr("Side");
  for (int i = 0; i < 3; ++i) sides_[static_cast<std::size_t>(i)] = side(i);
}

// The bound method, unless the class only inherits the empty one of kimera.strategy.Strategy.
nb::object PythonStrategy::method(const char* name) const {
  if (!nb::hasattr(strategy_, name)) return {};
  nb::object bound = strategy_.attr(name);
  if (nb::hasattr(bound, "__func__") && nb::hasattr(bound.attr("__func__"), "not_subscribed")) {
    return {};
  }
  return bound;
}

void PythonStrategy::start(Context& c) noexcept {
  if (context_ != nullptr) return;
  context_ = &c;
  context_object_ = nb::cast(&c, nb::rv_policy::reference);
  lines_.resize(c.n_instruments());
  for (std::uint32_t i = 0; i < c.n_instruments(); ++i) lines_[i].id = nb::int_(i + 1);
  event_object_ = nb::cast(BookEvent{});
  event_ = nb::inst_ptr<BookEvent>(event_object_);
}

void PythonStrategy::fail(const char* name) noexcept {
  if (failed_in_ != nullptr) {
    PyErr_Clear();  // the first error is the one that is told
    return;
  }
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* trace = nullptr;
  PyErr_Fetch(&type, &value, &trace);
  PyErr_NormalizeException(&type, &value, &trace);
  if (trace != nullptr) PyException_SetTraceback(value, trace);
  Py_XDECREF(type);
  Py_XDECREF(trace);
  error_ = nb::steal(value);
  failed_in_ = name;
  failed_at_ns_ = context_->now_ns();
  context_->stop();
}

nb::object PythonStrategy::take_error() noexcept {
  return std::move(error_);
}

// `arguments` has one free place before it, as the vectorcall protocol likes for bound methods.
void PythonStrategy::call(const nb::object& f, const char* name, PyObject** arguments,
                          std::size_t n) noexcept {
  PyObject* out =
      PyObject_Vectorcall(f.ptr(), arguments, n | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  if (out == nullptr) [[unlikely]] {
    fail(name);
    return;
  }
  Py_DECREF(out);
}

void PythonStrategy::on_start(Context& c) noexcept {
  start(c);
  if (!on_start_.is_valid()) return;
  PyObject* a[2] = {nullptr, context_object_.ptr()};
  call(on_start_, "on_start", a + 1, 1);
}

void PythonStrategy::on_top(Context& /*c*/, std::uint32_t id, const TopOfBook& top) noexcept {
  if (!on_top_.is_valid() || failed()) return;
  Line& line = lines_[id - 1];
  PyObject* a[7] = {nullptr,
                    context_object_.ptr(),
                    line.id.ptr(),
                    line.top[0].get(top.bid_ticks),
                    line.top[1].get(top.bid_lots),
                    line.top[2].get(top.ask_ticks),
                    line.top[3].get(top.ask_lots)};
  call(on_top_, "on_top", a + 1, 6);
}

void PythonStrategy::on_book(Context& /*c*/, const Record& r) noexcept {
  if (failed()) return;
  if (on_batch_.is_valid()) batch(r);
  if (!on_book_.is_valid()) return;
  event_->record = &r;
  PyObject* a[3] = {nullptr, context_object_.ptr(), event_object_.ptr()};
  call(on_book_, "on_book", a + 1, 2);
}

void PythonStrategy::on_trade(Context& /*c*/, const Record& r) noexcept {
  if (!on_trade_.is_valid() || failed()) return;
  // An Execute names the side that rested; the trade's side is the taker's.
  model::Side side = r.side;
  if (r.delta_action() == model::Action::Execute) side = model::opposite(side);
  nb::object price = nb::steal(PyLong_FromLongLong(r.price_ticks));
  nb::object lots = nb::steal(PyLong_FromLongLong(r.size_lots));
  PyObject* a[6] = {nullptr,
                    context_object_.ptr(),
                    lines_[r.instrument_id - 1].id.ptr(),
                    sides_[static_cast<std::size_t>(side)].ptr(),
                    price.ptr(),
                    lots.ptr()};
  call(on_trade_, "on_trade", a + 1, 5);
}

void PythonStrategy::on_report(Context& /*c*/, const Record& r) noexcept {
  if (!on_report_.is_valid() || failed()) return;
  nb::object report = nb::cast(ReportView{r});
  PyObject* a[3] = {nullptr, context_object_.ptr(), report.ptr()};
  call(on_report_, "on_report", a + 1, 2);
}

void PythonStrategy::on_timer(Context& /*c*/, std::uint64_t timer_id) noexcept {
  if (!on_timer_.is_valid() || failed()) return;
  nb::object id = nb::steal(PyLong_FromUnsignedLongLong(timer_id));
  PyObject* a[3] = {nullptr, context_object_.ptr(), id.ptr()};
  call(on_timer_, "on_timer", a + 1, 2);
}

void PythonStrategy::on_stop(Context& c) noexcept {
  start(c);
  flush(c);
  if (!on_stop_.is_valid() || failed()) return;
  PyObject* a[2] = {nullptr, context_object_.ptr()};
  call(on_stop_, "on_stop", a + 1, 1);
}

void PythonStrategy::batch(const Record& r) noexcept {
  batch_records_[n_batch_++] = r;
  if (n_batch_ == batch_records_.size()) flush(*context_);
}

void PythonStrategy::flush(Context& /*c*/) noexcept {
  if (n_batch_ == 0 || !on_batch_.is_valid() || failed()) return;
  const std::size_t n = std::exchange(n_batch_, 0);
  nb::object end = nb::steal(PyLong_FromSize_t(n));
  nb::object slice = nb::steal(PySlice_New(nullptr, end.ptr(), nullptr));
  nb::object part = nb::steal(PyObject_GetItem(batch_array_.ptr(), slice.ptr()));
  if (!part.is_valid()) {
    fail("on_batch");
    return;
  }
  PyObject* a[3] = {nullptr, context_object_.ptr(), part.ptr()};
  call(on_batch_, "on_batch", a + 1, 2);
}

}  // namespace kimera::bind
