// Threads: how many there are to use, who uses them, and how a caller stops them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace weightgauge {

// Processors this process may keep busy: the affinity mask, capped by the cgroup's CPU quota.
int processor_budget();

// Shared between the caller, who watches and may cancel, and the workers.
struct Control {
  std::atomic<bool> cancelled{false};
  std::atomic<std::uint64_t> bytes_done{0};

  // Throws Cancelled once the caller has asked to stop.
  void check() const;
};

// Runs work(thread_index) on up to `threads` threads and returns when all are done. With threads =
// 0 the calling thread does the work itself: for what takes less than a thread's start.
//
// Meanwhile the calling thread calls watch() about twenty times a second; whatever watch() throws
// cancels the work and is thrown here once the workers have stopped, as is the first exception of a
// worker.
//
// All concurrent calls together keep to max(processor_budget(), threads asked for): a call waits
// for a free thread and then takes what is free, so results must not depend on the number.
void run_parallel(int threads, Control& control, const std::function<void(int)>& work,
                  const std::function<void()>& watch);

}  // namespace weightgauge
