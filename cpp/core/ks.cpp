#include "core/ks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weightgauge {

namespace {

// Between the first and the last entry of a group both distribution functions only rise, so the
// group's ends bound every distance inside it. The distances at the ends are reached themselves:
// once all of them are known, few groups need a look inside.
constexpr std::size_t group_size = 64;

struct Group {
  std::size_t begin;
  std::size_t end;
  std::uint64_t below;
  double most;
};

class Distances {
 public:
  Distances(const Histogram& histogram, std::uint64_t n, double k, LogScale lambda)
      : histogram_(histogram), n_(static_cast<double>(n)), k_(k), lambda_(lambda) {}

  double largest() const {
    double best = 0;
    std::vector<Group> groups;
    std::uint64_t below = 0;
    for (std::size_t begin = 0; begin < histogram_.size(); begin += group_size) {
      const std::size_t end = std::min(begin + group_size, histogram_.size());
      std::uint64_t above = below;
      for (std::size_t i = begin; i < end; ++i) {
        above += histogram_.counts[i];
      }
      const double p_low = static_cast<double>(below) / n_;
      const double p_high = static_cast<double>(above) / n_;
      const double f_low = cdf(entry_at(histogram_, begin).low);
      const double f_high = cdf(entry_at(histogram_, end - 1).high);
      best = std::max(best, std::max(std::fabs(p_low - f_low), std::fabs(p_high - f_high)));
      groups.push_back({begin, end, below, std::max(p_high - f_low, f_high - p_low)});
      below = above;
    }
    for (const Group& group : groups) {
      if (group.most > best) {
        best = std::max(best, inside(group.begin, group.end, group.below));
      }
    }
    return best;
  }

 private:
  double inside(std::size_t begin, std::size_t end, std::uint64_t below) const {
    double best = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::uint64_t above = below + histogram_.counts[i];
      const Entry entry = entry_at(histogram_, i);
      const double f_low = cdf(entry.low);
      const double f_high = entry.high > entry.low ? cdf(entry.high) : f_low;
      best = std::max(best, std::fabs(static_cast<double>(below) / n_ - f_low));
      best = std::max(best, std::fabs(static_cast<double>(above) / n_ - f_high));
      below = above;
    }
    return best;
  }

  double cdf(double magnitude) const {
    return magnitude > 0 ? weibull_cdf(scaled(magnitude), k_, lambda_) : 0.0;
  }

  const Histogram& histogram_;
  double n_;
  double k_;
  LogScale lambda_;
};

}  // namespace

double scale_value(LogScale lambda) {
  // exp(offset) = 2^doublings exp(rest), with ln 2 in two parts so that the rest keeps its digits
  constexpr double ln2_high = 6.93147180369123816490e-01;
  constexpr double ln2_low = 1.90821492927058770002e-10;
  const double doublings = std::nearbyint(lambda.offset / (ln2_high + ln2_low));
  if (!(std::fabs(doublings) < 1e6)) {  // beyond any format, or NaN
    return std::exp(lambda.offset);
  }
  const double rest = (lambda.offset - doublings * ln2_high) - doublings * ln2_low;
  return std::ldexp(lambda.unit.mantissa * std::exp(rest),
                    lambda.unit.exponent + static_cast<int>(doublings));
}

double weibull_cdf(Scaled magnitude, double k, LogScale lambda) {
  return -std::expm1(-std::exp(k * (log_ratio(magnitude, lambda.unit) - lambda.offset)));
}

double ks_distance(const Histogram& histogram, std::uint64_t n, double k, LogScale lambda) {
  return Distances(histogram, n, k, lambda).largest();
}

double ks_shortfall(double k) {
  // The steepest point of F against ln |w| is at the scale itself: slope k/e.
  return std::fabs(k) * std::ldexp(1.0, -binned_mantissa_bits) / 2.718281828459045;
}

}  // namespace weightgauge
