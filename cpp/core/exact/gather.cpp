#include "core/exact/gather.hpp"

namespace weightgauge {

namespace {

// Sorted keys become entries. No branch depends on which keys are equal, and the arrays do not grow
// entry by entry.
template <class Key>
void take_runs(const Key* sorted, std::size_t n, Histogram& result) {
  result.keys.resize(n);
  result.counts.resize(n);
  std::size_t size = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const bool ends = i + 1 == n || sorted[i + 1] != sorted[i];
    result.keys[size] = sorted[i];
    result.counts[size] = i + 1 - begin;
    size += ends ? 1 : 0;
    begin = ends ? i + 1 : begin;
  }
  result.keys.resize(size);
  result.counts.resize(size);
  if (size < n / 2) {  // a histogram may be kept
    result.keys.shrink_to_fit();
    result.counts.shrink_to_fit();
  }
}

template <class Key>
Histogram sort_whole(const ByteSource& source, const View& view, ReadBuffer& buffer,
                     KeySpace<Key>& space, const Control& control, const TakeValues& see) {
  Histogram result(view.dtype);
  space.keys.make_room(view.items());
  space.scratch.make_room(view.items());
  Key* const keys = space.keys.data();
  std::size_t n = 0;
  const auto limit = static_cast<Key>(first_nonfinite_key(view.dtype));
  const auto sort_out = [&](Key key) {
    if (key == 0) {
      ++result.zeros;
    } else if (key < limit) {
      keys[n++] = key;
    } else if (key == limit) {
      ++result.infs;
    } else {
      ++result.nans;
    }
  };
  constexpr std::size_t block = (std::size_t{32} << 10) / sizeof(Key);  // in the first-level cache
  detail::for_each_block<Key>(source, view, block, buffer, control,
                              [&](const std::byte* packed, std::size_t items) {
                                see(packed, items);
                                for (std::size_t i = 0; i < items; ++i) {
                                  sort_out(detail::key_of<Key>(packed + i * sizeof(Key)));
                                }
                              });
  radix_sort(keys, space.scratch.data(), n);
  take_runs(keys, n, result);
  result.max_key = result.keys.empty() ? 0 : result.keys.back();
  return result;
}

}  // namespace

Histogram sorted_histogram(const ByteSource& source, const View& view, ReadBuffer& buffer,
                           SortSpace& space, const Control& control, const TakeValues& see) {
  if (view.dtype == DType::f32) {
    return sort_whole(source, view, buffer, space.of<std::uint32_t>(), control, see);
  }
  return sort_whole(source, view, buffer, space.of<std::uint64_t>(), control, see);
}

}  // namespace weightgauge
