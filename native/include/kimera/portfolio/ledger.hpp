// What we own, in exact integers: fills in; positions, cash, fees and profit out.
//
// Money is counted per instrument in its own unit, in 128-bit integers:
//   linear    1 unit = tick x lot x multiplier x 1e-7   (quote currency); a fee in 1e-7 is exact
//   inverse   1 unit = lot x multiplier / tick x 1e-18  (base currency); the value of a fill,
//             size / price, is rounded to the nearest unit once, and the fee likewise
// Profit = cash + position at mid - fees, always to the last unit. Its split into realised and
// unrealised is by average cost; a closing fill rounds the cost it takes out to a whole unit and
// leaves the rest with the open position, so the two parts always add up to the whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kimera/model/record.hpp"

namespace kimera::portfolio {

__extension__ using Units = __int128;

inline constexpr std::int64_t kFeeScale = 10'000'000;                     // fees are in 1e-7
inline constexpr std::int64_t kInverseScale = 1'000'000'000'000'000'000;  // units of size / price

enum class Contract : std::uint8_t { Linear = 0, Inverse = 1 };

struct LedgerInstrument {
  std::int64_t maker_fee_e7 = 0;
  std::int64_t taker_fee_e7 = 0;
  Contract contract = Contract::Linear;
};

struct Account {
  std::int64_t position_lots = 0;
  std::int64_t bought_lots = 0;
  std::int64_t sold_lots = 0;
  std::int64_t maker_lots = 0;
  std::int64_t taker_lots = 0;
  std::uint64_t n_fills = 0;
  Units cash = 0;       // received minus paid for fills, before fees
  Units fees = 0;       // paid; negative is a rebate
  Units realised = 0;   // closed trades by average cost, before fees
  Units open_cost = 0;  // what the open position cost (signed like the position; see ledger.cpp)
  Units spread = 0;     // sum of side x (mid - price) x size; linear contracts only
};

class Ledger {
 public:
  explicit Ledger(std::span<const LedgerInstrument> instruments);

  // Take a Report Filled of instrument 1..n; `mid2` is twice the mid [ticks] the fill is measured
  // against, or kNoPrice. False, and nothing changes, when the record is no fill of a known
  // instrument with a positive size (and, inverse, a positive price).
  [[nodiscard]] bool apply(const model::Record& fill, std::int64_t mid2) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return accounts_.size(); }
  [[nodiscard]] const Account& account(std::uint32_t instrument_id) const noexcept {
    return accounts_[instrument_id - 1];
  }
  [[nodiscard]] std::int64_t position_lots(std::uint32_t instrument_id) const noexcept {
    return accounts_[instrument_id - 1].position_lots;
  }
  // What the open position would bring at twice-the-mid `mid2` [ticks]; 0 when flat.
  [[nodiscard]] Units marked(std::uint32_t instrument_id, std::int64_t mid2) const noexcept;
  // Profit after fees with the position marked at `mid2`; cash alone when flat.
  [[nodiscard]] Units profit(std::uint32_t instrument_id, std::int64_t mid2) const noexcept;

 private:
  std::vector<LedgerInstrument> instruments_;
  std::vector<Account> accounts_;
};

// Value of `size_lots` at `price_ticks` in units of the contract, >= 0 for positive arguments.
[[nodiscard]] Units fill_value(Contract contract, std::int64_t price_ticks,
                               std::int64_t size_lots) noexcept;
// numerator / denominator rounded to the nearest integer, halves away from zero.
[[nodiscard]] Units divide_rounded(Units numerator, Units denominator) noexcept;

}  // namespace kimera::portfolio
