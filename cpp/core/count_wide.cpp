#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/wide_kernels.hpp"

namespace weightgauge {

namespace {

// Small enough that a block read twice comes from the first-level cache the second time.
constexpr std::size_t block = 1024;

template <class Key>
constexpr Key first_nonfinite =
    sizeof(Key) == 4 ? static_cast<Key>(0x7F800000U) : static_cast<Key>(0x7FF0000000000000ULL);

template <class Key>
Key load_key(const std::byte* item) {
  Key bits = 0;
  std::memcpy(&bits, item, sizeof bits);
  return bits & static_cast<Key>(~Key{0} >> 1);
}

// Branch-free over the block, so that the compiler makes vector code of it.
template <class Key>
void note_extremes(const std::byte* items, std::size_t n, WideExtremes& extremes) {
  using Signed = std::make_signed_t<Key>;  // keys have no top bit: signed comparisons will do
  Key zeros = 0;
  Key infs = 0;
  Key nonfinite = 0;
  Signed largest = 0;
  Signed smallest = std::numeric_limits<Signed>::max();
  constexpr auto limit = static_cast<Signed>(first_nonfinite<Key>);
  for (std::size_t i = 0; i < n; ++i) {
    const auto key = static_cast<Signed>(load_key<Key>(items + i * sizeof(Key)));
    zeros += static_cast<Key>(key == 0);
    infs += static_cast<Key>(key == limit);
    nonfinite += static_cast<Key>(key >= limit);
    largest = std::max(largest, key < limit ? key : Signed{0});
    smallest = std::min(smallest, key == 0 ? std::numeric_limits<Signed>::max() : key);
  }
  extremes.zeros += zeros;
  extremes.infs += infs;
  extremes.nonfinite += nonfinite;
  extremes.largest = std::max(extremes.largest, static_cast<std::uint64_t>(largest));
  extremes.smallest = std::min(extremes.smallest, static_cast<std::uint64_t>(smallest));
}

// count(items, n) block by block, each block after its extremes.
template <class Key, class Count>
void by_blocks(const std::byte* items, std::size_t n, WideExtremes& extremes, Count&& count) {
  for (std::size_t from = 0; from < n; from += block) {
    const std::size_t size = std::min(block, n - from);
    const std::byte* begin = items + from * sizeof(Key);
    note_extremes<Key>(begin, size, extremes);
    count(begin, size);
  }
}

template <class Key>
void count_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                   WideExtremes& extremes) {
  constexpr int shift = static_cast<int>(8 * sizeof(Key)) - 1 - leading_bits;
  by_blocks<Key>(items, n, extremes, [counts](const std::byte* begin, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      ++counts[load_key<Key>(begin + i * sizeof(Key)) >> shift];
    }
  });
}

}  // namespace

void count_f32_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes) {
  count_leading<std::uint32_t>(items, n, counts, extremes);
}

void count_f64_leading(const std::byte* items, std::size_t n, std::uint32_t* counts,
                       WideExtremes& extremes) {
  count_leading<std::uint64_t>(items, n, counts, extremes);
}

void count_f32_paper(const std::byte* items, std::size_t n, const PaperBins& bins,
                     PaperCounts& counts) {
  for (std::size_t i = 0; i < n; ++i) {
    ++counts[bins.bin_of(load_key<std::uint32_t>(items + i * sizeof(std::uint32_t)))];
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
