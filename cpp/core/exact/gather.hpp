// The F32 and F64 magnitudes of a slice in their exact order, in bounded memory: the keys of a
// range are gathered and sorted. A range too full for that is first split by counting.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "core/base/errors.hpp"
#include "core/base/parallel.hpp"
#include "core/exact/batch.hpp"
#include "core/exact/sort.hpp"
#include "core/histogram/histogram.hpp"
#include "core/io/stretches.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace detail {

template <class Key>
Key key_of(const std::byte* item) {
  Key bits = 0;
  std::memcpy(&bits, item, sizeof bits);
  return bits & static_cast<Key>(~Key{0} >> 1);
}

// All items of the slice, up to `most` at a time: visit(const std::byte* packed, size_t items).
template <class Key, class Visit>
void for_each_block(const ByteSource& source, const View& view, std::size_t most,
                    ReadBuffer& buffer, const Control& control, Visit&& visit) {
  // Cancellation is looked for about once a megabyte.
  constexpr std::uint64_t step = (std::uint64_t{1} << 20) / sizeof(Key);
  const std::uint64_t items = view.items();
  for (std::uint64_t from = 0; from < items; from += step) {
    control.check();
    for_each_stretch(source, view, from, std::min(items, from + step), buffer,
                     [&visit, most](const std::byte* packed, std::size_t n) {
                       for (std::size_t i = 0; i < n; i += most) {
                         visit(packed + i * sizeof(Key), std::min(most, n - i));
                       }
                     });
  }
}

// Every key of the slice, zero and non-finite included: visit(key).
template <class Key, class Visit>
void for_each_key(const ByteSource& source, const View& view, ReadBuffer& buffer,
                  const Control& control, Visit&& visit) {
  for_each_block<Key>(source, view, std::numeric_limits<std::size_t>::max() / 2, buffer, control,
                      [&visit](const std::byte* packed, std::size_t n) {
                        for (std::size_t i = 0; i < n; ++i) {
                          visit(key_of<Key>(packed + i * sizeof(Key)));
                        }
                      });
}

inline std::size_t gather_from(const std::byte* items, std::size_t n, std::uint32_t first,
                               std::uint32_t width, std::uint32_t* to) {
  return kernels().gather_f32(items, n, first, width, to);
}
inline std::size_t gather_from(const std::byte* items, std::size_t n, std::uint64_t first,
                               std::uint64_t width, std::uint64_t* to) {
  return kernels().gather_f64(items, n, first, width, to);
}

// The keys of several batches, unsorted, found in one pass; returns where those of each begin.
// Throws DataChanged where a batch has not as many as it says: a file rewritten between two passes
// may hold any number.
template <class Key>
std::vector<Key*> gather_keys(const ByteSource& source, const View& view, const Batch* batches,
                              std::size_t n_batches, ReadBuffer& buffer, const Control& control,
                              ZeroedCells<Key>& keys) {
  // Stays in the first-level cache while one batch after the other picks its keys from it.
  constexpr std::size_t block = (std::size_t{16} << 10) / sizeof(Key);
  constexpr std::size_t slack = block + gather_slack;
  std::size_t room = 0;
  for (std::size_t b = 0; b < n_batches; ++b) {
    room += batches[b].count + slack;
  }
  keys.make_room(room);
  std::vector<Key*> begins;
  for (std::size_t b = 0; b < n_batches; ++b) {
    begins.push_back(b == 0 ? keys.data() : begins.back() + batches[b - 1].count + slack);
  }
  std::vector<Key*> ends = begins;
  for_each_block<Key>(
      source, view, block, buffer, control, [&](const std::byte* packed, std::size_t n) {
        for (std::size_t b = 0; b < n_batches; ++b) {
          if (ends[b] > begins[b] + batches[b].count) {
            throw DataChanged();
          }
          const KeyRange range = batches[b].range;
          ends[b] += gather_from(packed, n, static_cast<Key>(range.first),
                                 static_cast<Key>(range.last - range.first), ends[b]);
        }
      });
  for (std::size_t b = 0; b < n_batches; ++b) {
    if (ends[b] != begins[b] + batches[b].count) {
      throw DataChanged();
    }
  }
  return begins;
}

template <class Key, class Emit>
void emit_runs(const Key* sorted, std::size_t n, Emit&& emit) {
  for (std::size_t i = 0; i < n;) {
    std::size_t j = i + 1;
    while (j < n && sorted[j] == sorted[i]) {
      ++j;
    }
    emit(static_cast<std::uint64_t>(sorted[i]), static_cast<std::uint64_t>(j - i));
    i = j;
  }
}

template <class Key, class Emit>
void emit_sorted(const ByteSource& source, const View& view, const Batch& batch, ReadBuffer& buffer,
                 KeySpace<Key>& space, const Control& control, Emit& emit) {
  const KeyRange range = batch.range;
  if (range.first == range.last) {
    emit(range.first, batch.count);
    return;
  }
  if (batch.count <= batch_limit(view.dtype)) {
    Key* const keys = gather_keys(source, view, &batch, 1, buffer, control, space.keys).front();
    space.scratch.make_room(batch.count);
    radix_sort(keys, space.scratch.data(), batch.count);
    emit_runs(keys, batch.count, emit);
    return;
  }
  int shift = 0;
  while (((range.last >> shift) - (range.first >> shift)) >= (1U << 16)) {
    ++shift;
  }
  const std::uint64_t base = range.first >> shift;
  std::vector<std::uint64_t> counts((range.last >> shift) - base + 1, 0);
  for_each_key<Key>(source, view, buffer, control, [&](Key key) {
    if (key >= range.first && key <= range.last) {
      ++counts[(key >> shift) - base];
    }
  });
  for (const Batch& part :
       plan_batches(counts, range, shift, batch_limit(view.dtype), batch.rank_before)) {
    emit_sorted(source, view, part, buffer, space, control, emit);
  }
}

}  // namespace detail

// emit(key, count) for every distinct key of the batch, ascending.
template <class Emit>
void for_each_sorted(const ByteSource& source, const View& view, const Batch& batch,
                     ReadBuffer& buffer, SortSpace& space, const Control& control, Emit&& emit) {
  if (view.dtype == DType::f32) {
    detail::emit_sorted<std::uint32_t>(source, view, batch, buffer, space.of<std::uint32_t>(),
                                       control, emit);
  } else {
    detail::emit_sorted<std::uint64_t>(source, view, batch, buffer, space.of<std::uint64_t>(),
                                       control, emit);
  }
}

// The whole slice sorted at once, for slices of few elements. `see` is shown its packed items, in
// the order of the view.
Histogram sorted_histogram(const ByteSource& source, const View& view, ReadBuffer& buffer,
                           SortSpace& space, const Control& control, const TakeValues& see);

}  // namespace weightgauge
