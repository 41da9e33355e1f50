#include "core/io/source.hpp"

#include <algorithm>

#include "core/base/errors.hpp"
#include "core/kernels/kernels.hpp"

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

const std::byte* Source::bytes_at(std::uint64_t offset, std::uint64_t bytes,
                                  ReadBuffer& buffer) const {
  if (memory_ != nullptr) {
    return memory_ + offset;
  }
  file_->read(buffer.span(), static_cast<std::size_t>(bytes), offset);
  return buffer.span();
}

namespace detail {

void gather(const Source& source, const Run& run, std::uint64_t from, std::uint64_t items,
            std::size_t item, ReadBuffer& buffer, std::byte* to) {
  const std::uint64_t offset = run.offset + from * run.stride;
  if (source.memory() != nullptr) {
    kernels().pack(source.memory() + offset, run.stride, items, item, to);
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
    kernels().pack(span, run.stride, n, item, to + i * item);
  }
}

}  // namespace detail

}  // namespace weightgauge
