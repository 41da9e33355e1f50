#include "core/base/team.hpp"

#include <exception>
#include <utility>

#include "core/base/region.hpp"
#include "core/base/start_lock.hpp"

namespace weightgauge {

Team::Team(int threads, Begins begins, std::function<void(int)> work) : work_(std::move(work)) {
  const int starters = starters_of(threads);
  const std::unique_lock<std::mutex> starting = lock_starts();
  for (int starter = 0; starter < starters; ++starter) {
    const std::lock_guard<std::mutex> lock(mutex_);
    try {
      starters_.emplace_back(begins, [this, starter, threads] { run(starter, threads); });
      ++unfinished_;
    } catch (const std::exception&) {
      break;  // no more threads, or no memory for them: those that are there will do
    }
  }
}

bool Team::wait(std::chrono::milliseconds most) {
  std::unique_lock<std::mutex> lock(mutex_);
  return finished_.wait_for(lock, most, [this] { return unfinished_ == 0; });
}

void Team::run(int starter, int threads) {
  run_region(starter, threads, work_);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--unfinished_ == 0) {
    finished_.notify_one();
  }
}

}  // namespace weightgauge
