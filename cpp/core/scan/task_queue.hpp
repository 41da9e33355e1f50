// What is to be done in a scan, and in which order.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/scan/shared_rows.hpp"
#include "core/scan/slice_job.hpp"

namespace weightgauge {

// A part of one phase of a slice, or of the first phase of several.
struct Task {
  SliceJob* job;  // the first one, where several are read together
  std::uint64_t part;
  const SharedRows* together = nullptr;
};

// One flat queue over the whole model: chunks of all slices in file order, joined by the parts of
// later phases as they come up.
class TaskQueue {
 public:
  explicit TaskQueue(std::size_t jobs) : unfinished_jobs_(jobs) {}

  // Before the threads start.
  void append(SliceJob& job, std::uint64_t bytes, const SharedRows* together) {
    const std::uint64_t each = bytes / job.parts();
    for (std::uint64_t part = 0; part < job.parts(); ++part) {
      if (bytes_in_last_ == 0 || bytes_in_last_ + each > group_bytes) {
        group_ends_.push_back(tasks_.size());
        bytes_in_last_ = 0;
      }
      tasks_.push_back({&job, part, together});
      group_ends_.back() = tasks_.size();
      bytes_in_last_ += std::max<std::uint64_t>(each, 1);
    }
  }
  std::size_t groups() const { return group_ends_.size(); }

  // The next tasks, or none for now.
  bool take(std::vector<Task>& tasks) {
    tasks.clear();
    if (urgent_count_.load(std::memory_order_acquire) > 0) {
      // Later phases go first: their data have just been read.
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!urgent_.empty()) {
        tasks.push_back(urgent_.back());
        urgent_.pop_back();
        urgent_count_.store(urgent_.size(), std::memory_order_release);
        return true;
      }
    }
    const std::size_t group = next_group_.fetch_add(1, std::memory_order_relaxed);
    if (group >= group_ends_.size()) {
      return false;
    }
    const auto at = [this](std::size_t index) {
      return tasks_.begin() + static_cast<std::ptrdiff_t>(index);
    };
    tasks.assign(at(group == 0 ? 0 : group_ends_[group - 1]), at(group_ends_[group]));
    return true;
  }

  // Waits until there is a task to take or none will come any more (false).
  bool wait(const Control& control) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (urgent_.empty() && unfinished_jobs_.load() > 0) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
      control.check();
    }
    return !urgent_.empty();
  }

  void add_parts(SliceJob& job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::uint64_t part = job.parts(); part-- > 0;) {
      urgent_.push_back({&job, part});
    }
    urgent_count_.store(urgent_.size(), std::memory_order_release);
    changed_.notify_all();
  }

  void finish_job() {
    if (unfinished_jobs_.fetch_sub(1) == 1) {
      const std::lock_guard<std::mutex> lock(mutex_);
      changed_.notify_all();
    }
  }

 private:
  // Tasks are handed out in groups of about this many bytes, so that small slices do not make the
  // threads wait for each other.
  static constexpr std::uint64_t group_bytes = std::uint64_t{1} << 18;

  std::vector<Task> tasks_;
  std::vector<std::size_t> group_ends_;
  std::uint64_t bytes_in_last_ = 0;
  std::atomic<std::size_t> next_group_{0};
  std::atomic<std::size_t> unfinished_jobs_;
  std::vector<Task> urgent_;  // the last one first
  std::atomic<std::size_t> urgent_count_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace weightgauge
