// The loops over the bins of F32 and F64 that every fit needs, one set of them for each instruction
// set. A large matrix fills a hundred thousand bins.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// How the bins of a format lie among the doubles. It holds for normal numbers only.
struct BinScale {
  int shift;             // (a bin's number << shift) + rebias are the bits
  std::uint64_t rebias;  // of the bin's lower end as a double
  int mantissa_bits;     // of the format
  double keys;           // in one bin
  double residual_unit;  // the unit of residuals, in keys
  double left_out;       // what the residual of an element leaves out on average, in keys
};

// A table of G, y and y' at equal steps of p. It has the coefficients of a polynomial for G in each
// interval; see special.cpp.
struct YTable {
  static constexpr int degree = 5;
  double low;
  double step;
  int intervals;
  const double* coefficients;  // degree + 1 for each interval
};

// What a fit assumes about the elements inside each bin, and how far these may differ from it. Each
// array has one number for each bin. d = (|w| - mean)/mean for each element.
struct BinUnknowns {
  double* width;       // of the bin, relative to its mean; 0 for a bin with a single element
  double* variance;    // of d, if elements are evenly placed (Sheppard's correction)
  double* most;        // the largest variance that d can have (Bhatia and Davis)
  double* covariance;  // of d and y, if elements are evenly placed
  double* rise;        // of y across the bin
  double* bend;        // largest distance of y from a straight line between the bin's ends
};

// Bounds of errors, summed over the bins: of k and R2, each times the sum of
// (X - mean X)(y - mean y), and of the mean of X, times the sum of weights.
struct BinSlacks {
  double k;
  double r2;
  double x;
};

struct BinKernels {
  // Finds the cells that are not zero, in ascending order, and sets all cells to zero. Writes the
  // number of each bin (that of the first cell is `first`), its count, and its residuals, which are
  // the cell's low `sum_bits`. Returns how many bins were found. Each array must have room for n
  // numbers and gather_slack more.
  std::size_t (*take_cells)(std::uint64_t* cells, std::size_t n, std::uint64_t first, int sum_bits,
                            std::uint64_t* bins, std::uint64_t* counts, std::uint64_t* residuals);
  // Lower end, width and mean of bins. Counts and residuals are below 2^63.
  void (*shape_bins)(const std::uint64_t* bins, const std::uint64_t* counts,
                     const std::uint64_t* residuals, std::size_t n, const BinScale& scale,
                     double* low, double* width, double* mean);
  // Sum of count m^2 + (count - 1) v, with m and v the mean and variance of a bin's elements, all
  // times factor factor2: v is that of evenly placed ones, or the largest that m leaves room for.
  double (*sum_bin_squares)(const double* low, const double* width, const double* mean,
                            const std::uint64_t* counts, std::size_t n, double factor,
                            double factor2);
  // G, y and y' at each p. The table must reach every p. `integral` may be the same array as `p`.
  void (*y_points)(const YTable& table, const double* p, std::size_t n, double* integral, double* y,
                   double* slope);
  // A mean may be the smallest double. `y` and `slope` are the values and slopes of y at the bins'
  // ends: one more than there are bins. `count` is the number of elements of each bin, `n` that of
  // all elements.
  void (*bin_unknowns)(const double* low, const double* width, const double* mean,
                       const double* count, const double* y, const double* slope, std::size_t bins,
                       double n, const BinUnknowns& unknowns);
  // `x` and `y` are those of the plot's points; `edge` bounds the error of any X.
  BinSlacks (*sum_slacks)(const BinUnknowns& unknowns, const double* weight, const double* x,
                          const double* y, std::size_t bins, double mean_x, double mean_y, double k,
                          double edge);
};

}  // namespace weightgauge
