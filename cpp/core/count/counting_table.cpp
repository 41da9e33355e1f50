#include "core/count/counting_table.hpp"

#include <algorithm>
#include <numeric>

#include "core/count/leading_bits.hpp"
#include "core/count/multiples.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t table_size = std::size_t{1} << leading_bits;  // the largest of the tables

// Cells gone through at a time.
constexpr std::uint64_t cells_block = 1024;

int dropped_by_leading_bits(DType dtype) {
  return static_cast<int>(8 * item_bytes(dtype)) - 1 - leading_bits;
}

// Calls take(bin, n) for the bins from `first` to `last`, for up to `most` of them at a time, whose
// cells lie side by side.
template <class Take>
void for_each_stretch_of_cells(std::uint64_t first, std::uint64_t last, std::uint64_t most,
                               const Take& take) {
  for (std::uint64_t bin = first; bin <= last;) {
    const std::uint64_t n = std::min({most, last - bin + 1, bin_cells - bin % bin_cells});
    take(bin, static_cast<std::size_t>(n));
    bin += n;
  }
}

}  // namespace

void CountingTable::make_cells() {
  cells_ = ZeroedCells<std::uint64_t>(all_cells);
  bins_.cells = cells_.data();
  bins_.owner = this;
  bins_.make_more_cells = [](void* owner) {
    auto& table = *static_cast<CountingTable*>(owner);
    table.more_cells_ = ZeroedCells<std::uint64_t>(all_cells);
    table.bins_.more_cells = table.more_cells_.data();
  };
  bins_.make_codes = [](void* owner) {
    auto& table = *static_cast<CountingTable*>(owner);
    table.upper_codes_.resize(upper_codes);
    table.bins_.codes = table.upper_codes_.data();
  };
}

void CountingTable::count(Method method, DType dtype, const std::byte* items, std::size_t n,
                          const PaperBins* paper, const Noting& noting) {
  pending_ += n;
  if (noting.negatives) {
    count_noted(method, dtype, items, n, noting);
  } else {
    count_items(method, dtype, items, n, nullptr);
  }
  if (paper != nullptr && is_wide(dtype)) {
    if (paper_.empty()) {
      paper_ = no_paper_counts();
    }
    count_paper_bins(dtype, items, n, *paper, paper_);
  }
}

// Loops note whole pages while they count. The rest is noted on its own.
void CountingTable::count_noted(Method method, DType dtype, const std::byte* items, std::size_t n,
                                const Noting& noting) {
  const std::size_t item = item_bytes(dtype);
  const std::size_t whole = n * item / page_bytes * page_bytes;
  PageNotes notes;
  notes.codes = negative_codes(dtype);
  notes.page = noting.first_page;
  count_items(method, dtype, items, whole / item, &notes);
  if (whole < n * item) {
    count_items(method, dtype, items + whole, n - whole / item, nullptr);
    kernels().note_pages(items + whole, n * item - whole, notes);
  }
  notes_.negatives += notes.negatives;
  if (noting.pages) {
    notes_.add({notes.sum, notes.zero_pages, 0});
  }
}

void CountingTable::count_items(Method method, DType dtype, const std::byte* items, std::size_t n,
                                PageNotes* notes) {
  if (method == Method::bins) {
    if (cells_.size() == 0) {
      make_cells();
    }
    if (dtype == DType::f32) {
      kernels().count_f32_bins(items, n, bins_, notes);
    } else {
      kernels().count_f64_bins(items, n, bins_, notes);
    }
  } else if (!is_wide(dtype)) {
    codes_.count(dtype, items, n, notes);
  } else {
    leading_.resize(table_size);
    count_f64_leading(items, n, leading_.data(), leading_extremes_);
  }
}

void CountingTable::count_repeated(const float* values, const std::uint32_t* counts, std::size_t n,
                                   const Noting& noting) {
  if (cells_.size() == 0) {
    make_cells();
  }
  pending_ += std::accumulate(counts, counts + n, std::uint64_t{0});
  const std::uint64_t negatives = kernels().count_repeated_f32(values, counts, n, bins_);
  notes_.negatives += noting.negatives ? negatives : 0;
}

