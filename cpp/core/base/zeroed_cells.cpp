#include "core/base/zeroed_cells.hpp"

#include <sys/mman.h>

#include <new>

namespace weightgauge::detail {

void* map_zeros(std::size_t bytes) {
  void* const mapped =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return mapped;
}

void unmap_zeros(void* begin, std::size_t bytes) noexcept { munmap(begin, bytes); }

}  // namespace weightgauge::detail
