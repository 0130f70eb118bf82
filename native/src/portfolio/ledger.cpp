#include "kimera/portfolio/ledger.hpp"

#include <algorithm>
#include <cassert>
#include <cstdlib>

namespace kimera::portfolio {

using model::Kind;
using model::kNoPrice;
using model::Record;
using model::ReportAct;
using model::Side;
using model::flag::kMaker;

Units divide_rounded(Units numerator, Units denominator) noexcept {
  assert(denominator != 0);
  const bool negative = (numerator < 0) != (denominator < 0);
  const Units a = numerator < 0 ? -numerator : numerator;
  const Units b = denominator < 0 ? -denominator : denominator;
  const Units rounded = (a / b) + (2 * (a % b) >= b ? 1 : 0);
  return negative ? -rounded : rounded;
}

Units fill_value(Contract contract, std::int64_t price_ticks, std::int64_t size_lots) noexcept {
  if (contract == Contract::Linear) return Units{price_ticks} * size_lots * kFeeScale;
  return divide_rounded(Units{size_lots} * kInverseScale, price_ticks);
}

Ledger::Ledger(std::span<const LedgerInstrument> instruments)
    : instruments_(instruments.begin(), instruments.end()), accounts_(instruments.size()) {}

namespace {

// Average cost. `flow` is what the fill brought in cash (negative: paid); open_cost is minus the
// cash that built the open position, so that unrealised = marked - open_cost.
void book_cost(Account& account, std::int64_t signed_lots, Units flow) noexcept {
  const std::int64_t held = account.position_lots;
  if (held == 0 || (held > 0) == (signed_lots > 0)) {
    account.open_cost -= flow;
    return;
  }
  const std::int64_t closing = std::min(std::abs(held), std::abs(signed_lots));
  const Units flow_closing = closing == std::abs(signed_lots)
                                 ? flow
                                 : divide_rounded(flow * closing, std::abs(signed_lots));
  const Units cost_closing = closing == std::abs(held)
                                 ? account.open_cost
                                 : divide_rounded(account.open_cost * closing, std::abs(held));
  account.realised += flow_closing - cost_closing;
  account.open_cost -= cost_closing;
  account.open_cost -= flow - flow_closing;  // the part that opens the other way
}

}  // namespace

bool Ledger::apply(const Record& fill, std::int64_t mid2) noexcept {
  const std::uint32_t id = fill.instrument_id;
  if (fill.kind != Kind::Report || fill.report_act() != ReportAct::Filled || id == 0 ||
      id > accounts_.size() || fill.size_lots <= 0 || fill.price_ticks == kNoPrice ||
      fill.side == Side::None) {
    return false;
  }
  const LedgerInstrument& instrument = instruments_[id - 1];
  const bool inverse = instrument.contract == Contract::Inverse;
  if (inverse && fill.price_ticks <= 0) return false;
  Account& account = accounts_[id - 1];
  const bool buys = fill.side == Side::Bid;
  const std::int64_t signed_lots = buys ? fill.size_lots : -fill.size_lots;
  const Units value = fill_value(instrument.contract, fill.price_ticks, fill.size_lots);
  // A buyer of a linear contract pays; of an inverse one he receives size / price and owes it at
  // the price he sells for.
  const Units flow = buys == inverse ? value : -value;
  book_cost(account, signed_lots, flow);
  account.cash += flow;
  account.position_lots += signed_lots;
  const bool maker = (fill.flags & kMaker) != 0;
  const std::int64_t rate = maker ? instrument.maker_fee_e7 : instrument.taker_fee_e7;
  const Units magnitude = value < 0 ? -value : value;
  account.fees += divide_rounded(magnitude * rate, kFeeScale);
  (buys ? account.bought_lots : account.sold_lots) += fill.size_lots;
  (maker ? account.maker_lots : account.taker_lots) += fill.size_lots;
  ++account.n_fills;
  if (!inverse && mid2 != kNoPrice) {
    account.spread += Units{mid2 - 2 * fill.price_ticks} * signed_lots * (kFeeScale / 2);
  }
  return true;
}

Units Ledger::marked(std::uint32_t instrument_id, std::int64_t mid2) const noexcept {
  const Account& account = accounts_[instrument_id - 1];
  if (account.position_lots == 0 || mid2 == kNoPrice) return 0;
  if (instruments_[instrument_id - 1].contract == Contract::Linear) {
    return Units{mid2} * account.position_lots * (kFeeScale / 2);
  }
  if (mid2 <= 0) return 0;
  return -divide_rounded(Units{account.position_lots} * 2 * kInverseScale, mid2);
}

Units Ledger::profit(std::uint32_t instrument_id, std::int64_t mid2) const noexcept {
  const Account& account = accounts_[instrument_id - 1];
  return account.cash + marked(instrument_id, mid2) - account.fees;
}

}  // namespace kimera::portfolio
