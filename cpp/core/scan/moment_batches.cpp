#include "core/scan/moment_batches.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/exact/bin_expansion.hpp"
#include "core/exact/exact_ks.hpp"
#include "core/exact/plan.hpp"
#include "core/fit/censoring.hpp"
#include "core/fit/paper.hpp"
#include "core/histogram/log_magnitude.hpp"
#include "core/histogram/squares.hpp"
#include "core/scan/matrix_errors.hpp"

namespace weightgauge {

namespace {

// Where sums made bin by bin are at most this far from exact ones, relatively, they are taken.
constexpr double quick_tolerance = 5e-13;

void run_group(const Slice& slice, const MomentPlan& plan, bool quick, std::uint64_t part,
               Workspace& workspace, const Control& control, AllMoments& moments) {
  workspace.release_tables();  // there is memory for counting or for sorting
  const std::size_t first = part == 0 ? 0 : plan.group_ends[part - 1];
  const BatchTask task{plan.counted.histogram, plan.sums,        quick,
                       plan.squares,           plan.wanted_bins, plan.extent};
  std::vector<BatchMoments> found = moments_of_batches(
      slice.source, slice.view, &plan.batches[first], plan.group_ends[part] - first, task,
      workspace.buffer, workspace.sort, control);
  std::move(found.begin(), found.end(), moments.begin() + static_cast<std::ptrdiff_t>(first));
}

// Whether sums made bin by bin are as good as those of magnitude by magnitude: what the expansion
// around the bins' means leaves out, and what the quick logarithms and y's own curve can do.
bool quick_sums_suffice(const AllMoments& batches, const Plot& plot) {
  double widest = 0, inner_xx = 0, inner_xy = 0, bend = 0;
  for (const std::optional<BatchMoments>& batch : batches) {
    widest = std::max(widest, batch->widest);
    inner_xx += batch->inner_xx;
    inner_xy += batch->inner_xy;
    bend += batch->bend;
  }
  const Moments& moments = plot.moments;
  if (widest > widest_expanded || !(moments.xx > 0) || !(moments.xy > 0)) {
    return false;
  }
  const double bound = widest * (inner_xx / moments.xx + inner_xy / moments.xy) + bend / moments.xy;
  const double spread = std::sqrt(moments.xx / moments.weight);
  return std::fabs(bound) <= quick_tolerance && spread >= least_quick_spread;
}

// Different magnitudes, or at least so many: batches leave out bins beyond the window where there
// are more than two.
std::uint64_t distinct_magnitudes(const Histogram& counted, const AllMoments& batches) {
  std::uint64_t distinct = 0;
  for (const std::optional<BatchMoments>& batch : batches) {
    distinct += batch->distinct;
  }
  return std::max<std::uint64_t>(distinct, counted.size());
}

// What the standard errors need beside the points: y at their ends, and what lies below.
void end_points(const HazenSums& sums, Plot& plot) {
  const std::size_t size = plot.weight.size();
  std::uint64_t rank = sums.window().begin;
  plot.below = static_cast<double>(rank);
  std::vector<std::uint64_t> ranks(size);
  for (std::size_t i = 0; i < size; ++i) {
    rank += static_cast<std::uint64_t>(plot.weight[i]);
    ranks[i] = rank;
  }
  std::vector<double> cumulative(size + 1), ends(size + 1), slopes(size + 1);
  sums.boundaries_after(ranks.data(), size, cumulative.data(), ends.data(), slopes.data());
  plot.end_y.assign(ends.begin() + 1, ends.end());
}

Fit fit_of_plot(const Slice& slice, const MomentPlan& plan, Plot& plot, Workspace& workspace,
                const Control& control) {
  const ScanOptions& options = slice.options;
  Fit fit = options.paper != nullptr ? fit_paper(plan.counted.paper, options.trim)
                                     : fit_of_moments(plot, plan.sums);
  if (fit.status == FitStatus::ok) {
    end_points(plan.sums, plot);
    plot.cut_by_zeros = plan.sums.cut_by_zeros();
    add_standard_errors(plot, plan.sums.n(), fit, workspace.fit.influences);
    fit.ks = exact_ks(slice.source, slice.view, plan.counted.histogram, plan.sums.censored(), fit.k,
                      fit.log_scale, workspace.buffer, workspace.sort, control);
  }
  return fit;
}

// Fills the slice's result from the moments of all batches; returns the phase that follows.
std::unique_ptr<Phase> settle(const Slice& slice, MomentPlan& plan, AllMoments& moments, Plot& plot,
                              Workspace& workspace, const Control& control) {
  Histogram& counted = plan.counted.histogram;
  const std::uint64_t distinct = distinct_magnitudes(counted, moments);
  std::optional<double> rms;
  if (plan.squares) {
    rms = rms_of(moments, counted.n() + counted.zeros);
  }
  if (plan.wanted_bins != 0) {
    counted = binned_again(counted, plan.wanted_bins, moments);
  }
  if (!bins_tell_rms(counted)) {
    counted.known_rms = rms;
  }
  moments.clear();
  SliceResult& result = slice.result;
  note_totals(counted, result, rms);
  if (slice.options.fit && distinct <= 2) {
    result.fit = Fit();
    result.fit.status = FitStatus::few_magnitudes;
  } else if (slice.options.fit && censoring_leaves_too_few(plan.sums)) {
    result.fit = Fit();
    result.fit.status = FitStatus::censored;
  } else if (slice.options.fit) {
    result.fit = fit_of_plot(slice, plan, plot, workspace, control);
    result.far_out = count_above(counted, far_out_from * result.fit.lambda);
  }
  std::unique_ptr<Phase> next = matrix_errors(slice, counted, plot, workspace);
  if (slice.options.keep_histogram) {
    result.histogram = std::move(counted);
  }
  return next;
}

}  // namespace

MomentPlan plan_moments(const Slice& slice, Method method, CountedSlice counted, int workers) {
  // Bins serve as well as leading bits: both are ranges of keys with counts.
  const Histogram& leading = counted.histogram;
  const DType dtype = leading.dtype;
  int wanted_bins = 0;
  if (method == Method::leading) {
    wanted_bins = slice.options.keep_histogram ? binned_dropped_bits(dtype)
                                               : bins_within(leading, most_bins_of_fit);
  }
  const std::uint64_t censored = censored_of(leading, slice.options.zeros);
  HazenSums sums(leading.n() + censored, slice.options.trim, censored);
  const bool squares = wants_all(leading, sums.window());
  std::vector<Batch> batches = plan_exact(leading, sums.window(), censored);
  // Each group is a pass over all elements: a few more than workers, for these to end together.
  const auto groups = static_cast<std::size_t>(workers > 1 ? 2 * workers : 1);
  std::vector<std::size_t> ends = group_batches(batches, dtype, groups);
  const double extent = batches.empty() ? 0 : extent_of(batches, dtype);
  return {std::move(counted), std::move(sums), std::move(batches), std::move(ends), squares,
          wanted_bins,        extent};
}

QuickBatches::QuickBatches(const Slice& slice, MomentPlan plan)
    : slice_(slice), plan_(std::move(plan)), moments_(plan_.batches.size()) {}

void QuickBatches::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  run_group(slice_, plan_, true, part, workspace, control, moments_);
}

std::unique_ptr<Phase> QuickBatches::finish(Workspace& workspace, const Control& control) {
  Plot plot = plot_of(moments_);
  // Sums that ended early have not seen all magnitudes.
  const bool early = std::any_of(moments_.begin(), moments_.end(),
                                 [](const auto& batch) { return batch->widest > widest_expanded; });
  const bool inexact = early || (distinct_magnitudes(plan_.counted.histogram, moments_) > 2 &&
                                 !quick_sums_suffice(moments_, plot));
  if (slice_.options.fit && inexact) {
    return std::make_unique<CarefulBatches>(slice_, std::move(plan_));
  }
  return settle(slice_, plan_, moments_, plot, workspace, control);
}

CarefulBatches::CarefulBatches(const Slice& slice, MomentPlan plan)
    : slice_(slice), plan_(std::move(plan)), moments_(plan_.batches.size()) {}

void CarefulBatches::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  run_group(slice_, plan_, false, part, workspace, control, moments_);
}

std::unique_ptr<Phase> CarefulBatches::finish(Workspace& workspace, const Control& control) {
  Plot plot = plot_of(moments_);
  return settle(slice_, plan_, moments_, plot, workspace, control);
}

}  // namespace weightgauge
