#include "core/scan/task_queue.hpp"

#include <chrono>

namespace weightgauge {

void TaskQueue::append(SliceJob& job, std::uint64_t bytes, const SharedRows* together) {
  Work& work = works_.emplace_back(job, together);
  const bool alone = work.parts() > 1;
  bytes = std::max<std::uint64_t>(bytes, 1);
  if (alone || bytes_in_last_ + bytes > group_bytes) {
    group_ends_.push_back(0);
    bytes_in_last_ = 0;
    useful_workers_ += 1 + (work.parts() - 1) / (to_join(work) * work.slices());
  }
  group_ends_.back() = works_.size();
  bytes_in_last_ = alone ? group_bytes : bytes_in_last_ + bytes;
}

Work* TaskQueue::find_work(std::size_t worker) {
  Seat& seat = seats_[worker];
  seat.changes_seen = changes_.load(std::memory_order_acquire);
  Work* work = later_phase(seat);  // its data have just been read
  if (work == nullptr) {
    work = next_in_file(seat);
  }
  if (work == nullptr) {
    work = most_left();
  }
  if (work != nullptr) {
    work->join();
  }
  seat.work.store(work, std::memory_order_release);
  return work;
}

Work* TaskQueue::later_phase(Seat& seat) {
  if (later_count_.load(std::memory_order_acquire) == 0) {
    return nullptr;
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (later_.empty()) {
    return nullptr;
  }
  Work* const work = later_.back();
  later_.pop_back();
  later_count_.store(later_.size(), std::memory_order_release);
  seat.work.store(work, std::memory_order_release);  // whoever finds none left can join this one
  return work;
}

Work* TaskQueue::next_in_file(Seat& seat) {
  if (seat.next_in_group == seat.group_end) {
    if (next_group_.load(std::memory_order_relaxed) >= group_ends_.size()) {
      return nullptr;
    }
    const std::size_t group = next_group_.fetch_add(1, std::memory_order_relaxed);
    if (group >= group_ends_.size()) {
      return nullptr;
    }
    seat.next_in_group = group == 0 ? 0 : group_ends_[group - 1];
    seat.group_end = group_ends_[group];
  }
  return &works_[seat.next_in_group++];
}

// The work with the most parts left for each who does it.
Work* TaskQueue::most_left() const {
  Work* found = nullptr;
  std::uint64_t most = 0;
  for (const Seat& seat : seats_) {
    Work* const work = seat.work.load(std::memory_order_acquire);
    if (work == nullptr || work->parts() == 1) {
      continue;
    }
    const std::uint64_t workers = std::max<std::uint64_t>(work->workers(), 1);
    const std::uint64_t each = work->left() / (workers * work->slices());
    if (each >= to_join(*work) && work->left() / workers > most) {
      found = work;
      most = work->left() / workers;
    }
  }
  return found;
}

bool TaskQueue::wait(std::size_t worker, const Control& control) {
  control.check();
  const Seat& seat = seats_[worker];
  std::unique_lock<std::mutex> lock(mutex_);
  if (changes_.load() == seat.changes_seen && unfinished_jobs_.load() > 0) {
    changed_.wait_for(lock, std::chrono::milliseconds(20));
  }
  return unfinished_jobs_.load() > 0;
}

void TaskQueue::add_phase(SliceJob& job) {
  const std::lock_guard<std::mutex> lock(mutex_);
  later_.push_back(later_works_.emplace_back(std::make_unique<Work>(job, nullptr)).get());
  later_count_.store(later_.size(), std::memory_order_release);
  note_change();
}

void TaskQueue::finish_job() {
  if (unfinished_jobs_.fetch_sub(1) == 1) {
    const std::lock_guard<std::mutex> lock(mutex_);
    note_change();
  }
}

void TaskQueue::note_change() {
  changes_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

int TaskQueue::workers_for_each() const {
  const std::size_t jobs = std::max<std::size_t>(unfinished_jobs_.load(), 1);
  return static_cast<int>(std::max<std::size_t>(seats_.size() / jobs, 1));
}

}  // namespace weightgauge
