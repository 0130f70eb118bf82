// Hawkes processes with exponential kernels, in one pass over the events.
//
//   lambda_m(t) = mu_m + sum_k alpha_mk beta_mk sum_{t_j of k, t_j < t} exp(-beta_mk (t - t_j))
//
// alpha_mk is the mean number of events of kind m that one of kind k sets off directly. Events
// of one and the same time do not excite each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace kimera::microstructure {

struct HawkesParameters {
  double mu;     // events per second, > 0
  double alpha;  // branching ratio, >= 0
  double beta;   // per second, > 0
};

struct HawkesScore {
  double log_likelihood;
  double d_mu;
  double d_alpha;
  double d_beta;
};

// Log-likelihood and its gradient for event times [s] in [0, end], not decreasing.
[[nodiscard]] HawkesScore hawkes_score(std::span<const double> times, double end,
                                       const HawkesParameters& p) noexcept;
// The log-likelihood alone: less to compute, the same number.
[[nodiscard]] double hawkes_log_likelihood(std::span<const double> times, double end,
                                           const HawkesParameters& p) noexcept;

// residual[i] = integral of lambda from the event before (or 0) to event i: standard exponential
// and independent if the model is true.
void hawkes_residuals(std::span<const double> times, const HawkesParameters& p,
                      std::span<double> residual) noexcept;

// Several kinds: mark of each event in [0, n_marks). alpha and beta are row-major n_marks^2;
// gradient has n_marks + 2 n_marks^2 entries (mu, alpha, beta). Allocates its state.
[[nodiscard]] double hawkes_multivariate_score(std::span<const double> times,
                                               std::span<const std::int64_t> marks, double end,
                                               std::span<const double> mu,
                                               std::span<const double> alpha,
                                               std::span<const double> beta,
                                               std::span<double> gradient);

}  // namespace kimera::microstructure
