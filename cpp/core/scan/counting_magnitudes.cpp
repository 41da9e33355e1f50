#include "core/scan/counting_magnitudes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/errors.hpp"
#include "core/exact/gather.hpp"
#include "core/exact/shared_key_counts.hpp"
#include "core/io/decoding.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/counting.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t most_magnitudes = std::uint64_t{1} << 17;
// Where there are more, sorting does not take longer.
constexpr std::uint64_t least_of_each = 16;
// Zeros, infinities and a NaN have a key as well.
constexpr std::uint64_t other_keys = 3;
// What a bin leaves open about a fit is its share of the elements squared, by its width. With such
// a share in every bin that would still be less than a tenth of what is allowed.
constexpr std::uint64_t uncrowded_bins = std::uint64_t{1} << 14;

std::uint64_t most_of(const Histogram& histogram) {
  return std::min(most_magnitudes, histogram.n() / least_of_each);
}

// Up to so many stretches of crowded bins, their elements are gathered by vectors; of more, each
// element is asked for its bin.
constexpr std::size_t most_gathered = 4;
constexpr std::size_t gathered_together = 1024;

// How many magnitudes there are at least. Equal ones have equal shares of their bin's sum.
std::uint64_t least_magnitudes(const Histogram& bins) {
  std::uint64_t least = bins.size();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    least += bins.residuals[i] % bins.counts[i] != 0 ? 1 : 0;
  }
  return least;
}

// The keys of crowded bins that lie side by side.
template <class Key>
struct CrowdedKeys {
  Key first;
  Key width;  // from the first to the last
  Key usual;  // that most of them have, as far as is known
};

// `Crowded` counts the magnitudes of crowded bins alone.
template <class Key, bool Crowded>
class CountingMagnitudes final : public Phase {
 public:
  CountingMagnitudes(const Slice& slice, Method method, CountedSlice counted)
      : slice_(slice),
        method_(method),
        counted_(std::move(counted)),
        chunks_(chunks_of(slice, slice.options.chunk_bytes)),
        counts_(static_cast<std::size_t>(most_of(counted_.histogram)) + other_keys),
        first_bin_(counted_.histogram.keys.front()) {
    if (Crowded) {
      mark_crowded();
    }
  }

  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) override {
    if (counts_.many()) {
      return;
    }
    const auto [first, last] = chunks_.items_of(part);
    auto table = counts_.take(last - first);
    const Decoding* const decoding = slice_.view.decoding.get();
    if (sizeof(Key) == sizeof(float) && decoding != nullptr && decoding->counts_groups()) {
      const TakeCounted take = [&](const float* values, const std::uint32_t* counts,
                                   std::size_t n) { add_repeated(values, counts, n, *table); };
      for_each_run(slice_.view, first, last,
                   [&](const Run& run) { decoding->count_groups(run, workspace.buffer, take); });
      counts_.give_back(std::move(table));
      return;
    }
    std::vector<CrowdedKeys<Key>> gathered = gathered_;
    for_each_stretch(slice_.source, slice_.view, first, last, workspace.buffer,
                     [&](const std::byte* packed, std::size_t n) {
                       if (!gathered.empty()) {
                         gather_crowded(packed, n, gathered, *table);
                       } else if (Crowded) {
                         add_crowded(packed, n, *table);
                       } else {
                         counts_.add(packed, n, *table);
                       }
                     });
    counts_.give_back(std::move(table));
  }
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& /*control*/) override {
    const std::vector<Key> keys = counts_.keys();
    if (!keys.empty() && Crowded) {
      counted_.parted = parted(keys);
    } else if (!keys.empty()) {
      counted_.histogram = magnitudes(keys);
    } else if (!Crowded) {
      return part_or_sort(slice_, method_, std::move(counted_), workspace.workers);
    } else {
      return sort_in_batches(slice_, method_, std::move(counted_), workspace.workers);
    }
    return finish_counting(slice_, method_, std::move(counted_), workspace);
  }

 private:
  void mark_crowded();
  void add_crowded(const std::byte* packed, std::size_t n, KeyCounts<Key>& table);
  void add_repeated(const float* values, const std::uint32_t* counts, std::size_t n,
                    KeyCounts<Key>& table);
  void gather_crowded(const std::byte* packed, std::size_t n,
                      std::vector<CrowdedKeys<Key>>& gathered, KeyCounts<Key>& table);
  void add_gathered(const Key* kept, std::size_t n, CrowdedKeys<Key>& keys, KeyCounts<Key>& table);
  Histogram magnitudes(const std::vector<Key>& keys) const;
  Histogram parted(const std::vector<Key>& keys) const;

  Slice slice_;
  Method method_;
  CountedSlice counted_;
  Chunks chunks_;
  SharedKeyCounts<Key> counts_;
  std::uint64_t first_bin_;
  std::vector<CrowdedKeys<Key>> gathered_;  // empty where there are too many of them
  std::vector<std::uint8_t> crowded_;  // by bin from the first on; the last stands for all others
};

