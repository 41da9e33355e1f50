#include "core/io/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <vector>

#include "core/base/errors.hpp"
#include "core/io/bus_errors.hpp"
#include "core/io/spot_check.hpp"

namespace weightgauge {

namespace {

FileIdentity identity_of(const struct stat& status) {
  const auto nanoseconds = [](const struct timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_size), nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

// Descriptors that files keep, in the whole process, and how many that may be: a quarter of those
// that the system allows, since the rest of the process needs some as well.
std::atomic<std::size_t> kept_descriptors{0};

std::size_t most_kept() {
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
    return 0;
  }
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, 1U << 20) / 4);
}

struct Descriptor {
  explicit Descriptor(int opened) : number(opened) {}
  ~Descriptor() { close(number); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number;
};

bool same_file(const struct stat& status, const FileIdentity& expected) {
  const FileIdentity found = identity_of(status);
  return found.device == expected.device && found.inode == expected.inode;
}

void check_unchanged(const struct stat& status, const FileIdentity& expected,
                     const std::string& path) {
  if (static_cast<std::uint64_t>(status.st_size) < expected.size) {
    throw FileChanged(path, "the file has shrunk");
  }
  if (!(identity_of(status) == expected)) {
    throw FileChanged(path, "the file has been rewritten");
  }
}

void read_exactly(int descriptor, const std::string& path, std::byte* to, std::size_t bytes,
                  std::uint64_t offset) {
  while (bytes > 0) {
    const ssize_t got = pread(descriptor, to, bytes, static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) {
        continue;
      }
      throw ReadFailed(path, errno);
    }
    if (got == 0) {
      throw FileChanged(path, "the file has shrunk");
    }
    to += got;
    bytes -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
}

}  // namespace

bool operator==(const FileIdentity& a, const FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

OpenFile::OpenFile(std::string path, const FileIdentity& expected)
    : path_(std::move(path)), expected_(expected), descriptor_(open_again()) {
  const bool kept = kept_descriptors.fetch_add(1) < most_kept();
  try {
    check_opened(descriptor_);
    check_named();
    first_look_ = look_at(descriptor_);
  } catch (...) {
    release();
    throw;
  }
  if (!kept) {
    release();
  }
}

OpenFile::~OpenFile() { release(); }

void OpenFile::release() {
  if (descriptor_ >= 0) {
    close(descriptor_);
    descriptor_ = -1;
    --kept_descriptors;
  }
}

int OpenFile::open_again() const {
  // Without O_NONBLOCK, open() would wait if a FIFO had been put in the file's place.
  const int descriptor = open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    if (errno == ENOENT) {
      throw FileChanged(path_, "the file has disappeared");
    }
    throw ReadFailed(path_, errno);
  }
  return descriptor;
}

void OpenFile::check_opened(int descriptor) const {
  struct stat opened = {};
  if (fstat(descriptor, &opened) != 0) {
    throw ReadFailed(path_, errno);
  }
  check_unchanged(opened, expected_, path_);
}

std::uint64_t OpenFile::look_at(int descriptor) const {
  std::vector<std::byte> space(static_cast<std::size_t>(Spots(size()).bytes));
  return spot_digest(size(), space.data(), [&](std::byte* to, std::size_t n, std::uint64_t at) {
    read_exactly(descriptor, path_, to, n, at);
  });
}

void OpenFile::verify() const {
  check_named();
  const auto look_again = [this](int descriptor) {
    check_opened(descriptor);
    if (look_at(descriptor) != first_look_) {
      throw FileChanged(path_, "bytes in the file have changed, while its times have not,");
    }
  };
  if (descriptor_ >= 0) {
    look_again(descriptor_);
  } else {
    look_again(Descriptor(open_again()).number);
  }
}

void OpenFile::check_named() const {
  struct stat named = {};
  const bool found = stat(path_.c_str(), &named) == 0;
  if (!found && errno != ENOENT && errno != ENOTDIR) {
    throw ReadFailed(path_, errno);
  }
  if (!found || !same_file(named, expected_)) {
    throw FileChanged(path_, "the file has been replaced");
  }
  check_unchanged(named, expected_, path_);
}

void OpenFile::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  if (descriptor_ >= 0) {
    read_exactly(descriptor_, path_, to, bytes, offset);
    return;
  }
  const Descriptor opened{open_again()};
  check_opened(opened.number);
  read_exactly(opened.number, path_, to, bytes, offset);
}

void* OpenFile::map() const {
  const auto mapped = [this](int descriptor) {
    return mmap(nullptr, expected_.size, PROT_READ, MAP_SHARED, descriptor, 0);
  };
  if (descriptor_ >= 0) {
    return mapped(descriptor_);
  }
  const Descriptor opened{open_again()};
  check_opened(opened.number);
  return mapped(opened.number);
}

MappedFile::MappedFile(const OpenFile& file) : size_(file.size()) {
  if (size_ == 0) {
    return;
  }
  void* const mapped = file.map();
  if (mapped == MAP_FAILED) {
    return;
  }
  guarded_ = guard_mapping(mapped, size_, file.descriptor());
  if (guarded_ == nullptr) {  // the signal handler would not know this mapping
    munmap(mapped, size_);
    return;
  }
  data_ = static_cast<std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    // The memory is unmapped first, because a late fault must still be known.
    munmap(data_, size_);
    end_guarding(*guarded_);
  }
}

bool MappedFile::faulted() const { return data_ != nullptr && has_faulted(*guarded_); }

}  // namespace weightgauge
