#include "core/scan/finding_levels.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/io/stretches.hpp"
#include "core/scan/counting.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t most_levels = 1024;
// From the first to the last of them.
constexpr std::uint64_t most_bins = std::uint64_t{1} << 20;

// Magnitudes that were seen are kept in as many places, so that most are looked up but once.
constexpr int seen_bits = 10;
constexpr std::size_t seen_places = std::size_t{1} << seen_bits;

std::size_t seen_place(std::uint64_t key) {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15ULL;  // spreads keys that are alike
  return static_cast<std::size_t>(key * odd >> (64 - seen_bits));
}

}  // namespace

bool may_be_levels(const Histogram& histogram) {
  return !histogram.exact() && histogram.size() > 0 && histogram.size() <= most_levels &&
         histogram.keys.back() - histogram.keys.front() < most_bins;
}

FindingLevels::FindingLevels(const Slice& slice, Method method, CountedSlice counted)
    : slice_(slice),
      method_(method),
      counted_(std::move(counted)),
      chunks_(chunks_of(slice, slice.options.chunk_bytes)),
      first_bin_(counted_.histogram.keys.front()),
      places_(counted_.histogram.keys.back() - first_bin_ + 1),
      keys_(counted_.histogram.size()) {
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    places_[counted_.histogram.keys[i] - first_bin_] = static_cast<std::uint16_t>(i + 1);
  }
}

bool FindingLevels::is_level(std::uint64_t key) {
  const std::uint64_t bin = (key >> counted_.histogram.dropped_bits) - first_bin_;
  if (bin >= places_.size() || places_[bin] == 0) {
    return false;  // it was not there when it was counted
  }
  std::atomic<std::uint64_t>& found = keys_[places_[bin] - std::size_t{1}];
  std::uint64_t expected = 0;
  return found.load(std::memory_order_relaxed) == key ||
         found.compare_exchange_strong(expected, key, std::memory_order_relaxed) || expected == key;
}

template <class Key>
bool FindingLevels::are_levels(const std::byte* packed, std::size_t n) {
  const auto finite = static_cast<Key>(first_nonfinite_key(slice_.view.dtype) - 1);
  Key known[seen_places] = {};
  for (std::size_t i = 0; i < n; ++i) {
    Key key;
    std::memcpy(&key, packed + i * sizeof key, sizeof key);
    key &= static_cast<Key>(~Key{0}) >> 1;
    Key& place = known[seen_place(key)];
    if (place == key) {
      continue;
    }
    if (static_cast<Key>(key - 1) < finite && !is_level(key)) {
      return false;
    }
    place = key;
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
                     if (several_.load(std::memory_order_relaxed)) {
                       return;
                     }
                     const bool levels = slice_.view.dtype == DType::f32
                                             ? are_levels<std::uint32_t>(packed, n)
                                             : are_levels<std::uint64_t>(packed, n);
                     if (!levels) {
                       several_.store(true, std::memory_order_relaxed);
                     }
                   });
}

std::unique_ptr<Phase> FindingLevels::finish(Workspace& workspace, const Control& /*control*/) {
  Histogram& histogram = counted_.histogram;
  const bool all_found = std::all_of(keys_.begin(), keys_.end(), [](const auto& key) {
    return key.load(std::memory_order_relaxed) != 0;
  });
  if (several_.load(std::memory_order_relaxed) || !all_found) {
    return sort_in_batches(slice_, method_, std::move(counted_), workspace.workers);
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    histogram.keys[i] = keys_[i].load(std::memory_order_relaxed);
  }
  histogram.dropped_bits = 0;
  histogram.residuals.clear();
  return finish_counting(slice_, method_, std::move(counted_), workspace);
}

}  // namespace weightgauge
