// The special functions behind the plotting positions of the Weibull probability plot.
#pragma once

#include "core/kernels/bin_kernels.hpp"

namespace weightgauge {

// Exponential integral E1(u) = integral of exp(-t)/t from u to infinity, u > 0.
double expint_e1(double u);

// y(p) = ln(-ln(1 - p)): the Weibull plot's ordinate at plotting position p in (0, 1).
double weibull_y(double p);
// y'(p) = 1 / ((1 - p) (-ln(1 - p)))
double weibull_y_slope(double p);

// G(p) = integral of y from 0 to p, = -exp(-u) ln u - E1(u) at u = -ln(1 - p), less its value at 0
// (a constant that cancels in every difference).
double weibull_y_integral(double p);

// The same three by quintic Hermite interpolation where the table reaches (0.03 <= p <= 0.97,
// error below 2e-14), else directly.
struct YPoint {
  double integral;
  double y;
  double slope;
};
YPoint weibull_y_point(double p);
// The table itself, and whether it reaches.
const YTable& weibull_y_table();
bool weibull_y_tabulated(double p);

// Integral of (y(p) - centre)^2 over [p_low, p_high] inside (0, 1), by Gauss-Legendre panels in y.
double weibull_y_square_integral(double p_low, double p_high, double centre = 0);

}  // namespace weightgauge
