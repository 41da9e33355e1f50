#include "core/io/mapped_file.hpp"

#include <atomic>
#include <cerrno>
#include <vector>

#include "core/base/errors.hpp"
#include "core/io/bus_errors.hpp"
#include "core/io/spot_check.hpp"

namespace weightgauge {

namespace {

// Files that are kept open, in the whole process: at most most_kept_files().
std::atomic<std::size_t> kept_files{0};

// Open for a moment.
struct Opened {
  explicit Opened(FileHandle file) : handle(file) {}
  ~Opened() { close_file(handle); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  FileHandle handle;
};

bool same_file(const FileIdentity& found, const FileIdentity& expected) {
  return found.device == expected.device && found.inode == expected.inode;
}

void check_unchanged(const FileIdentity& found, const FileIdentity& expected,
                     const std::string& path) {
  if (found.size < expected.size) {
    throw FileChanged(path, "the file has shrunk");
  }
  if (!(found == expected)) {
    throw FileChanged(path, "the file has been rewritten");
  }
}

void read_exactly(FileHandle file, const std::string& path, std::byte* to, std::size_t bytes,
                  std::uint64_t offset) {
  while (bytes > 0) {
    const std::ptrdiff_t got = read_some(file, to, bytes, offset);
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

OpenFile::OpenFile(std::string path, const FileIdentity& expected)
    : path_(std::move(path)), expected_(expected), handle_(open_again()) {
  const bool kept = kept_files.fetch_add(1) < most_kept_files();
  try {
    check_opened(handle_);
    check_named();
    first_look_ = look_at(handle_);
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
  if (handle_ != no_file) {
    close_file(handle_);
    handle_ = no_file;
    --kept_files;
  }
}

FileHandle OpenFile::open_again() const {
  const FileHandle file = open_to_read(path_);
  if (file == no_file) {
    if (errno == ENOENT) {
      throw FileChanged(path_, "the file has disappeared");
    }
    throw ReadFailed(path_, errno);
  }
  return file;
}

void OpenFile::check_opened(FileHandle file) const {
  FileIdentity opened = {};
  if (!identify(file, opened)) {
    throw ReadFailed(path_, errno);
  }
  check_unchanged(opened, expected_, path_);
}

std::uint64_t OpenFile::look_at(FileHandle file) const {
  std::vector<std::byte> space(static_cast<std::size_t>(Spots(size()).bytes));
  return spot_digest(size(), space.data(), [&](std::byte* to, std::size_t n, std::uint64_t at) {
    read_exactly(file, path_, to, n, at);
  });
}

void OpenFile::verify() const {
  check_named();
  const auto look_again = [this](FileHandle file) {
    check_opened(file);
    if (look_at(file) != first_look_) {
      throw FileChanged(path_, "bytes in the file have changed, while its times have not,");
    }
  };
  if (handle_ != no_file) {
    look_again(handle_);
  } else {
    look_again(Opened(open_again()).handle);
  }
}

void OpenFile::check_named() const {
  FileIdentity named = {};
  const bool found = identify(path_, named);
  if (!found && errno != ENOENT && errno != ENOTDIR) {
    throw ReadFailed(path_, errno);
  }
  if (!found || !same_file(named, expected_)) {
    throw FileChanged(path_, "the file has been replaced");
  }
  check_unchanged(named, expected_, path_);
}

void OpenFile::read(std::byte* to, std::size_t bytes, std::uint64_t offset) const {
  if (handle_ != no_file) {
    read_exactly(handle_, path_, to, bytes, offset);
    return;
  }
  const Opened opened{open_again()};
  check_opened(opened.handle);
  read_exactly(opened.handle, path_, to, bytes, offset);
}

void* OpenFile::map() const {
  if (handle_ != no_file) {
    return map_file(handle_, size());
  }
  const Opened opened{open_again()};
  check_opened(opened.handle);
  return map_file(opened.handle, size());
}

MappedFile::MappedFile(const OpenFile& file) : size_(file.size()) {
  if (size_ == 0) {
    return;
  }
  void* const mapped = file.map();
  if (mapped == nullptr) {
    return;
  }
  guarded_ = guard_mapping(mapped, size_, file.handle());
  if (guarded_ == nullptr) {  // the signal handler would not know this mapping
    unmap_file(mapped, size_);
    return;
  }
  data_ = static_cast<std::byte*>(mapped);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    // The memory is unmapped first, because a late fault must still be known.
    unmap_file(data_, size_);
    end_guarding(*guarded_);
  }
}

void MappedFile::give_back(std::uint64_t offset, std::uint64_t bytes) const {
  give_back_pages(data_ + offset, bytes);
}

bool MappedFile::faulted() const { return data_ != nullptr && has_faulted(*guarded_); }

}  // namespace weightgauge
