#include "core/base/parallel.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <new>

#include "core/base/errors.hpp"
#include "core/base/platform.hpp"
#include "core/base/region.hpp"
#include "core/base/spare_memory.hpp"
#include "core/base/team.hpp"
#include "core/base/thread_exit.hpp"

namespace weightgauge {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds watch_interval{50};

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
    held_ = granted_;
    pool().in_use += granted_;
  }
  ~Lease() { change(-held_); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  int granted() const { return granted_; }
  // Gives threads back that have ended (negative), or takes one again, whatever others have.
  void change(int by) {
    const std::lock_guard<std::mutex> lock(pool().mutex);
    pool().in_use += by;
    held_ += by;
    if (by < 0) {
      pool().released.notify_all();
    }
  }

 private:
  struct Pool {
    std::mutex mutex;
    std::condition_variable released;
    int in_use = 0;
  };
  // Never destroyed: a thread may still wait while the process exits.
  static Pool& pool() {
    static auto& instance = *new Pool;
    return instance;
  }
  // A child starts with nothing in use, whatever the parent's other threads were doing.
  static void register_fork_handler() {
    static const bool registered = (in_forked_children([] { new (&pool()) Pool(); }), true);
    (void)registered;
  }
  int granted_ = 0;
  int held_ = 0;  // guarded by the pool's mutex
};

// Other threads may have the leased thread meanwhile. What a caller does when he watches is his
// own affair, and may be to wait for another call of another thread.
class Rest {
 public:
  explicit Rest(Lease& lease) : lease_(lease) { lease_.change(-1); }
  ~Rest() { lease_.change(1); }
  Rest(const Rest&) = delete;
  Rest& operator=(const Rest&) = delete;

 private:
  Lease& lease_;
};

// A call of this thread. It is an inner one where another call's watch() makes it: a signal
// handler, or a progress function.
class Call {
 public:
  Call() { ++under_way_; }
  ~Call() { --under_way_; }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  bool inner() const { return under_way_ > 1; }

 private:
  static thread_local int under_way_;
};
thread_local int Call::under_way_ = 0;

// The first exception of several workers.
class Failure {
 public:
  // Runs the work; what it throws is kept, and tells the others to stop.
  void keep_from(const std::function<void(int)>& work, int index, Control& control) {
    try {
      work(index);
    } catch (...) {
      if (is_thread_exit()) {
        control.cancelled.store(true);
        throw;
      }
      keep(std::current_exception(), control);
    }
  }
  // The same on a thread that has just started.
  void keep_from_new_thread(const std::function<void(int)>& work, int index, Control& control) {
    if (can_throw()) {
      keep_from(work, index, control);
    } else {
      keep(no_memory_, control);
    }
  }
  // Once all are done.
  void rethrow() const {
    if (thrown_ != nullptr) {
      std::rethrow_exception(thrown_);
    }
  }

 private:
  void keep(const std::exception_ptr& thrown, Control& control) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (thrown_ == nullptr) {
      // Noted before the others are told: what they throw then is only an echo.
      thrown_ = thrown;
      control.cancelled.store(true);
    }
  }

  std::mutex mutex_;
  std::exception_ptr thrown_;
  const std::exception_ptr no_memory_ = std::make_exception_ptr(std::bad_alloc());
};

// Calls watch() until the team is done, or told to stop.
void watch_team(Team& team, Control& control, const std::function<void()>& watch) {
  std::exception_ptr interrupted;
  while (!team.wait(watch_interval)) {
    try {
      if (!control.cancelled.load()) {
        watch();
      }
    } catch (...) {
      control.cancelled.store(true);
      if (is_thread_exit()) {
        throw;
      }
      interrupted = std::current_exception();
    }
  }
  if (interrupted != nullptr) {
    std::rethrow_exception(interrupted);
  }
}

}  // namespace

// Makes the calling thread watch whenever it checks the control.
class CallerWatches {
 public:
  CallerWatches(Control& control, const std::function<void()>& watch) : control_(control) {
    control.caller_ = std::this_thread::get_id();
    control.next_watch_ = coarse_now() + watch_interval;
    control.watch_ = &watch;
  }
  ~CallerWatches() { control_.watch_ = nullptr; }
  CallerWatches(const CallerWatches&) = delete;
  CallerWatches& operator=(const CallerWatches&) = delete;

 private:
  Control& control_;
};

void Control::check() const {
  if (cancelled.load(std::memory_order_relaxed)) {
    throw Cancelled();
  }
  if (watch_ != nullptr && caller_ == std::this_thread::get_id() && coarse_now() >= next_watch_) {
    (*watch_)();
    next_watch_ = coarse_now() + watch_interval;
  }
}

void run_parallel(int threads, Caller caller, Control& control,
                  const std::function<void(int)>& work, const std::function<void()>& watch) {
  // Here and on the threads that start: what they read may be a file that shrinks.
  const BusSignalHeard heard;
  Failure failure;
  const Call call;
  if (call.inner() || (threads <= 1 && caller == Caller::works)) {
    const CallerWatches watches(control, watch);
    failure.keep_from(work, 0, control);
    failure.rethrow();
    return;
  }
  Lease lease(std::max(threads, 1), watch);
  // Where threads are bound to places, those of a region have all of them.
  const bool works = caller == Caller::works && (lease.granted() == 1 || placed_processors() == 0);
  const int own = works ? 1 : 0;
  const int others = lease.granted() - own;
  const std::function<void()> watch_at_rest = [&] {
    const Rest rest(lease);
    watch();
  };
  // Before threads start that read it, and ends after they have ended.
  const CallerWatches watches(control, own > 0 ? watch_at_rest : watch);
  if (others == 0) {
    failure.keep_from(work, 0, control);
  } else {
    // A caller who only watches leaves his processor to the others.
    const Begins begins = own > 0 ? Begins::elsewhere : Begins::anywhere;
    Team team(others, begins, [&](int index) {
      failure.keep_from_new_thread(work, index + own, control);
      lease.change(-1);
    });
    if (own > 0 || !team.started()) {
      failure.keep_from(work, 0, control);
      team.begin_no_more();
    }
    watch_team(team, control, watch);
  }
  failure.rethrow();
}

}  // namespace weightgauge
