#include "core/exact/batch.hpp"

namespace weightgauge {

std::vector<Batch> plan_batches(const std::vector<std::uint64_t>& counts, KeyRange range, int shift,
                                std::uint64_t limit, std::uint64_t rank_before) {
  std::vector<Batch> batches;
  const std::uint64_t base = range.first >> shift;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) {
      continue;
    }
    const std::uint64_t first = std::max(range.first, (base + i) << shift);
    const std::uint64_t last = std::min(range.last, ((base + i + 1) << shift) - 1);
    if (!batches.empty() && batches.back().count + counts[i] <= limit) {
      batches.back().range.last = last;
      batches.back().count += counts[i];
    } else {
      batches.push_back({{first, last}, counts[i], rank_before});
    }
    rank_before += counts[i];
  }
  return batches;
}

}  // namespace weightgauge
