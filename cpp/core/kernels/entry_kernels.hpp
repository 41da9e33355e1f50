// The loops over a histogram's entries that every fit needs, once for each instruction set. Small
// slices come in tens of thousands, and for them these loops are most of the work.
//
// Sums are made in eight lanes, which are added up in one order: the bits are the same whatever the
// width of the vectors.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// F(z) = 1 - exp(-e^z), the Weibull distribution of z = k (ln |w| - ln lambda), at equal steps. See
// ks.cpp for how far straight lines between them are from the curve.
struct CdfTable {
  static constexpr double lowest = -12;
  static constexpr double highest = 4;
  static constexpr double steps_per_unit = 64;
  static constexpr std::size_t values = 1026;
  double value[values];
};

// What distances between an empirical distribution and a Weibull distribution are made from.
struct CdfInput {
  const double* x;             // ln |w| of every entry, ascending, relative to some unit
  const std::uint64_t* ranks;  // elements up to every entry, its own included
  std::size_t entries;
  double k;
  double offset;  // ln lambda, relative to the same unit
  const CdfTable* table;
};
// Entries of one group; of most groups the ends alone tell that they cannot hold the largest
// distance.
constexpr std::size_t cdf_group = 8;

// Weighted sums over points (x, y), centred.
struct LineSums {
  double weight;
  double mean_x;
  double xx;
  double xy;
};

// What the influence of an element on k and on ln lambda is made from: see add_standard_errors().
struct InfluenceInput {
  const double* x;
  const double* y;
  const double* count;
  std::size_t points;
  double next_x;
  double k;
  double mean_x;
  double mean_y;
  double each;       // 1 / (share of the window x variance of X)
  double per_step;   // 1 / share
  double per_slope;  // mean_y / k^2
};
struct InfluenceSums {
  double g_k;  // G below the first point
  double g_lambda;
  double sum_k;  // of G over the elements of all points
  double sum_lambda;
  double square_k;
  double square_lambda;
};

struct EntryKernels {
  // Those of counts[first..end) that are not zero: codes and counts, in ascending order. Returns
  // how many. `codes` and `found` have room for end - first numbers and gather_slack more.
  std::size_t (*take_counts)(const std::uint32_t* counts, std::size_t first, std::size_t end,
                             std::uint32_t* codes, std::uint32_t* found);
  // Their sum, which must be below 2^32.
  std::uint32_t (*sum_short_counts)(const std::uint32_t* counts, std::size_t n);
  // The same numbers in 64 bits.
  void (*lengthen)(const std::uint32_t* numbers, std::size_t n, std::uint64_t* longer);
  // The sum of each number and all before it.
  void (*running_sums)(const std::uint64_t* counts, std::size_t n, std::uint64_t* sums);
  std::uint64_t (*sum_counts)(const std::uint64_t* counts, std::size_t n);
  // Counts as the nearest doubles.
  void (*to_doubles)(const std::uint64_t* counts, std::size_t n, double* numbers);
  // Doubles whose bits are keys << shift, plus `rebias`.
  void (*widen_keys)(const std::uint64_t* keys, std::size_t n, int shift, std::uint64_t rebias,
                     double* values);
  // x = ln(value / unit), for normal values with so many bits of mantissa as the table of their
  // logarithms is for. The unit: its exponent, biased as in the bits of a double, and its
  // mantissa's logarithm.
  void (*short_logs)(const double* values, std::size_t n, const double* table, int table_bits,
                     double exponent, double log_unit, double* x);
  // Sum of count (value factor factor2)^2.
  double (*sum_squares)(const double* values, const std::uint64_t* counts, std::size_t n,
                        double factor, double factor2);
  // Sums over points, with X and y centred.
  LineSums (*sum_line)(const double* weight, const double* x, const double* y, std::size_t n,
                       double mean_y);
  // y[i] = (sums[i + 1] - sums[i]) / weight[i]
  void (*divide_differences)(const double* sums, const double* weight, std::size_t n, double* y);
  // `g` has room for two numbers a point.
  InfluenceSums (*sum_influences)(const InfluenceInput& input, double* g);
  // For each group the most that a distance inside it can be; returns the largest at an end.
  double (*bound_distances)(const CdfInput& input, double* most);
  // Distances of the entries in groups that may hold one as large as `best` - `error`; returns the
  // largest found, or `best`.
  double (*distances)(const CdfInput& input, const double* most, double best, double error,
                      double* found);
};

}  // namespace weightgauge
