#include "core/scan/finding_levels.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/io/stretches.hpp"
#include "core/kernels/kernels.hpp"
#include "core/scan/counting.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t most_looked_up = 65536;  // as many as BF16 or F16 have, scaled by a factor
// From the first to the last of them.
constexpr std::uint64_t most_bins = std::uint64_t{1} << 20;

// Of BF16 times a factor levels lie at least 2^5 bins apart. More would save nothing, and a key has
// no room for many more bits.
constexpr int most_gap = 8;

// At most so many items are looked at together. Nothing branches on one of them, because zeros may
// be among the others in any order.
constexpr std::size_t together = 512;

template <class Key>
Key key_at(const std::byte* packed, std::size_t i) {
  Key key;
  std::memcpy(&key, packed + i * sizeof key, sizeof key);
  return key & (static_cast<Key>(~Key{0}) >> 1);
}

// Levels lie at least 2^gap bins apart.
int gap_of(const Histogram& histogram) {
  std::uint64_t least = most_bins;
  for (std::size_t i = 1; i < histogram.size(); ++i) {
    least = std::min(least, histogram.keys[i] - histogram.keys[i - 1]);
  }
  int gap = 0;
  while (gap < most_gap && least >> (gap + 1) != 0) {
    ++gap;
  }
  return gap;
}

}  // namespace

bool may_be_levels(const Histogram& histogram) {
  if (histogram.exact() || histogram.size() == 0 || histogram.size() > most_looked_up ||
      histogram.keys.back() - histogram.keys.front() >= most_bins) {
    return false;
  }
  // Elements that are equal have equal shares of their bin's sum.
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    if (histogram.residuals[i] % histogram.counts[i] != 0) {
      return false;
    }
  }
  return true;
}

FindingLevels::FindingLevels(const Slice& slice, Method method, CountedSlice counted)
    : slice_(slice),
      method_(method),
      counted_(std::move(counted)),
      chunks_(chunks_of(slice, slice.options.chunk_bytes)),
      gap_(gap_of(counted_.histogram)),
      first_place_(counted_.histogram.keys.front() >> gap_),
      levels_((counted_.histogram.keys.back() >> gap_) - first_place_ + 2) {
  const Histogram& histogram = counted_.histogram;
  for (std::atomic<std::uint64_t>& level : levels_) {
    level.store(no_level, std::memory_order_relaxed);
  }
  const bool sums_are_whole = residual_shift(histogram.dtype) == 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const std::uint64_t rest = histogram.residuals[i] / histogram.counts[i];
    level_of(histogram.keys[i])
        .store(sums_are_whole ? (histogram.keys[i] << histogram.dropped_bits) + rest : unknown,
               std::memory_order_relaxed);
  }
  levels_.back().store(0, std::memory_order_relaxed);
}

bool FindingLevels::is_level(std::uint64_t key) {
  const std::uint64_t bin = key >> counted_.histogram.dropped_bits;
  if ((bin >> gap_) - first_place_ >= levels_.size() - 1) {
    return false;  // it was not there when it was counted
  }
  // An exchange would take the line from other threads, also where nothing is to be exchanged.
  std::atomic<std::uint64_t>& level = level_of(bin);
  std::uint64_t known = level.load(std::memory_order_relaxed);
  return known == key ||
         (known == unknown &&
          level.compare_exchange_strong(known, key, std::memory_order_relaxed)) ||
         known == key;
}

// Whether items are those few levels of F32 that their bins tell; false also where it is not known.
bool FindingLevels::are_few_levels(const std::byte* packed, std::size_t n) const {
  const Histogram& histogram = counted_.histogram;
  if (histogram.dtype != DType::f32 || histogram.size() > most_levels) {
    return false;
  }
  std::uint32_t levels[most_levels] = {};
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    levels[i] =
        static_cast<std::uint32_t>(level_of(histogram.keys[i]).load(std::memory_order_relaxed));
  }
  return !kernels().off_levels_f32(packed, n, levels, histogram.size());
}

template <class Key>
bool FindingLevels::are_levels(const std::byte* packed, std::size_t n) {
  const int dropped = counted_.histogram.dropped_bits + gap_;
  const std::uint64_t first = first_place_;
  const std::uint64_t beyond = levels_.size() - 1;
  const std::atomic<std::uint64_t>* const levels = levels_.data();
  const auto is_other = [dropped, first, beyond, levels](std::uint64_t key) {
    const std::uint64_t place = std::min((key >> dropped) - first, beyond);
    return levels[place].load(std::memory_order_relaxed) ^ key;
  };
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < n; ++i) {
    others |= is_other(key_at<Key>(packed, i));
  }
  if (others == 0) {
    return true;
  }
  // What is not finite was counted apart, as zeros were, of which there may be subnormal
  // neighbours.
  const auto finite = static_cast<Key>(first_nonfinite_key(slice_.view.dtype) - 1);
  const auto counts = [finite](Key key) { return static_cast<Key>(key - 1) < finite ? 1U : 0U; };
  others = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const Key key = key_at<Key>(packed, i);
    others |= is_other(key) != 0 ? counts(key) : 0U;
  }
  for (std::size_t i = 0; others != 0 && i < n; ++i) {
    const Key key = key_at<Key>(packed, i);
    if (counts(key) != 0 && !is_level(key)) {
      return false;
    }
  }
  return true;
}

// The same of any number of items.
bool FindingLevels::all_are_levels(const std::byte* packed, std::size_t n) {
  const std::size_t item = item_bytes(slice_.view.dtype);
  for (std::size_t from = 0; from < n; from += together) {
    const std::byte* const begin = packed + from * item;
    const std::size_t size = std::min(together, n - from);
    const bool levels = are_few_levels(begin, size) ||
                        (item == sizeof(std::uint32_t) ? are_levels<std::uint32_t>(begin, size)
                                                       : are_levels<std::uint64_t>(begin, size));
    if (!levels) {
      return false;
    }
  }
  return true;
}

void FindingLevels::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  if (several_.load(std::memory_order_relaxed)) {
    return;
  }
  const auto [first, last] = chunks_.items_of(part);
  for_each_stretch(slice_.source, slice_.view, first, last, workspace.buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     if (!several_.load(std::memory_order_relaxed) && !all_are_levels(packed, n)) {
                       several_.store(true, std::memory_order_relaxed);
                     }
                   });
}

std::unique_ptr<Phase> FindingLevels::finish(Workspace& workspace, const Control& /*control*/) {
  Histogram& histogram = counted_.histogram;
  const auto found = [this](std::uint64_t bin) {
    return level_of(bin).load(std::memory_order_relaxed);
  };
  // Another bin's magnitude would be new since they were counted.
  const bool all_found = std::all_of(
      histogram.keys.begin(), histogram.keys.end(), [&histogram, &found](std::uint64_t bin) {
        return found(bin) != unknown && found(bin) >> histogram.dropped_bits == bin;
      });
  if (several_.load(std::memory_order_relaxed) || !all_found) {
    return count_or_sort(slice_, method_, std::move(counted_), workspace.workers);
  }
  std::transform(histogram.keys.begin(), histogram.keys.end(), histogram.keys.begin(), found);
  histogram.dropped_bits = 0;
  histogram.residuals.clear();
  return finish_counting(slice_, method_, std::move(counted_), workspace);
}

}  // namespace weightgauge
