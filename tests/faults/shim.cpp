// Makes one call of the C library fail, for tests: loaded before all else by LD_PRELOAD.
//
// A process arms it with arm(kind, n, number, marked, own): the n-th call of that kind fails with
// this errno, and no other. Which calls count is decided by where they are made and what they are
// about: with a marked folder those on files below it and those that the extension module makes,
// else all. Memory counts where the extension or the C++ library asks for it, unless all of it is
// wanted. The threads of OpenMP's runtime are left out: it ends the process where it cannot start
// one.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

// `counting` makes none fail.
enum Kind {
  none,
  opening,
  reading,
  reading_at,
  mapping,
  status,
  writing,
  flushing,
  renaming,
  memory,
  threads,
  counting
};

std::atomic<int> armed{none};
long which = 0;
int reason = 0;
bool all_memory = false;
char marked[PATH_MAX] = "";
std::size_t marked_length = 0;

// What other processes may look at while this one runs, and after it has ended.
struct Told {
  std::atomic<long> seen[counting];  // calls of each kind that have counted
  std::atomic<long> failed;          // 1 once one of them has failed
};
Told own_told{};
Told* told = &own_told;

// Where code of these libraries lies.
struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool holds(const void* place) const {
    const auto address = reinterpret_cast<std::uintptr_t>(place);
    return address >= begin && address < end;
  }
};
Range extension;
Range cpp_library;
Range thread_library;

int find_libraries(dl_phdr_info* info, std::size_t, void*) {
  Range all{UINTPTR_MAX, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) & part = info->dlpi_phdr[i];
    if (part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0) {
      const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
      all.begin = begin < all.begin ? begin : all.begin;
      all.end = begin + part.p_memsz > all.end ? begin + part.p_memsz : all.end;
    }
  }
  if (std::strstr(info->dlpi_name, "/weightgauge/_core") != nullptr) {
    extension = all;
  } else if (std::strstr(info->dlpi_name, "libstdc++") != nullptr) {
    cpp_library = all;
  } else if (std::strstr(info->dlpi_name, "libgomp") != nullptr) {
    thread_library = all;
  }
  return 0;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool below_mark(const char* path) {
  return path != nullptr && std::strncmp(path, marked, marked_length) == 0;
}

bool below_mark(int descriptor) {
  char link[64];
  char path[PATH_MAX];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  const ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) {
    return false;
  }
  path[length] = '\0';
  return below_mark(path);
}

// Counts a call, and tells whether it is the one that has to fail.
bool is_turn(Kind kind) {
  if (told->seen[kind].fetch_add(1) + 1 != which || armed.load() != kind) {
    return false;
  }
  told->failed = 1;
  errno = reason;
  return true;
}

template <class What>
bool fails(Kind kind, What what, const void* caller) {
  if (armed.load(std::memory_order_relaxed) == none) {
    return false;
  }
  const int before = errno;
  const bool counts = marked_length == 0 || extension.holds(caller) || below_mark(what);
  errno = before;
  return counts && is_turn(kind);
}

bool memory_fails(const void* caller) {
  if (armed.load(std::memory_order_relaxed) == none || thread_library.holds(caller)) {
    return false;
  }
  return (all_memory || extension.holds(caller) || cpp_library.holds(caller)) && is_turn(memory);
}

void* real_malloc(std::size_t size) {
  static const auto real = next<void* (*)(std::size_t)>("malloc");
  return real(size);
}

void* allocated(std::size_t size, const void* caller) {
  return memory_fails(caller) ? nullptr : real_malloc(size == 0 ? 1 : size);
}

void* allocated(std::size_t size, std::size_t alignment, const void* caller) {
  static const auto real = next<int (*)(void**, std::size_t, std::size_t)>("posix_memalign");
  void* result = nullptr;
  if (memory_fails(caller) || real(&result, alignment, size) != 0) {
    return nullptr;
  }
  return result;
}

void* or_thrown(void* result) {
  if (result == nullptr) {
    throw std::bad_alloc();
  }
  return result;
}

}  // namespace

#define CALLER __builtin_return_address(0)

