#include "core/counting_table.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "core/kernels/kernels.hpp"
#include "core/wide_kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t table_size = std::size_t{1} << leading_bits;  // the largest of the tables

int dropped_by_leading_bits(DType dtype) {
  return static_cast<int>(8 * item_bytes(dtype)) - 1 - leading_bits;
}

}  // namespace

void CountingTable::FreePages::operator()(std::uint64_t* cells) const { std::free(cells); }

CountingTable::Cells CountingTable::new_cells() {
  Cells cells(static_cast<std::uint64_t*>(std::calloc(all_cells, sizeof(std::uint64_t))));
  if (cells == nullptr) {
    throw std::bad_alloc();
  }
  return cells;
}

void CountingTable::make_cells() {
  cells_ = new_cells();
  bins_.cells = cells_.get();
  bins_.owner = this;
  bins_.make_more_cells = [](void* owner) {
    auto& table = *static_cast<CountingTable*>(owner);
    table.more_cells_ = new_cells();
    table.bins_.more_cells = table.more_cells_.get();
  };
  bins_.make_codes = [](void* owner) {
    auto& table = *static_cast<CountingTable*>(owner);
    table.upper_codes_.resize(upper_codes);
    table.bins_.codes = table.upper_codes_.data();
  };
}

void CountingTable::count(Method method, DType dtype, const std::byte* items, std::size_t n,
                          const PaperBins* paper) {
  pending_ += n;
  if (method == Method::bins) {
    if (cells_ == nullptr) {
      make_cells();
    }
    kernels().count_f32_bins(items, n, bins_);
  } else if (!is_wide(dtype)) {
    codes_.count(dtype, items, n);
  } else {
    leading_.resize(table_size);
    if (dtype == DType::f32) {
      count_f32_leading(items, n, leading_.data(), leading_extremes_);
    } else {
      count_f64_leading(items, n, leading_.data(), leading_extremes_);
    }
  }
  if (paper != nullptr && is_wide(dtype)) {
    if (paper_.empty()) {
      paper_ = no_paper_counts();
    }
    if (dtype == DType::f32) {
      count_f32_paper(items, n, *paper, paper_);
    } else {
      count_f64_paper(items, n, *paper, paper_);
    }
  }
}

PaperCounts CountingTable::harvest_paper() {
  PaperCounts counts;
  counts.swap(paper_);
  return counts;
}

Histogram CountingTable::harvest(Method method, DType dtype) {
  pending_ = 0;
  if (!is_wide(dtype)) {
    return codes_.harvest(dtype);
  }
  return method == Method::bins ? harvest_bins(dtype) : harvest_leading(dtype);
}

std::uint64_t CountingTable::take_cell(std::uint64_t cell) {
  constexpr int halves_shift = 16 - f32_dropped_bits;
  std::uint64_t value = cells_[cell];
  cells_[cell] = 0;
  if (more_cells_ != nullptr) {
    value += more_cells_[cell];
    more_cells_[cell] = 0;
  }
  if (!upper_codes_.empty() && cell < f32_bins && cell % (1U << halves_shift) == 0) {
    std::uint32_t& halves = upper_codes_[cell >> halves_shift];
    value += std::uint64_t{halves} << packed_sum_bits;
    halves = 0;
  }
  return value;
}

void CountingTable::take_bins(const WideExtremes& extremes, Histogram& result) {
  constexpr std::uint64_t sum_mask = (1ULL << packed_sum_bits) - 1;
  const std::uint64_t shared = take_cell(0);
  result.zeros = (shared >> packed_sum_bits) - extremes.strays;
  for (std::size_t i = 0; i < zero_cells; ++i) {
    result.zeros += take_cell(f32_bins + i) >> packed_sum_bits;
  }
  if (extremes.strays != 0) {
    result.append(0, extremes.strays, shared & sum_mask);
  }
  if (extremes.largest == 0) {
    return;
  }
  const std::uint64_t last = extremes.largest >> f32_dropped_bits;
  const std::uint64_t first = extremes.smallest >> f32_dropped_bits;
  for (std::uint64_t bin = std::max<std::uint64_t>(first, 1); bin <= last; ++bin) {
    const std::uint64_t cell = take_cell(bin);
    if (cell != 0) {
      result.append(bin, cell >> packed_sum_bits, cell & sum_mask);
    }
  }
}

Histogram CountingTable::harvest_bins(DType dtype) {
  Histogram result(dtype);
  result.dropped_bits = f32_dropped_bits;
  const WideExtremes extremes = bins_.extremes;
  bins_.extremes = WideExtremes();
  result.infs = extremes.infs;
  result.nans = extremes.nonfinite - extremes.infs;
  result.max_key = extremes.largest;
  if (cells_ == nullptr) {
    return result;
  }
  take_bins(extremes, result);
  if (extremes.nonfinite != 0) {
    for (std::uint64_t bin = first_nonfinite_key(dtype) >> f32_dropped_bits; bin < f32_bins;
         ++bin) {
      take_cell(bin);
    }
  }
  const bool varying = std::any_of(result.residuals.begin(), result.residuals.end(),
                                   [](std::uint64_t residual) { return residual != 0; });
  if (!varying) {
    // Upcast from 16 bits, say: each bin holds a single magnitude, so nothing has been left out.
    for (std::uint64_t& key : result.keys) {
      key <<= f32_dropped_bits;
    }
    result.residuals.clear();
    result.dropped_bits = 0;
  }
  return result;
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
