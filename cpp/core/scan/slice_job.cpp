#include "core/scan/slice_job.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/errors.hpp"
#include "core/exact/bin_expansion.hpp"
#include "core/exact/exact_ks.hpp"
#include "core/exact/quantiles.hpp"
#include "core/fit/ks.hpp"
#include "core/histogram/log_magnitude.hpp"

namespace weightgauge {

namespace {

// Where sums made bin by bin are at most this far from exact ones, relatively, they are taken.
constexpr double quick_tolerance = 5e-13;

}  // namespace

SliceJob::SliceJob(const Source& source, const View& view, const ScanOptions& options,
                   std::uint64_t chunk_bytes, SliceResult& result)
    : source_(source), view_(view), options_(options), items_(view.items()), result_(result) {
  choose_method();
  if (method_ == Method::sorted) {
    chunk_items_ = std::max<std::uint64_t>(items_, 1);
  } else {
    chunk_items_ = std::max<std::uint64_t>(chunk_bytes / item_bytes(view.dtype), 1);
    if (view.decoding != nullptr) {  // chunks begin and end between stored items
      chunk_items_ += chunk_items_ % view.decoding->values_per_item();
    }
  }
  parts_ = std::max<std::uint64_t>((items_ + chunk_items_ - 1) / chunk_items_, 1);
  pending_.store(parts_);
}

void SliceJob::choose_method() {
  if (!is_wide(view_.dtype)) {
    method_ = Method::codes;
  } else if (items_ <= sorted_limit) {
    method_ = Method::sorted;
  } else {
    method_ = Method::bins;
  }
}

std::pair<std::uint64_t, std::uint64_t> SliceJob::items_of(std::uint64_t part) const {
  const std::uint64_t first = part * chunk_items_;
  return {first, std::min(items_, first + chunk_items_)};
}

void SliceJob::note_progress(std::uint64_t items, Control& control) const {
  if (first_pass_) {
    control.bytes_done.fetch_add(view_.stored_bytes(items), std::memory_order_relaxed);
  }
}

void SliceJob::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  if (phase_ == Phase::batches) {
    workspace.release_tables();  // there is memory for counting or for sorting
    const std::size_t first = part == 0 ? 0 : group_ends_[part - 1];
    if (ranks_.empty()) {
      std::vector<BatchMoments> sums =
          moments_of_batches(source_, view_, &batches_[first], group_ends_[part] - first,
                      {*counted_, *sums_, quick_, wanted_bins_, extent_}, workspace.buffer,
                      workspace.space, control);
      std::move(sums.begin(), sums.end(), batch_sums_.begin() + static_cast<std::ptrdiff_t>(first));
    } else {
      batch_values_[part] = magnitudes_of_ranks(source_, view_, &batches_[first],
                                                group_ends_[part] - first, counted_->dropped_bits,
                                                ranks_, workspace.buffer, workspace.space, control);
    }
    return;
  }
  const auto [first, last] = items_of(part);
  if (method_ == Method::sorted) {
    counted_ = sorted_histogram(source_, view_, workspace.buffer, workspace.space, control);
  } else {
    if (method_ == Method::bins) {
      workspace.space.release();
    }
    CountingTable& table = workspace.table(0);
    for_each_stretch(source_, view_, first, last, workspace.buffer,
                     [&](const std::byte* items, std::size_t n) {
                       table.count(method_, view_.dtype, items, n, options_.paper.get());
                     });
  }
  note_progress(last - first, control);
}

SliceJob::Progress SliceJob::flush(std::uint64_t done, std::size_t table, Workspace& workspace,
                                   const Control& control) {
  if (phase_ == Phase::counting && method_ != Method::sorted) {
    CountingTable& counts = workspace.table(table);
    const std::uint64_t out_of_reach = counts.out_of_reach();
    const std::size_t most_bins =
        options_.keep_histogram ? std::numeric_limits<std::size_t>::max() : most_bins_of_fit;
    Histogram part = counts.harvest(method_, view_.dtype, most_bins);
    const PaperCounts paper = counts.harvest_paper();
    const std::lock_guard<std::mutex> lock(mutex_);
    out_of_reach_ += out_of_reach;
    if (!counted_) {
      counted_ = std::move(part);
    } else {
      counted_ = merged(*counted_, part);
      if (method_ == Method::bins && counted_->size() > most_bins) {
        counted_ = coarsened(*counted_, binned_dropped_bits(view_.dtype) + widened_bits);
      }
    }
    if (paper_.empty()) {
      paper_ = paper;
    } else if (!paper.empty()) {
      std::transform(paper_.begin(), paper_.end(), paper.begin(), paper_.begin(), std::plus<>());
    }
  }
  if (pending_.fetch_sub(done, std::memory_order_acq_rel) != done) {
    return Progress::going_on;
  }
  if (phase_ == Phase::counting) {
    return end_counting(workspace);
  }
  return end_batches(workspace, control);
}

