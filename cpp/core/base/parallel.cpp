#include "core/base/parallel.hpp"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <exception>
#include <fstream>
#include <mutex>
#include <new>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/errors.hpp"

namespace weightgauge {

namespace {

using std::chrono::milliseconds;
constexpr milliseconds watch_interval{50};

int affinity_processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) {
    return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  return std::max(1, CPU_COUNT(&set));
}

// "<quota> <period>" of cgroup v2, or the two files of v1. 0: no quota.
double quota_processors() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period) {
    return quota == "max" || period <= 0 ? 0 : std::strtod(quota.c_str(), nullptr) / period;
  }
  std::ifstream quota_v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_v1("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double microseconds = 0;
  if (quota_v1 >> microseconds && period_v1 >> period && microseconds > 0 && period > 0) {
    return microseconds / period;
  }
  return 0;
}

// Threads in use by all calls of this process.
class Lease {
 public:
  // Calls idle() about twenty times a second while it waits, without holding the lock.
  Lease(int wanted, const std::function<void()>& idle) {
    register_fork_handler();
    std::unique_lock<std::mutex> lock(pool().mutex);
    const int limit = std::max(processor_budget(), wanted);
    while (pool().in_use >= limit) {
      pool().released.wait_for(lock, watch_interval);
      lock.unlock();
      idle();
      lock.lock();
    }
    granted_ = std::min(wanted, limit - pool().in_use);
    pool().in_use += granted_;
  }
  ~Lease() {
    const std::lock_guard<std::mutex> lock(pool().mutex);
    pool().in_use -= granted_;
    pool().released.notify_all();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  int granted() const { return granted_; }

 private:
  struct Pool {
    std::mutex mutex;
    std::condition_variable released;
    int in_use = 0;
  };
  static Pool& pool() {
    static Pool instance;
    return instance;
  }
  // A child starts with nothing in use, whatever the parent's other threads were doing.
  static void register_fork_handler() {
    static const int registered = pthread_atfork(nullptr, nullptr, [] { new (&pool()) Pool(); });
    (void)registered;
  }
  int granted_ = 0;
};

// Threads that run work(0), work(1), ... The library's own, not an OpenMP region: there the first
// thread spins until the others have started, on the very processor that they may be waiting for.
class Team {
 public:
  Team(int threads, Control& control, const std::function<void(int)>& work) : unfinished_(threads) {
    for (int index = 0; index < threads; ++index) {
      const auto run = [this, index, &control, &work] { run_one(index, control, work); };
      try {
        threads_.emplace_back(run);
      } catch (const std::system_error&) {  // no more threads to be had: the caller will do
        run();
      }
    }
  }
  ~Team() { join(); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Whether all are done, after waiting for it a little.
  bool wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    return finished_.wait_for(lock, watch_interval, [this] { return unfinished_ == 0; });
  }
  void join() {
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }
  std::exception_ptr failure() const { return failure_; }

 private:
  void run_one(int index, Control& control, const std::function<void(int)>& work) {
    std::exception_ptr thrown;
    try {
      work(index);
    } catch (...) {
      thrown = std::current_exception();
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    if (thrown != nullptr && failure_ == nullptr) {
      // Noted before the others are told to stop: what they throw then is only an echo.
      failure_ = thrown;
      control.cancelled.store(true);
    }
    if (--unfinished_ == 0) {
      finished_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable finished_;
  int unfinished_;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace

int processor_budget() {
  const int affinity = affinity_processors();
  static const double quota = quota_processors();  // read once: it takes longer than a small fit
  if (quota <= 0) {
    return affinity;
  }
  return std::clamp(static_cast<int>(std::ceil(quota)), 1, affinity);
}

void Control::check() const {
  if (cancelled.load(std::memory_order_relaxed)) {
    throw Cancelled();
  }
}

void run_parallel(int threads, Control& control, const std::function<void(int)>& work,
                  const std::function<void()>& watch) {
  const Lease lease(std::max(threads, 1), watch);
  if (threads <= 0) {  // not worth a thread
    work(0);
    return;
  }
  Team team(lease.granted(), control, work);
  std::exception_ptr interrupted;
  while (!team.wait()) {
    try {
      if (interrupted == nullptr) {
        watch();
      }
    } catch (...) {
      interrupted = std::current_exception();
      control.cancelled.store(true);
    }
  }
  team.join();
  if (interrupted != nullptr) {
    std::rethrow_exception(interrupted);
  }
  if (team.failure() != nullptr) {
    std::rethrow_exception(team.failure());
  }
}

}  // namespace weightgauge
