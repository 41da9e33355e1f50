// The Weibull probability-plot fit: least squares of y = ln(-ln(1 - p)) on X = ln |w|.
#pragma once

#include <cstdint>
#include <vector>

#include "core/fit/hazen.hpp"
#include "core/fit/influence.hpp"
#include "core/fit/ks.hpp"
#include "core/fit/probability_plot.hpp"
#include "core/histogram/histogram.hpp"

namespace weightgauge {

// Fewer magnitudes than this have no line.
constexpr std::uint64_t least_order_n = 10;

enum class FitStatus : std::uint8_t {
  ok,
  empty,           // no non-zero finite magnitude
  too_few,         // fewer than 10 (order) or 100 (paper)
  few_magnitudes,  // two or fewer different magnitudes
  flat_window,     // one magnitude fills the whole trimmed window
  few_bins,        // paper protocol: fewer than five occupied bins in the window
  censored,        // zeros have ranks and leave fewer than 10 others inside the window
};

struct Fit {
  FitStatus status = FitStatus::empty;
  double k;  // NaN unless status is ok, like all that follows
  double lambda;
  LogScale log_scale;  // lambda as the distances need it
  double r2;
  double ks;
  double k_se;
  double ln_lambda_se;
  // Proven bound on the relative difference of k, lambda and R2 from the exact fit: 0 where the
  // histogram is exact.
  double error_bound = 0;
  double ks_shortfall = 0;  // by how much KS may be too small: 0 where it is exact
  Fit();
};

// k, lambda and R2 of the line through the plot's points, by its moments; KS and standard errors
// are left NaN.
Fit fit_of_moments(const Plot& plot, const HazenSums& sums);

// A worker's memory for fits, kept from one to the next.
struct FitSpace {
  HazenCache ordinates;
  Plot plot;
  PlotSpace plot_space;
  std::vector<double> distances;
  Influences influences;
};

// The line alone: status, k, lambda and R2; all else is left NaN. `n` is histogram.n().
Fit line_of_histogram(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                      FitSpace& space);

// The whole fit from a histogram, KS and standard errors included. `n` is histogram.n().
Fit fit_histogram(const Histogram& histogram, std::uint64_t n, Trim trim, Zeros zeros,
                  FitSpace& space);

// Standard errors of k and ln lambda for independent magnitudes, straight from the counts: the
// spread of the estimator's influence function over all n elements.
void add_standard_errors(const Plot& plot, std::uint64_t n, Fit& fit, Influences& influences);

// Fewer magnitudes than any fit can use? Otherwise ok.
FitStatus fittable(const Histogram& histogram, std::uint64_t n, std::uint64_t least_n);

}  // namespace weightgauge
