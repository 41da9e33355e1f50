// Sums of the Weibull ordinate y_i = ln(-ln(1 - p_i)) over runs of ranks, p_i = (i - 1/2)/n.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "core/fit/special.hpp"
#include "core/fit/window.hpp"

namespace weightgauge {

// A tie group holding ranks a+1..b needs only the sum of its y: cumulative(b) - cumulative(a).
// Euler-Maclaurin turns that sum into n [G(b/n) - G(a/n)] - [y'(b/n) - y'(a/n)]/(24 n)
// + 7 [y'''(b/n) - y'''(a/n)]/(5760 n^3), with an error of 31 y^(5)(p)/(967680 n^5) at either end:
// below 1e-14 of the regression's sums from n = 1024 on. Smaller n, and the first and last 512
// ranks of an untrimmed window, where y is singular, are summed one by one.
// So is what zeros leave of a window where that is little: differences of the closed form would
// lose digits.
class HazenSums {
 public:
  // The lowest `censored` of the n ranks have no part in the fit: see Zeros::censor.
  HazenSums(std::uint64_t n, Trim trim, std::uint64_t censored = 0);

  std::uint64_t n() const { return n_; }
  Trim trim() const { return trim_; }
  std::uint64_t censored() const { return censored_; }
  // The ranks that have a part in the fit.
  Window window() const { return window_; }
  // Whether the window begins where the censored ranks end, rather than at its own lower end.
  bool cut_by_zeros() const { return censored_ > window_of(n_, trim_).begin; }
  // Sum of y over ranks 1..rank up to a constant; rank in [window().begin, window().end].
  double cumulative(std::uint64_t rank) const {
    return rank < head_.size() ? head_[rank] : beyond_head(rank);
  }
  // The cumulative sum before the window's first rank and after each of n ascending ranks, and y at
  // these places, p = rank/n: n + 1 numbers of each. Only the last rank may lie beyond the window;
  // it then counts as the window's last. `memory` is to work in.
  void cumulative_after(const std::uint64_t* ranks, std::size_t n, double* sums, double* y,
                        std::vector<double>& memory) const;
  // y at one rank (1-based)
  double y(std::uint64_t rank) const;
  // Both sides of a rank at once: the cumulative sum, and y, y' and y'' at p = rank/n (kept inside
  // the open unit interval).
  struct Boundary {
    double cumulative;
    double y;
    double slope;
    double bend;
  };
  Boundary boundary(std::uint64_t rank) const;
  // The first three of these numbers at the places of cumulative_after(): n + 1 of each.
  void boundaries_after(const std::uint64_t* ranks, std::size_t n, double* sums, double* y,
                        double* slopes) const;
  double mean() const { return mean_; }
  // Sum over the window of (y - mean)^2: depends on n and the trim only.
  double centred_squares() const { return centred_squares_; }

  // Puts the sums of all ranks, and y after them, into tables, where n is small enough. The numbers
  // stay the same. A table pays once as many ranks have been asked for as it holds: slices of few
  // magnitudes ask for few, and those of one size whose zeros differ in number need one each.
  void tabulate();

 private:
  // What is known after a rank.
  struct End {
    double cumulative;
    double y;
  };
  End end_after(std::uint64_t rank) const;
  double beyond_head(std::uint64_t rank) const;
  double closed_form(std::uint64_t rank) const;
  double y_after(std::uint64_t rank) const;
  double sum_before(std::uint64_t rank, const YPoint& point) const;
  // Whether the closed form alone gives every sum inside the window. Then closed_forms_after() does
  // the work of boundaries_after() for many ranks at once.
  bool closed_form_everywhere() const;
  void closed_forms_after(const std::uint64_t* ranks, std::size_t n, double* sums, double* y,
                          double* slopes) const;
  void sum_directly();
  void sum_window_directly();
  void sum_ends_directly();
  double squares_of_ends(double centre) const;
  double squares_between(std::uint64_t begin, std::uint64_t end, double centre) const;

  std::uint64_t n_;
  Trim trim_;
  std::uint64_t censored_;
  Window window_;
  std::vector<double> head_;  // cumulative sums of ranks 1..head_.size()-1
  std::vector<double> tail_;  // cumulative sums of the ranks after tail_begin_
  // After ranks 0..n inside the window, once they are tabulated. Both lie side by side: for small
  // slices the cache is what is short.
  std::vector<End> ends_;
  std::uint64_t tail_begin_ = 0;
  double head_offset_ = 0;  // closed form -> cumulative
  double tail_offset_ = 0;
  double mean_ = 0;
  double centred_squares_ = 0;
};

// The latest sums that a worker has needed: slices of one size come in crowds, and for small ones
// the ordinates cost more than the counting.
class HazenCache {
 public:
  // Valid until the next call. They will be asked for so many ranks, or fewer.
  const HazenSums& sums(std::uint64_t n, Trim trim, std::uint64_t censored, std::uint64_t ranks);

 private:
  struct Kept {
    Kept(HazenSums made, std::uint64_t ranks) : sums(std::move(made)), asked(ranks) {}
    HazenSums sums;
    std::uint64_t asked;  // ranks until now
  };
  std::deque<Kept> kept_;  // the latest first
};

}  // namespace weightgauge
