#include "core/base/team.hpp"

#include <exception>
#include <utility>

#include "core/base/region.hpp"
#include "core/base/start_lock.hpp"

namespace weightgauge {

Team::Team(int threads, Begins begins, std::function<void(int)> work)
    : shared_(std::make_shared<Shared>()) {
  const int starters = starters_of(threads);
  shared_->work = std::move(work);
  shared_->begun.resize(static_cast<std::size_t>(starters));
  const std::unique_lock<std::mutex> starting = lock_starts();
  for (int starter = 0; starter < starters; ++starter) {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    try {
      starters_.emplace_back(
          begins, [shared = shared_, starter, threads] { run(*shared, starter, threads); });
      ++shared_->unfinished;
    } catch (const std::exception&) {
      break;  // no more threads, or no memory for them: those that are there will do
    }
  }
}

void Team::begin_no_more() {
  const std::lock_guard<std::mutex> lock(shared_->mutex);
  shared_->closed = true;
  for (std::size_t i = 0; i < starters_.size(); ++i) {
    if (!shared_->begun[i]) {
      starters_[i].leave();
      --shared_->unfinished;
    }
  }
}

bool Team::wait(std::chrono::milliseconds most) {
  std::unique_lock<std::mutex> lock(shared_->mutex);
  return shared_->finished.wait_for(lock, most, [this] { return shared_->unfinished == 0; });
}

void Team::run(Shared& shared, int starter, int threads) {
  {
    const std::lock_guard<std::mutex> lock(shared.mutex);
    if (shared.closed) {
      return;
    }
    shared.begun[static_cast<std::size_t>(starter)] = true;
  }
  run_region(starter, threads, shared.work);
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (--shared.unfinished == 0) {
    shared.finished.notify_one();
  }
}

}  // namespace weightgauge
