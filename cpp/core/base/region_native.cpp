#include <limits>

#include "core/base/region.hpp"

namespace weightgauge {

ThreadRuntime thread_runtime() { return {"std::thread", "false", {}}; }

int placed_processors() { return 0; }

int thread_limit() { return std::numeric_limits<int>::max(); }

int threads_of_region() { return 1; }

std::vector<Region> regions_of(int threads) {
  std::vector<Region> regions;
  for (int thread = 0; thread < threads; ++thread) {
    regions.push_back({thread, 1, 0});
  }
  return regions;
}

void run_region(const Region& region, const std::function<void(int)>& work) { work(region.first); }

}  // namespace weightgauge
