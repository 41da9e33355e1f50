#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <new>

#include "core/base/platform.hpp"
#include "core/io/bus_errors.hpp"

namespace weightgauge {

// A signal handler may not lock. So a mapping is published by storing its begin address and
// withdrawn by storing 0; a reader sees one or the other.
struct GuardedMapping {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<FileHandle> file{no_file};
  std::atomic<bool> faulted{false};
};

namespace {

constexpr std::size_t most_mappings = 4096;
GuardedMapping table[most_mappings];

std::mutex install_mutex;
std::size_t live_mappings = 0;

// The handlers of others. They are written before this one is installed that reads them.
struct sigaction earlier;     // that does not know of this one
struct sigaction later;       // set while this one was: it may hand on to this one
std::atomic<bool> has_later;  // and it has not been called
bool known_to_others = false;

bool puts_zeros(GuardedMapping& mapping, std::uintptr_t address) {
  const std::uintptr_t begin = mapping.begin.load(std::memory_order_acquire);
  const std::uintptr_t end = mapping.end.load(std::memory_order_acquire);
  if (begin == 0 || address < begin || address >= end) {
    return false;
  }
  // Another mapping may have taken over the entry between the two loads.
  if (mapping.begin.load(std::memory_order_acquire) != begin) {
    return false;
  }
  // Zero pages go from here to the end of the mapping. After that each thread faults at most once
  // more.
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t from = address & ~(page - 1);
  void* const mapped = mmap(reinterpret_cast<void*>(from), end - from, PROT_READ,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
  mapping.faulted.store(true, std::memory_order_release);
  return mapped != MAP_FAILED;
}

bool is_short(const GuardedMapping& mapping) {
  struct stat status = {};
  return mapping.begin.load(std::memory_order_acquire) != 0 &&
         fstat(mapping.file.load(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) < mapping.bytes.load();
}

// Whether an instruction has caused the signal, and will be tried again; else somebody has sent it.
bool is_fault(const siginfo_t& info) {
#if defined(__APPLE__)
  return info.si_code == BUS_ADRALN || info.si_code == BUS_ADRERR || info.si_code == BUS_OBJERR;
#else
  return info.si_code > 0;
#endif
}

// Whether this process has sent the signal to itself.
bool is_raised(const siginfo_t& info) {
#if defined(SI_TKILL)
  return info.si_code == SI_TKILL && info.si_pid == getpid();
#else
  return !is_fault(info) && info.si_pid == getpid();
#endif
}

// A handler that was set in the meantime got a fault of a mapping, gave up its place to this one,
// as faulthandler does, and raised the signal: the fault comes once more, and here.
bool comes_again(const siginfo_t& info) {
  if (!is_raised(info)) {
    return false;
  }
  for (const GuardedMapping& mapping : table) {
    if (is_short(mapping)) {
      return true;
    }
  }
  return false;
}

void hand_on(int signal, siginfo_t& info, void* context) {
  // A later handler is told once. If it then raises the signal, that is meant for an earlier one.
  const bool to_later = !is_raised(info) && has_later.exchange(false);
  const struct sigaction& action = to_later ? later : earlier;
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(signal, &info, context);
  } else if (action.sa_handler == SIG_DFL) {
    sigaction(signal, &action, nullptr);
    if (!is_fault(info)) {
      raise(signal);
    }
  } else if (action.sa_handler != SIG_IGN) {
    action.sa_handler(signal);
  } else if (is_fault(info)) {  // which cannot be ignored
    sigaction(signal, &action, nullptr);
  }
}

void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved = errno;
  bool done = false;
  if (is_fault(*info)) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    for (GuardedMapping& mapping : table) {
      done = done || puts_zeros(mapping, address);
    }
  } else {
    done = comes_again(*info);
  }
  if (!done) {
    hand_on(signal, *info, context);
  }
  errno = saved;
}

bool is_ours(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == on_bus_error;
}

struct sigaction current_action() {
  struct sigaction current = {};
  sigaction(SIGBUS, nullptr, &current);
  return current;
}

// Under the mutex. Whoever took the place of this handler may have kept it, to put it back or to
// call it; so it must never call them without end.
void install() {
  const struct sigaction current = current_action();
  if (is_ours(current)) {
    return;
  }
  if (known_to_others) {
    later = current;
    has_later.store(true);
  } else {
    earlier = current;
  }
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

// Under the mutex.
void uninstall() {
  if (!is_ours(current_action())) {
    known_to_others = true;
    return;
  }
  sigaction(SIGBUS, has_later.exchange(false) ? &later : &earlier, nullptr);
}

// Another thread may hold the mutex at the moment of a fork, so the child gets a new mutex.
void register_fork_handler() {
  static const bool registered =
      (in_forked_children([] { new (&install_mutex) std::mutex(); }), true);
  (void)registered;
}

}  // namespace

GuardedMapping* guard_mapping(const void* begin, std::size_t bytes, FileHandle file) {
  register_fork_handler();
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(begin);
  const std::lock_guard<std::mutex> lock(install_mutex);
  for (GuardedMapping& mapping : table) {
    if (mapping.begin.load() != 0) {
      continue;
    }
    if (live_mappings++ == 0) {
      install();
    }
    mapping.faulted.store(false);
    mapping.bytes.store(bytes);
    mapping.file.store(file);
    mapping.end.store(first + (bytes + page - 1) / page * page, std::memory_order_release);
    mapping.begin.store(first, std::memory_order_release);
    return &mapping;
  }
  return nullptr;
}

void end_guarding(GuardedMapping& mapping) {
  const std::lock_guard<std::mutex> lock(install_mutex);
  mapping.begin.store(0, std::memory_order_release);
  if (--live_mappings == 0) {
    uninstall();
  }
}

bool has_faulted(const GuardedMapping& mapping) { return mapping.faulted.load(); }

void take_bus_errors_again() {
  const std::lock_guard<std::mutex> lock(install_mutex);
  if (live_mappings > 0 && !is_ours(current_action())) {
    known_to_others = true;
    install();
  }
}

}  // namespace weightgauge
