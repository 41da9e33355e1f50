#include "core/two_way/unused_rows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <utility>

namespace weightgauge {

namespace {

// In standard errors of a row's size: half the window in which like rows are counted, and how far
// from its middle rows belong to them.
constexpr double near = 2;
constexpr double alike = 3;
// Like rows are told of where there are so many, and so many times as many as in the windows beside
// theirs. That is never so around the middle of sizes that scatter more than twice as much as those
// of random rows.
constexpr std::size_t fewest_alike = 16;
constexpr std::size_t times_beside = 3;
// How far below the median a row has to lie by itself: in units of the distance from the median to
// the 16th percentile of the logarithms of sizes, and as a ratio of sizes.
constexpr double far = 8;
constexpr double far_ratio = 4;
// What so many of all rows are is not the exception: one in two, and one in four.
constexpr std::size_t most_alike = 2;
constexpr std::size_t most_far = 4;

double quantile(const std::vector<double>& ascending, double share) {
  const auto last = static_cast<double>(ascending.size() - 1);
  return ascending[static_cast<std::size_t>(std::lround(share * last))];
}

// A stretch of sizes, or of their logarithms.
struct Range {
  double low;
  double high;
};

class LogSizes {
 public:
  LogSizes(std::vector<double> ascending, double error)
      : ascending_(std::move(ascending)), error_(error), median_(quantile(ascending_, 0.5)) {}

  // Everything below a limit that is not reached by sizes that scatter as these do.
  Range far_below() const {
    const double low = quantile(ascending_, 0.16);
    const double limit = median_ - std::max(far * (median_ - low), std::log(far_ratio));
    const bool few = below(limit) * most_far <= ascending_.size();
    return {-HUGE_VAL, few ? limit : -HUGE_VAL};
  }

  // Around each size that many rows have.
  std::vector<Range> peaks() const {
    std::vector<Peak> found;
    Edges edges{};
    for (const double centre : ascending_) {
      if (centre >= median_) {
        break;
      }
      move_to(centre, edges);
      const std::size_t rows = peak_within(edges);
      if (rows > 0) {
        found.push_back({centre, rows});
      }
    }
    std::stable_sort(found.begin(), found.end(),
                     [](const Peak& a, const Peak& b) { return a.rows > b.rows; });
    std::vector<Range> ranges;
    for (const Peak& peak : found) {
      const bool apart = std::all_of(ranges.begin(), ranges.end(), [&](const Range& range) {
        return std::fabs(peak.centre - (range.low + range.high) / 2) > 2 * alike * error_;
      });
      if (apart) {
        ranges.push_back({peak.centre - alike * error_, peak.centre + alike * error_});
      }
    }
    return ranges;
  }

 private:
  struct Peak {
    double centre;
    std::size_t rows;
  };

  std::size_t below(double limit) const {
    return static_cast<std::size_t>(std::lower_bound(ascending_.begin(), ascending_.end(), limit) -
                                    ascending_.begin());
  }

  // Where three windows of one width begin and end.
  using Edges = std::array<std::size_t, 4>;

  // Centres ascend, so no edge ever moves back.
  void move_to(double centre, Edges& edges) const {
    const double half = near * error_;
    const double limits[] = {centre - 3 * half, centre - half, centre + half, centre + 3 * half};
    for (std::size_t i = 0; i < edges.size(); ++i) {
      while (edges[i] < ascending_.size() && ascending_[edges[i]] < limits[i]) {
        ++edges[i];
      }
    }
  }

  // How many rows are in the window in the middle; 0 where that is no exception.
  std::size_t peak_within(const Edges& edges) const {
    const std::size_t inside = edges[2] - edges[1];
    const std::size_t beside = std::max(edges[1] - edges[0], edges[3] - edges[2]);
    const bool many = inside >= fewest_alike && inside > times_beside * beside;
    return many && edges[2] * most_alike <= ascending_.size() ? inside : 0;
  }

  std::vector<double> ascending_;
  double error_;
  double median_;
};

}  // namespace

std::vector<std::uint64_t> unused_rows(const std::vector<double>& sizes, std::uint64_t width) {
  std::vector<double> logs;
  logs.reserve(sizes.size());
  for (const double size : sizes) {
    if (size > 0) {
      logs.push_back(std::log(size));
    }
  }
  std::vector<Range> ranges;
  if (logs.size() >= fewest_token_rows) {
    std::sort(logs.begin(), logs.end());
    const LogSizes known(std::move(logs), 1 / std::sqrt(2.0 * static_cast<double>(width)));
    ranges = known.peaks();
    ranges.push_back(known.far_below());
  }
  for (Range& range : ranges) {  // of logarithms to that of sizes
    range = {std::exp(range.low), std::exp(range.high)};
  }
  std::vector<std::uint64_t> found;
  for (std::size_t row = 0; row < sizes.size(); ++row) {
    const double size = sizes[row];
    const bool in_range = std::any_of(ranges.begin(), ranges.end(), [size](const Range& range) {
      return range.low <= size && size <= range.high;
    });
    if (size == 0 || in_range) {
      found.push_back(row);
    }
  }
  return found;
}

}  // namespace weightgauge
