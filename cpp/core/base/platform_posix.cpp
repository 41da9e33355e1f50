#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <new>

#include "core/base/platform.hpp"

namespace weightgauge {

using std::chrono::milliseconds;

milliseconds coarse_now() {
#if defined(CLOCK_MONOTONIC_COARSE)
  constexpr clockid_t clock = CLOCK_MONOTONIC_COARSE;
#elif defined(CLOCK_MONOTONIC_RAW_APPROX)
  constexpr clockid_t clock = CLOCK_MONOTONIC_RAW_APPROX;  // of macOS
#else
  constexpr clockid_t clock = CLOCK_MONOTONIC;
#endif
  timespec time = {};
  clock_gettime(clock, &time);
  return milliseconds(time.tv_sec * 1000 + time.tv_nsec / 1'000'000);
}

void in_forked_children(void (*act)()) { pthread_atfork(nullptr, nullptr, act); }

int allowed_processors() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
#else
  return 0;
#endif
}

void* map_zeros(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return mapped;
}

void unmap_zeros(void* begin, std::size_t bytes) noexcept { munmap(begin, bytes); }

void stay_for_ever() {
  for (;;) {
    pause();
  }
}

BusSignalHeard::BusSignalHeard() {
  sigset_t before;
  sigemptyset(&bus_);
  sigaddset(&bus_, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &bus_, &before);
  blocked_ = sigismember(&before, SIGBUS) == 1;
}

BusSignalHeard::~BusSignalHeard() {
  if (blocked_) {
    pthread_sigmask(SIG_BLOCK, &bus_, nullptr);
  }
}

}  // namespace weightgauge
