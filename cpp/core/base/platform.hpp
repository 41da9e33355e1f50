// What the operating system says and does about processes, threads and memory: everything that
// POSIX and Windows put in different words. For files see io/system_file.hpp.
#pragma once

#include <chrono>
#include <cstddef>

#if !defined(_WIN32)
#include <pthread.h>

#include <csignal>
#endif

namespace weightgauge {

// A clock that ticks every few milliseconds and takes next to no time to read.
std::chrono::milliseconds coarse_now();

// Runs this in every child that is forked from now on, before anything else there. Where processes
// are not forked nothing happens.
void in_forked_children(void (*act)());

// Processors that the calling thread may run on; 0 where the system does not say.
int allowed_processors();

// Zeros straight from the system, which provides memory only for the pages that are touched, and
// gets it back at once. Throws std::bad_alloc.
void* map_zeros(std::size_t bytes);
void unmap_zeros(void* begin, std::size_t bytes) noexcept;

// For a thread that has nothing to do any more and must not end.
[[noreturn]] void stay_for_ever();

// Lets SIGBUS through while it lives, on the calling thread and those that it starts. A thread that
// blocks the signal is killed where a fault raises it, and no handler can help. Faults of Windows
// are no signals, and cannot be blocked.
class BusSignalHeard {
 public:
  BusSignalHeard(const BusSignalHeard&) = delete;
  BusSignalHeard& operator=(const BusSignalHeard&) = delete;
#if defined(_WIN32)
  BusSignalHeard() {}   // NOLINT(modernize-use-equals-default): or it would be an unused variable
  ~BusSignalHeard() {}  // NOLINT(modernize-use-equals-default)
#else
  BusSignalHeard();
  ~BusSignalHeard();

 private:
  sigset_t bus_;
  bool blocked_ = false;
#endif
};

}  // namespace weightgauge
