// Hands over a slice's items as stretches of packed memory, whatever kind its source is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/io/byte_source.hpp"
#include "core/io/decoding.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"

namespace weightgauge {

// Returns an address at which the bytes can be read: their own if the source is in memory, else
// that of the buffer's span, into which they are read and which must have room for them.
const std::byte* bytes_at(const ByteSource& source, std::uint64_t offset, std::uint64_t bytes,
                          ReadBuffer& buffer);

namespace detail {
// Writes the run's items from..from+items-1 to `to`, packed.
void gather(const ByteSource& source, const Run& run, std::uint64_t from, std::uint64_t items,
            std::size_t item, ReadBuffer& buffer, std::byte* to);

// Prefetches bytes that will be read soon. An address outside of mapped memory does no harm.
inline void prefetch(const std::byte* at, std::uint64_t bytes) {
  constexpr std::uint64_t line = 64;
  for (std::uint64_t i = 0; i < bytes; i += line) {
    __builtin_prefetch(at + i);
  }
}
}  // namespace detail

// Adjacent items of at least so many bytes are handed over in place. Shorter stretches are packed
// first, because copying them takes less time than a call for each.
constexpr std::uint64_t short_stretch_bytes = 4096;

// Calls visit(const std::byte* packed, size_t items) for stretches that cover the view's items
// first..last-1. Contiguous memory is handed over in place, whatever its alignment. In a decoded
// view `first` and `last` must lie between stored items.
template <class Visit>
void for_each_stretch(const ByteSource& source, const View& view, std::uint64_t first,
                      std::uint64_t last, ReadBuffer& buffer, Visit&& visit) {
  if (view.decoding != nullptr) {
    const TakeValues take = [&visit](const std::byte* packed, std::size_t n) { visit(packed, n); };
    const std::uint64_t per_item = view.decoding->values_per_item();
    for_each_run(view, first / per_item, last / per_item,
                 [&](const Run& run) { view.decoding->decode(source, run, buffer, take); });
    return;
  }
  const std::size_t item = item_bytes(view.dtype);
  const std::uint64_t room = ReadBuffer::bytes / item;
  // Stretches that are far apart are prefetched early: each is in another page, and no processor
  // prefetches across pages.
  constexpr std::uint64_t stretches_ahead = 24;
  const std::uint64_t ahead =
      view.dims.size() < 2
          ? 0
          : stretches_ahead * static_cast<std::uint64_t>(view.dims[view.dims.size() - 2].stride);
  std::uint64_t packed = 0;
  const auto hand_over = [&] {
    if (packed > 0) {
      visit(buffer.data(), static_cast<std::size_t>(packed));
    }
    packed = 0;
  };
  for_each_run(view, first, last, [&](const Run& run) {
    const bool adjacent = run.stride == item || run.items == 1;
    if (source.memory() != nullptr && adjacent &&
        (run.items * item >= short_stretch_bytes || run.items == last - first)) {
      hand_over();
      visit(source.memory() + run.offset, static_cast<std::size_t>(run.items));
      return;
    }
    if (source.memory() != nullptr && adjacent) {
      detail::prefetch(source.memory() + run.offset + ahead, run.items * item);
    }
    for (std::uint64_t from = 0; from < run.items;) {
      if (packed == room) {
        hand_over();
      }
      const std::uint64_t items = std::min(run.items - from, room - packed);
      detail::gather(source, run, from, items, item, buffer, buffer.data() + packed * item);
      packed += items;
      from += items;
    }
  });
  hand_over();
}

}  // namespace weightgauge
