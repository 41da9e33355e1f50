#include "core/source.hpp"

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

namespace detail {

void gather(const Source& source, const Run& run, std::uint64_t from, std::uint64_t items,
            std::size_t item, std::byte* to) {
  const std::uint64_t offset = run.offset + from * run.stride;
  if (source.memory() == nullptr && run.stride == item) {
    source.file()->read(to, static_cast<std::size_t>(items) * item, offset);
    return;
  }
  for (std::uint64_t i = 0; i < items; ++i, to += item) {
    const std::uint64_t at = offset + i * run.stride;
    if (source.memory() != nullptr) {
      std::memcpy(to, source.memory() + at, item);
    } else {
      source.file()->read(to, item, at);
    }
  }
}

}  // namespace detail

}  // namespace weightgauge
