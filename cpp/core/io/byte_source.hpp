// Where bytes come from. Readers need only this interface and never ask what kind of source it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "core/io/mapped_file.hpp"

namespace weightgauge {

// The name of a source in messages and, if the source is a file, which file it must be.
struct SourceIdentity {
  std::string label;
  std::optional<FileIdentity> file;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  std::uint64_t size() const { return size_; }
  const SourceIdentity& identity() const { return identity_; }
  // All bytes side by side; null if they can only be had by read().
  const std::byte* memory() const { return memory_; }
  // Whether so many items of so many bytes, of which one at least, lie within the size.
  bool has(std::uint64_t offset, std::uint64_t items, std::uint64_t item_bytes) const {
    return offset <= size_ && items <= (size_ - offset) / item_bytes;
  }
  // Reads exactly `bytes` at `offset`, which lie within the size.
  virtual void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const = 0;
  // The same bytes as a source without memory, if there is one: to read them into a small buffer
  // may take less time than to bring their pages into the process.
  virtual const ByteSource* unmapped() const { return nullptr; }
  // How many bytes the process holds that can be given back bit by bit once nobody reads them any
  // more. Whoever does reads them anew. The offset is a multiple of the size of pages.
  virtual std::uint64_t held_bytes() const { return 0; }
  virtual void give_back(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) const {}
  // Throws FileChanged if the bytes may have changed while they were read.
  virtual void verify() const {}

 protected:
  ByteSource(SourceIdentity identity, std::uint64_t size)
      : identity_(std::move(identity)), size_(size) {}
  void set_memory(const std::byte* memory) { memory_ = memory; }

 private:
  SourceIdentity identity_;
  std::uint64_t size_;
  const std::byte* memory_ = nullptr;
};

// Reads from memory, which must outlive the source.
class MemorySource : public ByteSource {
 public:
  MemorySource(const std::byte* memory, std::uint64_t size, std::string label = "memory");
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override;
};

// A file that is read with pread().
class FileSource : public ByteSource {
 public:
  // Throws ReadFailed, or FileChanged where the file is not `expected`.
  FileSource(const std::string& path, const FileIdentity& expected);
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override;
  void verify() const override;

 protected:
  const OpenFile& file() const { return file_; }

 private:
  OpenFile file_;
};

// A file that another source holds.
class UnmappedSource : public ByteSource {
 public:
  UnmappedSource(SourceIdentity identity, const OpenFile& file)
      : ByteSource(std::move(identity), file.size()), file_(file) {}
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override {
    file_.read(to, bytes, offset);
  }

 private:
  const OpenFile& file_;
};

// A file that is mapped into memory. If the system refuses the mapping (it may limit the address
// space), memory() is null and the bytes are read.
class MappedSource : public FileSource {
 public:
  MappedSource(const std::string& path, const FileIdentity& expected);
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override;
  // Only of a file that is kept open: else it would be opened for each piece.
  const ByteSource* unmapped() const override {
    return memory() == nullptr || file().handle() == no_file ? nullptr : &unmapped_;
  }
  std::uint64_t held_bytes() const override { return memory() == nullptr ? 0 : size(); }
  void give_back(std::uint64_t offset, std::uint64_t bytes) const override;
  void verify() const override;

 private:
  MappedFile mapping_;
  UnmappedSource unmapped_;
};

enum class Io : std::uint8_t { mmap, pread };

std::unique_ptr<ByteSource> open_file(const std::string& path, const FileIdentity& expected, Io io);

}  // namespace weightgauge
