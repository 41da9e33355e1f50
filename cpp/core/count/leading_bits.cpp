#include "core/count/leading_bits.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

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

void count_f32_paper(const std::byte* items, std::size_t n, const PaperBins& bins,
                     PaperCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, items + i * sizeof bits, sizeof bits);
    ++counts[bins.bin_of(bits & (~std::uint32_t{0} >> 1))];
  }
}

void count_f64_paper(const std::byte* items, std::size_t n, const PaperBins& bins,
                     PaperCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    double value = 0;
    std::memcpy(&value, items + i * sizeof value, sizeof value);
    ++counts[bins.bin_of(float32_bits(std::fabs(value)))];
  }
}

std::uint32_t float32_bits(double magnitude) {
  constexpr auto most = static_cast<double>(std::numeric_limits<float>::max());
  // Halfway between the largest float32 and the next power of two rounds to infinity.
  constexpr double rounds_to_infinity = most + most / 33554430.0;
  const float value = magnitude < rounds_to_infinity ? static_cast<float>(std::min(magnitude, most))
                                                     : std::numeric_limits<float>::infinity();
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

}  // namespace weightgauge
