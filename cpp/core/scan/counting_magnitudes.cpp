#include "core/scan/counting_magnitudes.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "core/base/errors.hpp"
#include "core/exact/key_counts.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/counting.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t most_magnitudes = std::uint64_t{1} << 17;
// Where there are more, sorting does not take longer.
constexpr std::uint64_t least_of_each = 16;

std::uint64_t most_of(const Histogram& histogram) {
  return std::min(most_magnitudes, histogram.n() / least_of_each);
}

template <class Key>
class CountingMagnitudes final : public Phase {
 public:
  CountingMagnitudes(const Slice& slice, Method method, CountedSlice counted)
      : slice_(slice),
        method_(method),
        counted_(std::move(counted)),
        chunks_(chunks_of(slice, slice.options.chunk_bytes)),
        // Zeros, infinities and a NaN have a key as well.
        most_(static_cast<std::size_t>(most_of(counted_.histogram)) + 3) {}

  std::uint64_t parts() const override { return chunks_.parts(); }
  void run_part(std::uint64_t part, Workspace& workspace, Control& control) override;
  std::unique_ptr<Phase> finish(Workspace& workspace, const Control& control) override;

 private:
  std::unique_ptr<KeyCounts<Key>> take_table();
  // All keys that were counted, ascending.
  std::vector<Key> all_keys() const;
  Histogram magnitudes(const std::vector<Key>& keys) const;

  Slice slice_;
  Method method_;
  CountedSlice counted_;
  Chunks chunks_;
  std::size_t most_;
  std::atomic<bool> many_{false};  // there are more
  std::mutex mutex_;
  std::vector<std::unique_ptr<KeyCounts<Key>>> tables_;  // those that nobody counts in just now
};

template <class Key>
std::unique_ptr<KeyCounts<Key>> CountingMagnitudes<Key>::take_table() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto has_room = [this](const auto& table) {
    return table->items() <= KeyCounts<Key>::most_items - chunks_.chunk_items;
  };
  const auto found = std::find_if(tables_.begin(), tables_.end(), has_room);
  if (found == tables_.end()) {
    return std::make_unique<KeyCounts<Key>>();
  }
  std::unique_ptr<KeyCounts<Key>> table = std::move(*found);
  tables_.erase(found);
  return table;
}

template <class Key>
void CountingMagnitudes<Key>::run_part(std::uint64_t part, Workspace& workspace,
                                       Control& /*control*/) {
  if (many_.load(std::memory_order_relaxed)) {
    return;
  }
  std::unique_ptr<KeyCounts<Key>> table = take_table();
  const auto [first, last] = chunks_.items_of(part);
  for_each_stretch(slice_.source, slice_.view, first, last, workspace.buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     if (!many_.load(std::memory_order_relaxed) && !table->add(packed, n, most_)) {
                       many_.store(true, std::memory_order_relaxed);
                     }
                   });
  const std::lock_guard<std::mutex> lock(mutex_);
  tables_.push_back(std::move(table));
}

template <class Key>
std::vector<Key> CountingMagnitudes<Key>::all_keys() const {
  std::vector<Key> keys;
  for (const auto& table : tables_) {
    table->append_keys(keys);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

template <class Key>
Histogram CountingMagnitudes<Key>::magnitudes(const std::vector<Key>& keys) const {
  const Histogram& bins = counted_.histogram;
  Histogram result = without_entries(bins, 0);
  for (const Key key : keys) {
    if (key != 0 && key < first_nonfinite_key(bins.dtype)) {
      std::uint64_t count = 0;
      for (const auto& table : tables_) {
        count += table->count_of(key);
      }
      result.append(key, count, 0);
    }
  }
  const Histogram again = coarsened(result, bins.dropped_bits);
  if (again.keys != bins.keys || again.counts != bins.counts) {
    throw DataChanged();
  }
  return result;
}

template <class Key>
std::unique_ptr<Phase> CountingMagnitudes<Key>::finish(Workspace& workspace,
                                                       const Control& /*control*/) {
  if (!many_.load(std::memory_order_relaxed)) {
    const std::vector<Key> keys = all_keys();
    if (keys.size() <= most_) {
      counted_.histogram = magnitudes(keys);
      return finish_counting(slice_, method_, std::move(counted_), workspace);
    }
  }
  return sort_in_batches(slice_, method_, std::move(counted_), workspace.workers);
}

}  // namespace

bool may_have_few_magnitudes(const Histogram& histogram) {
  return !histogram.exact() && histogram.size() > 0 && histogram.size() <= most_of(histogram);
}

std::unique_ptr<Phase> count_magnitudes(const Slice& slice, Method method, CountedSlice counted) {
  if (slice.view.dtype == DType::f32) {
    return std::make_unique<CountingMagnitudes<std::uint32_t>>(slice, method, std::move(counted));
  }
  return std::make_unique<CountingMagnitudes<std::uint64_t>>(slice, method, std::move(counted));
}

}  // namespace weightgauge
