#include "core/fit/censoring.hpp"

#include "core/fit/special.hpp"

namespace weightgauge {

CensoredEnd censored_end(const Plot& plot, double n, const Fit& fit) {
  if (!plot.cut_by_zeros) {
    return {};
  }
  const Moments& moments = plot.moments;
  const double share = moments.weight / n;
  const double spread = moments.xx / moments.weight;
  const double x = plot.x.front() - moments.mean_x;
  const double residual = weibull_y(plot.below / n) - moments.mean_y - fit.k * x;
  CensoredEnd end;
  end.k = x * residual / (share * spread);
  end.ln_lambda = moments.mean_y / (fit.k * fit.k) * end.k - residual / (fit.k * share);
  return end;
}

}  // namespace weightgauge
