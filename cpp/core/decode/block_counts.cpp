// Counting the values of codes of four bits by block, without making them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "core/decode/block_scale.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint16_t sign = 0x8000;
constexpr std::uint16_t infinity = 0x7F80;  // the magnitude of BF16 from which on none is finite

// Scales that are read at a time: those of a megabyte of codes, which fill pages.
constexpr std::uint64_t most_scales = std::uint64_t{1} << 17;

void note_whole_pages(const std::byte* bytes, std::uint64_t n, PageNotes* notes) {
  if (notes != nullptr) {
    kernels().note_pages(bytes, static_cast<std::size_t>(n - n % page_bytes), *notes);
  }
}

std::uint16_t first_value(std::uint32_t pair) { return static_cast<std::uint16_t>(pair); }

bool is_negative(std::uint16_t value) {
  const auto magnitude = static_cast<std::uint16_t>(value & ~sign);
  return (value & sign) != 0 && magnitude != 0 && magnitude < infinity;
}

// The largest scale, but for its sign, of which all products are finite.
struct UsualScales {
  std::uint8_t magnitude_bits;
  std::uint8_t largest;
};
UsualScales usual_scales(DType format) {
  return format == DType::f8_e8m0 ? UsualScales{0xFF, 0xFC} : UsualScales{0x7F, 0x7E};
}

// Looking for the largest takes a tenth of the time that counting all scales does.
bool all_usual(DType format, const std::vector<std::byte>& scales, std::size_t n) {
  const UsualScales usual = usual_scales(format);
  std::uint8_t largest = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto scale = std::to_integer<std::uint8_t>(scales[i]);
    largest = std::max(largest, static_cast<std::uint8_t>(scale & usual.magnitude_bits));
  }
  return largest <= usual.largest;
}

// Whether only some of the products with a scale are infinite.
bool overflows(const std::uint32_t* pairs) {
  return first_value(pairs[1]) < infinity && first_value(pairs[7]) >= infinity;
}

// Whether products with code 0 are zeros.
bool keeps_zeros(const std::uint32_t* pairs) {
  return static_cast<std::uint16_t>(first_value(pairs[0]) & ~sign) == 0;
}

// Adds what was counted of the codes 1 to 7 under one scale. pairs[code] has the value of a code in
// its lower half.
void add_of_scale(const std::uint32_t* pairs, const std::uint64_t* counted,
                  std::uint32_t* magnitudes) {
  for (std::size_t code = 1; code < 8; ++code) {
    magnitudes[first_value(pairs[code]) & ~sign] += static_cast<std::uint32_t>(counted[code]);
  }
}

// How many values are negative of `nonzero` codes under one scale. All its negative codes give
// negative values, or all of them positive ones, or none gives a number.
std::uint64_t negatives_of_scale(const std::uint32_t* pairs, const std::uint64_t* counted,
                                 std::uint64_t nonzero) {
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
                                std::uint32_t* magnitudes, PageNotes* notes) const {
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
  if (begin != first) {  // pages and blocks begin in different places
    note_whole_pages(codes + begin, run.items, std::exchange(notes, nullptr));
  }
  for (std::uint64_t from = first / block; from < last / block; from += most_scales) {
    const std::uint64_t blocks = std::min(most_scales, last / block - from);
    negatives += count_blocks(codes + from * block, from, blocks, buffer, magnitudes, notes);
  }
  return negatives;
}

std::uint64_t BlockScale::count_blocks(const std::byte* codes, std::uint64_t first, std::uint64_t n,
                                       ReadBuffer& buffer, std::uint32_t* magnitudes,
                                       PageNotes* notes) const {
  std::vector<std::byte>& scales = buffer.decoding_space().scales;
  scales.resize(std::max<std::size_t>(scales.size(), n));
  scales_.read_stored(first, n, scales.data());
  const bool usual = all_usual(scales_.dtype(), scales, n);
  const auto with_scale = [&scales, n](std::size_t scale) {
    return kernels().count_equal_bytes(scales.data(), n, static_cast<std::uint8_t>(scale));
  };
  std::uint64_t negatives = 0;
  for (std::size_t scale = 0; !usual && scale < 256; ++scale) {
    if (overflows(pairs_ + 256 * scale) && with_scale(scale) > 0) {
      // Negative products are then counted one by one, because those that are infinite do not
      // count.
      note_whole_pages(codes, n * grid_.block_columns, notes);
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint64_t at = i * grid_.block_columns;
        negatives += count_made(codes + at, grid_.origin + first * grid_.block_columns + at,
                                grid_.block_columns, buffer, magnitudes);
      }
      return negatives;
    }
  }
  ScaledHalves counted = {};
  static_assert(DecodingSpace::value_bytes >= scaled_space);
  const ScaledBlocks blocks = {codes, scales.data(), static_cast<std::size_t>(n),
                               static_cast<std::size_t>(grid_.block_columns)};
  kernels().count_scaled_halves(blocks, counted, buffer.decoding_space().value_storage(), notes);
  const std::uint64_t codes_of_block = 2 * grid_.block_columns;
  std::uint64_t zeros = n * codes_of_block;
  for (std::size_t scale = 0; scale < 256; ++scale) {
    const std::uint64_t* const of_scale = counted.of[scale];
    std::uint64_t taken = std::accumulate(of_scale + 1, of_scale + 8, std::uint64_t{0});
    if (usual && taken == 0) {
      continue;  // few of the scales occur
    }
    const std::uint32_t* const pairs = pairs_ + 256 * scale;
    add_of_scale(pairs, of_scale, magnitudes);
    negatives += negatives_of_scale(pairs, of_scale, taken);
    if (!usual && !keeps_zeros(pairs)) {
      magnitudes[first_value(pairs[0]) & ~sign] +=
          static_cast<std::uint32_t>(codes_of_block * with_scale(scale) - taken);
      taken = codes_of_block * with_scale(scale);
    }
    zeros -= taken;
  }
  magnitudes[0] += static_cast<std::uint32_t>(zeros);
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
