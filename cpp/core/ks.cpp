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

// sup |F_n - F| by a table first; whatever comes near the largest of these distances is then
// computed in full.
double exact_distance(const Histogram& histogram, const EntryPlaces& places, double k,
                      LogScale lambda) {
  static const TabulatedCdf tabulated;
  thread_local std::vector<double> memory;
  const std::size_t entries = histogram.size();
  memory.resize(std::max(memory.size(), entries));
  double* const distances = memory.data();
  const double* const x = places.x.data();
  const std::uint64_t* const ranks = places.ranks.data();
  const double offset = lambda.offset;
#pragma omp simd
  for (std::size_t i = 0; i < entries; ++i) {
    distances[i] = TabulatedCdf::place(k * (x[i] - offset));
  }
  for (std::size_t i = 0; i < entries; ++i) {
    distances[i] = tabulated.at(distances[i]);
  }
  const double n = to_double(ranks[entries - 1]);
  const double each = 1 / n;
  double largest = std::max(distances[0], to_double(ranks[0]) * each - distances[0]);
  distances[0] = largest;
#pragma omp simd reduction(max : largest)
  for (std::size_t i = 1; i < entries; ++i) {
    const double above = to_double(ranks[i]) * each - distances[i];
    const double below = distances[i] - to_double(ranks[i - 1]) * each;
    distances[i] = above > below ? above : below;
    largest = distances[i] > largest ? distances[i] : largest;
  }
  // Roundings of p and z count as well: where k is huge, so are those of z.
  const double near = largest - 2 * (TabulatedCdf::error + 1e-9 + k * log_ratio_error);
  double best = 0;
  for (std::size_t i = 0; i < entries; ++i) {
    if (distances[i] >= near) {
      const double value = magnitude_value(histogram.dtype, histogram.keys[i]);
      const double f = weibull_cdf(scaled(value), k, lambda);
      const double p_low = i == 0 ? 0.0 : to_double(ranks[i - 1]) / n;
      best = std::max(best, std::max(f - p_low, to_double(ranks[i]) / n - f));
    }
  }
  return best;
}

// Between the first and the last bin of a group both distribution functions only rise, so the
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
  return exact_distance(histogram, places, k, lambda);
}

double ks_distance(const Histogram& histogram, const EntryPlaces& places, std::uint64_t n, double k,
                   LogScale lambda) {
  return histogram.exact() ? exact_distance(histogram, places, k, lambda)
                           : Distances(histogram, n, k, lambda).largest();
}

double ks_shortfall(double k) {
  // The steepest point of F against ln |w| is at the scale itself: slope k/e.
  return std::fabs(k) * std::ldexp(1.0, -binned_mantissa_bits) / 2.718281828459045;
}

}  // namespace weightgauge
