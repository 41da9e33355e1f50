#include "core/scan.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/errors.hpp"
#include "core/slice_job.hpp"

namespace weightgauge {

namespace {

// Below this many bytes in all, starting threads takes longer than the work.
constexpr std::uint64_t inline_bytes = std::uint64_t{1} << 18;

// Tasks are handed out in groups of about this many bytes, so that small slices do not make the
// threads wait for each other.
constexpr std::uint64_t group_bytes = std::uint64_t{1} << 18;

struct Task {
  SliceJob* job;
  std::uint64_t part;
};

// One flat queue over the whole model: chunks of all slices in file order, joined by the parts of
// second phases as they come up.
class Queue {
 public:
  explicit Queue(std::size_t jobs) : unfinished_jobs_(jobs) {}

  // Before the threads start.
  void append(SliceJob& job, std::uint64_t bytes) {
    const std::uint64_t each = bytes / job.parts();
    for (std::uint64_t part = 0; part < job.parts(); ++part) {
      if (bytes_in_last_ == 0 || bytes_in_last_ + each > group_bytes) {
        group_ends_.push_back(tasks_.size());
        bytes_in_last_ = 0;
      }
      tasks_.push_back({&job, part});
      group_ends_.back() = tasks_.size();
      bytes_in_last_ += std::max<std::uint64_t>(each, 1);
    }
  }
  std::size_t groups() const { return group_ends_.size(); }

  // The next tasks, or none for now.
  bool take(std::vector<Task>& tasks) {
    tasks.clear();
    if (urgent_count_.load(std::memory_order_acquire) > 0) {
      // Second phases go first: their data have just been read.
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

// A worker keeps counting one slice in its own table for as long as its tasks are of that slice,
// and hands the counts over when it turns to another.
class Worker {
 public:
  Worker(Queue& queue, Control& control) : queue_(queue), control_(control) {}

  void work() {
    std::vector<Task> tasks;
    do {
      while (queue_.take(tasks)) {
        for (const Task& task : tasks) {
          run(task);
        }
      }
      hand_over();
    } while (queue_.wait(control_));
  }

 private:
  void run(const Task& task) {
    control_.check();
    if (job_ == nullptr || task.job != job_ ||
        workspace_.table.pending() > CountingTable::room(job_->dtype())) {
      hand_over();
      job_ = task.job;
    }
    task.job->run_part(task.part, workspace_, control_);
    ++parts_done_;
  }

  void hand_over() {
    if (job_ == nullptr) {
      return;
    }
    switch (job_->flush(parts_done_, workspace_, control_)) {
      case SliceJob::Progress::going_on:
        break;
      case SliceJob::Progress::next_phase:
        queue_.add_parts(*job_);
        break;
      case SliceJob::Progress::finished:
        queue_.finish_job();
        break;
    }
    job_ = nullptr;
    parts_done_ = 0;
  }

  Queue& queue_;
  Control& control_;
  Workspace workspace_;
  SliceJob* job_ = nullptr;
  std::uint64_t parts_done_ = 0;
};

void verify_all(const std::vector<std::unique_ptr<Source>>& sources) {
  for (const std::unique_ptr<Source>& source : sources) {
    source->verify();
  }
}

}  // namespace

std::vector<SliceResult> scan(const std::vector<std::unique_ptr<Source>>& sources,
                              const std::vector<SliceSpec>& slices, const ScanOptions& options,
                              Control& control, const std::function<void()>& watch) {
  std::deque<SliceJob> jobs;
  Queue queue(slices.size());
  std::uint64_t bytes = 0;
  for (const SliceSpec& slice : slices) {
    const std::uint64_t slice_bytes = slice.view.items() * item_bytes(slice.view.dtype);
    queue.append(jobs.emplace_back(*sources.at(slice.source), slice.view, options), slice_bytes);
    bytes += slice_bytes;
  }
  const auto useful = static_cast<int>(std::min<std::size_t>(queue.groups(), 1U << 16));
  const int threads = bytes <= inline_bytes ? 0 : std::min(std::max(options.threads, 1), useful);
  try {
    run_parallel(threads, control, [&](int) { Worker(queue, control).work(); }, watch);
  } catch (const DataChanged&) {
    verify_all(sources);  // says which file it was
    throw;
  }
  verify_all(sources);
  std::vector<SliceResult> results;
  results.reserve(jobs.size());
  for (SliceJob& job : jobs) {
    results.push_back(job.take_result());
  }
  return results;
}

}  // namespace weightgauge
