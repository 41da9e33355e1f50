#include "core/select.hpp"

#include <array>

namespace weightgauge {

namespace {

constexpr int digit_bits = 11;
constexpr std::size_t digits = std::size_t{1} << digit_bits;
constexpr std::size_t comparison_sort_limit = 512;

template <class Key>
void sort_keys(std::vector<Key>& keys, std::vector<Key>& scratch) {
  if (keys.size() <= comparison_sort_limit) {
    std::sort(keys.begin(), keys.end());
    return;
  }
  Key all_or = 0;
  Key all_and = static_cast<Key>(~Key{0});
  for (const Key key : keys) {
    all_or |= key;
    all_and &= key;
  }
  const Key varying = all_or ^ all_and;
  scratch.resize(keys.size());
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(Key)); shift += digit_bits) {
    if (((varying >> shift) & (digits - 1)) == 0) {
      continue;  // all keys share this digit
    }
    std::array<std::size_t, digits> place{};
    for (const Key key : keys) {
      ++place[(key >> shift) & (digits - 1)];
    }
    std::size_t sum = 0;
    for (std::size_t& entry : place) {
      const std::size_t count = entry;
      entry = sum;
      sum += count;
    }
    for (const Key key : keys) {
      scratch[place[(key >> shift) & (digits - 1)]++] = key;
    }
    keys.swap(scratch);
  }
}

template <class Key>
Histogram sort_whole(const Source& source, const View& view, ReadBuffer& buffer,
                     std::vector<Key>& keys, std::vector<Key>& scratch, const Control& control) {
  Histogram result(view.dtype);
  keys.clear();
  keys.reserve(view.items());
  const auto limit = static_cast<Key>(first_nonfinite_key(view.dtype));
  detail::for_each_key<Key>(source, view, buffer, control, [&](Key key) {
    if (key == 0) {
      ++result.zeros;
    } else if (key < limit) {
      keys.push_back(key);
    } else if (key == limit) {
      ++result.infs;
    } else {
      ++result.nans;
    }
  });
  sort_keys(keys, scratch);
  detail::emit_runs(
      keys, [&result](std::uint64_t key, std::uint64_t count) { result.append(key, count, 0); });
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

}  // namespace

void radix_sort(std::vector<std::uint32_t>& keys, std::vector<std::uint32_t>& scratch) {
  sort_keys(keys, scratch);
}

void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& scratch) {
  sort_keys(keys, scratch);
}

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

Histogram sorted_histogram(const Source& source, const View& view, ReadBuffer& buffer,
                           SortSpace& space, const Control& control) {
  if (view.dtype == DType::f32) {
    return sort_whole(source, view, buffer, space.keys32, space.scratch32, control);
  }
  return sort_whole(source, view, buffer, space.keys64, space.scratch64, control);
}

}  // namespace weightgauge
