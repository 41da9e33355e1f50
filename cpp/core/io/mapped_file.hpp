// A read-only mapping that survives the file shrinking under it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/io/system_file.hpp"

namespace weightgauge {

struct GuardedMapping;

// A file that is known to be the one whose header was read. Processes may open few files at once,
// and models may lie in thousands: files are kept open only as long as few are, and the others
// are opened for each read.
class OpenFile {
 public:
  // Throws ReadFailed, or FileChanged if the file is not `expected`.
  OpenFile(std::string path, const FileIdentity& expected);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  // Throws FileChanged if the file, or the file that now has its path, is no longer `expected`, or
  // if the places that were looked at when it was opened hold other bytes now: see spot_check.hpp.
  void verify() const;
  // Reads exactly `bytes` at `offset`; throws FileChanged at a premature end of file.
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const;

  const std::string& path() const { return path_; }
  std::uint64_t size() const { return expected_.size; }
  // Maps the whole file for reading; null if the system refuses.
  void* map() const;
  // no_file where it is not kept open.
  FileHandle handle() const { return handle_; }

 private:
  FileHandle open_again() const;
  // Closes the file, where it is kept open.
  void release();
  void check_opened(FileHandle file) const;
  void check_named() const;
  std::uint64_t look_at(FileHandle file) const;

  std::string path_;
  FileIdentity expected_;
  FileHandle handle_;
  std::uint64_t first_look_ = 0;
};

// While it lives, a page that the file has lost reads as zeros; see bus_errors.hpp.
class MappedFile {
 public:
  // Maps the whole file, which must outlive the mapping. data() is null if the system has no room
  // for it, or if the file is empty.
  explicit MappedFile(const OpenFile& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  // Takes these bytes, of whole pages, out of the process until they are read again.
  void give_back(std::uint64_t offset, std::uint64_t bytes) const;
  // Whether a page was missing when it was read.
  bool faulted() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  GuardedMapping* guarded_ = nullptr;
};

}  // namespace weightgauge
