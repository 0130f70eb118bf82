#include <nanobind/nanobind.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bind.hpp"
#include "kimera/model/build_info.hpp"
#include "kimera/model/order.hpp"
#include "kimera/model/record.hpp"

namespace nb = nanobind;
using kimera::model::Record;

namespace {

using Field = std::tuple<std::string, std::string, std::size_t>;

// (name, numpy format, offset) of every field: the only source of the numpy dtype.
std::vector<Field> record_fields() {
#define KIMERA_FIELD(name, format)        \
  Field {                                 \
    #name, format, offsetof(Record, name) \
  }
  return {
      KIMERA_FIELD(ts_event_ns, "<i8"),   KIMERA_FIELD(ts_recv_ns, "<i8"),
      KIMERA_FIELD(sequence, "<u8"),      KIMERA_FIELD(order_id, "<u8"),
      KIMERA_FIELD(price_ticks, "<i8"),   KIMERA_FIELD(size_lots, "<i8"),
      KIMERA_FIELD(instrument_id, "<u4"), KIMERA_FIELD(detail, "<u4"),
      KIMERA_FIELD(venue_id, "<u2"),      KIMERA_FIELD(actor_id, "<u2"),
      KIMERA_FIELD(kind, "u1"),           KIMERA_FIELD(action, "u1"),
      KIMERA_FIELD(side, "u1"),           KIMERA_FIELD(flags, "u1"),
  };
#undef KIMERA_FIELD
}

using Member = std::pair<std::string, int>;
using Enumeration = std::pair<std::string, std::vector<Member>>;

// Every enumeration and flag of the record; tests hold the Python enums against it.
std::vector<Enumeration> enumerations() {
  using namespace kimera::model;
#define KIMERA_MEMBER(type, name)       \
  Member {                              \
    #name, static_cast<int>(type::name) \
  }
  return {
      {"Kind",
       {KIMERA_MEMBER(Kind, None), KIMERA_MEMBER(Kind, Delta), KIMERA_MEMBER(Kind, Quote),
        KIMERA_MEMBER(Kind, Status), KIMERA_MEMBER(Kind, Order), KIMERA_MEMBER(Kind, Report),
        KIMERA_MEMBER(Kind, Blob), KIMERA_MEMBER(Kind, Mark)}},
      {"Action",
       {KIMERA_MEMBER(Action, None), KIMERA_MEMBER(Action, Add), KIMERA_MEMBER(Action, Cancel),
        KIMERA_MEMBER(Action, Modify), KIMERA_MEMBER(Action, Execute), KIMERA_MEMBER(Action, Fill),
        KIMERA_MEMBER(Action, Trade), KIMERA_MEMBER(Action, Clear), KIMERA_MEMBER(Action, Level)}},
      {"OrderAct",
       {KIMERA_MEMBER(OrderAct, New), KIMERA_MEMBER(OrderAct, Cancel),
        KIMERA_MEMBER(OrderAct, Replace), KIMERA_MEMBER(OrderAct, Terms)}},
      {"ReportAct",
       {KIMERA_MEMBER(ReportAct, Accepted), KIMERA_MEMBER(ReportAct, Rejected),
        KIMERA_MEMBER(ReportAct, Filled), KIMERA_MEMBER(ReportAct, Cancelled),
        KIMERA_MEMBER(ReportAct, Replaced), KIMERA_MEMBER(ReportAct, Expired),
        KIMERA_MEMBER(ReportAct, CancelRejected), KIMERA_MEMBER(ReportAct, Denied),
        KIMERA_MEMBER(ReportAct, Triggered)}},
      {"Status",
       {KIMERA_MEMBER(Status, Closed), KIMERA_MEMBER(Status, PreOpen),
        KIMERA_MEMBER(Status, OpeningAuction), KIMERA_MEMBER(Status, Trading),
        KIMERA_MEMBER(Status, Halted), KIMERA_MEMBER(Status, ClosingAuction)}},
      {"MarkAct",
       {KIMERA_MEMBER(MarkAct, Fundamental), KIMERA_MEMBER(MarkAct, LabelBegin),
        KIMERA_MEMBER(MarkAct, LabelEnd)}},
      {"Side", {KIMERA_MEMBER(Side, Bid), KIMERA_MEMBER(Side, Ask), KIMERA_MEMBER(Side, None)}},
      {"OrderType",
       {KIMERA_MEMBER(OrderType, Limit), KIMERA_MEMBER(OrderType, Market),
        KIMERA_MEMBER(OrderType, Stop), KIMERA_MEMBER(OrderType, StopLimit),
        KIMERA_MEMBER(OrderType, Pegged), KIMERA_MEMBER(OrderType, Midpoint)}},
      {"TimeInForce",
       {KIMERA_MEMBER(TimeInForce, Day), KIMERA_MEMBER(TimeInForce, Ioc),
        KIMERA_MEMBER(TimeInForce, Fok), KIMERA_MEMBER(TimeInForce, AtOpen),
        KIMERA_MEMBER(TimeInForce, AtClose)}},
      {"SelfTradePrevention",
       {KIMERA_MEMBER(SelfTradePrevention, None), KIMERA_MEMBER(SelfTradePrevention, CancelResting),
        KIMERA_MEMBER(SelfTradePrevention, CancelIncoming),
        KIMERA_MEMBER(SelfTradePrevention, CancelBoth),
        KIMERA_MEMBER(SelfTradePrevention, DecrementBoth)}},
      {"RefusalCode",
       {KIMERA_MEMBER(RefusalCode, None), KIMERA_MEMBER(RefusalCode, UnknownInstrument),
        KIMERA_MEMBER(RefusalCode, BadPrice), KIMERA_MEMBER(RefusalCode, BadSize),
        KIMERA_MEMBER(RefusalCode, UnknownOrder), KIMERA_MEMBER(RefusalCode, DuplicateOrderId),
        KIMERA_MEMBER(RefusalCode, WouldCross), KIMERA_MEMBER(RefusalCode, NoLiquidity),
        KIMERA_MEMBER(RefusalCode, CannotFill), KIMERA_MEMBER(RefusalCode, SelfTrade),
        KIMERA_MEMBER(RefusalCode, NotTrading), KIMERA_MEMBER(RefusalCode, BookFull),
        KIMERA_MEMBER(RefusalCode, NotSupported), KIMERA_MEMBER(RefusalCode, TooLate),
        KIMERA_MEMBER(RefusalCode, UnknownActor)}},
      {"TradeFlag", {{"AUCTION", trade_flag::kAuction}, {"NO_PRINT", trade_flag::kNoPrint}}},
      {"RecordFlag",
       {{"LAST", flag::kLast},
        {"SNAPSHOT", flag::kSnapshot},
        {"MAKER", flag::kMaker},
        {"BAD_RECV_TIME", flag::kBadRecvTime},
        {"GAP_BEFORE", flag::kGapBefore},
        {"HIDDEN", flag::kHidden},
        {"REVEALED", flag::kRevealed}}},
  };
#undef KIMERA_MEMBER
}

}  // namespace

void kimera::bind::model(nb::module_& m) {
  m.def("record_fields", &record_fields,
        "List every field of the record as (name, numpy format, offset in bytes).");
  m.def("enumerations", &enumerations,
        "List every enumeration of the record as (name, [(member, value)]).");
  m.def(
      "build_info",
      [] {
        const auto info = kimera::model::build_info();
        return std::make_tuple(std::string(info.compiler), std::string(info.instruction_set),
                               info.optimised, std::string(info.sanitizer));
      },
      "Tell how the native code was compiled: (compiler, instruction set, optimised, sanitizer).");
  m.attr("RECORD_BYTES") = sizeof(Record);
}