void SliceJob::start_again_by_leading_bits() {
  method_ = Method::leading;
  first_pass_ = false;
  out_of_reach_ = 0;
  counted_.reset();
  paper_.clear();
  pending_.store(parts_);
}

SliceJob::Progress SliceJob::end_counting(Workspace& workspace) {
  if (out_of_reach_ > 0) {
    start_again_by_leading_bits();
    return Progress::next_phase;
  }
  const bool wide = !counted_->exact() && counted_->n() > 0;
  // Where there are very many bins a fit from them takes much memory, and they are wider for that,
  // unless they are what is wanted.
  const bool coarse = wide && counted_->dropped_bits != binned_dropped_bits(view_.dtype);
  const bool many = wide && options_.fit && counted_->size() > most_bins_of_fit;
  if (coarse || many || (wide && !options_.probabilities.empty())) {
    start_batches();
    return Progress::next_phase;
  }
  if (options_.paper != nullptr && paper_.empty()) {
    paper_ = paper_counts(*counted_, *options_.paper);
  }
  note_totals();
  take_quantiles_from_histogram();
  if (options_.fit) {
    if (wide && options_.exact) {
      start_batches();
      return Progress::next_phase;
    }
    result_.fit = fit_with_protocol(*counted_, result_.n, options_.trim, paper_);
    result_.exact = !wide;
    const Fit& fit = result_.fit;
    const bool good_enough = fit.status == FitStatus::ok && fit.error_bound <= fit_tolerance &&
                             ks_shortfall(fit.k) <= ks_tolerance;
    if (wide && !good_enough) {
      start_batches();
      return Progress::next_phase;
    }
  }
  if (options_.keep_histogram) {
    result_.histogram = std::move(*counted_);
  } else if (method_ == Method::codes) {
    workspace.table(0).recycle(std::move(*counted_));
  }
  counted_.reset();
  return Progress::finished;
}

void SliceJob::start_batches() {
  // Bins serve as well as leading bits: both are ranges of keys with counts.
  const Histogram& leading = *counted_;
  const auto threads = static_cast<std::size_t>(std::max(options_.threads, 1));
  if (options_.probabilities.empty()) {
    if (method_ == Method::leading) {
      wanted_bins_ = options_.keep_histogram ? binned_dropped_bits(view_.dtype)
                                             : bins_within(leading, most_bins_of_fit);
    }
    sums_.emplace(leading.n(), options_.trim);
    batches_ = plan_exact(leading, sums_->window());
    // Each group is a pass over all elements: a few more than threads, for these to end together.
    group_ends_ = group_batches(batches_, view_.dtype, threads > 1 ? 2 * threads : 1);
    batch_sums_.resize(batches_.size());
    extent_ = batches_.empty() ? 0 : extent_of(batches_, view_.dtype);
  } else {
    ranks_ = ranks_in_order();
    batches_ = plan_ranks(leading, ranks_);
    // The pass takes longest, not the sorting: it is made once, unless all threads can pick.
    const bool pick = batches_.size() <= most_picked * threads;
    group_ends_ = group_batches(batches_, view_.dtype, pick ? threads : 1);
    batch_values_.resize(group_ends_.size());
  }
  parts_ = group_ends_.size();
  result_.exact = true;
  phase_ = Phase::batches;
  pending_.store(parts_);
}

SliceJob::Progress SliceJob::end_batches(Workspace& workspace, const Control& control) {
  if (ranks_.empty()) {
    return fit_from_batches(workspace, control);
  }
  note_totals();
  std::vector<double> ascending;
  for (const std::vector<double>& values : batch_values_) {
    ascending.insert(ascending.end(), values.begin(), values.end());
  }
  set_quantiles(ascending);
  return Progress::finished;
}

void SliceJob::note_totals(std::optional<double> rms) {
  const Histogram& histogram = *counted_;
  SliceResult& result = result_;
  result.n = histogram.n();
  result.histogram.zeros = histogram.zeros;
  result.histogram.nans = histogram.nans;
  result.histogram.infs = histogram.infs;
  result.histogram.max_key = histogram.max_key;
  const bool finite = result.n + histogram.zeros > 0;
  result.rms = rms ? *rms : root_mean_square(histogram, result.n);
  if (result.n > 0) {
    result.max = magnitude_value(histogram.dtype, histogram.max_key);
  } else {
    result.max = finite ? 0.0 : std::numeric_limits<double>::quiet_NaN();
  }
}

