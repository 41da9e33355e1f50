#include "core/scan/finding_levels.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/io/stretches.hpp"
#include "core/scan/counting.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t most_levels = 65536;  // as many as BF16 or F16 have, scaled by a factor
// From the first to the last of them.
constexpr std::uint64_t most_bins = std::uint64_t{1} << 20;

// At most so many items are looked at together. Nothing branches on one of them, because zeros may
// be among the others in any order.
constexpr std::size_t together = 512;

// Up to so many levels of F32 are compared with all items: vectors do that faster than levels are
// looked up.
constexpr std::size_t few_levels = 4;

template <class Key>
Key key_at(const std::byte* packed, std::size_t i) {
  Key key;
  std::memcpy(&key, packed + i * sizeof key, sizeof key);
  return key & (static_cast<Key>(~Key{0}) >> 1);
}

// Whether any item is neither zero nor on one of the levels.
bool any_other(const std::byte* packed, std::size_t n, const std::uint32_t (&levels)[few_levels]) {
  std::uint32_t others = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto key = key_at<std::uint32_t>(packed, i);
    std::uint32_t other = key != 0 ? 1 : 0;
    for (const std::uint32_t level : levels) {
      other &= key != level ? 1U : 0U;
    }
    others |= other;
  }
  return others != 0;
}

}  // namespace

bool may_be_levels(const Histogram& histogram) {
  if (histogram.exact() || histogram.size() == 0 || histogram.size() > most_levels ||
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
      first_bin_(counted_.histogram.keys.front()),
      levels_(counted_.histogram.keys.back() - first_bin_ + 2) {
  const Histogram& histogram = counted_.histogram;
  for (std::atomic<std::uint64_t>& level : levels_) {
    level.store(no_level, std::memory_order_relaxed);
  }
  const bool sums_are_whole = residual_shift(histogram.dtype) == 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const std::uint64_t rest = histogram.residuals[i] / histogram.counts[i];
    levels_[histogram.keys[i] - first_bin_].store(
        sums_are_whole ? (histogram.keys[i] << histogram.dropped_bits) + rest : unknown,
        std::memory_order_relaxed);
  }
  levels_.back().store(0, std::memory_order_relaxed);
}

bool FindingLevels::is_level(std::uint64_t key) {
  const std::uint64_t bin = (key >> counted_.histogram.dropped_bits) - first_bin_;
  if (bin >= levels_.size() - 1) {
    return false;  // it was not there when it was counted
  }
  // An exchange would take the line from other threads, also where nothing is to be exchanged.
  std::uint64_t known = levels_[bin].load(std::memory_order_relaxed);
  return known == key ||
         (known == unknown &&
          levels_[bin].compare_exchange_strong(known, key, std::memory_order_relaxed)) ||
         known == key;
}

// Whether items are those few levels of F32 that their bins tell; false also where it is not known.
bool FindingLevels::are_few_levels(const std::byte* packed, std::size_t n) const {
  const Histogram& histogram = counted_.histogram;
  if (histogram.dtype != DType::f32 || histogram.size() > few_levels) {
    return false;
  }
  std::uint32_t levels[few_levels] = {};
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    levels[i] = static_cast<std::uint32_t>(
        levels_[histogram.keys[i] - first_bin_].load(std::memory_order_relaxed));
  }
  return !any_other(packed, n, levels);
}

template <class Key>
bool FindingLevels::are_levels(const std::byte* packed, std::size_t n) {
  const int dropped = counted_.histogram.dropped_bits;
  const std::uint64_t beyond = levels_.size() - 1;
  const auto is_other = [&](std::uint64_t key) {
    const std::uint64_t bin = std::min((key >> dropped) - first_bin_, beyond);
    return levels_[bin].load(std::memory_order_relaxed) != key ? 1U : 0U;
  };
  unsigned others = 0;
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
    others |= is_other(key) & counts(key);
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
  const auto level_of = [&](std::uint64_t bin) {
    return levels_[bin - first_bin_].load(std::memory_order_relaxed);
  };
  const bool all_found =
      std::all_of(histogram.keys.begin(), histogram.keys.end(),
                  [&level_of](std::uint64_t bin) { return level_of(bin) != unknown; });
  if (several_.load(std::memory_order_relaxed) || !all_found) {
    return count_or_sort(slice_, method_, std::move(counted_), workspace.workers);
  }
  std::transform(histogram.keys.begin(), histogram.keys.end(), histogram.keys.begin(), level_of);
  histogram.dropped_bits = 0;
  histogram.residuals.clear();
  return finish_counting(slice_, method_, std::move(counted_), workspace);
}

}  // namespace weightgauge
