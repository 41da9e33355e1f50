#include "core/fit/hazen.hpp"

#include <algorithm>
#include <cmath>

#include "core/histogram/histogram.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t direct_limit = 1024;        // up to this n every rank is summed
constexpr std::uint64_t end_ranks = 512;            // of an untrimmed window, at either end
constexpr std::uint64_t third_order_to = 1U << 15;  // from there on that term is below rounding
constexpr std::uint64_t table_limit = 1U << 14;
// A window that zeros leave so many ranks of, less than such a part of all, is summed rank by rank:
// beside its own sums, the closed form's roundings are 12 eps divided by the square of its share.
constexpr std::uint64_t narrow_ranks = 1U << 20;
constexpr std::uint64_t narrow_parts = 32;

// y'' and y''' at p, with a = 1/(-ln(1 - p)): y' is a/(1 - p), and so on.
struct HigherSlopes {
  double second;
  double third;
};
HigherSlopes higher_slopes(double p, double slope) {
  const double rest = 1 - p;
  const double a = slope * rest;
  return {a * (1 - a) / (rest * rest), a * (2 + a * (2 * a - 3)) / (rest * rest * rest)};
}

// By how much the sum falls short of n times the integral, as far as one end of the sum decides it.
double midpoint_terms(double first, double third, double n) {
  return (first - 7 * third / (240 * n * n)) / (24 * n);
}

bool is_narrow(std::uint64_t ranks, std::uint64_t n) {
  return ranks <= direct_limit || (ranks <= narrow_ranks && ranks < n / narrow_parts);
}

double position(std::uint64_t rank, std::uint64_t n) {
  return (static_cast<double>(rank) - 0.5) / static_cast<double>(n);
}

}  // namespace

HazenSums::HazenSums(std::uint64_t n, Trim trim, std::uint64_t censored)
    : n_(n), trim_(trim), censored_(censored), window_(uncensored(window_of(n, trim), censored)) {
  if (window_.size() == 0) {
    return;
  }
  if (n_ <= direct_limit) {
    sum_directly();
  } else if (cut_by_zeros() && is_narrow(window_.size(), n_)) {
    sum_window_directly();
  } else {
    sum_ends_directly();
  }
}

void HazenSums::sum_directly() {
  head_.resize(n_ + 1);
  double sum = 0;
  head_[0] = 0;
  for (std::uint64_t rank = 1; rank <= n_; ++rank) {
    sum += y(rank);
    head_[rank] = sum;
  }
  const auto size = static_cast<double>(window_.size());
  mean_ = (head_[window_.end] - head_[window_.begin]) / size;
  for (std::uint64_t rank = window_.begin + 1; rank <= window_.end; ++rank) {
    const double off = y(rank) - mean_;
    centred_squares_ += off * off;
  }
}

void HazenSums::sum_window_directly() {
  tail_begin_ = window_.begin;
  tail_.resize(window_.size() + 1);
  tail_[0] = 0;
  for (std::uint64_t i = 1; i <= window_.size(); ++i) {
    tail_[i] = tail_[i - 1] + y(window_.begin + i);
  }
  mean_ = tail_.back() / static_cast<double>(window_.size());
  for (std::uint64_t rank = window_.begin + 1; rank <= window_.end; ++rank) {
    const double off = y(rank) - mean_;
    centred_squares_ += off * off;
  }
}

