#include <dlfcn.h>
#include <omp.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "core/base/region.hpp"
#include "core/base/spare_memory.hpp"
#include "core/base/spare_threads.hpp"
#include "core/base/start_lock.hpp"
#include "core/base/thread_stacks.hpp"

namespace weightgauge {

namespace {

// So many threads that do nothing may be added to a region. GNU's runtime lets each thread of a
// region spin until all have started, for up to ten milliseconds, and the thread that spins may
// hold the very processor that the others wait for. Where it has more threads than processors it
// lets them sleep instead.
constexpr int most_idle = 2;

// How many make that of so many threads in so many regions. Threads that are bound have processors
// of their own, and one more would move them.
int idle_threads(int threads, int regions) {
  if (omp_get_proc_bind() != omp_proc_bind_false || threads <= regions) {
    return 0;
  }
  const int lacking = omp_get_num_procs() + 1 - threads;
  // The runtime counts those that it has made: one less in each region.
  const int idle = lacking + regions - 1;
  return lacking > 0 && lacking <= most_idle && threads + idle <= thread_limit() ? idle : 0;
}

// The runtime ends the process where it gets no memory for what it notes of a region and its
// threads. That is well below a kilobyte for each.
bool memory_for_region(int threads) {
  constexpr std::size_t each = 4096;
  return spare_memory((static_cast<std::size_t>(threads) + 4) * each);
}

// The specification that a compiler's macro stands for.
std::string specification() {
  switch (_OPENMP) {
    case 201511:
      return "4.5";
    case 201811:
      return "5.0";
    case 202011:
      return "5.1";
    case 202111:
      return "5.2";
    case 202411:
      return "6.0";
    default:
      return "";
  }
}

// The file of the runtime in use: another library of the process may have brought its own.
std::string library_name() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(&omp_get_num_procs), &info) == 0 ||
      info.dli_fname == nullptr) {
    return "unknown library";
  }
  const std::string path = info.dli_fname;
  return path.substr(path.rfind('/') + 1);
}

std::string bind_name() {
  switch (omp_get_proc_bind()) {
    case omp_proc_bind_false:
      return "false";
    case omp_proc_bind_true:
      return "true";
    case omp_proc_bind_close:
      return "close";
    case omp_proc_bind_spread:
      return "spread";
    default:  // OpenMP 5.1 says primary where earlier versions say master
      return "primary";
  }
}

}  // namespace

ThreadRuntime thread_runtime() {
  ThreadRuntime result;
  const std::string version = specification();
  result.name = "OpenMP " + version + (version.empty() ? "(" : " (") + std::to_string(_OPENMP) +
                "), " + library_name();
  result.bind = bind_name();
  for (int place = 0; place < omp_get_num_places(); ++place) {
    const int processors = omp_get_place_num_procs(place);
    std::vector<int>& ids = result.places.emplace_back(std::max(processors, 0));
    omp_get_place_proc_ids(place, ids.data());
  }
  return result;
}

int placed_processors() { return omp_get_num_places() > 0 ? omp_get_num_procs() : 0; }

int thread_limit() { return std::max(omp_get_thread_limit(), 1); }

int threads_of_region() {
  constexpr int most = 8;
  // Bound threads are spread over the places of one region. And those that work take memory, which
  // those that start must not lack once it has been tried for.
  return placed_processors() > 0 || memory_is_limited() ? thread_limit() : most;
}

std::vector<Region> regions_of(int threads) {
  threads = std::min(threads, thread_limit());
  const int most = threads_of_region();
  const int count = threads / most + (threads % most > 0 ? 1 : 0);
  std::vector<Region> regions;
  for (int first = 0; first < threads;) {
    const int left = count - static_cast<int>(regions.size());
    const int own = (threads - first + left - 1) / left;
    regions.push_back({first, own, 0});
    first += own;
  }
  if (count > 0) {
    regions.back().idle = idle_threads(threads, count);  // so that nobody begins later for them
  }
  return regions;
}

// Called on a short-lived thread. The runtime keeps the threads of a region for the next one of the
// same thread; in a forked child they would be missing, and waited for without end.
void run_region(const Region& region, const std::function<void(int)>& work) {
  std::unique_lock<std::mutex> starting = lock_starts();
  // The runtime ends the process where it cannot start a thread.
  const int others = spare_threads(region.threads - 1 + region.idle);
  if (!memory_for_region(others + 1)) {
    starting.unlock();
    work(region.first);
    return;
  }
  omp_set_num_threads(1 + others);  // of this thread, which is short-lived
#pragma omp parallel
  {
    const int index = omp_get_thread_num();
    if (index == 0) {  // which is the calling thread, after all have started
      starting.unlock();
    }
    if (index < region.threads) {
      work(region.first + index);
    }
  }
}

}  // namespace weightgauge