// Whether sums made bin by bin are as good as those of magnitude by magnitude: what the expansion
// around the bins' means leaves out, and what the quick logarithms and y's own curve can do.
bool SliceJob::quick_sums_suffice(const Plot& plot) const {
  double widest = 0, inner_xx = 0, inner_xy = 0, bend = 0;
  for (const std::optional<BatchMoments>& sums : batch_sums_) {
    widest = std::max(widest, sums->widest);
    inner_xx += sums->inner_xx;
    inner_xy += sums->inner_xy;
    bend += sums->bend;
  }
  const Moments& moments = plot.moments;
  if (widest > widest_expanded || !(moments.xx > 0) || !(moments.xy > 0)) {
    return false;
  }
  const double bound = widest * (inner_xx / moments.xx + inner_xy / moments.xy) + bend / moments.xy;
  const double spread = std::sqrt(moments.xx / moments.weight);
  return std::fabs(bound) <= quick_tolerance && spread >= least_quick_spread;
}

SliceJob::Progress SliceJob::fit_from_batches(Workspace& workspace, const Control& control) {
  Plot plot = plot_of(batch_sums_);
  // Batches leave out bins beyond the window where there are more than two.
  std::uint64_t distinct = 0;
  for (const std::optional<BatchMoments>& sums : batch_sums_) {
    distinct += sums->distinct;
  }
  distinct = std::max<std::uint64_t>(distinct, counted_->size());
  // Sums that ended early have not seen all magnitudes.
  const bool early = std::any_of(batch_sums_.begin(), batch_sums_.end(),
                                 [](const auto& sums) { return sums->widest > widest_expanded; });
  if (quick_ && options_.fit && (early || (distinct > 2 && !quick_sums_suffice(plot)))) {
    quick_ = false;
    batch_sums_.assign(batches_.size(), std::nullopt);
    pending_.store(parts_);
    return Progress::next_phase;
  }
  std::optional<double> rms;  // bins as wide as that do not tell it
  if (counted_->dropped_bits != binned_dropped_bits(view_.dtype)) {
    rms = rms_of(batch_sums_, sums_->n() + counted_->zeros);
  }
  if (wanted_bins_ != 0) {
    counted_ = binned_again(*counted_, wanted_bins_, batch_sums_);
  }
  batch_sums_.clear();
  note_totals(rms);
  if (options_.fit) {
    Fit& fit = result_.fit;
    if (distinct <= 2) {
      fit = Fit();
      fit.status = FitStatus::few_magnitudes;
    } else {
      fit = options_.paper != nullptr ? fit_paper(paper_, options_.trim)
                                      : fit_of_moments(plot, *sums_);
    }
    if (fit.status == FitStatus::ok) {
      plot.below = static_cast<double>(sums_->window().begin);
      plot.next_x = plot.x.back();
      add_standard_errors(plot, sums_->n(), fit);
      fit.ks = exact_ks(source_, view_, *counted_, fit.k, fit.log_scale, workspace.buffer,
                        workspace.space, control);
    }
  }
  if (options_.keep_histogram) {
    result_.histogram = std::move(*counted_);
  }
  counted_.reset();
  return Progress::finished;
}

std::vector<std::uint64_t> SliceJob::ranks_in_order() const {
  std::vector<std::uint64_t> ranks;
  const std::uint64_t n = counted_->n();
  for (const double q : options_.probabilities) {
    ranks.push_back(inverted_cdf_rank(q, n));
  }
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

void SliceJob::take_quantiles_from_histogram() {
  if (options_.probabilities.empty()) {
    return;
  }
  if (result_.n == 0) {
    result_.quantiles.assign(options_.probabilities.size(),
                             std::numeric_limits<double>::quiet_NaN());
    return;
  }
  set_quantiles(magnitudes_at(*counted_, ranks_in_order()));
}

void SliceJob::set_quantiles(const std::vector<double>& ascending) {
  std::vector<std::size_t> order(options_.probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
    return options_.probabilities[a] < options_.probabilities[b];
  });
  if (ascending.size() != order.size()) {
    throw DataChanged();
  }
  result_.quantiles.resize(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    result_.quantiles[order[i]] = ascending[i];
  }
}

}  // namespace weightgauge