void HazenSums::sum_ends_directly() {
  const bool whole = trim_ == Trim::full;
  if (whole) {
    head_.resize(end_ranks + 1);
    tail_.resize(end_ranks + 1);
    head_[0] = 0;
    tail_[0] = 0;
    for (std::uint64_t i = 1; i <= end_ranks; ++i) {
      const double low = y(i);
      const double high = y(n_ - end_ranks + i);
      head_[i] = head_[i - 1] + low;
      tail_[i] = tail_[i - 1] + high;
    }
    tail_begin_ = n_ - end_ranks;
    head_offset_ = head_[end_ranks] - closed_form(end_ranks);
    tail_offset_ = head_offset_ + closed_form(n_ - end_ranks);
  }
  const auto size = static_cast<double>(window_.size());
  mean_ = (cumulative(window_.end) - cumulative(window_.begin)) / size;
  // What zeros leave of a window may hold y that are all far from 0.
  const double centre = cut_by_zeros() ? mean_ : 0.0;
  const std::uint64_t inner = std::max(window_.begin, end_ranks);
  const double squares = whole
                             ? squares_of_ends(centre) + squares_between(inner, tail_begin_, centre)
                             : squares_between(window_.begin, window_.end, centre);
  const double off = mean_ - centre;
  centred_squares_ = squares - size * off * off;
}

// Of y - centre over those ranks of an untrimmed window that are summed one by one.
double HazenSums::squares_of_ends(double centre) const {
  double squares = 0;
  for (std::uint64_t i = 1; i <= end_ranks; ++i) {
    const double low = i > window_.begin ? y(i) - centre : 0.0;
    const double high = y(n_ - end_ranks + i) - centre;
    squares += low * low + high * high;
  }
  return squares;
}

// The sum of (y - centre)^2 over the ranks begin+1 .. end, in closed form.
double HazenSums::squares_between(std::uint64_t begin, std::uint64_t end, double centre) const {
  const auto n = static_cast<double>(n_);
  const double p_begin = static_cast<double>(begin) / n;
  const double p_end = static_cast<double>(end) / n;
  const auto end_terms = [n, centre](double p) {
    // (y^2)' = 2 y y' and (y^2)''' = 6 y' y'' + 2 y y'''
    const double y = weibull_y(p) - centre;  // whose slopes are those of y
    const double slope = weibull_y_slope(p);
    const auto [second, third] = higher_slopes(p, slope);
    return midpoint_terms(2 * y * slope, 6 * slope * second + 2 * y * third, n);
  };
  return n * weibull_y_square_integral(p_begin, p_end, centre) -
         (end_terms(p_end) - end_terms(p_begin));
}

double HazenSums::sum_before(std::uint64_t rank, const YPoint& point) const {
  const auto n = static_cast<double>(n_);
  if (n_ > third_order_to) {
    return n * point.integral - point.slope / (24 * n);
  }
  const double p = static_cast<double>(rank) / n;
  return n * point.integral - midpoint_terms(point.slope, higher_slopes(p, point.slope).third, n);
}

double HazenSums::closed_form(std::uint64_t rank) const {
  return sum_before(rank, weibull_y_point(static_cast<double>(rank) / static_cast<double>(n_)));
}

double HazenSums::beyond_head(std::uint64_t rank) const {
  if (!tail_.empty() && rank >= tail_begin_) {
    return tail_offset_ + tail_[rank - tail_begin_];
  }
  return head_offset_ + closed_form(rank);
}

HazenSums::End HazenSums::end_after(std::uint64_t rank) const {
  const bool direct = rank < head_.size() || (!tail_.empty() && rank >= tail_begin_);
  if (direct || rank == 0 || rank >= n_) {
    return {cumulative(rank), y_after(rank)};
  }
  const YPoint point = weibull_y_point(static_cast<double>(rank) / static_cast<double>(n_));
  return {head_offset_ + sum_before(rank, point), point.y};
}

void HazenSums::tabulate() {
  if (n_ > table_limit || !ends_.empty()) {
    return;
  }
  std::vector<End> ends(n_ + 1);
  for (std::uint64_t rank = window_.begin; rank <= window_.end; ++rank) {
    ends[rank] = end_after(rank);
  }
  ends_.swap(ends);
}

double HazenSums::y_after(std::uint64_t rank) const {
  if (rank == 0 || rank >= n_) {
    return y(rank == 0 ? 1 : n_);
  }
  return weibull_y_point(static_cast<double>(rank) / static_cast<double>(n_)).y;
}

