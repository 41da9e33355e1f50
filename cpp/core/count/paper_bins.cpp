#include "core/count/paper_bins.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <stdexcept>

namespace weightgauge {

namespace {

// Bits of the float32 nearest to a magnitude, infinity where it is too large.
std::uint32_t float32_bits(double magnitude) {
  constexpr auto most = static_cast<double>(std::numeric_limits<float>::max());
  // Halfway between the largest float32 and the next power of two rounds to infinity.
  constexpr double rounds_to_infinity = most + most / 33554430.0;
  const float value = magnitude < rounds_to_infinity ? static_cast<float>(std::min(magnitude, most))
                                                     : std::numeric_limits<float>::infinity();
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

void count_f32(const std::byte* items, std::size_t n, const PaperBins& bins, PaperCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, items + i * sizeof bits, sizeof bits);
    ++counts[bins.bin_of(bits & (~std::uint32_t{0} >> 1))];
  }
}

void count_f64(const std::byte* items, std::size_t n, const PaperBins& bins, PaperCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    double value = 0;
    std::memcpy(&value, items + i * sizeof value, sizeof value);
    ++counts[bins.bin_of(float32_bits(std::fabs(value)))];
  }
}

}  // namespace

PaperBins::PaperBins(std::vector<std::uint32_t> thresholds) : coarse_(1U << 16) {
  if (thresholds.size() != bins + 1) {
    throw std::invalid_argument("the published protocol has 1,025 bin edges");
  }
  std::size_t next = 0;
  for (std::uint32_t lead = 0; lead < coarse_.size(); ++lead) {
    const std::uint64_t beyond = (static_cast<std::uint64_t>(lead) + 1) << 15;
    Coarse& coarse = coarse_[lead];
    coarse.bin = static_cast<std::uint32_t>(next);
    coarse.threshold = std::numeric_limits<std::uint32_t>::max();
    if (next < thresholds.size() && thresholds[next] < beyond) {
      coarse.threshold = thresholds[next++];
    }
    if (next < thresholds.size() && thresholds[next] < beyond) {
      throw std::invalid_argument("the published protocol's bin edges are not ascending");
    }
  }
}

void count_paper_bins(DType dtype, const std::byte* items, std::size_t n, const PaperBins& bins,
                      PaperCounts& counts) {
  if (dtype == DType::f32) {
    count_f32(items, n, bins, counts);
  } else {
    count_f64(items, n, bins, counts);
  }
}

PaperCounts paper_counts(const Histogram& histogram, const PaperBins& bins) {
  PaperCounts counts = no_paper_counts();
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    counts[bins.bin_of(float32_bits(entry_at(histogram, i).mean))] += histogram.counts[i];
  }
  return counts;
}

void add_paper_counts(const PaperCounts& part, PaperCounts& sum) {
  if (sum.empty()) {
    sum = part;
  } else if (!part.empty()) {
    std::transform(sum.begin(), sum.end(), part.begin(), sum.begin(), std::plus<>());
  }
}

}  // namespace weightgauge
