// Threads that live for one piece of work.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/native_thread.hpp"
#include "core/base/region.hpp"

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
  // Leaves out those who have not begun: where others do all the work, a processor that is busy
  // with something else need not be waited for.
  void begin_no_more();
  // Whether all are done, after waiting for it a little.
  bool wait(std::chrono::milliseconds most);

 private:
  struct Shared {
    std::function<void(int)> work;
    std::vector<Region> regions;  // one for each starter
    std::mutex mutex;
    std::condition_variable finished;
    std::vector<bool> begun;  // each starter
    bool closed = false;
    int unfinished = 0;  // starters
  };
  static void run(Shared& shared, std::size_t starter);

  std::shared_ptr<Shared> shared_;
  std::deque<NativeThread> starters_;
};

}  // namespace weightgauge
