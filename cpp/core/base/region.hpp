// What kind of threads there are. Two files implement this: one with OpenMP's threads, and one with
// the C++ library's for compilers without OpenMP and for the thread sanitizer, which does not see
// how OpenMP's threads wait for each other.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace weightgauge {

// For people: what runs the threads, and where they are put.
struct ThreadRuntime {
  std::string name;  // with the version that was built against and the library that was loaded
  std::string bind;  // whether threads are bound to places, in OpenMP's words; else "false"
  std::vector<std::vector<int>> places;  // the processors of each; none where there are no places
};
ThreadRuntime thread_runtime();

// Processors in the places that threads are bound to; 0 where they are not bound.
int placed_processors();
// The runtime's own limit, at least 1.
int thread_limit();

// Some of the threads of one piece of work. They begin when all of them have started, one after
// the other.
struct Region {
  int first;    // the number of the first thread
  int threads;  // all of them do work(first), work(first + 1), ...
  int idle;     // more threads that do nothing
};
// Many threads are those of several regions, so that the first work while the last ones start.
std::vector<Region> regions_of(int threads);
// At most so many are in one region.
int threads_of_region();
// Runs the work of a region on the native thread that calls it and on more threads, and returns
// when it is done. Where the system or the runtime gives fewer threads, the last ones are left out.
// The work must not throw.
void run_region(const Region& region, const std::function<void(int)>& work);

}  // namespace weightgauge
