#include "core/ks.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/log_magnitude.hpp"

namespace weightgauge {

namespace {

// F as a function of z = k (ln |w| - ln lambda): 1 - exp(-e^z), by linear interpolation.
class TabulatedCdf {
 public:
  TabulatedCdf() {
    for (std::size_t i = 0; i < steps + 2; ++i) {
      const double z = lowest + static_cast<double>(i) / steps_per_unit;
      value_[i] = -std::expm1(-std::exp(z));
    }
  }
  // Chord against curve: the step's square over 8, times |F''| <= 0.31; beyond the table's ends F
  // is below 7e-6 or above 1 - 1e-23.
  static constexpr double error = 1e-5;

  // In steps of the table, for at().
  static double place(double z) {
    const double above = z - lowest > 0 ? z - lowest : 0.0;
    return (above < highest - lowest ? above : highest - lowest) * steps_per_unit;
  }
  double at(double place) const {
    const auto i = static_cast<std::int32_t>(place);
    const double* const value = value_.data() + i;
    return value[0] + (place - i) * (value[1] - value[0]);
  }

 private:
  static constexpr double lowest = -12;
  static constexpr double highest = 4;
  static constexpr double steps_per_unit = 64;
  static constexpr std::size_t steps = 1024;
  std::array<double, steps + 2> value_{};
};

// Both distribution functions only rise: what they are at the ends of a group of entries bounds
// every distance inside it. Most groups cannot hold the largest one, and are not looked into.
constexpr std::size_t exact_group = 8;

class ExactDistance {
 public:
  ExactDistance(const Histogram& histogram, const EntryPlaces& places, double k, LogScale lambda)
      : histogram_(histogram),
        x_(places.x.data()),
        ranks_(places.ranks.data()),
        entries_(histogram.size()),
        n_(to_double(ranks_[entries_ - 1])),
        each_(1 / n_),
        k_(k),
        lambda_(lambda) {}

  // sup |F_n - F| by a table first; whatever comes near the largest of these distances is then
  // computed in full.
  double largest() {
    const std::size_t groups = (entries_ + exact_group - 1) / exact_group;
    thread_local std::vector<double> memory;
    memory.resize(std::max(memory.size(), 2 * groups + entries_));
    double* const f = memory.data();
    double* const most = f + groups;
    double* const distances = most + groups;
    double best = bound_groups(groups, f, most);
    // Roundings of p and z count as well: where k is huge, so are those of z.
    const double error = 2 * (TabulatedCdf::error + 1e-9 + k_ * log_ratio_error);
    for (std::size_t g = 0; g < groups; ++g) {
      if (most[g] >= best - error) {
        best = std::max(best, look_inside(g, distances));
      }
    }
    const double near = best - error;
    double exact = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      if (most[g] >= near) {
        for (std::size_t i = begin_of(g); i < end_of(g); ++i) {
          if (distances[i] >= near) {
            exact = std::max(exact, exact_at(i));
          }
        }
      }
    }
    return exact;
  }

 private:
  static const TabulatedCdf& table() {
    static const TabulatedCdf tabulated;
    return tabulated;
  }
  std::size_t begin_of(std::size_t group) const { return group * exact_group; }
  std::size_t end_of(std::size_t group) const {
    return std::min(begin_of(group) + exact_group, entries_);
  }
  double share(std::size_t entries) const {
    return entries == 0 ? 0 : to_double(ranks_[entries - 1]) / n_;
  }

  // F at the end of each group, the most that a distance inside it can be, and the largest distance
  // at an end.
  double bound_groups(std::size_t groups, double* f, double* most) const {
    double best = 0, f_before = 0, share_before = 0;
    for (std::size_t g = 0; g < groups; ++g) {
      f[g] = TabulatedCdf::place(k_ * (x_[end_of(g) - 1] - lambda_.offset));
    }
    for (std::size_t g = 0; g < groups; ++g) {
      const double f_end = table().at(f[g]);
      const double share_end = to_double(ranks_[end_of(g) - 1]) * each_;
      most[g] = std::max(share_end - f_before, f_end - share_before);
      best = std::max(best, std::fabs(share_end - f_end));
      f_before = f_end;
      share_before = share_end;
    }
    return best;
  }

  double look_inside(std::size_t group, double* distances) const {
    const std::size_t begin = begin_of(group);
    const std::size_t end = end_of(group);
    double below = begin == 0 ? 0 : to_double(ranks_[begin - 1]) * each_;
    double best = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const double f = table().at(TabulatedCdf::place(k_ * (x_[i] - lambda_.offset)));
      const double above = to_double(ranks_[i]) * each_;
      distances[i] = std::max(above - f, f - below);
      best = std::max(best, distances[i]);
      below = above;
    }
    return best;
  }

  double exact_at(std::size_t i) const {
    const double value = magnitude_value(histogram_.dtype, histogram_.keys[i]);
    const double f = weibull_cdf(scaled(value), k_, lambda_);
    return std::max(f - share(i), share(i + 1) - f);
  }

  const Histogram& histogram_;
  const double* x_;
  const std::uint64_t* ranks_;
  std::size_t entries_;
  double n_;
  double each_;
  double k_;
  LogScale lambda_;
};

// The same for bins, of which only the edges are known.
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
      const double f_high = cdf(entry.high);
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
  if (!histogram.exact()) {
    return Distances(histogram, n, k, lambda).largest();
  }
  EntryPlaces places;
  note_ranks(histogram, places.ranks);
  places.x.resize(histogram.size());
  std::vector<double> values(histogram.size());
  magnitude_values(histogram.dtype, histogram.keys.data(), histogram.size(), values.data());
  const double unit = std::ldexp(lambda.unit.mantissa, lambda.unit.exponent);
  log_ratios(DType::f64, values.data(), values.size(), unit, places.x.data());
  return ExactDistance(histogram, places, k, lambda).largest();
}

double ks_distance(const Histogram& histogram, const EntryPlaces& places, std::uint64_t n, double k,
                   LogScale lambda) {
  return histogram.exact() ? ExactDistance(histogram, places, k, lambda).largest()
                           : Distances(histogram, n, k, lambda).largest();
}

double ks_shortfall(double k) {
  // The steepest point of F against ln |w| is at the scale itself: slope k/e.
  return std::fabs(k) * std::ldexp(1.0, -binned_mantissa_bits) / 2.718281828459045;
}

}  // namespace weightgauge
