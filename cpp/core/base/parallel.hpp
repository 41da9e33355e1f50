// Work that many threads share, and how its caller stops it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <new>
#include <thread>

#include "core/base/processors.hpp"

namespace weightgauge {

// Shared between the caller, who watches and may cancel, and the workers.
class Control {
 public:
  std::atomic<bool> cancelled{false};
  std::atomic<std::uint64_t> bytes_done{0};

  // Throws Cancelled once the caller has asked to stop. A caller who works himself looks after his
  // own affairs here, about twenty times a second: see CallerWatches.
  void check() const;
  // Before work that has failed is done anew: nothing is cancelled, and nothing done.
  void start_over() {
    cancelled.store(false);
    bytes_done.store(0);
  }

 private:
  friend class CallerWatches;
  const std::function<void()>* watch_ = nullptr;  // of a caller who works
  std::thread::id caller_;
  mutable std::chrono::milliseconds next_watch_{0};
};

// What the calling thread does while others work.
enum class Caller : std::uint8_t {
  watches,
  // As well, as work(0), and watches when it checks the control. Unless threads are bound to places
  // and there are several: then it only watches. Threads that have not begun when work(0) returns
  // are left out, so that by then all must be done or taken.
  works,
};

// Runs work(0), work(1), ... on up to `threads` threads and returns when all are done.
//
// Meanwhile the calling thread calls watch() about twenty times a second; whatever watch() throws
// cancels the work and is thrown here once the workers have stopped, as is the first exception of a
// worker. Work of a few milliseconds is done sooner where the caller works, and so is one of the
// threads: it begins at once. It works where no other thread can be had, too.
//
// All concurrent calls together keep to max(processor_budget(), threads asked for): a call waits
// for a free thread and then takes what is free, so results must not depend on the number. Work
// that one thread does where the caller works waits for nobody. Nor does a call that watch() makes:
// it is done by its own thread alone.
//
// watch() may end the calling thread by pthread_exit(): the workers have stopped before its stack
// is unwound any further.
void run_parallel(int threads, Caller caller, Control& control,
                  const std::function<void(int)>& work, const std::function<void()>& watch);

// What attempt(threads) returns, which may run in parallel; where it found too little memory,
// attempt(1). The tables and stacks of one thread may have room where those of many have not.
template <class Attempt>
auto with_memory_for(int threads, Control& control, const Attempt& attempt) {
  try {
    return attempt(threads);
  } catch (const std::bad_alloc&) {
    if (threads <= 1) {
      throw;
    }
  }
  control.start_over();
  return attempt(1);
}

}  // namespace weightgauge
