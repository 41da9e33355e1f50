#include "core/fit/ks.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/histogram/log_magnitude.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

CdfTable make_cdf_table() {
  const auto value = [](std::size_t i) {
    const double z = CdfTable::lowest + static_cast<double>(i) / CdfTable::steps_per_unit;
    return -std::expm1(-std::exp(z));
  };
  CdfTable table{};
  for (std::size_t i = 0; i < CdfTable::values; ++i) {
    table.at[i] = {value(i), value(i + 1) - value(i)};
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

// The largest |F_n - F| over all magnitudes. Both functions only rise, so their values at the ends
// of a group of entries bound every distance inside it, and most groups need no further look. In
// the others F comes from a table first. Only distances near the largest one found in this way are
// then computed in full.
double exact_distance(const Histogram& histogram, const EntryPlaces& places, double k,
                      LogScale lambda, std::vector<double>& memory) {
  const std::size_t entries = histogram.size();
  const std::size_t groups = (entries + cdf_group - 1) / cdf_group;
  memory.resize(std::max(memory.size(), groups + entries));
  double* const most = memory.data();
  double* const found = most + groups;
  const std::uint64_t below_all = places.ranks[0] - histogram.counts[0];
  const CdfInput input = {places.x.data(), places.ranks.data(), entries, below_all, k,
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
        const double below = to_double(places.ranks[i] - histogram.counts[i]) / n;
        exact = std::max({exact, f - below, to_double(places.ranks[i]) / n - f});
      }
    }
  }
  return exact;
}

// The same for bins, of which only the edges are known. F is computed at the lower end of a group
// of bins alone: at its upper end F is not above its value at the next group's lower end. Groups
// that may hold the largest distance are divided into parts, and these again.
class Distances {
 public:
  Distances(const Histogram& histogram, const std::vector<std::uint64_t>& ranks, double k,
            LogScale lambda)
      : histogram_(histogram), ranks_(ranks), n_(to_double(ranks.back())), k_(k), lambda_(lambda) {}

  EdgeDistances at_edges() {
    look_at_parts(0, histogram_.size(), group_size, 1.0);
    const auto hopeless = [this](const Contender& one) { return one.most <= found_.largest; };
    std::vector<Contender>& all = found_.contenders;
    all.erase(std::remove_if(all.begin(), all.end(), hopeless), all.end());
    return std::move(found_);
  }

 private:
  static constexpr std::size_t group_size = 64;
  static constexpr std::size_t part_size = 8;

  // Entries begin..end-1, the entry `end` having F at its lower end.
  void look_at_parts(std::size_t begin, std::size_t end, std::size_t size, double f_end) {
    const std::size_t parts = (end - begin + size - 1) / size;
    double& largest = found_.largest;
    std::vector<double> f(parts + 1, f_end);
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t from = begin + part * size;
      f[part] = cdf(entry_at(histogram_, from).low);
      const double above = f[part] - share_before(from);
      // Elements below the first bin may be anywhere there: F is looked at from that bin on.
      largest = std::max(largest, from == 0 ? above : std::fabs(above));
    }
    for (std::size_t part = 0; part < parts; ++part) {
      const std::size_t from = begin + part * size;
      const std::size_t to = std::min(from + size, end);
      const double most = std::max(share_before(to) - f[part], f[part + 1] - share_before(from));
      if (most > largest && size > 1) {
        look_at_parts(from, to, size > part_size ? part_size : 1, f[part + 1]);
      } else if (most > largest) {
        const double f_high = cdf(entry_at(histogram_, from).high);
        largest = std::max(largest, std::fabs(share_before(to) - f_high));
        found_.contenders.push_back(
            {from, std::max(share_before(to) - f[part], f_high - share_before(from))});
      }
    }
  }

  double share_before(std::size_t entry) const {
    return to_double(entry == 0 ? ranks_[0] - histogram_.counts[0] : ranks_[entry - 1]) / n_;
  }

  double cdf(double magnitude) const {
    return magnitude > 0 ? weibull_cdf(scaled(magnitude), k_, lambda_) : 0.0;
  }

  const Histogram& histogram_;
  const std::vector<std::uint64_t>& ranks_;
  double n_;
  double k_;
  LogScale lambda_;
  EdgeDistances found_;
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

KsDistance ks_distance(const Histogram& histogram, double k, LogScale lambda) {
  EntryPlaces places;
  note_ranks(histogram, places.ranks);
  if (histogram.exact()) {
    places.x.resize(histogram.size());
    std::vector<double> values(histogram.size());
    magnitude_values(histogram.dtype, histogram.keys.data(), histogram.size(), values.data());
    const double unit = std::ldexp(lambda.unit.mantissa, lambda.unit.exponent);
    log_ratios(DType::f64, values.data(), values.size(), unit, places.x.data());
  }
  std::vector<double> memory;
  return ks_distance(histogram, places, k, lambda, memory);
}

KsDistance ks_distance(const Histogram& histogram, const EntryPlaces& places, double k,
                       LogScale lambda, std::vector<double>& memory) {
  if (histogram.exact()) {
    return {exact_distance(histogram, places, k, lambda, memory), 0};
  }
  // No distance inside a bin exceeds that at its edges by more than the step of F across the bin.
  // The step is small (k 2^-13 / e) unless the bin is of subnormal magnitudes: such bins are as
  // wide as their magnitudes, or wider.
  const EdgeDistances edges = edge_distances(histogram, places.ranks, k, lambda);
  double most = edges.largest;
  for (const Contender& contender : edges.contenders) {
    most = std::max(most, contender.most);
  }
  return {edges.largest, most - edges.largest};
}

EdgeDistances edge_distances(const Histogram& bins, const std::vector<std::uint64_t>& ranks,
                             double k, LogScale lambda) {
  return Distances(bins, ranks, k, lambda).at_edges();
}

}  // namespace weightgauge
