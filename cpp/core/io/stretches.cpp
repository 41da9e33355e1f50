#include "core/io/stretches.hpp"

#include <algorithm>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

const std::byte* bytes_at(const ByteSource& source, std::uint64_t offset, std::uint64_t bytes,
                          ReadBuffer& buffer) {
  if (source.memory() != nullptr) {
    return source.memory() + offset;
  }
  source.read(buffer.span(), static_cast<std::size_t>(bytes), offset);
  return buffer.span();
}

namespace detail {

void gather(const ByteSource& source, const Run& run, std::uint64_t from, std::uint64_t items,
            std::size_t item, ReadBuffer& buffer, std::byte* to) {
  const std::uint64_t offset = run.offset + from * run.stride;
  if (source.memory() != nullptr) {
    kernels().pack(source.memory() + offset, run.stride, items, item, to);
    return;
  }
  if (run.stride == item) {
    source.read(to, static_cast<std::size_t>(items) * item, offset);
    return;
  }
  // Reads as many items at a time as lie in one span of the file; if they are far apart, one.
  const std::uint64_t most = run.stride == 0 ? 1 : (ReadBuffer::span_bytes - item) / run.stride + 1;
  for (std::uint64_t i = 0; i < items; i += most) {
    const std::uint64_t n = std::min(most, items - i);
    std::byte* const span = buffer.span();
    source.read(span, static_cast<std::size_t>((n - 1) * run.stride) + item,
                offset + i * run.stride);
    kernels().pack(span, run.stride, n, item, to + i * item);
  }
}

}  // namespace detail

}  // namespace weightgauge