extern "C" {

// Arms the shim; kind 0 disarms it. `page` is memory that is shared with whoever looks at it.
void fault_arm(int kind, long n, int number, const char* folder, int all, void* page) {
  armed = none;
  dl_iterate_phdr(find_libraries, nullptr);
  std::snprintf(marked, sizeof marked, "%s", folder);
  marked_length = std::strlen(marked);
  which = n;
  reason = number;
  all_memory = all != 0;
  told = static_cast<Told*>(page);
  armed = kind;
}

#define OPENS(name, parameters, arguments)                     \
  int name parameters {                                        \
    mode_t mode = 0;                                           \
    if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                \
      va_list rest;                                            \
      va_start(rest, flags);                                   \
      mode = va_arg(rest, mode_t);                             \
      va_end(rest);                                            \
    }                                                          \
    static const auto real = next<decltype(&name)>(#name);     \
    return fails(opening, path, CALLER) ? -1 : real arguments; \
  }
OPENS(open, (const char* path, int flags, ...), (path, flags, mode))
OPENS(open64, (const char* path, int flags, ...), (path, flags, mode))
OPENS(openat, (int at, const char* path, int flags, ...), (at, path, flags, mode))
OPENS(openat64, (int at, const char* path, int flags, ...), (at, path, flags, mode))

#define FAILS(result, name, kind, what, failure, parameters, arguments) \
  result name parameters {                                              \
    static const auto real = next<decltype(&name)>(#name);              \
    return fails(kind, what, CALLER) ? failure : real arguments;        \
  }
FAILS(DIR*, opendir, opening, path, nullptr, (const char* path), (path))
FAILS(ssize_t, read, reading, fd, -1, (int fd, void* to, size_t n), (fd, to, n))
FAILS(ssize_t, pread, reading_at, fd, -1, (int fd, void* to, size_t n, off_t at), (fd, to, n, at))
FAILS(ssize_t, pread64, reading_at, fd, -1, (int fd, void* to, size_t n, off64_t at),
      (fd, to, n, at))
FAILS(void*, mmap, mapping, fd, MAP_FAILED,
      (void* place, size_t n, int protection, int flags, int fd, off_t at),
      (place, n, protection, flags, fd, at))
FAILS(void*, mmap64, mapping, fd, MAP_FAILED,
      (void* place, size_t n, int protection, int flags, int fd, off64_t at),
      (place, n, protection, flags, fd, at))
FAILS(int, fstat, status, fd, -1, (int fd, struct stat* to), (fd, to))
FAILS(int, fstat64, status, fd, -1, (int fd, struct stat64* to), (fd, to))
FAILS(int, stat, status, path, -1, (const char* path, struct stat* to), (path, to))
FAILS(int, stat64, status, path, -1, (const char* path, struct stat64* to), (path, to))
FAILS(int, lstat, status, path, -1, (const char* path, struct stat* to), (path, to))
FAILS(int, lstat64, status, path, -1, (const char* path, struct stat64* to), (path, to))
FAILS(int, fstatat, status, path, -1, (int at, const char* path, struct stat* to, int flags),
      (at, path, to, flags))
FAILS(int, fstatat64, status, path, -1, (int at, const char* path, struct stat64* to, int flags),
      (at, path, to, flags))
FAILS(int, statx, status, path, -1,
      (int at, const char* path, int flags, unsigned mask, struct statx* to),
      (at, path, flags, mask, to))
FAILS(ssize_t, write, writing, fd, -1, (int fd, const void* from, size_t n), (fd, from, n))
FAILS(ssize_t, pwrite, writing, fd, -1, (int fd, const void* from, size_t n, off_t at),
      (fd, from, n, at))
FAILS(int, fsync, flushing, fd, -1, (int fd), (fd))
FAILS(int, fdatasync, flushing, fd, -1, (int fd), (fd))
FAILS(int, rename, renaming, to, -1, (const char* from, const char* to), (from, to))
FAILS(int, renameat, renaming, to, -1, (int a, const char* from, int b, const char* to),
      (a, from, b, to))
FAILS(int, link, renaming, to, -1, (const char* from, const char* to), (from, to))

// Threads, by number instead of errno. OpenMP's own would end the process.
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* given) {
  static const auto real = next<decltype(&pthread_create)>("pthread_create");
  if (armed.load() != none && !thread_library.holds(CALLER) && is_turn(threads)) {
    return reason;
  }
  return real(thread, attributes, run, given);
}

void* malloc(size_t size) { return memory_fails(CALLER) ? nullptr : real_malloc(size); }

void* realloc(void* old, size_t size) {
  static const auto real = next<void* (*)(void*, size_t)>("realloc");
  return memory_fails(CALLER) ? nullptr : real(old, size);
}

int posix_memalign(void** to, size_t alignment, size_t size) {
  static const auto real = next<int (*)(void**, size_t, size_t)>("posix_memalign");
  return memory_fails(CALLER) ? ENOMEM : real(to, alignment, size);
}

// The system's loader itself asks for zeroed memory before the real function can be found.
extern void* __libc_calloc(size_t count, size_t size);
void* calloc(size_t count, size_t size) {
  return memory_fails(CALLER) ? nullptr : __libc_calloc(count, size);
}

}  // extern "C"

// The C++ library's own would hide who has asked.
void* operator new(std::size_t size) { return or_thrown(allocated(size, CALLER)); }
void* operator new[](std::size_t size) { return or_thrown(allocated(size, CALLER)); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size, CALLER);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size, CALLER);
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return or_thrown(allocated(size, static_cast<std::size_t>(alignment), CALLER));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return or_thrown(allocated(size, static_cast<std::size_t>(alignment), CALLER));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
