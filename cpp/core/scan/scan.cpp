#include "core/scan/scan.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "core/base/errors.hpp"
#include "core/scan/shared_rows.hpp"
#include "core/scan/slice_job.hpp"

namespace weightgauge {

namespace {

// Below this many bytes in all, starting threads takes longer than the work.
constexpr std::uint64_t inline_bytes = std::uint64_t{1} << 18;

// Tasks are handed out in groups of about this many bytes, so that small slices do not make the
// threads wait for each other.
constexpr std::uint64_t group_bytes = std::uint64_t{1} << 18;

struct Task {
  SliceJob* job;  // the first one, where several are read together
  std::uint64_t part;
  const Interleaved* together = nullptr;
};

// One flat queue over the whole model: chunks of all slices in file order, joined by the parts of
// second phases as they come up.
class Queue {
 public:
  explicit Queue(std::size_t jobs) : unfinished_jobs_(jobs) {}

  // Before the threads start.
  void append(SliceJob& job, std::uint64_t bytes, const Interleaved* together) {
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

// A worker keeps counting one slice (or those read with it) in its own tables for as long as its
// tasks are of that slice, and hands the counts over when it turns to another.
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
        workspace_.table(0).pending() > CountingTable::room(job_->view().dtype)) {
      hand_over();
      job_ = task.job;
      together_ = task.together;
      if (together_ != nullptr) {
        workspace_.release_tables();
      }
    }
    if (together_ != nullptr) {
      together_->run_part(task.part, workspace_, control_);
    } else {
      job_->run_part(task.part, workspace_, control_);
    }
    ++parts_done_;
  }

  void hand_over() {
    if (job_ == nullptr) {
      return;
    }
    if (together_ == nullptr) {
      hand_over(*job_, 0);
    } else {
      for (std::size_t i = 0; i < together_->jobs().size(); ++i) {
        hand_over(*together_->jobs()[i], i);
      }
      workspace_.release_tables();  // what one table may keep is too much for many
    }
    job_ = nullptr;
    together_ = nullptr;
    parts_done_ = 0;
  }

  void hand_over(SliceJob& job, std::size_t table) {
    switch (job.flush(parts_done_, table, workspace_, control_)) {
      case SliceJob::Progress::going_on:
        break;
      case SliceJob::Progress::next_phase:
        queue_.add_parts(job);
        break;
      case SliceJob::Progress::finished:
        queue_.finish_job();
        break;
    }
  }

  Queue& queue_;
  Control& control_;
  Workspace workspace_;
  SliceJob* job_ = nullptr;
  const Interleaved* together_ = nullptr;
  std::uint64_t parts_done_ = 0;
};

// The jobs of a scan, one for each slice, and which of them are done together.
class Jobs {
 public:
  Jobs(const std::vector<std::unique_ptr<Source>>& sources, const std::vector<SliceSpec>& slices,
       const ScanOptions& options) {
    const std::vector<std::vector<std::size_t>> sets = interleaved_slices(slices);
    for (const SliceSpec& slice : slices) {
      bytes_ += bytes_of(slice.view);
    }
    set_of_.resize(sets.empty() ? 0 : slices.size());
    for (std::size_t set = 0; set < sets.size(); ++set) {
      for (const std::size_t index : sets[set]) {
        set_of_[index] = set + 1;
      }
    }
    results_.reserve(slices.size());
    std::uint64_t left = bytes_;  // from here on, in the order in which they are entered
    std::vector<std::uint64_t> chunk_of_set(sets.size(), 0);
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const std::size_t set = set_at(i);
      std::uint64_t chunk_bytes = options.chunk_bytes;
      if (set == 0) {
        left -= bytes_of(slices[i].view);
      } else {
        std::uint64_t& shared = chunk_of_set[set - 1];
        if (shared == 0) {
          const std::size_t members = sets[set - 1].size();
          shared = shared_chunk_bytes(options, members, slices[i].view, left);
          left -= members * bytes_of(slices[i].view);
        }
        chunk_bytes = shared;
      }
      SliceResult& result = results_.emplace_back(slices[i].view.dtype);
      jobs_.emplace_back(*sources.at(slices[i].source), slices[i].view, options, chunk_bytes,
                         result);
    }
    for (const std::vector<std::size_t>& set : sets) {
      std::vector<SliceJob*> together;
      for (const std::size_t index : set) {
        together.push_back(&jobs_[index]);
      }
      interleaved_.emplace_back(std::move(together));
    }
  }

  std::uint64_t bytes() const { return bytes_; }

  // In the order of the slices, those that are read together where the first of them stands.
  void enter_into(Queue& queue) {
    std::vector<bool> entered(interleaved_.size());
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const std::size_t set = set_at(i);
      if (set == 0) {
        queue.append(jobs_[i], bytes_of(jobs_[i].view()), nullptr);
      } else if (!entered[set - 1]) {
        entered[set - 1] = true;
        const Interleaved& together = interleaved_[set - 1];
        queue.append(*together.jobs().front(), bytes_of(jobs_[i].view()) * together.jobs().size(),
                     &together);
      }
    }
  }

  // Once all are done.
  std::vector<SliceResult> take_results() { return std::move(results_); }

 private:
  static std::uint64_t bytes_of(const View& view) { return view.items() * item_bytes(view.dtype); }
  // Bytes of each slice in one part of a set. Every thread that does parts of a set harvests a
  // table for each of its slices, and what two of them have found is merged: a set is as few parts
  // as may be, all of one size, while the others find enough to do in what is `left`, itself
  // included.
  static std::uint64_t shared_chunk_bytes(const ScanOptions& options, std::uint64_t slices,
                                          const View& view, std::uint64_t left) {
    constexpr std::uint64_t parts_per_thread = 3;
    const std::uint64_t most = options.chunk_bytes;
    const auto threads = static_cast<std::uint64_t>(std::max(options.threads, 1));
    const std::uint64_t fair = threads == 1 ? most : left / (parts_per_thread * threads * slices);
    const std::uint64_t wanted = std::clamp<std::uint64_t>(fair, most / slices + 1, most);
    const std::uint64_t bytes = bytes_of(view);
    const std::uint64_t fewest = (bytes + most - 1) / most;
    return bytes / std::max({bytes / wanted, fewest, std::uint64_t{1}}) + item_bytes(view.dtype);
  }
  // The number of the slice's set, from 1; 0 where it is read alone.
  std::size_t set_at(std::size_t index) const { return set_of_.empty() ? 0 : set_of_[index]; }

  std::vector<SliceResult> results_;
  std::deque<SliceJob> jobs_;
  std::deque<Interleaved> interleaved_;
  std::vector<std::size_t> set_of_;
  std::uint64_t bytes_ = 0;
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
  Jobs jobs(sources, slices, options);
  Queue queue(slices.size());
  jobs.enter_into(queue);
  const auto useful = static_cast<int>(std::min<std::size_t>(queue.groups(), 1U << 16));
  const int threads =
      jobs.bytes() <= inline_bytes ? 0 : std::min(std::max(options.threads, 1), useful);
  try {
    run_parallel(threads, control, [&](int) { Worker(queue, control).work(); }, watch);
  } catch (const DataChanged&) {
    verify_all(sources);  // says which file it was
    throw;
  }
  verify_all(sources);
  return jobs.take_results();
}

}  // namespace weightgauge
