#include <cstring>

#include "core/kernels.hpp"

namespace weightgauge {

void count_16_bit(const std::byte* items, std::size_t n, std::uint32_t* counts) {
  // One table and one store an element: several tables leave the first-level cache and are slower
  // on continuous data. Four elements come with one load.
  constexpr std::uint64_t mask = 0x7FFF7FFF7FFF7FFFULL;
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    std::uint64_t four = 0;
    std::memcpy(&four, items + 2 * i, sizeof four);
    four &= mask;
    ++counts[four & 0xFFFF];
    ++counts[(four >> 16) & 0xFFFF];
    ++counts[(four >> 32) & 0xFFFF];
    ++counts[four >> 48];
  }
  for (; i < n; ++i) {
    std::uint16_t one = 0;
    std::memcpy(&one, items + 2 * i, sizeof one);
    ++counts[one & 0x7FFF];
  }
}

void count_bytes(const std::byte* items, std::size_t n, std::uint32_t* counts) {
  // Few codes mean that neighbours often share one: with a table for each of the eight bytes of a
  // load no increment waits for the one before it.
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, items + i, sizeof eight);
    for (std::size_t byte = 0; byte < byte_tables; ++byte) {
      ++counts[byte * 256 + ((eight >> (8 * byte)) & 0xFF)];
    }
  }
  for (; i < n; ++i) {
    ++counts[std::to_integer<std::size_t>(items[i])];
  }
}

}  // namespace weightgauge
