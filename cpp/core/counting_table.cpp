#include "core/counting_table.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace weightgauge {

namespace {

constexpr std::size_t table_size = std::size_t{1} << leading_bits;  // the largest of the tables

int dropped_by_leading_bits(DType dtype) {
  return static_cast<int>(8 * item_bytes(dtype)) - 1 - leading_bits;
}

}  // namespace

void CountingTable::FreePages::operator()(std::uint64_t* cells) const { std::free(cells); }

void CountingTable::count(Method method, DType dtype, const std::byte* items, std::size_t n,
                          const PaperBins* paper) {
  pending_ += n;
  if (method == Method::bins) {
    if (packed_ == nullptr) {
      packed_.reset(static_cast<std::uint64_t*>(std::calloc(f32_bins, sizeof(std::uint64_t))));
      if (packed_ == nullptr) {
        throw std::bad_alloc();
      }
    }
    count_f32_bins(items, n, packed_.get(), extremes_);
  } else {
    counts_.resize(table_size);
    if (is_16_bit(dtype)) {
      count_16_bit(items, n, counts_.data());
    } else if (dtype == DType::f32) {
      count_f32_leading(items, n, counts_.data(), extremes_);
    } else if (dtype == DType::f64) {
      count_f64_leading(items, n, counts_.data(), extremes_);
    } else {
      count_bytes(items, n, counts_.data());
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
  if (is_wide(dtype)) {
    return harvest_wide(method, dtype);
  }
  return is_16_bit(dtype) ? harvest_16_bit(dtype) : harvest_bytes(dtype);
}

Histogram CountingTable::harvest_16_bit(DType dtype) {
  Histogram result(dtype);
  if (counts_.empty()) {
    return result;
  }
  const std::uint64_t limit = first_nonfinite_key(dtype);
  result.zeros = counts_[0];
  for (std::uint64_t key = 1; key < limit; ++key) {
    if (counts_[key] != 0) {
      result.append(key, counts_[key], 0);
    }
  }
  result.infs = counts_[limit];
  for (std::uint64_t key = limit + 1; key < 0x8000; ++key) {
    result.nans += counts_[key];
  }
  std::fill_n(counts_.begin(), 0x8000, 0U);
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

Histogram CountingTable::harvest_bytes(DType dtype) {
  // Packed or not, the magnitudes of F4 are the same.
  Histogram result(dtype == DType::f4_unpacked ? DType::f4 : dtype);
  if (counts_.empty()) {
    return result;
  }
  const CodeTable& codes = code_table(dtype);
  std::uint64_t by_key[256] = {};
  const auto add = [&](unsigned raw, std::uint64_t count) {
    const CodeMeaning meaning = codes.meaning[raw];
    switch (meaning.magnitude) {
      case Magnitude::finite:
        by_key[meaning.key] += count;
        break;
      case Magnitude::zero:
        result.zeros += count;
        break;
      case Magnitude::nan:
        result.nans += count;
        break;
      case Magnitude::inf:
        result.infs += count;
        break;
    }
  };
  for (unsigned raw = 0; raw < 256; ++raw) {
    std::uint64_t count = 0;
    for (std::size_t table = 0; table < byte_tables; ++table) {
      count += counts_[table * 256 + raw];
    }
    add(dtype == DType::f4 ? raw & 0x0F : raw, count);
    if (dtype == DType::f4) {
      add(raw >> 4, count);
    }
  }
  for (unsigned key = 0; key < 256; ++key) {
    if (by_key[key] != 0) {
      result.append(key, by_key[key], 0);
    }
  }
  std::fill_n(counts_.begin(), byte_tables * 256, 0U);
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

Histogram CountingTable::harvest_wide(Method method, DType dtype) {
  Histogram result(dtype);
  const bool bins = method == Method::bins;
  result.dropped_bits = bins ? binned_dropped_bits(dtype) : dropped_by_leading_bits(dtype);
  result.zeros = extremes_.zeros;
  result.infs = extremes_.infs;
  result.nans = extremes_.nonfinite - extremes_.infs;
  result.max_key = extremes_.largest;
  if (bins ? packed_ == nullptr : counts_.empty()) {
    return result;
  }
  const auto empty_cell = [&](std::uint64_t bin) {
    if (bins) {
      packed_[bin] = 0;
    } else {
      counts_[bin] = 0;
    }
  };
  const int dropped = result.dropped_bits;
  const std::uint64_t beyond = first_nonfinite_key(dtype) >> dropped;
  std::uint64_t varying = 0;  // low bits seen anywhere: none, and the bins hold one magnitude each
  if (extremes_.largest != 0) {
    constexpr std::uint64_t sum_mask = (1ULL << packed_sum_bits) - 1;
    const std::uint64_t last = extremes_.largest >> dropped;
    for (std::uint64_t bin = extremes_.smallest >> dropped; bin <= last; ++bin) {
      const std::uint64_t cell = bins ? packed_[bin] : counts_[bin];
      std::uint64_t count = bins ? cell >> packed_sum_bits : cell;
      if (bin == 0) {
        count -= extremes_.zeros;
      }
      if (count == 0) {
        continue;
      }
      const std::uint64_t residual = bins ? cell & sum_mask : 0;
      varying |= residual;
      result.append(bin, count, residual);
      empty_cell(bin);
    }
  }
  empty_cell(0);
  if (extremes_.nonfinite != 0) {
    const std::uint64_t total = bins ? f32_bins : table_size;
    for (std::uint64_t bin = beyond; bin < total; ++bin) {
      empty_cell(bin);
    }
  }
  extremes_ = WideExtremes();
  if (bins && varying == 0) {
    // Upcast from 16 bits, say: each bin holds a single magnitude, so nothing has been left out.
    for (std::uint64_t& key : result.keys) {
      key <<= dropped;
    }
    result.residuals.clear();
    result.dropped_bits = 0;
  }
  return result;
}

}  // namespace weightgauge
