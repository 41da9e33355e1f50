// A digest of a few places of a file. Whoever writes to a file through a mapping may leave its size
// and times as they are; looking at the same places twice finds such a change, or most of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Where to look in a file of some size: this many places, one in the middle of each equal part.
// What is looked at is 1/256 of the file, and 1 MiB at most, so that nobody waits for it.
struct Spots {
  static constexpr std::uint64_t count = 16;
  static constexpr std::uint64_t most_bytes = std::uint64_t{64} << 10;  // of one place
  static constexpr std::uint64_t share = 256;

  explicit Spots(std::uint64_t file_bytes);
  std::uint64_t offset(std::uint64_t spot) const;

  std::uint64_t part;   // bytes of the file for each place
  std::uint64_t bytes;  // of each place; 0 where the file is too small for a look at all
};

// Mixes bytes into a digest; any change within eight bytes that lie side by side changes it.
std::uint64_t mixed_in(std::uint64_t digest, const std::byte* bytes, std::size_t n);

// The digest of those places. read(to, bytes, offset) fetches them.
template <class Read>
std::uint64_t spot_digest(std::uint64_t file_bytes, std::byte* space, const Read& read) {
  const Spots spots(file_bytes);
  std::uint64_t digest = file_bytes;
  for (std::uint64_t spot = 0; spots.bytes > 0 && spot < Spots::count; ++spot) {
    const auto n = static_cast<std::size_t>(spots.bytes);
    read(space, n, spots.offset(spot));
    digest = mixed_in(digest, space, n);
  }
  return digest;
}

}  // namespace weightgauge
