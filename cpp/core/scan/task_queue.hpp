// What is to be done in a scan, and who does what.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/parallel.hpp"
#include "core/scan/shared_rows.hpp"
#include "core/scan/slice_job.hpp"

namespace weightgauge {

// The parts of one phase of a slice, or of the first phase of several that are read together.
class Work {
 public:
  Work(SliceJob& job, const SharedRows* together)
      : job_(&job), together_(together), parts_(job.parts()) {}

  SliceJob& job() const { return *job_; }  // the first one, where several are read together
  const SharedRows* together() const { return together_; }
  std::uint64_t parts() const { return parts_; }
  std::size_t slices() const { return together_ == nullptr ? 1 : together_->jobs().size(); }

  // Whether there is a part that nobody has taken; if so, takes it.
  bool take(std::uint64_t& part) {
    part = next_.fetch_add(1, std::memory_order_relaxed);
    return part < parts_;
  }
  std::uint64_t left() const {
    return parts_ - std::min(parts_, next_.load(std::memory_order_relaxed));
  }
  void join() { workers_.fetch_add(1, std::memory_order_relaxed); }
  std::uint64_t workers() const { return workers_.load(std::memory_order_relaxed); }

 private:
  SliceJob* job_;
  const SharedRows* together_;
  std::uint64_t parts_;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<std::uint64_t> workers_{0};  // that have taken part in it
};

// Workers own slices: each takes the next one in file order and does all of it, so that its counts
// are in one table and need no merging. Only those who find no slice any more join others.
class TaskQueue {
 public:
  // Small slices are taken in groups of about this many bytes, so that workers need not wait for
  // each other.
  static constexpr std::uint64_t group_bytes = std::uint64_t{1} << 18;
  // Whoever joins others must find so many parts left for each of them and each slice, because a
  // table that is handed over must be merged: for bins of F32 and F64 that takes as long as
  // counting a part or two, for codes much less.
  static constexpr std::uint64_t parts_to_join = 1;
  static constexpr std::uint64_t wide_parts_to_join = 2;

  TaskQueue(std::size_t jobs, int threads)
      : unfinished_jobs_(jobs), seats_(static_cast<std::size_t>(threads)) {}

  // Before the threads start.
  void append(SliceJob& job, std::uint64_t bytes, const SharedRows* together);
  // How many workers find something to do.
  std::uint64_t useful_workers() const { return useful_workers_; }

  // What a worker does next, after handing over what it did before; null where there is nothing
  // for now.
  Work* find_work(std::size_t worker);
  // Waits, after such an answer, until it may be another one, or there will be none (false).
  bool wait(std::size_t worker, const Control& control);

  // The next phase of a job.
  void add_phase(SliceJob& job);
  void finish_job();
  // About how many workers there are for each slice that is not finished.
  int workers_for_each() const;

 private:
  // A worker's place.
  struct alignas(64) Seat {
    std::atomic<Work*> work{nullptr};
    std::size_t next_in_group = 0;
    std::size_t group_end = 0;
    std::uint64_t changes_seen = 0;
  };

  Work* later_phase(Seat& seat);
  Work* next_in_file(Seat& seat);
  Work* most_left() const;
  static std::uint64_t to_join(const Work& work) {
    return is_wide(work.job().view().dtype) ? wide_parts_to_join : parts_to_join;
  }
  void note_change();

  std::deque<Work> works_;  // first phases in file order
  std::vector<std::size_t> group_ends_;
  std::uint64_t bytes_in_last_ = group_bytes;
  std::uint64_t useful_workers_ = 0;
  std::atomic<std::size_t> next_group_{0};
  std::atomic<std::size_t> unfinished_jobs_;
  std::vector<Seat> seats_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Work>> later_works_;
  std::vector<Work*> later_;  // that nobody has begun, the last one first
  std::atomic<std::size_t> later_count_{0};
  std::atomic<std::uint64_t> changes_{0};
};

}  // namespace weightgauge
