// Files as the operating system has them: what POSIX and Windows put in different words. As in
// POSIX, what fails says so by its result, and errno says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace weightgauge {

#if defined(_WIN32)
using FileHandle = void*;
constexpr FileHandle no_file = nullptr;
#else
using FileHandle = int;  // a descriptor
constexpr FileHandle no_file = -1;
#endif

// What tells a file from another, and from itself at another time. Windows has no time of the last
// change to what the system notes of a file: there ctime_ns is 0.
struct FileIdentity {
  std::uint64_t device;
  std::uint64_t inode;
  std::uint64_t size;
  std::int64_t mtime_ns;
  std::int64_t ctime_ns;
};
inline bool operator==(const FileIdentity& a, const FileIdentity& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size &&
         a.mtime_ns == b.mtime_ns && a.ctime_ns == b.ctime_ns;
}

// Paths are in UTF-8 on Windows, and bytes elsewhere. Results are no_file, or false, on failure.
FileHandle open_to_read(const std::string& path);
// A new file in the directory that nobody else can find, and that goes when it is closed.
FileHandle open_scratch(const std::string& directory);
void close_file(FileHandle file);
bool identify(FileHandle file, FileIdentity& identity);
bool identify(const std::string& path, FileIdentity& identity);

// How many bytes were read or written, which may be fewer; -1 on failure.
std::ptrdiff_t read_some(FileHandle file, std::byte* to, std::size_t n, std::uint64_t offset);
std::ptrdiff_t write_some(FileHandle file, const std::byte* from, std::size_t n,
                          std::uint64_t offset);

// Maps a whole file of this size for reading; null on failure.
void* map_file(FileHandle file, std::uint64_t size);
void unmap_file(void* begin, std::uint64_t size);
// Takes whole pages of a mapping out of the process, as unmapping does; they stay mapped, and come
// back when they are read. Threads may do so at the same time.
void give_back_pages(void* begin, std::uint64_t size);

// How many files the core may keep open: a quarter of those that the system allows, since the rest
// of the process needs some as well.
std::size_t most_kept_files();

}  // namespace weightgauge
