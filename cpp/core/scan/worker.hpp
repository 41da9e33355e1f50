// What one thread of a scan does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/scan/task_queue.hpp"
#include "core/scan/workspace.hpp"

namespace weightgauge {

// A worker keeps counting one slice (or those read with it) in its own tables for as long as its
// tasks are of that slice, and hands the counts over when it turns to another.
class Worker {
 public:
  Worker(TaskQueue& queue, Control& control, Workspace& workspace)
      : queue_(queue), control_(control), workspace_(workspace) {}

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
    SliceJob::Progress progress = job.flush(parts_done_, table, workspace_, control_);
    while (progress == SliceJob::Progress::next_phase && job.is_short()) {
      job.run_part(0, workspace_, control_);
      progress = job.flush(1, table, workspace_, control_);
    }
    switch (progress) {
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

  TaskQueue& queue_;
  Control& control_;
  Workspace& workspace_;
  SliceJob* job_ = nullptr;
  const SharedRows* together_ = nullptr;
  std::uint64_t parts_done_ = 0;
};

}  // namespace weightgauge
