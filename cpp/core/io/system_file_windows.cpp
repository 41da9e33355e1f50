#include <atomic>
#include <cerrno>
#include <limits>

#include "core/base/windows.hpp"
#include "core/io/system_file.hpp"

namespace weightgauge {

namespace {

void note_error() {
  switch (GetLastError()) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_NAME:
    case ERROR_BAD_NETPATH:
      errno = ENOENT;
      return;
    case ERROR_ACCESS_DENIED:
    case ERROR_SHARING_VIOLATION:
    case ERROR_LOCK_VIOLATION:
      errno = EACCES;
      return;
    case ERROR_TOO_MANY_OPEN_FILES:
      errno = EMFILE;
      return;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
      errno = ENOMEM;
      return;
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_FULL:
      errno = ENOSPC;
      return;
    default:
      errno = EIO;
  }
}

std::wstring wide(const std::string& text) {
  const int size = static_cast<int>(text.size());
  const int length = MultiByteToWideChar(CP_UTF8, 0, text.data(), size, nullptr, 0);
  std::wstring result(static_cast<std::size_t>(length), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, text.data(), size, result.data(), length);
  return result;
}

FileHandle opened(HANDLE handle) {
  if (handle == INVALID_HANDLE_VALUE) {
    note_error();
    return no_file;
  }
  return handle;
}

// Others may go on reading, writing, renaming and removing it, as elsewhere.
constexpr DWORD shared = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

std::uint64_t joined(DWORD high, DWORD low) { return std::uint64_t{high} << 32 | low; }

// Where in the file: there is no other place.
OVERLAPPED at(std::uint64_t offset) {
  OVERLAPPED place = {};
  place.Offset = static_cast<DWORD>(offset & 0xFFFFFFFF);
  place.OffsetHigh = static_cast<DWORD>(offset >> 32);
  return place;
}

DWORD at_most(std::size_t n) {
  constexpr std::size_t most = std::numeric_limits<DWORD>::max() / 2;
  return static_cast<DWORD>(n < most ? n : most);
}

}  // namespace

FileHandle open_to_read(const std::string& path) {
  return opened(CreateFileW(wide(path).c_str(), GENERIC_READ, shared, nullptr, OPEN_EXISTING,
                            FILE_ATTRIBUTE_NORMAL, nullptr));
}

FileHandle open_scratch(const std::string& directory) {
  static std::atomic<unsigned> made{0};
  for (int tries = 0; tries < 100; ++tries) {
    const std::string name = directory + "\\weightgauge-" + std::to_string(GetCurrentProcessId()) +
                             "-" + std::to_string(++made);
    const FileHandle file =
        opened(CreateFileW(wide(name).c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr, CREATE_NEW,
                           FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, nullptr));
    if (file != no_file || GetLastError() != ERROR_FILE_EXISTS) {
      return file;
    }
  }
  errno = EEXIST;
  return no_file;
}

void close_file(FileHandle file) { CloseHandle(file); }

bool identify(FileHandle file, FileIdentity& identity) {
  BY_HANDLE_FILE_INFORMATION status = {};
  if (GetFileInformationByHandle(file, &status) == 0) {
    note_error();
    return false;
  }
  // Hundreds of nanoseconds since 1601, of which that many had passed in 1970.
  constexpr std::int64_t in_1970 = 116'444'736'000'000'000;
  const auto written = static_cast<std::int64_t>(
      joined(status.ftLastWriteTime.dwHighDateTime, status.ftLastWriteTime.dwLowDateTime));
  identity = {status.dwVolumeSerialNumber, joined(status.nFileIndexHigh, status.nFileIndexLow),
              joined(status.nFileSizeHigh, status.nFileSizeLow), (written - in_1970) * 100, 0};
  return true;
}

bool identify(const std::string& path, FileIdentity& identity) {
  // Without any access, which nobody denies. Directories need the flag.
  const FileHandle file = opened(CreateFileW(wide(path).c_str(), 0, shared, nullptr, OPEN_EXISTING,
                                             FILE_FLAG_BACKUP_SEMANTICS, nullptr));
  if (file == no_file) {
    return false;
  }
  const bool known = identify(file, identity);
  close_file(file);
  return known;
}

std::ptrdiff_t read_some(FileHandle file, std::byte* to, std::size_t n, std::uint64_t offset) {
  OVERLAPPED place = at(offset);
  DWORD done = 0;
  if (ReadFile(file, to, at_most(n), &done, &place) == 0 && GetLastError() != ERROR_HANDLE_EOF) {
    note_error();
    return -1;
  }
  return done;
}

std::ptrdiff_t write_some(FileHandle file, const std::byte* from, std::size_t n,
                          std::uint64_t offset) {
  OVERLAPPED place = at(offset);
  DWORD done = 0;
  if (WriteFile(file, from, at_most(n), &done, &place) == 0) {
    note_error();
    return -1;
  }
  return done;
}

void* map_file(FileHandle file, std::uint64_t size) {
  const auto high = static_cast<DWORD>(size >> 32);
  const auto low = static_cast<DWORD>(size & 0xFFFFFFFF);
  const HANDLE mapping = CreateFileMappingW(file, nullptr, PAGE_READONLY, high, low, nullptr);
  if (mapping == nullptr) {
    note_error();
    return nullptr;
  }
  void* const mapped = MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0);
  if (mapped == nullptr) {
    note_error();
  }
  CloseHandle(mapping);  // which the view keeps for as long as it needs it
  return mapped;
}

void unmap_file(void* begin, std::uint64_t /*size*/) {
  if (UnmapViewOfFile(begin) == 0) {
    VirtualFree(begin, 0, MEM_RELEASE);  // zeros have taken its place: see bus_errors_windows.cpp
  }
}

void give_back_pages(void* /*begin*/, std::uint64_t /*size*/) {}

// The system has room for millions; a process that keeps some hundreds disturbs nobody.
std::size_t most_kept_files() { return 1024; }

}  // namespace weightgauge
