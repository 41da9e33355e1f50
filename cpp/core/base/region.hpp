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

// How many native threads begin the work of so many threads.
int starters_of(int threads);
// On the native thread that is starter `starter`: runs its share of work(0), work(1), ... up to
// work(threads - 1), each on a thread of its own, and returns when they are done. Where the system
// or the runtime gives fewer threads, the last ones are left out. The work must not throw.
void run_region(int starter, int threads, const std::function<void(int)>& work);

}  // namespace weightgauge