bool is_crowded(std::uint64_t count, std::uint64_t n) { return count > n / uncrowded_bins; }

template <class Key, bool Crowded>
void CountingMagnitudes<Key, Crowded>::mark_crowded() {
  const Histogram& bins = counted_.histogram;
  const std::uint64_t n = bins.n();
  crowded_.resize(bins.keys.back() - first_bin_ + 2);
  const std::uint64_t width = (std::uint64_t{1} << bins.dropped_bits) - 1;
  std::uint64_t beyond = 0;  // the bin that follows the last crowded one
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (!is_crowded(bins.counts[i], n)) {
      continue;
    }
    const std::uint64_t bin = bins.keys[i];
    crowded_[bin - first_bin_] = 1;
    const auto first = static_cast<Key>(bin << bins.dropped_bits);
    if (!gathered_.empty() && bin == beyond) {
      gathered_.back().width = static_cast<Key>(first + width - gathered_.back().first);
    } else {
      gathered_.push_back({first, static_cast<Key>(width), first});
    }
    beyond = bin + 1;
  }
  if (gathered_.size() > most_gathered) {
    gathered_.clear();
  }
}

// Where one value crowds a bin, nearly all that is gathered of a row is that value, or nothing is.
template <class Key, bool Crowded>
void CountingMagnitudes<Key, Crowded>::gather_crowded(const std::byte* packed, std::size_t n,
                                                      std::vector<CrowdedKeys<Key>>& gathered,
                                                      KeyCounts<Key>& table) {
  Key kept[gathered_together + gather_slack];
  for (std::size_t from = 0; from < n; from += gathered_together) {
    const std::byte* const begin = packed + from * sizeof(Key);
    const std::size_t size = std::min(gathered_together, n - from);
    for (CrowdedKeys<Key>& keys : gathered) {
      add_gathered(kept, detail::gather_from(begin, size, keys.first, keys.width, kept), keys,
                   table);
    }
  }
}

template <class Key, bool Crowded>
void CountingMagnitudes<Key, Crowded>::add_gathered(const Key* kept, std::size_t n,
                                                    CrowdedKeys<Key>& keys, KeyCounts<Key>& table) {
  if (n == 0) {
    return;
  }
  const auto* const packed = reinterpret_cast<const std::byte*>(kept);
  Key equals[gathered_together + gather_slack];
  const std::size_t equal = detail::gather_from(packed, n, keys.usual, Key{0}, equals);
  if (2 * equal < n) {
    counts_.add(packed, n, table);
    keys.usual = kept[n - 1];
    return;
  }
  if (equal > 0) {
    const auto count = static_cast<std::uint32_t>(equal);
    counts_.add_repeated(reinterpret_cast<const std::byte*>(&keys.usual), &count, 1, table);
  }
  for (std::size_t i = 0; equal < n && i < n; ++i) {
    if (kept[i] != keys.usual) {
      counts_.add(packed + i * sizeof(Key), 1, table);
    }
  }
}

// Without a branch for each element, as they may stand in any order.
template <class Key, bool Crowded>
void CountingMagnitudes<Key, Crowded>::add_crowded(const std::byte* packed, std::size_t n,
                                                   KeyCounts<Key>& table) {
  constexpr std::size_t together = 512;
  const int dropped = counted_.histogram.dropped_bits;
  const std::uint64_t beyond = crowded_.size() - 1;
  Key kept[together];
  for (std::size_t from = 0; from < n; from += together) {
    const std::size_t to = std::min(n, from + together);
    std::size_t size = 0;
    for (std::size_t i = from; i < to; ++i) {
      const Key key = detail::key_of<Key>(packed + i * sizeof(Key));
      kept[size] = key;
      size += crowded_[std::min((key >> dropped) - first_bin_, beyond)];
    }
    counts_.add(reinterpret_cast<const std::byte*>(kept), size, table);
  }
}

