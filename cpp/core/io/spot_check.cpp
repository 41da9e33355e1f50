#include "core/io/spot_check.hpp"

#include <algorithm>
#include <cstring>

namespace weightgauge {

namespace {

// An odd factor: multiplication by it loses nothing.
constexpr std::uint64_t factor = 0x9e3779b97f4a7c15;

std::uint64_t step(std::uint64_t state, std::uint64_t word) {
  const std::uint64_t product = (state ^ word) * factor;
  return product ^ (product >> 29);
}

std::uint64_t word_at(const std::byte* bytes, std::size_t n) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, n);
  return word;
}

}  // namespace

Spots::Spots(std::uint64_t file_bytes)
    : part(file_bytes / count), bytes(std::min(most_bytes, part / share)) {}

std::uint64_t Spots::offset(std::uint64_t spot) const { return spot * part + (part - bytes) / 2; }

std::uint64_t mixed_in(std::uint64_t digest, const std::byte* bytes, std::size_t n) {
  constexpr std::size_t word = sizeof(std::uint64_t);
  // Four chains, none of which waits for the product of another.
  std::uint64_t chains[4] = {digest, 1, 2, 3};
  std::size_t at = 0;
  for (; at + 4 * word <= n; at += 4 * word) {
    for (std::size_t i = 0; i < 4; ++i) {
      chains[i] = step(chains[i], word_at(bytes + at + i * word, word));
    }
  }
  for (; at < n; at += word) {
    chains[0] = step(chains[0], word_at(bytes + at, std::min(word, n - at)));
  }
  for (std::size_t i = 1; i < 4; ++i) {
    chains[0] = step(chains[0], chains[i]);
  }
  return chains[0];
}

}  // namespace weightgauge
