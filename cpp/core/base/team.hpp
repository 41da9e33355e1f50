// Threads that live for one piece of work.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

#include "core/base/native_thread.hpp"

namespace weightgauge {

class Team {
 public:
  // Starts up to `threads` threads that run work(0), work(1), ..., which must not throw.
  Team(int threads, Begins begins, std::function<void(int)> work);
  // Waits for them.
  ~Team() = default;
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  // Whether the system gave any thread.
  bool started() const { return !starters_.empty(); }
  // Whether all are done, after waiting for it a little.
  bool wait(std::chrono::milliseconds most);

 private:
  void run(int starter, int threads);

  std::function<void(int)> work_;
  std::mutex mutex_;
  std::condition_variable finished_;
  int unfinished_ = 0;  // starters
  std::deque<NativeThread> starters_;
};

}  // namespace weightgauge
