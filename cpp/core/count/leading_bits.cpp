#include "core/count/leading_bits.hpp"

#include <algorithm>
#include <cstring>

namespace weightgauge {

namespace {

// Small enough that a block read twice comes from the first-level cache the second time.
constexpr std::size_t block = 1024;
constexpr std::uint64_t first_nonfinite = 0x7FF0000000000000ULL;

std::uint64_t load_key(const std::byte* item) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, item, sizeof bits);
  return bits & (~std::uint64_t{0} >> 1);
}

// Branch-free over the block, so that the compiler makes vector code of it.
void note_extremes(const std::byte* items, std::size_t n, WideExtremes& extremes) {
  std::uint64_t zeros = 0;
  std::uint64_t infs = 0;
  std::uint64_t nonfinite = 0;
  std::int64_t largest = 0;  // keys have no top bit: signed comparisons will do
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t bits = load_key(items + i * sizeof(std::uint64_t));
    const auto key = static_cast<std::int64_t>(bits);
    constexpr auto limit = static_cast<std::int64_t>(first_nonfinite);
    zeros += static_cast<std::uint64_t>(key == 0);
    infs += static_cast<std::uint64_t>(key == limit);
    nonfinite += static_cast<std::uint64_t>(key >= limit);
    largest = std::max(largest, key < limit ? key : 0);
  }
  extremes.zeros += zeros;
  extremes.infs += infs;
  extremes.nonfinite += nonfinite;
  extremes.largest = std::max(extremes.largest, static_cast<std::uint64_t>(largest));
}

}  // namespace

void count_f64_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes) {
  for (std::size_t from = 0; from < n; from += block) {
    const std::size_t size = std::min(block, n - from);
    const std::byte* const begin = items + from * sizeof(std::uint64_t);
    note_extremes(begin, size, extremes);
    for (std::size_t i = 0; i < size; ++i) {
      ++counts[load_key(begin + i * sizeof(std::uint64_t)) >> (63 - leading_bits)];
    }
  }
}

}  // namespace weightgauge
