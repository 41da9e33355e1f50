// What one thread of a scan does.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/scan/task_queue.hpp"
#include "core/scan/workspace.hpp"

namespace weightgauge {

// A worker counts in its own tables for as long as its work has parts left, then hands its counts
// over.
class Worker {
 public:
  Worker(std::size_t number, TaskQueue& queue, Control& control, Workspace& workspace)
      : number_(number), queue_(queue), control_(control), workspace_(workspace) {}

  void work() {
    do {
      while (Work* const found = queue_.find_work(number_)) {
        run(*found);
      }
    } while (queue_.wait(number_, control_));
  }

 private:
  void run(Work& work) {
    if (work.together() != nullptr) {
      workspace_.release_tables();  // what one table may keep is too much for many
    }
    const std::uint64_t room = CountingTable::room(work.job().view().dtype);
    std::uint64_t done = 0;
    for (std::uint64_t part = 0; work.take(part);) {
      control_.check();
      if (workspace_.table(0).pending() > room) {
        hand_over(work, done);
        done = 0;
      }
      if (work.together() != nullptr) {
        work.together()->run_part(part, workspace_, control_);
      } else {
        work.job().run_part(part, workspace_, control_);
      }
      ++done;
    }
    if (done > 0) {
      hand_over(work, done);
    }
    if (work.together() != nullptr) {
      workspace_.release_tables();
    }
  }

  void hand_over(const Work& work, std::uint64_t parts) {
    if (work.together() == nullptr) {
      hand_over(work.job(), 0, parts);
      return;
    }
    for (std::size_t i = 0; i < work.together()->jobs().size(); ++i) {
      hand_over(*work.together()->jobs()[i], i, parts);
    }
  }

  void hand_over(SliceJob& job, std::size_t table, std::uint64_t parts) {
    workspace_.workers = queue_.workers_for_each();
    SliceJob::Progress progress = job.flush(parts, table, workspace_, control_);
    while (progress == SliceJob::Progress::next_phase && job.is_short()) {
      job.run_part(0, workspace_, control_);
      progress = job.flush(1, table, workspace_, control_);
    }
    switch (progress) {
      case SliceJob::Progress::going_on:
        break;
      case SliceJob::Progress::next_phase:
        queue_.add_phase(job);
        break;
      case SliceJob::Progress::finished:
        queue_.finish_job();
        break;
    }
  }

  std::size_t number_;
  TaskQueue& queue_;
  Control& control_;
  Workspace& workspace_;
};

}  // namespace weightgauge
