// The loops over the bins of F32 and F64 that every fit of them needs, once for each instruction
// set. A large matrix fills a hundred thousand bins.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// How the bins of a format lie among the doubles: normal numbers only.
struct BinScale {
  int shift;             // from a bin's number to the bits of its lower end,
  std::uint64_t rebias;  // to which this is added
  int mantissa_bits;     // of the format
  double keys;           // of a bin
  double residual_unit;  // in keys
  double left_out;       // by residuals, of each element, in keys
};

// G, y and y' at equal steps of p: for each interval the coefficients of a polynomial for G. See
// special.cpp.
struct YTable {
  static constexpr int degree = 5;
  double low;
  double step;
  int intervals;
  const double* coefficients;  // degree + 1 for each interval
};

// Of bins, one number each: what a fit assumes of the elements inside, and what it leaves open.
// With d = (|w| - mean)/mean for each element:
struct BinUnknowns {
  double* width;       // of the bin, relative to its mean; 0 where a single element is known
  double* variance;    // of d: as assumed (evenly placed elements, Sheppard's correction)
  double* most;        //       and the largest it can be (Bhatia and Davis)
  double* covariance;  // of d and y: as assumed
  double* rise;        // of y across the bin
  double* bend;        // most that y departs from a straight line between the bin's ends
};

// Sums over the bins of what k and R2, times the sum of (X - mean X)(y - mean y), and the mean of
// X, times the sum of weights, can be off by.
struct BinSlacks {
  double k;
  double r2;
  double x;
};

struct BinKernels {
  // Cells that are not zero, ascending: the number of the bin (`first` for the first cell), count
  // and residuals, which are the cell's low `sum_bits`. All cells become zero. Returns how many
  // were found; there is room for n of each, and gather_slack more.
  std::size_t (*take_cells)(std::uint64_t* cells, std::size_t n, std::uint64_t first, int sum_bits,
                            std::uint64_t* bins, std::uint64_t* counts, std::uint64_t* residuals);
  // Lower end, width and mean of bins. Counts and residuals are below 2^63.
  void (*shape_bins)(const std::uint64_t* bins, const std::uint64_t* counts,
                     const std::uint64_t* residuals, std::size_t n, const BinScale& scale,
                     double* low, double* width, double* mean);
  // Sum of count (mean factor factor2)^2 + (count - 1) (width factor factor2)^2 / 12.
  double (*sum_bin_squares)(const double* mean, const double* width, const std::uint64_t* counts,
                            std::size_t n, double factor, double factor2);
  // G, y and y' at each p, which the table reaches. The integrals may take the place of p.
  void (*y_points)(const YTable& table, const double* p, std::size_t n, double* integral, double* y,
                   double* slope);
  // Means may be as small as doubles get. `y` and `slope` are those of y at the bins' ends: one
  // more than there are bins. `count` is that of all elements of each bin, `n` the number of all
  // elements.
  void (*bin_unknowns)(const double* low, const double* width, const double* mean,
                       const double* count, const double* y, const double* slope, std::size_t bins,
                       double n, const BinUnknowns& unknowns);
  // `x` and `y` are those of the plot's points, `edge` is how far any X can be off.
  BinSlacks (*sum_slacks)(const BinUnknowns& unknowns, const double* weight, const double* x,
                          const double* y, std::size_t bins, double mean_x, double mean_y, double k,
                          double edge);
};

}  // namespace weightgauge
