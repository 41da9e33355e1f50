#include "core/exact/gather.hpp"

namespace weightgauge {

namespace {

template <class Key>
Histogram sort_whole(const Source& source, const View& view, ReadBuffer& buffer,
                     KeySpace<Key>& space, const Control& control) {
  Histogram result(view.dtype);
  space.keys.make_room(view.items());
  space.scratch.make_room(view.items());
  Key* const keys = space.keys.data();
  std::size_t n = 0;
  const auto limit = static_cast<Key>(first_nonfinite_key(view.dtype));
  detail::for_each_key<Key>(source, view, buffer, control, [&](Key key) {
    if (key == 0) {
      ++result.zeros;
    } else if (key < limit) {
      keys[n++] = key;
    } else if (key == limit) {
      ++result.infs;
    } else {
      ++result.nans;
    }
  });
  radix_sort(keys, space.scratch.data(), n);
  detail::emit_runs(
      keys, n, [&result](std::uint64_t key, std::uint64_t count) { result.append(key, count, 0); });
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

}  // namespace

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
    return sort_whole(source, view, buffer, space.of<std::uint32_t>(), control);
  }
  return sort_whole(source, view, buffer, space.of<std::uint64_t>(), control);
}

}  // namespace weightgauge
