#include "core/ks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/kernels/kernels.hpp"
#include "core/log_magnitude.hpp"

namespace weightgauge {

namespace {

CdfTable make_cdf_table() {
  CdfTable table{};
  for (std::size_t i = 0; i < CdfTable::values; ++i) {
    const double z = CdfTable::lowest + static_cast<double>(i) / CdfTable::steps_per_unit;
    table.value[i] = -std::expm1(-std::exp(z));
  }
  return table;
}

const CdfTable& cdf_table() {
  static const CdfTable table = make_cdf_table();
  return table;
}

// Chord against curve: the step's square over 8, times |F''| <= 0.31; beyond the table's ends F is
// below 7e-6 or above 1 - 1e-23.
constexpr double cdf_table_error = 1e-5;

// sup |F_n - F| at every magnitude. Both functions only rise: what they are at the ends of a group
// of entries bounds every distance inside it, and most groups are not looked into. The others are
// by a table first; whatever comes near the largest of these distances is then computed in full.
double exact_distance(const Histogram& histogram, const EntryPlaces& places, double k,
                      LogScale lambda) {
  const std::size_t entries = histogram.size();
  const std::size_t groups = (entries + cdf_group - 1) / cdf_group;
  thread_local std::vector<double> memory;
  memory.resize(std::max(memory.size(), groups + entries));
  double* const most = memory.data();
  double* const found = most + groups;
  const CdfInput input = {places.x.data(), places.ranks.data(), entries, k,
                          lambda.offset,   &cdf_table()};
  // Roundings of p and z count as well: where k is huge, so are those of z.
  const double error = 2 * (cdf_table_error + 1e-9 + k * log_ratio_error);
  const double best = kernels().entries.distances(
      input, most, kernels().entries.bound_distances(input, most), error, found);
  const double near = best - error;
  const double n = to_double(places.ranks.back());
  double exact = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    if (!(most[g] >= near)) {
      continue;
    }
    const std::size_t end = std::min(g * cdf_group + cdf_group, entries);
    for (std::size_t i = g * cdf_group; i < end; ++i) {
      if (found[i] >= near) {
        const double value = magnitude_value(histogram.dtype, histogram.keys[i]);
        const double f = weibull_cdf(scaled(value), k, lambda);
        const double below = i == 0 ? 0 : to_double(places.ranks[i - 1]) / n;
        exact = std::max({exact, f - below, to_double(places.ranks[i]) / n - f});
      }
    }
  }
  return exact;
}

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
