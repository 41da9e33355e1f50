#include <limits>

#include "core/base/region.hpp"

namespace weightgauge {

ThreadRuntime thread_runtime() { return {"std::thread", "false", {}}; }

int placed_processors() { return 0; }

int thread_limit() { return std::numeric_limits<int>::max(); }

int starters_of(int threads) { return threads; }

void run_region(int starter, int /*threads*/, const std::function<void(int)>& work) {
  work(starter);
}

}  // namespace weightgauge
