#include "core/io/byte_source.hpp"

#include <cstring>
#include <utility>

#include "core/base/errors.hpp"

namespace weightgauge {

MemorySource::MemorySource(const std::byte* memory, std::uint64_t size, std::string label)
    : ByteSource({std::move(label), std::nullopt}, size) {
  set_memory(memory);
}

void MemorySource::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  std::memcpy(to, memory() + offset, bytes);
}

FileSource::FileSource(const std::string& path, const FileIdentity& expected)
    : ByteSource({path, expected}, expected.size), file_(path, expected) {}

void FileSource::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  file_.read(to, bytes, offset);
}

void FileSource::verify() const { file_.verify(); }

MappedSource::MappedSource(const std::string& path, const FileIdentity& expected)
    : FileSource(path, expected), mapping_(file()), unmapped_(identity(), file()) {
  set_memory(mapping_.data());
}

void MappedSource::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  if (memory() == nullptr) {
    FileSource::read(to, bytes, offset);
    return;
  }
  std::memcpy(to, memory() + offset, bytes);
}

void MappedSource::give_back(std::uint64_t offset, std::uint64_t bytes) const {
  mapping_.give_back(offset, bytes);
}

void MappedSource::verify() const {
  if (mapping_.faulted()) {
    throw FileChanged(identity().label, "the file has shrunk");
  }
  FileSource::verify();
}

std::unique_ptr<ByteSource> open_file(const std::string& path, const FileIdentity& expected,
                                      Io io) {
  if (io == Io::pread) {
    return std::make_unique<FileSource>(path, expected);
  }
  return std::make_unique<MappedSource>(path, expected);
}

}  // namespace weightgauge
