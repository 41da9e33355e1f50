#include "core/base/processors.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "core/base/platform.hpp"
#include "core/base/region.hpp"

namespace weightgauge {

namespace {

int affinity_processors() {
  const int placed = placed_processors();
  if (placed > 0) {  // the calling thread itself may be bound to a single place
    return placed;
  }
  const int allowed = allowed_processors();
  return std::max(1, allowed > 0 ? allowed : static_cast<int>(std::thread::hardware_concurrency()));
}

// "<quota> <period>" of cgroup v2, or the two files of v1. 0: no quota.
double quota_processors() {
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period) {
    return quota == "max" || period <= 0 ? 0 : std::strtod(quota.c_str(), nullptr) / period;
  }
  std::ifstream quota_v1("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_v1("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double microseconds = 0;
  if (quota_v1 >> microseconds && period_v1 >> period && microseconds > 0 && period > 0) {
    return microseconds / period;
  }
  return 0;
}

}  // namespace

int processor_budget() {
  const int most = std::min(affinity_processors(), thread_limit());
  static const double quota = quota_processors();  // read once: it takes longer than a small fit
  if (quota <= 0) {
    return most;
  }
  return std::clamp(static_cast<int>(std::ceil(quota)), 1, most);
}

}  // namespace weightgauge