// Of values of F32 that are made of codes, each as often as it occurs.
template <class Key, bool Crowded>
void CountingMagnitudes<Key, Crowded>::add_repeated(const float* values,
                                                    const std::uint32_t* counts, std::size_t n,
                                                    KeyCounts<Key>& table) {
  const auto* const packed = reinterpret_cast<const std::byte*>(values);
  if (!Crowded) {
    counts_.add_repeated(packed, counts, n, table);
    return;
  }
  constexpr std::size_t together = 512;
  const int dropped = counted_.histogram.dropped_bits;
  const std::uint64_t beyond = crowded_.size() - 1;
  std::uint32_t kept[together];
  for (std::size_t from = 0; from < n; from += together) {
    const std::size_t size = std::min(n - from, together);
    for (std::size_t i = 0; i < size; ++i) {
      const Key key = detail::key_of<Key>(packed + (from + i) * sizeof(Key));
      const bool crowded = crowded_[std::min((key >> dropped) - first_bin_, beyond)] != 0;
      kept[i] = crowded ? counts[from + i] : 0;
    }
    counts_.add_repeated(packed + from * sizeof(Key), kept, size, table);
  }
}

template <class Key, bool Crowded>
Histogram CountingMagnitudes<Key, Crowded>::magnitudes(const std::vector<Key>& keys) const {
  const Histogram& bins = counted_.histogram;
  Histogram result = without_entries(bins, 0);
  for (const Key key : keys) {
    if (key != 0 && key < first_nonfinite_key(bins.dtype)) {
      result.append(key, counts_.count_of(key), 0);
    }
  }
  const Histogram again = coarsened(result, bins.dropped_bits);
  if (again.keys != bins.keys || again.counts != bins.counts) {
    throw DataChanged();
  }
  return result;
}

template <class Key, bool Crowded>
Histogram CountingMagnitudes<Key, Crowded>::parted(const std::vector<Key>& keys) const {
  const Histogram& bins = counted_.histogram;
  const std::uint64_t low_bits = (std::uint64_t{1} << bins.dropped_bits) - 1;
  Histogram result = without_entries(bins, bins.dropped_bits);
  const auto add = [&result](std::uint64_t bin, std::uint64_t count, std::uint64_t residual,
                             bool single) {
    result.keys.push_back(bin);
    result.counts.push_back(count);
    result.residuals.push_back(residual);
    result.single.push_back(single ? 1 : 0);
  };
  auto key = keys.begin();
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (crowded_[bins.keys[i] - first_bin_] == 0) {
      add(bins.keys[i], bins.counts[i], bins.residuals[i], false);
      continue;
    }
    std::uint64_t left = bins.counts[i];
    for (; key != keys.end() && *key >> bins.dropped_bits == bins.keys[i]; ++key) {
      // The bin of zeros and that of infinity may be crowded with other magnitudes.
      const bool other = *key == 0 || *key >= first_nonfinite_key(bins.dtype);
      const std::uint64_t count = other ? 0 : counts_.count_of(*key);
      if (count > left) {
        throw DataChanged();
      }
      if (count > 0) {
        add(bins.keys[i], count, ((*key & low_bits) >> residual_shift(bins.dtype)) * count, true);
      }
      left -= count;
    }
    if (left != 0) {
      throw DataChanged();
    }
  }
  return result;
}

template <bool Crowded>
std::unique_ptr<Phase> made(const Slice& slice, Method method, CountedSlice counted) {
  if (slice.view.dtype == DType::f32) {
    return std::make_unique<CountingMagnitudes<std::uint32_t, Crowded>>(slice, method,
                                                                        std::move(counted));
  }
  return std::make_unique<CountingMagnitudes<std::uint64_t, Crowded>>(slice, method,
                                                                      std::move(counted));
}

}  // namespace

bool may_have_few_magnitudes(const Histogram& histogram) {
  return !histogram.exact() && histogram.size() > 0 && histogram.size() <= most_of(histogram) &&
         least_magnitudes(histogram) <= most_of(histogram) + other_keys;
}

std::unique_ptr<Phase> count_magnitudes(const Slice& slice, Method method, CountedSlice counted) {
  return made<false>(slice, method, std::move(counted));
}

bool has_crowded_bins(const Histogram& histogram) {
  if (histogram.exact() || histogram.dropped_bits != binned_dropped_bits(histogram.dtype)) {
    return false;
  }
  const std::uint64_t n = histogram.n();
  return std::any_of(histogram.counts.begin(), histogram.counts.end(),
                     [n](std::uint64_t count) { return is_crowded(count, n); });
}

std::unique_ptr<Phase> part_crowded_bins(const Slice& slice, Method method, CountedSlice counted) {
  return made<true>(slice, method, std::move(counted));
}

}  // namespace weightgauge
