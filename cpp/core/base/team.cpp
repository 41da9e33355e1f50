#include "core/base/team.hpp"

#include <exception>
#include <utility>

#include "core/base/start_lock.hpp"

namespace weightgauge {

Team::Team(int threads, Begins begins, std::function<void(int)> work)
    : shared_(std::make_shared<Shared>()) {
  shared_->work = std::move(work);
  shared_->regions = regions_of(threads);
  shared_->begun.resize(shared_->regions.size());
  const std::unique_lock<std::mutex> starting = lock_starts();
  for (std::size_t starter = 0; starter < shared_->regions.size(); ++starter) {
    const std::lock_guard<std::mutex> lock(shared_->mutex);
    try {
      starters_.emplace_back(begins, [shared = shared_, starter] { run(*shared, starter); });
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

void Team::run(Shared& shared, std::size_t starter) {
  {
    const std::lock_guard<std::mutex> lock(shared.mutex);
    if (shared.closed) {
      return;
    }
    shared.begun[starter] = true;
  }
  run_region(shared.regions[starter], shared.work);
  const std::lock_guard<std::mutex> lock(shared.mutex);
  if (--shared.unfinished == 0) {
    shared.finished.notify_one();
  }
}

}  // namespace weightgauge
