// Counting the values of codes of four bits by block, without making them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "core/decode/block_scale.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint16_t sign = 0x8000;
constexpr std::uint16_t infinity = 0x7F80;  // the magnitude of BF16 from which on none is finite

// Scales that are read at a time: those of a megabyte of codes.
constexpr std::uint64_t most_scales = std::uint64_t{1} << 17;

std::uint16_t first_value(std::uint32_t pair) { return static_cast<std::uint16_t>(pair); }

bool is_negative(std::uint16_t value) {
  const auto magnitude = static_cast<std::uint16_t>(value & ~sign);
  return (value & sign) != 0 && magnitude != 0 && magnitude < infinity;
}

// Whether only some of the products with a scale are infinite.
bool overflows(const std::uint32_t* pairs) {
  return first_value(pairs[1]) < infinity && first_value(pairs[7]) >= infinity;
}

// Adds what was counted of one scale, under which there are `codes` codes in all. Returns how many
// values are negative. pairs[code] has the value of a code in its lower half.
std::uint64_t add_of_scale(const std::uint32_t* pairs, const std::uint64_t* counted,
                           std::uint64_t codes, std::uint32_t* magnitudes) {
  std::uint64_t nonzero = 0;
  for (std::size_t code = 1; code < 8; ++code) {
    magnitudes[first_value(pairs[code]) & ~sign] += static_cast<std::uint32_t>(counted[code]);
    nonzero += counted[code];
  }
  magnitudes[first_value(pairs[0]) & ~sign] += static_cast<std::uint32_t>(codes - nonzero);
  // Under one scale all negative codes give negative values, or all of them positive ones, or none
  // gives a number.
  if (is_negative(first_value(pairs[8 + 1]))) {
    return counted[0];
  }
  return is_negative(first_value(pairs[1])) ? nonzero - counted[0] : 0;
}

}  // namespace

bool BlockScale::can_count(const ByteSource& stored, const Run& run) const {
  return pairs_ != nullptr && (grid_.block_columns == 8 || grid_.block_columns == 16) &&
         grid_.block_rows == 1 && grid_.columns % grid_.block_columns == 0 &&
         stored.memory() != nullptr && run.stride == 1;
}

// Rows and their blocks lie side by side, as do the scales, so that a run is a row of blocks with a
// part of a block at either end.
std::uint64_t BlockScale::count(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                                std::uint32_t* magnitudes) const {
  const std::uint64_t block = grid_.block_columns;
  const std::uint64_t begin = run.offset - grid_.origin;
  const std::uint64_t end = begin + run.items;
  const std::uint64_t first = std::min(end, (begin + block - 1) / block * block);
  const std::uint64_t last = std::max(first, end / block * block);
  const std::byte* const codes = stored.memory() + grid_.origin;
  const auto count_part = [&](std::uint64_t from, std::uint64_t to) {
    return count_made(codes + from, grid_.origin + from, static_cast<std::size_t>(to - from),
                      buffer, magnitudes);
  };
  std::uint64_t negatives = count_part(begin, first) + count_part(last, end);
  for (std::uint64_t from = first / block; from < last / block; from += most_scales) {
    const std::uint64_t blocks = std::min(most_scales, last / block - from);
    negatives += count_blocks(codes + from * block, from, blocks, buffer, magnitudes);
  }
  return negatives;
}

std::uint64_t BlockScale::count_blocks(const std::byte* codes, std::uint64_t first, std::uint64_t n,
                                       ReadBuffer& buffer, std::uint32_t* magnitudes) const {
  std::vector<std::byte>& scales = buffer.decoding_space().scales;
  scales.resize(std::max<std::size_t>(scales.size(), n));
  scales_.read_stored(first, n, scales.data());
  std::uint32_t blocks[byte_tables * 256] = {};
  kernels().count_bytes(scales.data(), n, blocks);
  const auto with_scale = [&blocks](std::size_t scale) {
    std::uint64_t sum = 0;
    for (std::size_t table = 0; table < byte_tables; ++table) {
      sum += blocks[table * 256 + scale];
    }
    return sum;
  };
  std::uint64_t negatives = 0;
  for (std::size_t scale = 0; scale < 256; ++scale) {
    if (with_scale(scale) > 0 && overflows(pairs_ + 256 * scale)) {
      // Negative products are then counted one by one, because those that are infinite do not
      // count.
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t at = i * grid_.block_columns;
        negatives += count_made(codes + at, grid_.origin + first * grid_.block_columns + at,
                                grid_.block_columns, buffer, magnitudes);
      }
      return negatives;
    }
  }
  ScaledHalves counted = {};
  kernels().count_scaled_halves(codes, scales.data(), n, grid_.block_columns, counted);
  for (std::size_t scale = 0; scale < 256; ++scale) {
    negatives += add_of_scale(pairs_ + 256 * scale, counted.of[scale],
                              2 * grid_.block_columns * with_scale(scale), magnitudes);
  }
  return negatives;
}

std::uint64_t BlockScale::count_made(const std::byte* codes, std::uint64_t offset, std::size_t n,
                                     ReadBuffer& buffer, std::uint32_t* magnitudes) const {
  if (n == 0) {
    return 0;
  }
  alignas(std::uint32_t) std::byte made[4 * 16];  // of up to 16 bytes of codes
  decode_piece(codes, offset, 1, n, buffer, made);
  std::uint64_t negatives = 0;
  for (std::size_t i = 0; i < 2 * n; ++i) {
    std::uint16_t value = 0;
    std::memcpy(&value, made + 2 * i, sizeof value);
    ++magnitudes[value & ~sign];
    negatives += is_negative(value) ? 1 : 0;
  }
  return negatives;
}

}  // namespace weightgauge