void HazenSums::cumulative_after(const std::uint64_t* ranks, std::size_t n, double* sums, double* y,
                                 std::vector<double>& memory) const {
  if (closed_form_everywhere()) {
    memory.resize(std::max(memory.size(), n + 1));
    closed_forms_after(ranks, n, sums, y, memory.data());
    return;
  }
  const auto put_with = [&](const auto& end_of) {
    const auto put = [&](std::size_t i, const End& end) {
      sums[i] = end.cumulative;
      y[i] = end.y;
    };
    put(0, end_of(window_.begin));
    for (std::size_t i = 0; i + 1 < n; ++i) {
      put(i + 1, end_of(ranks[i]));
    }
    put(n, end_of(std::min(ranks[n - 1], window_.end)));
  };
  if (ends_.empty()) {
    put_with([this](std::uint64_t rank) { return end_after(rank); });
  } else {
    put_with([ends = ends_.data()](std::uint64_t rank) { return ends[rank]; });
  }
}

double HazenSums::y(std::uint64_t rank) const { return weibull_y(position(rank, n_)); }

HazenSums::Boundary HazenSums::boundary(std::uint64_t rank) const {
  if (rank == 0 || rank >= n_) {
    const std::uint64_t nearest = rank == 0 ? 1 : n_;
    const double p = position(nearest, n_);
    const double slope = weibull_y_slope(p);
    return {cumulative(rank), y(nearest), slope, higher_slopes(p, slope).second};
  }
  const auto n = static_cast<double>(n_);
  const double p = static_cast<double>(rank) / n;
  const YPoint point = weibull_y_point(p);
  const bool direct = rank < head_.size() || (!tail_.empty() && rank >= tail_begin_);
  const double sum = direct ? cumulative(rank) : head_offset_ + sum_before(rank, point);
  return {sum, point.y, point.slope, higher_slopes(p, point.slope).second};
}

void HazenSums::boundaries_after(const std::uint64_t* ranks, std::size_t n, double* sums, double* y,
                                 double* slopes) const {
  if (closed_form_everywhere()) {
    closed_forms_after(ranks, n, sums, y, slopes);
    return;
  }
  for (std::size_t i = 0; i <= n; ++i) {
    const Boundary at = boundary(i == 0 ? window_.begin : std::min(ranks[i - 1], window_.end));
    sums[i] = at.cumulative;
    y[i] = at.y;
    slopes[i] = at.slope;
  }
}

bool HazenSums::closed_form_everywhere() const {
  const auto all = static_cast<double>(n_);
  return head_.empty() && tail_.empty() && n_ > third_order_to &&
         weibull_y_tabulated(static_cast<double>(window_.begin) / all) &&
         weibull_y_tabulated(static_cast<double>(window_.end) / all);
}

void HazenSums::closed_forms_after(const std::uint64_t* ranks, std::size_t n, double* sums,
                                   double* y, double* slopes) const {
  const auto all = static_cast<double>(n_);
  double* const p = sums;  // which the integrals take the place of
  p[0] = static_cast<double>(window_.begin) / all;
  for (std::size_t i = 0; i < n; ++i) {
    p[i + 1] = to_double(std::min(ranks[i], window_.end)) / all;
  }
  kernels().bins.y_points(weibull_y_table(), p, n + 1, sums, y, slopes);
  for (std::size_t i = 0; i <= n; ++i) {
    sums[i] = all * sums[i] - slopes[i] / (24 * all);
  }
}

const HazenSums& HazenCache::sums(std::uint64_t n, Trim trim, std::uint64_t censored,
                                  std::uint64_t ranks) {
  constexpr std::size_t most_kept = 8;
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const Kept& kept) {
    return kept.sums.n() == n && kept.sums.trim() == trim && kept.sums.censored() == censored;
  });
  if (found == kept_.end()) {
    if (kept_.size() == most_kept) {
      kept_.pop_back();
    }
    return kept_.emplace_front(HazenSums(n, trim, censored), ranks).sums;
  }
  if (found->asked >= found->sums.window().size()) {
    found->sums.tabulate();
  }
  found->asked += ranks;
  return found->sums;
}

}  // namespace weightgauge
