// A read-only mapping that survives the file shrinking under it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weightgauge {

struct FileIdentity {
  std::uint64_t device;
  std::uint64_t inode;
  std::uint64_t size;
  std::int64_t mtime_ns;
  std::int64_t ctime_ns;
};
bool operator==(const FileIdentity& a, const FileIdentity& b);

// An open file that is known to be the one whose header was read.
class OpenFile {
 public:
  // Throws ReadFailed, or FileChanged where the file is not `expected`.
  OpenFile(std::string path, const FileIdentity& expected);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Throws FileChanged where the file, or what its path now leads to, is no longer `expected`.
  void verify() const;
  // Reads exactly `bytes` at `offset`; throws FileChanged at a premature end of file.
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return expected_.size; }
  int descriptor() const { return descriptor_; }

 private:
  std::string path_;
  FileIdentity expected_;
  int descriptor_;
};

// Touching a page beyond the end of a file that has shrunk raises SIGBUS. While a mapping lives, a
// handler answers that signal for addresses inside it by putting zero pages there and noting it;
// every other SIGBUS goes to whoever handled it before.
class MappedFile {
 public:
  // Maps the whole file. `data()` is null where the system has no room for it (or it is empty).
  explicit MappedFile(const OpenFile& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  // Were pages missing when they were read?
  bool faulted() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t slot_ = 0;
};

}  // namespace weightgauge