std::uint32_t* CountingTable::open_table(const std::byte* item, std::size_t n) {
  pending_ += n;
  return codes_.open_table(item, n);
}

MultipleCounts& CountingTable::open_multiples(std::uint64_t n) {
  pending_ += n;
  return multiples_;
}

void CountingTable::release() {
  codes_.release();
  multiples_ = {};
  bins_ = {};
  cells_ = {};
  more_cells_ = {};
  upper_codes_ = {};
}

PaperCounts CountingTable::harvest_paper() {
  PaperCounts counts;
  counts.swap(paper_);
  return counts;
}

Histogram CountingTable::harvest(Method method, DType dtype, std::size_t most_bins,
                                 HarvestSpace& space) {
  Histogram result = !is_wide(dtype)               ? codes_.harvest(dtype, space)
                     : method == Method::bins      ? harvest_bins(dtype, most_bins)
                     : method == Method::multiples ? harvest_multiples()
                                                   : harvest_leading(dtype);
  pending_ = 0;
  return result;
}

std::uint64_t CountingTable::room(DType dtype) {
  return (dtype == DType::f64 ? F64Layout::most_items : F32Layout::most_items) / 2;
}

std::uint64_t CountingTable::out_of_reach() const { return bins_.extremes.beyond; }

template <class Layout>
std::uint64_t CountingTable::take_cell(std::uint64_t cell) {
  std::uint64_t value = cells_[cell];
  cells_[cell] = 0;
  if (more_cells_.size() != 0) {
    value += more_cells_[cell];
    more_cells_[cell] = 0;
  }
  if (!upper_codes_.empty() && cell % cells_of_code == 0) {
    std::uint32_t& count = upper_codes_[cell / cells_of_code];
    value += count * Layout::one;
    count = 0;
  }
  return value;
}

template <class Layout>
void CountingTable::join_cells(std::uint64_t first, std::size_t n) {
  if (more_cells_.size() != 0) {
    for (std::uint64_t cell = first; cell < first + n; ++cell) {
      cells_[cell] += more_cells_[cell];
      more_cells_[cell] = 0;
    }
  }
  if (!upper_codes_.empty()) {
    for (std::uint64_t code = (first + cells_of_code - 1) / cells_of_code;
         code * cells_of_code < first + n; ++code) {
      cells_[code * cells_of_code] += upper_codes_[code] * Layout::one;
      upper_codes_[code] = 0;
    }
  }
}

template <class Layout>
std::size_t CountingTable::used_cells(std::uint64_t first, std::uint64_t last) {
  std::size_t used = 0;
  for_each_stretch_of_cells(first, last, bin_cells, [&](std::uint64_t bin, std::size_t n) {
    const std::uint64_t cell = bin % bin_cells;
    join_cells<Layout>(cell, n);
    used += static_cast<std::size_t>(std::count_if(cells_.data() + cell, cells_.data() + cell + n,
                                                   [](std::uint64_t value) { return value != 0; }));
  });
  return used;
}

