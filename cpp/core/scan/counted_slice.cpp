#include "core/scan/counted_slice.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/errors.hpp"
#include "core/fit/paper.hpp"
#include "core/histogram/squares.hpp"
#include "core/scan/counting_magnitudes.hpp"
#include "core/scan/finding_levels.hpp"
#include "core/scan/matrix_errors.hpp"
#include "core/scan/moment_batches.hpp"
#include "core/scan/rank_batches.hpp"

namespace weightgauge {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// Bins are not enough.
std::unique_ptr<Phase> look_again(const Slice& slice, Method method, CountedSlice counted,
                                  int workers) {
  if (may_be_levels(counted.histogram)) {
    return std::make_unique<FindingLevels>(slice, method, std::move(counted));
  }
  return count_or_sort(slice, method, std::move(counted), workers);
}

bool good_enough(const Fit& fit) {
  return fit.status == FitStatus::ok && fit.error_bound <= fit_tolerance &&
         fit.ks_shortfall <= ks_tolerance;
}

// Whether the window lies within one magnitude of those that crowd their bins.
bool surely_flat(const Fit& fit, const CountedSlice& counted, const Plot& plot) {
  return fit.status == FitStatus::flat_window && counted.parted && counted.paper.empty() &&
         plot.x.size() == 1;
}

void take_quantiles(const Histogram& histogram, const std::vector<double>& probabilities,
                    SliceResult& result) {
  if (probabilities.empty()) {
    return;
  }
  if (result.n == 0) {
    result.quantiles.assign(probabilities.size(), nan);
    return;
  }
  result.quantiles = in_order_of(
      probabilities, magnitudes_at(histogram, ranks_in_order(probabilities, histogram.n())));
}

}  // namespace

std::unique_ptr<Phase> count_or_sort(const Slice& slice, Method method, CountedSlice counted,
                                     int workers) {
  if (may_have_few_magnitudes(counted.histogram)) {
    return count_magnitudes(slice, method, std::move(counted));
  }
  return part_or_sort(slice, method, std::move(counted), workers);
}

std::unique_ptr<Phase> part_or_sort(const Slice& slice, Method method, CountedSlice counted,
                                    int workers) {
  const ScanOptions& options = slice.options;
  const Histogram& histogram = counted.histogram;
  const bool bins_may_do = options.fit && !options.exact && options.probabilities.empty() &&
                           histogram.size() <= most_bins_of_fit && bins_tell_rms(histogram);
  if (bins_may_do && has_crowded_bins(histogram)) {
    return part_crowded_bins(slice, method, std::move(counted));
  }
  return sort_in_batches(slice, method, std::move(counted), workers);
}

std::unique_ptr<Phase> sort_in_batches(const Slice& slice, Method method, CountedSlice counted,
                                       int workers) {
  slice.result.exact = true;
  if (!slice.options.probabilities.empty()) {
    return std::make_unique<RankBatches>(slice, std::move(counted.histogram), workers);
  }
  return std::make_unique<QuickBatches>(slice,
                                        plan_moments(slice, method, std::move(counted), workers));
}

std::unique_ptr<Phase> finish_counting(const Slice& slice, Method method, CountedSlice counted,
                                       Workspace& workspace) {
  const ScanOptions& options = slice.options;
  SliceResult& result = slice.result;
  Histogram& histogram = counted.histogram;
  const bool binned = !histogram.exact() && histogram.n() > 0;
  // Where there are very many bins a fit from them takes much memory, and they are wider for that,
  // unless they are what is wanted.
  const bool coarse = binned && histogram.dropped_bits != binned_dropped_bits(histogram.dtype);
  const bool many = binned && options.fit && histogram.size() > most_bins_of_fit;
  if (coarse || many || (binned && !options.probabilities.empty())) {
    return look_again(slice, method, std::move(counted), workspace.workers);
  }
  if (options.paper != nullptr && counted.paper.empty()) {
    counted.paper = paper_counts(histogram, *options.paper);
  }
  note_totals(histogram, result);
  take_quantiles(histogram, options.probabilities, result);
  if (binned && ((options.fit && options.exact) || !bins_tell_rms(histogram))) {
    return look_again(slice, method, std::move(counted), workspace.workers);
  }
  if (options.fit) {
    result.fit = fit_with_protocol(counted.parted ? *counted.parted : histogram, result.n,
                                   options.trim, options.zeros, counted.paper, workspace.fit);
    result.exact = !binned;
    result.far_out = count_above(histogram, far_out_from * result.fit.lambda);
    if (binned && !good_enough(result.fit) && result.fit.status != FitStatus::censored &&
        !surely_flat(result.fit, counted, workspace.fit.plot)) {
      if (counted.parted) {
        return sort_in_batches(slice, method, std::move(counted), workspace.workers);
      }
      return look_again(slice, method, std::move(counted), workspace.workers);
    }
  }
  std::unique_ptr<Phase> next = matrix_errors(slice, histogram, workspace.fit.plot, workspace);
  if (options.keep_histogram) {
    result.histogram = std::move(histogram);
  } else if (method == Method::codes) {
    workspace.harvest.recycle(std::move(histogram));
  }
  return next;
}

void note_totals(const Histogram& histogram, SliceResult& result, std::optional<double> rms) {
  result.n = histogram.n();
  result.histogram.zeros = histogram.zeros;
  result.histogram.nans = histogram.nans;
  result.histogram.infs = histogram.infs;
  result.histogram.max_key = histogram.max_key;
  result.ends = end_levels(histogram);
  const bool finite = result.n + histogram.zeros > 0;
  if (result.n > 0) {
    result.max = magnitude_value(histogram.dtype, histogram.max_key);
  } else {
    result.max = finite ? 0.0 : nan;
  }
  result.rms = rms ? std::min(*rms, result.max) : root_mean_square(histogram, result.n);
}

std::vector<std::uint64_t> ranks_in_order(const std::vector<double>& probabilities,
                                          std::uint64_t n) {
  std::vector<std::uint64_t> ranks;
  for (const double q : probabilities) {
    ranks.push_back(inverted_cdf_rank(q, n));
  }
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

std::vector<double> in_order_of(const std::vector<double>& probabilities,
                                const std::vector<double>& ascending) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&probabilities](std::size_t a, std::size_t b) {
    return probabilities[a] < probabilities[b];
  });
  if (ascending.size() != order.size()) {
    throw DataChanged();
  }
  std::vector<double> quantiles(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    quantiles[order[i]] = ascending[i];
  }
  return quantiles;
}

}  // namespace weightgauge
