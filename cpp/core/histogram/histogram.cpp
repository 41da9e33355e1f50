#include "core/histogram/histogram.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <stdexcept>

#include "core/base/errors.hpp"
#include "core/histogram/squares.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

std::uint64_t Histogram::n() const {
  return kernels().entries.sum_counts(counts.data(), counts.size());
}

void Histogram::append(std::uint64_t key, std::uint64_t count, std::uint64_t residual) {
  if (!keys.empty() && keys.back() == key) {
    counts.back() += count;
    if (!exact()) {
      residuals.back() += residual;
    }
    return;
  }
  keys.push_back(key);
  counts.push_back(count);
  if (!exact()) {
    residuals.push_back(residual);
  }
}

int binned_dropped_bits(DType dtype) {
  return dtype == DType::f64 ? F64Layout::dropped_bits : F32Layout::dropped_bits;
}

int residual_shift(DType dtype) {
  return dtype == DType::f64 ? F64Layout::lost_bits : F32Layout::lost_bits;
}

double residual_unit(DType dtype) { return std::ldexp(1.0, residual_shift(dtype)); }

double residual_left_out(DType dtype) { return 0.5 * (residual_unit(dtype) - 1); }

double residual_slack(DType dtype) {
  return dtype == DType::f64 ? std::ldexp(1.0, F64Layout::lost_bits - 1 - 52) : 0.0;
}

namespace {

constexpr std::size_t most_top_bins = 2;

// The bins at the upper end of two histograms together.
std::vector<Bin> joined(const std::vector<Bin>& a, const std::vector<Bin>& b) {
  std::vector<Bin> all;
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(all),
             [](const Bin& one, const Bin& other) { return one.key < other.key; });
  std::vector<Bin> top;
  for (const Bin& bin : all) {
    append_top(top, bin);
  }
  return top;
}

}  // namespace

std::vector<Bin> top_bins(const Histogram& histogram) {
  const int usual = binned_dropped_bits(histogram.dtype);
  if (histogram.dropped_bits > usual) {
    return histogram.top;
  }
  const int narrower = usual - histogram.dropped_bits;
  std::size_t from = histogram.size();
  for (std::size_t bins = 0; from > 0; --from) {
    const bool last = from == histogram.size();
    const bool another =
        last || histogram.keys[from - 1] >> narrower != histogram.keys[from] >> narrower;
    if (another && bins++ == most_top_bins) {
      break;
    }
  }
  Histogram end(histogram.dtype);
  end.dropped_bits = usual;
  for (; from < histogram.size(); ++from) {
    append_bin(end, histogram.dropped_bits, histogram.keys[from], histogram.counts[from],
               histogram.exact() ? 0 : histogram.residuals[from]);
  }
  std::vector<Bin> top;
  for (std::size_t i = 0; i < end.size(); ++i) {
    top.push_back({end.keys[i], end.counts[i], end.residuals[i]});
  }
  return top;
}

void append_top(std::vector<Bin>& top, const Bin& bin) {
  if (!top.empty() && top.back().key == bin.key) {
    top.back().count += bin.count;
    top.back().residual += bin.residual;
    return;
  }
  if (top.size() == most_top_bins) {
    top.erase(top.begin());
  }
  top.push_back(bin);
}

Histogram without_entries(const Histogram& like, int dropped_bits) {
  Histogram result(like.dtype);
  result.zeros = like.zeros;
  result.nans = like.nans;
  result.infs = like.infs;
  result.max_key = like.max_key;
  result.top = like.top;
  result.dropped_bits = dropped_bits;
  return result;
}

void append_bin(Histogram& to, int bin_bits, std::uint64_t bin, std::uint64_t count,
                std::uint64_t residual) {
  const std::uint64_t first = bin << bin_bits;  // its first key
  const std::uint64_t low_bits = first & ((std::uint64_t{1} << to.dropped_bits) - 1);
  to.append(first >> to.dropped_bits, count,
            residual + (low_bits >> residual_shift(to.dtype)) * count);
}

Histogram binned(const Histogram& exact) {
  return is_wide(exact.dtype) ? coarsened(exact, binned_dropped_bits(exact.dtype)) : exact;
}

Histogram coarsened(const Histogram& histogram, int dropped_bits) {
  if (histogram.dropped_bits >= dropped_bits) {
    return histogram;
  }
  Histogram result = without_entries(histogram, dropped_bits);
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    append_bin(result, histogram.dropped_bits, histogram.keys[i], histogram.counts[i],
               histogram.exact() ? 0 : histogram.residuals[i]);
  }
  if (dropped_bits > binned_dropped_bits(histogram.dtype)) {
    result.top = top_bins(histogram);
  }
  if (!bins_tell_rms(result)) {
    result.known_rms = told_root_mean_square(histogram);
  }
  return result;
}

