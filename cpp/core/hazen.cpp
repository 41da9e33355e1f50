#include "core/hazen.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include "core/special.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t direct_limit = 8192;  // up to this n every rank is summed
constexpr std::uint64_t end_ranks = 512;      // of an untrimmed window, at either end

double position(std::uint64_t rank, std::uint64_t n) {
  return (static_cast<double>(rank) - 0.5) / static_cast<double>(n);
}

}  // namespace

HazenSums::HazenSums(std::uint64_t n, Trim trim) : n_(n), trim_(trim), window_(window_of(n, trim)) {
  if (n_ == 0) {
    return;
  }
  if (n_ <= direct_limit) {
    sum_directly();
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

void HazenSums::sum_ends_directly() {
  const bool whole = window_.begin == 0;
  double squares = 0;
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
      squares += low * low + high * high;
    }
    head_offset_ = head_[end_ranks] - closed_form(end_ranks);
    tail_offset_ = head_offset_ + closed_form(n_ - end_ranks);
  }
  const std::uint64_t begin = whole ? end_ranks : window_.begin;
  const std::uint64_t end = whole ? n_ - end_ranks : window_.end;
  const auto n = static_cast<double>(n_);
  const double p_begin = static_cast<double>(begin) / n;
  const double p_end = static_cast<double>(end) / n;
  // (y^2)' = 2 y y' in the Euler-Maclaurin term
  const double ends = 2 * (weibull_y(p_end) * weibull_y_slope(p_end) -
                           weibull_y(p_begin) * weibull_y_slope(p_begin));
  squares += n * weibull_y_square_integral(p_begin, p_end) - ends / (24 * n);
  const auto size = static_cast<double>(window_.size());
  mean_ = (cumulative(window_.end) - cumulative(window_.begin)) / size;
  centred_squares_ = squares - size * mean_ * mean_;
}

double HazenSums::closed_form(std::uint64_t rank) const {
  const auto n = static_cast<double>(n_);
  const YPoint point = weibull_y_point(static_cast<double>(rank) / n);
  return n * point.integral - point.slope / (24 * n);
}

double HazenSums::cumulative(std::uint64_t rank) const {
  if (rank < head_.size()) {
    return head_[rank];
  }
  if (!tail_.empty() && rank > n_ - end_ranks) {
    return tail_offset_ + tail_[rank - (n_ - end_ranks)];
  }
  return head_offset_ + closed_form(rank);
}

double HazenSums::y(std::uint64_t rank) const { return weibull_y(position(rank, n_)); }

HazenSums::Boundary HazenSums::boundary(std::uint64_t rank) const {
  if (rank == 0 || rank >= n_) {
    return {cumulative(rank), y(rank == 0 ? 1 : n_)};
  }
  const auto n = static_cast<double>(n_);
  const YPoint point = weibull_y_point(static_cast<double>(rank) / n);
  const bool direct = rank < head_.size() || (!tail_.empty() && rank > n_ - end_ranks);
  const double sum =
      direct ? cumulative(rank) : head_offset_ + n * point.integral - point.slope / (24 * n);
  return {sum, point.y};
}

const HazenSums& kept_hazen_sums(std::uint64_t n, Trim trim) {
  constexpr std::size_t most_kept = 8;
  thread_local std::deque<HazenSums> kept;  // the latest first
  const auto found = std::find_if(kept.begin(), kept.end(), [&](const HazenSums& sums) {
    return sums.n() == n && sums.trim() == trim;
  });
  if (found != kept.end()) {
    return *found;
  }
  if (kept.size() == most_kept) {
    kept.pop_back();
  }
  return kept.emplace_front(n, trim);
}

}  // namespace weightgauge
