#include "core/source.hpp"

#include <algorithm>
#include <cstring>

#include "core/errors.hpp"

namespace weightgauge {

Source::Source(const std::string& path, const FileIdentity& expected, Io io)
    : file_(std::make_unique<OpenFile>(path, expected)) {
  if (io == Io::mmap) {
    mapping_ = std::make_unique<MappedFile>(*file_);
    memory_ = mapping_->data();
  }
}

void Source::verify() const {
  if (file_ == nullptr) {
    return;
  }
  if (mapping_ != nullptr && mapping_->faulted()) {
    throw FileChanged(file_->path(), "the file has shrunk");
  }
  file_->verify();
}

namespace {

template <std::size_t item>
void pick(const std::byte* from, std::uint64_t stride, std::uint64_t items, std::byte* to) {
  for (std::uint64_t i = 0; i < items; ++i) {
    std::memcpy(to + i * item, from + i * stride, item);
  }
}

// Items `stride` bytes apart, packed. Every other item is what interleaved matrices have.
template <std::size_t item>
void pick_any(const std::byte* from, std::uint64_t stride, std::uint64_t items, std::byte* to) {
  if (stride == 2 * item) {
    pick<item>(from, 2 * item, items, to);
  } else {
    pick<item>(from, stride, items, to);
  }
}

void pick(const std::byte* from, std::uint64_t stride, std::uint64_t items, std::size_t item,
          std::byte* to) {
  if (stride == item) {
    std::memcpy(to, from, static_cast<std::size_t>(items) * item);
    return;
  }
  switch (item) {
    case 1:
      return pick_any<1>(from, stride, items, to);
    case 2:
      return pick_any<2>(from, stride, items, to);
    case 4:
      return pick_any<4>(from, stride, items, to);
    default:
      return pick_any<8>(from, stride, items, to);
  }
}

}  // namespace

namespace detail {

void gather(const Source& source, const Run& run, std::uint64_t from, std::uint64_t items,
            std::size_t item, ReadBuffer& buffer, std::byte* to) {
  const std::uint64_t offset = run.offset + from * run.stride;
  if (source.memory() != nullptr) {
    pick(source.memory() + offset, run.stride, items, item, to);
    return;
  }
  if (run.stride == item) {
    source.file()->read(to, static_cast<std::size_t>(items) * item, offset);
    return;
  }
  // As many items at a time as lie in one span of the file; a single one where they are far apart.
  const std::uint64_t most = run.stride == 0 ? 1 : (ReadBuffer::span_bytes - item) / run.stride + 1;
  for (std::uint64_t i = 0; i < items; i += most) {
    const std::uint64_t n = std::min(most, items - i);
    std::byte* const span = buffer.span();
    source.file()->read(span, static_cast<std::size_t>((n - 1) * run.stride) + item,
                        offset + i * run.stride);
    pick(span, run.stride, n, item, to + i * item);
  }
}

}  // namespace detail

}  // namespace weightgauge
