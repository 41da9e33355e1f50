// The bins of the published protocol: 1,024 equal ones of log10 |w| over [-12, 2].
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram/histogram.hpp"

namespace weightgauge {

// The edges of the bins as bits of float32 magnitudes: threshold[i] is the smallest float32 whose
// float32 logarithm reaches edge i; the last one is the smallest beyond the closed last bin. They
// come from NumPy's own log10, so that every magnitude falls where the published code puts it.
class PaperBins {
 public:
  static constexpr std::size_t bins = 1024;
  // Throws std::invalid_argument unless there are 1,025 ascending thresholds.
  explicit PaperBins(std::vector<std::uint32_t> thresholds);

  // How many edges a float32 magnitude (bits without the sign) has reached: 0 below the range,
  // 1..1024 in that bin, 1025 above.
  std::size_t bin_of(std::uint32_t bits) const {
    const Coarse& coarse = coarse_[bits >> 15];
    return coarse.bin + (bits >= coarse.threshold ? 1U : 0U);
  }

 private:
  // A bin is 3.2 % wide and magnitudes that share their 16 leading bits differ by at most 0.8 %:
  // at most one threshold falls among them.
  struct Coarse {
    std::uint32_t threshold;
    std::uint32_t bin;  // of the magnitudes below the threshold
  };
  std::vector<Coarse> coarse_;
};

// How many magnitudes each value of bin_of() has; an empty vector where nothing was counted.
using PaperCounts = std::vector<std::uint64_t>;
inline PaperCounts no_paper_counts() { return PaperCounts(PaperBins::bins + 2, 0); }

// Counts F32 or F64 items, which need not be aligned. F64 is rounded to float32 first, as the
// published code does.
void count_paper_bins(DType dtype, const std::byte* items, std::size_t n, const PaperBins& bins,
                      PaperCounts& counts);
// Counts a histogram's entries, each at its magnitude (of a bin: the mean) as float32.
PaperCounts paper_counts(const Histogram& histogram, const PaperBins& bins);
// Adds the counts of one part of a slice to those of others. Either may be empty.
void add_paper_counts(const PaperCounts& part, PaperCounts& sum);

}  // namespace weightgauge
