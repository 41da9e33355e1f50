// Threads that live for one piece of work.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace weightgauge {

class Team {
 public:
  // Starts up to `threads` threads that run work(0), work(1), ..., which must not throw.
  Team(int threads, std::function<void(int)> work);
  // Waits for them.
  ~Team();
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
  std::vector<std::thread> starters_;
};

}  // namespace weightgauge
