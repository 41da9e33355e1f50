#include <bitset>
#include <limits>
#include <new>

#include "core/base/platform.hpp"
#include "core/base/windows.hpp"

namespace weightgauge {

std::chrono::milliseconds coarse_now() {
  return std::chrono::milliseconds(static_cast<long long>(GetTickCount64()));
}

void in_forked_children(void (* /*act*/)()) {}

// Of processors beyond the first 64, which Windows puts in other groups, the mask says nothing.
int allowed_processors() {
  DWORD_PTR process = 0;
  DWORD_PTR system = 0;
  if (GetActiveProcessorGroupCount() > 1 ||
      GetProcessAffinityMask(GetCurrentProcess(), &process, &system) == 0) {
    return 0;
  }
  return static_cast<int>(std::bitset<std::numeric_limits<DWORD_PTR>::digits>(process).count());
}

void* map_zeros(std::size_t bytes) {
  void* const mapped = VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (mapped == nullptr) {
    throw std::bad_alloc();
  }
  return mapped;
}

void unmap_zeros(void* begin, std::size_t /*bytes*/) noexcept {
  VirtualFree(begin, 0, MEM_RELEASE);
}

void stay_for_ever() {
  for (;;) {
    Sleep(INFINITE);
  }
}

}  // namespace weightgauge