template <class Layout>
void CountingTable::take_bins(const WideExtremes& extremes, std::size_t most_bins,
                              Histogram& result) {
  constexpr std::uint64_t sum_mask = Layout::one - 1;
  const std::uint64_t shared = take_cell<Layout>(Layout::shared_cell);
  result.zeros = (shared >> Layout::sum_bits) - extremes.strays;
  result.zeros += take_cell<Layout>(zero_cell) >> Layout::sum_bits;
  if (Layout::shared_cell == 0 && extremes.strays != 0) {
    result.append(0, extremes.strays, shared & sum_mask);
  }
  if (extremes.largest == 0) {
    return;
  }
  constexpr std::uint64_t lowest = Layout::shared_cell == 0 ? 1 : Layout::first_bin;
  const std::uint64_t first = std::max(extremes.smallest >> Layout::dropped_bits, lowest);
  const std::uint64_t last =
      std::min(extremes.largest >> Layout::dropped_bits, Layout::first_bin + bin_cells - 1);
  if (first > last) {
    return;  // all of them lie beyond the bins
  }
  const auto most = static_cast<std::size_t>(std::min(last - first + 1, pending_));
  const bool wider = most > most_bins && used_cells<Layout>(first, last) > most_bins;
  if (wider) {
    result.dropped_bits += widened_bits;
  } else {
    result.keys.reserve(most);
    result.counts.reserve(most);
    result.residuals.reserve(most);
  }
  std::uint64_t bins[cells_block + gather_slack];
  std::uint64_t counts[cells_block + gather_slack];
  std::uint64_t residuals[cells_block + gather_slack];
  for_each_stretch_of_cells(first, last, cells_block, [&](std::uint64_t bin, std::size_t n) {
    const std::uint64_t cell = bin % bin_cells;
    join_cells<Layout>(cell, n);
    const std::size_t found = kernels().bins.take_cells(cells_.data() + cell, n, bin,
                                                        Layout::sum_bits, bins, counts, residuals);
    if (wider) {
      for (std::size_t i = 0; i < found; ++i) {
        append_bin(result, Layout::dropped_bits, bins[i], counts[i], residuals[i]);
      }
      for (std::size_t i = found - std::min<std::size_t>(found, 2); i < found; ++i) {
        append_top(result.top, {bins[i], counts[i], residuals[i]});
      }
      return;
    }
    result.keys.insert(result.keys.end(), bins, bins + found);
    result.counts.insert(result.counts.end(), counts, counts + found);
    result.residuals.insert(result.residuals.end(), residuals, residuals + found);
  });
}

Histogram CountingTable::harvest_bins(DType dtype, std::size_t most_bins) {
  Histogram result(dtype);
  result.dropped_bits = binned_dropped_bits(dtype);
  const WideExtremes extremes = bins_.extremes;
  bins_.extremes = WideExtremes();
  result.infs = extremes.infs;
  result.nans = extremes.nonfinite - extremes.infs;
  result.max_key = extremes.largest;
  if (cells_.size() == 0) {
    return result;
  }
  if (dtype == DType::f64) {
    take_bins<F64Layout>(extremes, most_bins, result);
  } else {
    take_bins<F32Layout>(extremes, most_bins, result);
    if (extremes.nonfinite != 0) {
      for (std::uint64_t bin = first_nonfinite_key(dtype) >> F32Layout::dropped_bits;
           bin < bin_cells; ++bin) {
        take_cell<F32Layout>(bin);
      }
    }
  }
  const int standard = binned_dropped_bits(dtype);
  const std::uint64_t low_bits = (std::uint64_t{1} << standard) - 1;
  if (result.dropped_bits == standard && (extremes.bits & low_bits) == 0) {
    // Upcast from 16 bits, say: each bin holds a single magnitude, so nothing has been left out.
    for (std::uint64_t& key : result.keys) {
      key <<= result.dropped_bits;
    }
    result.residuals.clear();
    result.dropped_bits = 0;
  }
  return result;
}

Histogram CountingTable::harvest_multiples() {
  auto [result, negatives] = take_multiples(multiples_);
  notes_.negatives += negatives;
  return std::move(result);
}

Histogram CountingTable::harvest_leading(DType dtype) {
  Histogram result(dtype);
  const WideExtremes extremes = leading_extremes_;
  leading_extremes_ = WideExtremes();
  const int dropped = dropped_by_leading_bits(dtype);
  result.dropped_bits = dropped;
  result.zeros = extremes.zeros;
  result.infs = extremes.infs;
  result.nans = extremes.nonfinite - extremes.infs;
  result.max_key = extremes.largest;
  if (leading_.empty()) {
    return result;
  }
  leading_[0] -= static_cast<std::uint32_t>(extremes.zeros);
  const std::uint64_t last = extremes.largest >> dropped;
  for (std::uint64_t bin = 0; extremes.largest != 0 && bin <= last; ++bin) {
    if (leading_[bin] != 0) {
      result.append(bin, leading_[bin], 0);
    }
  }
  std::fill(leading_.begin(), leading_.end(), 0U);
  return result;
}

}  // namespace weightgauge
