#include "core/exact/plan.hpp"

#include <algorithm>

#include "core/histogram/log_magnitude.hpp"
#include "core/histogram/squares.hpp"

namespace weightgauge {

namespace {

// Aimed at by plan_exact where there are elements enough: each batch is work for one thread.
constexpr std::uint64_t wanted_batches = 8;
constexpr std::uint64_t least_batch = std::uint64_t{1} << 18;
// The keys of a batch are put in order within the second-level cache, or close to it.
constexpr std::uint64_t most_bytes_of_batch = std::uint64_t{4} << 20;

}  // namespace

bool wants_all(const Histogram& leading, const Window& window) {
  return window.size() == 0 || leading.size() <= 2 ||
         leading.dropped_bits != binned_dropped_bits(leading.dtype) || !bins_tell_rms(leading);
}

std::vector<Batch> plan_exact(const Histogram& leading, const Window& window,
                              std::uint64_t censored) {
  const std::uint64_t limit = std::clamp(leading.n() / wanted_batches, least_batch,
                                         most_bytes_of_batch / item_bytes(leading.dtype));
  const bool all = wants_all(leading, window);
  std::vector<Batch> batches;
  std::uint64_t rank = censored;
  for (std::size_t i = 0; i < leading.size(); ++i) {
    const KeyRange range = bin_range(leading, i);
    const std::uint64_t count = leading.counts[i];
    const bool wanted = all || (rank + count > window.begin && rank < window.end);
    if (wanted && !batches.empty() && batches.back().count + count <= limit) {
      batches.back().range.last = range.last;
      batches.back().count += count;
    } else if (wanted) {
      batches.push_back({range, count, rank});
    }
    rank += count;
  }
  return batches;
}

double extent_of(const std::vector<Batch>& batches, DType dtype) {
  return log_ratio(scaled(magnitude_value(dtype, batches.back().range.last)),
                   scaled(magnitude_value(dtype, batches.front().range.first)));
}

int bins_within(const Histogram& leading, std::size_t most) {
  for (int bits = binned_dropped_bits(leading.dtype);; ++bits) {
    const std::uint64_t parts = std::uint64_t{1} << (leading.dropped_bits - bits);
    std::uint64_t bins = 0;
    for (const std::uint64_t count : leading.counts) {
      bins += std::min(count, parts);
    }
    if (bins <= most || parts == 1) {
      return bits;
    }
  }
}

std::vector<std::size_t> group_batches(const std::vector<Batch>& batches, DType dtype,
                                       std::size_t groups) {
  std::uint64_t total = 0;
  for (const Batch& batch : batches) {
    total += batch.count;
  }
  const std::uint64_t limit = std::min(batch_limit(dtype), total / groups);
  std::vector<std::size_t> ends;
  std::uint64_t in_group = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    if (ends.empty() || in_group + batches[i].count > limit) {
      ends.push_back(i);
      in_group = 0;
    }
    in_group += batches[i].count;
    ends.back() = i + 1;
  }
  return ends;
}

}  // namespace weightgauge