Histogram merged(const Histogram& a, const Histogram& b) {
  if (a.dtype != b.dtype) {
    throw std::invalid_argument("histograms of different element formats cannot be merged");
  }
  if (a.dropped_bits != b.dropped_bits) {
    const int wider = std::max(a.dropped_bits, b.dropped_bits);
    return merged(coarsened(a, wider), coarsened(b, wider));
  }
  Histogram result(a.dtype);
  result.dropped_bits = a.dropped_bits;
  result.zeros = a.zeros + b.zeros;
  result.nans = a.nans + b.nans;
  result.infs = a.infs + b.infs;
  result.max_key = std::max(a.max_key, b.max_key);
  result.top = joined(a.top, b.top);
  // No branch depends on which key comes next, and the arrays do not grow entry by entry: both
  // would take longer.
  result.keys.resize(a.size() + b.size());
  result.counts.resize(a.size() + b.size());
  result.residuals.resize(a.exact() ? 0 : a.size() + b.size());
  std::size_t i = 0;
  std::size_t j = 0;
  std::size_t size = 0;
  for (; i < a.size() && j < b.size(); ++size) {
    const std::uint64_t key_a = a.keys[i];
    const std::uint64_t key_b = b.keys[j];
    const bool take_a = key_a <= key_b;
    const bool take_b = key_b <= key_a;
    result.keys[size] = take_a ? key_a : key_b;
    result.counts[size] = (take_a ? a.counts[i] : 0) + (take_b ? b.counts[j] : 0);
    if (!a.exact()) {
      result.residuals[size] = (take_a ? a.residuals[i] : 0) + (take_b ? b.residuals[j] : 0);
    }
    i += take_a ? 1 : 0;
    j += take_b ? 1 : 0;
  }
  const Histogram& rest = i < a.size() ? a : b;
  for (std::size_t from = i < a.size() ? i : j; from < rest.size(); ++from, ++size) {
    result.keys[size] = rest.keys[from];
    result.counts[size] = rest.counts[from];
    if (!a.exact()) {
      result.residuals[size] = rest.residuals[from];
    }
  }
  result.keys.resize(size);
  result.counts.resize(size);
  result.residuals.resize(a.exact() ? 0 : size);
  if (!bins_tell_rms(result)) {
    result.known_rms = joint_root_mean_square(a, b);
  }
  return result;
}

void take_away(Histogram& all, const Histogram& some) {
  if (all.dropped_bits != some.dropped_bits) {
    const int wider = std::max(all.dropped_bits, some.dropped_bits);
    all = coarsened(all, wider);
    take_away(all, coarsened(some, wider));
    return;
  }
  const auto lower = [](std::uint64_t& from, std::uint64_t by) {
    if (by > from) {
      throw DataChanged();
    }
    from -= by;
  };
  lower(all.zeros, some.zeros);
  lower(all.nans, some.nans);
  lower(all.infs, some.infs);
  all.max_key = 0;
  all.top.clear();
  all.known_rms.reset();
  std::size_t size = 0;
  std::size_t j = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (j < some.size() && some.keys[j] == all.keys[i]) {
      lower(all.counts[i], some.counts[j]);
      if (!all.exact()) {  // a sum may have been rounded where bins were made anew from batches
        all.residuals[i] -= std::min(all.residuals[i], some.residuals[j]);
      }
      ++j;
    }
    if (all.counts[i] > 0) {
      all.keys[size] = all.keys[i];
      all.counts[size] = all.counts[i];
      if (!all.exact()) {
        all.residuals[size] = all.residuals[i];
      }
      ++size;
    }
  }
  if (j < some.size()) {
    throw DataChanged();
  }
  all.keys.resize(size);
  all.counts.resize(size);
  all.residuals.resize(all.exact() ? 0 : size);
}

Entry entry_at(const Histogram& histogram, std::size_t index) {
  if (histogram.exact()) {
    const double value = magnitude_value(histogram.dtype, histogram.keys[index]);
    return {value, value, value};
  }
  const int bits = histogram.dropped_bits;
  const std::uint64_t low_key = histogram.keys[index] << bits;
  const double mean_residual = to_double(histogram.residuals[index]) /
                                   to_double(histogram.counts[index]) *
                                   residual_unit(histogram.dtype) +
                               residual_left_out(histogram.dtype);
  const std::uint64_t top_key = low_key | ((1ULL << bits) - 1);
  const double low = magnitude_value(histogram.dtype, low_key);
  const double top = magnitude_value(histogram.dtype, top_key);
  // Within a bin the exponent is fixed, so a magnitude is linear in its key. The step comes from
  // the top key, because the next bin's first key may be infinite.
  const double keys = static_cast<double>((1ULL << bits) - 1);
  const double step = (top - low) / keys;
  if (!histogram.single.empty() && histogram.single[index] != 0) {
    const double magnitude = low + mean_residual * step;
    return {magnitude, magnitude, magnitude};
  }
  return {low, top + step, low + mean_residual * step};
}

void note_ranks(const Histogram& histogram, std::vector<std::uint64_t>& ranks,
                std::uint64_t before) {
  ranks.resize(histogram.size());
  kernels().entries.running_sums(histogram.counts.data(), histogram.size(), ranks.data());
  if (before > 0) {
    for (std::uint64_t& rank : ranks) {
      rank += before;
    }
  }
}

std::vector<double> magnitudes_at(const Histogram& histogram,
                                  const std::vector<std::uint64_t>& ascending_ranks) {
  std::vector<double> result;
  result.reserve(ascending_ranks.size());
  std::size_t index = 0;
  std::uint64_t below = 0;
  for (const std::uint64_t rank : ascending_ranks) {
    while (index < histogram.size() && below + histogram.counts[index] <= rank) {
      below += histogram.counts[index++];
    }
    if (index == histogram.size()) {
      throw std::out_of_range("rank beyond the histogram's count");
    }
    result.push_back(entry_at(histogram, index).mean);
  }
  return result;
}

std::uint64_t inverted_cdf_rank(double q, std::uint64_t n) {
  // The same double arithmetic as numpy: the virtual index n q - 1, rounded up, never below 0.
  const double index = static_cast<double>(n) * q - 1;
  const double rounded = std::ceil(index);
  if (!(rounded > 0)) {
    return 0;
  }
  return std::min(static_cast<std::uint64_t>(rounded), n - 1);
}

}  // namespace weightgauge
