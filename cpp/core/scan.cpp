#include "core/scan.hpp"

#include <algorithm>
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

struct Task {
  SliceJob* job;
  std::uint64_t part;
};

// One flat queue over the whole model: chunks of all slices in file order, joined by the parts of
// second phases as they come up.
class Queue {
 public:
  explicit Queue(std::deque<Task> tasks) : tasks_(std::move(tasks)) {
    for (const Task& task : tasks_) {
      unfinished_jobs_ += task.part == 0 ? 1 : 0;
    }
  }

  // The next task, or none for now.
  bool take(Task& task) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (tasks_.empty()) {
      return false;
    }
    task = tasks_.front();
    tasks_.pop_front();
    return true;
  }

  // Waits until there is a task to take or none will come any more (false).
  bool wait(const Control& control) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (tasks_.empty() && unfinished_jobs_ > 0) {
      changed_.wait_for(lock, std::chrono::milliseconds(20));
      control.check();
    }
    return !tasks_.empty();
  }

  // Second phases go first: their data has just been read.
  void add_parts(SliceJob& job) {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::uint64_t part = job.parts(); part-- > 0;) {
      tasks_.push_front({&job, part});
    }
    changed_.notify_all();
  }

  void finish_job() {
    const std::lock_guard<std::mutex> lock(mutex_);
    --unfinished_jobs_;
    changed_.notify_all();
  }

 private:
  std::deque<Task> tasks_;
  std::size_t unfinished_jobs_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
};

// A worker keeps counting one slice in its own table for as long as its tasks are of that slice,
// and hands the counts over when it turns to another.
class Worker {
 public:
  Worker(Queue& queue, Control& control) : queue_(queue), control_(control) {}

  void work() {
    Task task{};
    do {
      while (queue_.take(task)) {
        control_.check();
        if (task.job != job_ || workspace_.table.pending() > table_room) {
          hand_over();
          job_ = task.job;
        }
        task.job->run_part(task.part, workspace_, control_);
        ++parts_done_;
      }
      hand_over();
    } while (queue_.wait(control_));
  }

 private:
  // Leaves room for one more chunk below the smallest capacity of a table.
  static constexpr std::uint64_t table_room = packed_most / 2;

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
  std::deque<Task> tasks;
  std::uint64_t bytes = 0;
  for (const SliceSpec& slice : slices) {
    SliceJob& job = jobs.emplace_back(*sources.at(slice.source), slice.view, options);
    for (std::uint64_t part = 0; part < job.parts(); ++part) {
      tasks.push_back({&job, part});
    }
    bytes += slice.view.items() * item_bytes(slice.view.dtype);
  }
  const auto useful = static_cast<int>(std::min<std::size_t>(tasks.size(), 1U << 16));
  const int threads = bytes <= inline_bytes ? 0 : std::min(std::max(options.threads, 1), useful);
  Queue queue(std::move(tasks));
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
