// Keys that several threads count.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/exact/key_counts.hpp"

namespace weightgauge {

// One table for each thread at work.
template <class Key>
class SharedKeyCounts {
 public:
  using Table = std::unique_ptr<KeyCounts<Key>>;

  explicit SharedKeyCounts(std::size_t most) : most_(most) {}

  // Whether there are more than `most` keys, as far as is known.
  bool many() const { return many_.load(std::memory_order_relaxed); }
  Table take(std::uint64_t items) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = std::find_if(tables_.begin(), tables_.end(), [items](const Table& table) {
      return table->items() + items <= KeyCounts<Key>::most_items;
    });
    if (found == tables_.end()) {
      return std::make_unique<KeyCounts<Key>>(most_);
    }
    Table table = std::move(*found);
    tables_.erase(found);
    return table;
  }
  void add(const std::byte* packed, std::size_t n, KeyCounts<Key>& table) {
    if (!many() && !table.add(packed, n)) {
      many_.store(true, std::memory_order_relaxed);
    }
  }
  void add_repeated(const std::byte* packed, const std::uint32_t* counts, std::size_t n,
                    KeyCounts<Key>& table) {
    if (!many() && !table.add_repeated(packed, counts, n)) {
      many_.store(true, std::memory_order_relaxed);
    }
  }
  void give_back(Table table) {
    if (!many() && !table->settle()) {
      many_.store(true, std::memory_order_relaxed);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    tables_.push_back(std::move(table));
  }
  // After all have been given back: the keys counted, ascending. Empty where there are too many.
  std::vector<Key> keys() const {
    std::vector<Key> keys;
    if (!many()) {
      for (const Table& table : tables_) {
        table->append_keys(keys);
      }
      std::sort(keys.begin(), keys.end());
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    }
    return keys.size() <= most_ ? keys : std::vector<Key>();
  }
  std::uint64_t count_of(Key key) const {
    std::uint64_t count = 0;
    for (const Table& table : tables_) {
      count += table->count_of(key);
    }
    return count;
  }

 private:
  std::size_t most_;
  std::atomic<bool> many_{false};
  std::mutex mutex_;
  std::vector<Table> tables_;  // those that nobody counts in just now
};

}  // namespace weightgauge
