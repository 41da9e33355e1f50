#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "core/io/system_file.hpp"

namespace weightgauge {

namespace {

std::int64_t nanoseconds(const struct timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

FileIdentity identity_of(const struct stat& status) {
#if defined(__APPLE__)
  const struct timespec& mtime = status.st_mtimespec;
  const struct timespec& ctime = status.st_ctimespec;
#else
  const struct timespec& mtime = status.st_mtim;
  const struct timespec& ctime = status.st_ctim;
#endif
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_size), nanoseconds(mtime), nanoseconds(ctime)};
}

}  // namespace

FileHandle open_to_read(const std::string& path) {
  // Without O_NONBLOCK, open() would wait if a FIFO had been put in the file's place.
  return open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

FileHandle open_scratch(const std::string& directory) {
  std::string name = directory + "/weightgauge-XXXXXX";
  const int descriptor = mkostemp(name.data(), O_CLOEXEC);
  if (descriptor >= 0) {
    unlink(name.c_str());
  }
  return descriptor;
}

void close_file(FileHandle file) { close(file); }

bool identify(FileHandle file, FileIdentity& identity) {
  struct stat status = {};
  if (fstat(file, &status) != 0) {
    return false;
  }
  identity = identity_of(status);
  return true;
}

bool identify(const std::string& path, FileIdentity& identity) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) {
    return false;
  }
  identity = identity_of(status);
  return true;
}

std::ptrdiff_t read_some(FileHandle file, std::byte* to, std::size_t n, std::uint64_t offset) {
  return pread(file, to, n, static_cast<off_t>(offset));
}

std::ptrdiff_t write_some(FileHandle file, const std::byte* from, std::size_t n,
                          std::uint64_t offset) {
  return pwrite(file, from, n, static_cast<off_t>(offset));
}

void* map_file(FileHandle file, std::uint64_t size) {
  void* const mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

void unmap_file(void* begin, std::uint64_t size) { munmap(begin, size); }

void give_back_pages(void* begin, std::uint64_t size) { madvise(begin, size, MADV_DONTNEED); }

std::size_t most_kept_files() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20) / 4);
}

}  // namespace weightgauge
