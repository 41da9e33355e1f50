// The loops over a histogram's entries that every fit needs, one set of them for each instruction
// set. Small slices come in tens of thousands, and for them these loops are most of the work.
//
// Sums are made in eight lanes, which are added in one fixed order. So their bits do not depend on
// the width of vectors.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// F(z) = 1 - exp(-e^z), the Weibull distribution of z = k (ln |w| - ln lambda), at equal steps.
// ks.cpp says how far straight lines between these values are from the curve.
struct CdfTable {
  static constexpr double lowest = -12;
  static constexpr double highest = 4;
  static constexpr double steps_per_unit = 64;
  static constexpr std::size_t values = 1025;
  struct {
    double value;
    double rise;  // to the next value
  } at[values];
};

// An empirical distribution and the Weibull distribution from which its distance is wanted.
struct CdfInput {
  const double* x;             // ln(|w| / unit) of every entry, ascending; any unit
  const std::uint64_t* ranks;  // number of elements up to every entry, its own included
  std::size_t entries;
  std::uint64_t below;  // elements below the first entry
  double k;
  double offset;  // ln(lambda / unit)
  const CdfTable* table;
};
// Entries are taken in groups of so many. The ends of a group bound the distances inside it, and
// for most groups that is enough to know that the largest distance is elsewhere.
constexpr std::size_t cdf_group = 8;

// Weighted sums over points (x, y), relative to their means.
struct LineSums {
  double weight;
  double mean_x;
  double xx;
  double xy;
};

// Input of sum_influences(): the influence of each element on k and on ln lambda. The formulas are
// at add_standard_errors().
struct InfluenceInput {
  const double* x;
  const double* end_y;  // y at the end of each point's ranks
  const double* count;
  std::size_t points;
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
  double sum_k;  // sums of G over the elements of all points
  double sum_lambda;
  double square_k;
  double square_lambda;
};

struct EntryKernels {
  // Writes the codes and counts of those of counts[first..end) that are not zero, in ascending
  // order. Returns how many they are. `codes` and `found` must have room for end - first numbers
  // and gather_slack more.
  std::size_t (*take_counts)(const std::uint32_t* counts, std::size_t first, std::size_t end,
                             std::uint32_t* codes, std::uint32_t* found);
  // The sum of `n` counts, which must be below 2^32.
  std::uint32_t (*sum_short_counts)(const std::uint32_t* counts, std::size_t n);
  // Copies numbers of 32 bits to 64 bits.
  void (*lengthen)(const std::uint32_t* numbers, std::size_t n, std::uint64_t* longer);
  // For each number, the sum of it and all before it.
  void (*running_sums)(const std::uint64_t* counts, std::size_t n, std::uint64_t* sums);
  std::uint64_t (*sum_counts)(const std::uint64_t* counts, std::size_t n);
  // The double nearest to each count.
  void (*to_doubles)(const std::uint64_t* counts, std::size_t n, double* numbers);
  // Doubles whose bits are keys << shift, plus `rebias`.
  void (*widen_keys)(const std::uint64_t* keys, std::size_t n, int shift, std::uint64_t rebias,
                     double* values);
  // x = ln(value / unit) for normal values whose mantissas have at most `table_bits` bits; `table`
  // has the logarithms of these mantissas. The unit is given by its exponent, biased as in the bits
  // of a double, and by its mantissa's logarithm.
  void (*short_logs)(const double* values, std::size_t n, const double* table, int table_bits,
                     double exponent, double log_unit, double* x);
  // Adds to x what the logarithms of values with longer mantissas exceed those by: ln(1 + r), where
  // r in [0, 2^-10) is what the mantissa exceeds its ten leading bits by, as a share of them.
  // `inverse` has 1 over each of these.
  void (*add_log_rests)(const double* values, std::size_t n, const double* inverse, double* x);
  // Sum of count x (value x factor x factor2)^2.
  double (*sum_squares)(const double* values, const std::uint64_t* counts, std::size_t n,
                        double factor, double factor2);
  // Sums over points, with x and y relative to their means.
  LineSums (*sum_line)(const double* weight, const double* x, const double* y, std::size_t n,
                       double mean_y);
  // y[i] = (sums[i + 1] - sums[i]) / weight[i]
  void (*divide_differences)(const double* sums, const double* weight, std::size_t n, double* y);
  // `g` must have room for two numbers a point.
  InfluenceSums (*sum_influences)(const InfluenceInput& input, double* g);
  // Writes a bound of the distances inside each group; returns the largest distance at an end.
  double (*bound_distances)(const CdfInput& input, double* most);
  // Computes the distances of the entries in those groups that may hold one of at least
  // `best` - `error`. Returns the largest distance found, or `best` if none exceeds it.
  double (*distances)(const CdfInput& input, const double* most, double best, double error,
                      double* found);
};

}  // namespace weightgauge
