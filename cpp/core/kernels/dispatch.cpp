#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "core/kernels/kernels.hpp"
#include "core/kernels/levels.hpp"

namespace weightgauge {

namespace {

std::atomic<const Kernels*> chosen{nullptr};

const Kernels& named(const std::string& level) {
  const std::vector<const Kernels*> available = available_kernels();
  if (level.empty() || level == "auto") {
    return *available.back();
  }
  std::string levels = "auto";
  for (const Kernels* candidate : available) {
    if (level == candidate->level) {
      return *candidate;
    }
    levels += std::string(", ") + candidate->level;
  }
  throw std::invalid_argument("WEIGHTGAUGE_KERNELS='" + level + "': this processor runs " + levels);
}

}  // namespace

std::vector<const Kernels*> available_kernels() {
  std::vector<const Kernels*> available = {&portable_kernels};
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
      __builtin_cpu_supports("bmi2")) {
    available.push_back(&avx2_kernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      available.push_back(&avx512_kernels);
      if (__builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("avx512bitalg") &&
          __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("gfni")) {
        available.push_back(&avx512_icl_kernels);
      }
    }
  }
#endif
  return available;
}

const Kernels& kernels() {
  const Kernels* found = chosen.load(std::memory_order_acquire);
  if (found == nullptr) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever changes the environment
    const char* wish = std::getenv("WEIGHTGAUGE_KERNELS");
    found = &named(wish == nullptr ? "" : wish);
    chosen.store(found, std::memory_order_release);
  }
  return *found;
}

void use_kernels(const std::string& level) { chosen.store(&named(level)); }

}  // namespace weightgauge
