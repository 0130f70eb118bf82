// Distribution functions that bulk volume classification needs.
#pragma once

#include <span>

namespace kimera::microstructure {

// Standard normal distribution function of each z; NaN stays NaN. Sizes must be equal.
void normal_cdf(std::span<const double> z, std::span<double> out) noexcept;

// Student's t with `dof` > 0 degrees of freedom, by the incomplete beta function.
void student_t_cdf(std::span<const double> t, double dof, std::span<double> out) noexcept;

}  // namespace kimera::microstructure
