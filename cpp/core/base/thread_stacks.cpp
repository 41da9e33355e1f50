#include "core/base/thread_stacks.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

namespace weightgauge {

namespace {

constexpr std::size_t most = std::numeric_limits<std::size_t>::max();

// A number, in kilobytes unless a letter follows.
std::size_t stack_size_of(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever changes the environment
  const char* const text = std::getenv(variable);
  if (text == nullptr) {
    return 0;
  }
  char* end = nullptr;
  const unsigned long long number = std::strtoull(text, &end, 10);
  while (std::isspace(static_cast<unsigned char>(*end)) != 0) {
    ++end;
  }
  constexpr const char* units = "BKMG";
  const std::string letters = units;
  const auto unit = static_cast<char>(std::toupper(static_cast<unsigned char>(*end)));
  const std::size_t place = unit == '\0' ? 1 : letters.find(unit);
  if (end == text || place == std::string::npos) {
    return 0;
  }
  const auto shift = static_cast<unsigned>(10 * place);
  return number > most >> shift ? most : static_cast<std::size_t>(number) << shift;
}

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

// Null where the system does not give it. Stacks are counted against the same limits.
std::byte* map_stacks(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

std::size_t openmp_stack_bytes() {
  return std::max(stack_size_of("OMP_STACKSIZE"), stack_size_of("GOMP_STACKSIZE"));
}

bool room_for_stacks(std::size_t count, std::size_t stack_bytes) {
  const std::size_t page = page_bytes();
  if (count == 0 || stack_bytes > most / count - 2 * page) {
    return count == 0;
  }
  const std::size_t each = (stack_bytes + page - 1) / page * page + page;
  std::byte* const stacks = map_stacks(count * each);
  if (stacks == nullptr) {
    return false;
  }
  std::size_t guarded = 0;
  while (guarded < count && mprotect(stacks + guarded * each, page, PROT_NONE) == 0) {
    ++guarded;
  }
  munmap(stacks, count * each);
  return guarded == count;
}

bool memory_is_limited() {
  constexpr int unread = -1;
  const auto limited = [](auto resource) {
    struct rlimit limit = {};
    return getrlimit(resource, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
  };
  if (limited(RLIMIT_AS) || limited(RLIMIT_DATA)) {  // stacks count as data
    return true;
  }
  static std::atomic<int> mode{unread};  // no guard, which a forked child might find held
  if (mode.load() == unread) {
    int found = 0;
    std::ifstream("/proc/sys/vm/overcommit_memory") >> found;
    mode.store(found);
  }
  constexpr int strict = 2;
  return mode.load() == strict;
}

SmallStacks::SmallStacks(std::size_t count) : count_(count) {
  // The least that the system wants, and as much again for what is kept on it for each thread.
  const auto least = static_cast<std::size_t>(std::max(sysconf(_SC_THREAD_STACK_MIN), 0L));
  constexpr std::size_t usual = 32768;
  const std::size_t page = page_bytes();
  const std::size_t each = (2 * std::max(least, usual) + page - 1) / page * page;
  begin_ = map_stacks(count * each);
  each_ = begin_ == nullptr ? 0 : each;
}

SmallStacks::~SmallStacks() {
  if (begin_ != nullptr) {
    munmap(begin_, count_ * each_);
  }
}

}  // namespace weightgauge
