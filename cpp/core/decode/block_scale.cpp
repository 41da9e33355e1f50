#include "core/decode/block_scale.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/io/stretches.hpp"

namespace weightgauge {

namespace {

// So many scales are converted at a time, because neighbouring blocks are usually wanted next; few
// where those before these were not wanted.
constexpr std::uint64_t window = 1024;
constexpr std::uint64_t first_window = 32;

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > std::numeric_limits<std::uint64_t>::max() / b) {
    throw std::invalid_argument("a matrix of codes is larger than any file");
  }
  return a * b;
}

std::uint64_t blocks(std::uint64_t length, std::uint64_t block) {
  if (length == 0 || block == 0) {
    throw std::invalid_argument("a matrix of codes or a block of it is empty");
  }
  return (length - 1) / block + 1;
}

bool exact_in_bf16(DType codes, DType scales) {
  return codes == DType::f4 && (scales == DType::f8_e8m0 || scales == DType::f8_e4m3);
}

// For each of 256 scales and each byte of F4 codes, the BF16 values of its two codes.
using Pairs = std::vector<std::uint32_t>;

Pairs make_pairs(DType scales) {
  const float* const codes = code_values(DType::f4);
  const float* const factors = code_values(scales);
  Pairs pairs(std::size_t{256} * 256);
  for (std::size_t scale = 0; scale < 256; ++scale) {
    std::uint32_t halves[16];
    for (std::size_t code = 0; code < 16; ++code) {
      const float product = codes[code] * factors[scale];
      std::memcpy(&halves[code], &product, sizeof product);
      halves[code] >>= 16;  // exact: the bits that are cut off are zero
    }
    for (std::size_t pair = 0; pair < 256; ++pair) {
      pairs[scale * 256 + pair] = halves[pair & 0x0F] | halves[pair >> 4] << 16;
    }
  }
  return pairs;
}

const std::uint32_t* pairs_for(DType codes, DType scales) {
  if (!exact_in_bf16(codes, scales)) {
    return nullptr;
  }
  static const Pairs of_e8m0 = make_pairs(DType::f8_e8m0);
  static const Pairs of_e4m3 = make_pairs(DType::f8_e4m3);
  return scales == DType::f8_e8m0 ? of_e8m0.data() : of_e4m3.data();
}

}  // namespace

BlockScale::BlockScale(DType codes, const BlockGrid& grid, std::uint64_t size,
                       const FloatReader& scales, const std::optional<ScaleOfAll>& of_all)
    : Decoding(!of_all && exact_in_bf16(codes, scales.dtype()) ? DType::bf16 : DType::f32,
               elements_per_item(codes)),
      codes_(codes),
      code_values_(code_values(codes)),
      grid_(grid),
      blocks_across_(blocks(grid.columns, grid.block_columns)),
      blocks_down_(blocks(grid.rows, grid.block_rows)),
      scales_(scales),
      of_all_(of_all),
      pairs_(of_all ? nullptr : pairs_for(codes, scales.dtype())) {
  if (item_bytes(codes) != 1 || codes == DType::f4_unpacked) {
    throw std::invalid_argument("codes with scales have eight or four bits");
  }
  const std::uint64_t bytes = product(product(grid.matrices, grid.rows), grid.columns);
  if (grid.origin > size || bytes > size - grid.origin) {
    throw std::invalid_argument("a matrix of codes reaches beyond the end of its file");
  }
  if (product(product(grid.matrices, blocks_down_), blocks_across_) != scales_.items()) {
    throw std::invalid_argument("there are more or fewer scales than blocks");
  }
  if (of_all_ && of_all_->number.items() != 1 && of_all_->number.items() != grid.matrices) {
    throw std::invalid_argument("the scale of all codes is one number, or one for each matrix");
  }
}

BlockScale::Place BlockScale::place_of(std::uint64_t offset) const {
  const std::uint64_t item = offset - grid_.origin;
  const std::uint64_t line = item / grid_.columns;
  const std::uint64_t matrix = line / grid_.rows;
  const std::uint64_t row = line % grid_.rows;
  return {(matrix * blocks_down_ + row / grid_.block_rows) * blocks_across_, item % grid_.columns};
}

std::uint64_t BlockScale::keep_scale(std::uint64_t index, ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  if (space.owner != this || index < space.kept_first || index >= space.kept_last) {
    const bool goes_on = space.owner == this && index == space.kept_last;
    const std::uint64_t wanted = goes_on ? window : first_window;
    const std::uint64_t first = index - index % first_window;
    const std::uint64_t last = std::min(first - first % wanted + wanted, scales_.items());
    space.owner = nullptr;
    if (pairs_ != nullptr) {
      space.kept_bytes.resize(window);
      scales_.read_stored(first, last - first, space.kept_bytes.data());
    } else {
      space.kept.resize(window);
      read_scales(first, last - first, buffer, space.kept.data());
    }
    space.owner = this;
    space.kept_first = first;
    space.kept_last = last;
  }
  return index - space.kept_first;
}

void BlockScale::read_scales(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer,
                             float* to) const {
  scales_.read(first, n, buffer, to);
  if (!of_all_) {
    return;
  }
  const bool single = of_all_->number.items() == 1;
  const std::uint64_t of_matrix = single ? scales_.items() : blocks_down_ * blocks_across_;
  for (std::uint64_t i = 0; i < n;) {
    const std::uint64_t matrix = (first + i) / of_matrix;
    const std::uint64_t end = std::min(n, (matrix + 1) * of_matrix - first);
    float of_all = 1;
    of_all_->number.read(matrix, 1, buffer, &of_all);
    for (; i < end; ++i) {
      to[i] = of_all_->divides ? to[i] / of_all : to[i] * of_all;
    }
  }
}

void BlockScale::decode_block(const std::byte* codes, std::size_t n, std::uint64_t scale,
                              ReadBuffer& buffer, std::byte* to) const {
  const std::uint64_t kept = keep_scale(scale, buffer);
  DecodingSpace& space = buffer.decoding_space();
  if (pairs_ != nullptr) {
    const std::uint32_t* const pairs =
        pairs_ + 256 * std::to_integer<std::size_t>(space.kept_bytes[kept]);
    auto* const made = reinterpret_cast<std::uint32_t*>(to);
    for (std::size_t i = 0; i < n; ++i) {
      made[i] = pairs[std::to_integer<unsigned>(codes[i])];
    }
    return;
  }
  const float by = space.kept[kept];
  auto* const made = reinterpret_cast<float*>(to);
  if (codes_ != DType::f4) {
    for (std::size_t i = 0; i < n; ++i) {
      made[i] = code_values_[std::to_integer<unsigned>(codes[i])] * by;
    }
    return;
  }
  for (std::size_t i = 0; i < n; ++i) {
    const auto pair = std::to_integer<unsigned>(codes[i]);
    made[2 * i] = code_values_[pair & 0x0F] * by;
    made[2 * i + 1] = code_values_[pair >> 4] * by;
  }
}

void BlockScale::decode_piece(const std::byte* codes, std::uint64_t offset, std::uint64_t stride,
                              std::size_t n, ReadBuffer& buffer, std::byte* to) const {
  const std::size_t made = item_bytes(values()) * values_per_item();
  Place place = place_of(offset);
  for (std::size_t i = 0; i < n;) {
    const std::uint64_t block = place.column / grid_.block_columns;
    const std::uint64_t end = std::min((block + 1) * grid_.block_columns, grid_.columns);
    const std::uint64_t same = stride == 1 ? std::min<std::uint64_t>(end - place.column, n - i) : 1;
    decode_block(codes + i, static_cast<std::size_t>(same), place.scale + block, buffer,
                 to + i * made);
    i += static_cast<std::size_t>(same);
    place.column += same;
    if (i < n && (stride != 1 || place.column == grid_.columns)) {
      place = place_of(offset + i * stride);
    }
  }
}

void BlockScale::decode(const ByteSource& stored, const Run& run, ReadBuffer& buffer,
                        const TakeValues& take) const {
  const std::size_t made = item_bytes(values()) * values_per_item();
  const std::uint64_t most = DecodingSpace::value_bytes / made;
  std::byte* const to = buffer.decoding_space().value_storage();
  for (std::uint64_t from = 0; from < run.items; from += most) {
    const auto n = static_cast<std::size_t>(std::min(most, run.items - from));
    const std::uint64_t offset = run.offset + from * run.stride;
    const bool adjacent = run.stride == 1 || n == 1;
    if (stored.memory() != nullptr && adjacent) {
      decode_piece(stored.memory() + offset, offset, run.stride, n, buffer, to);
    } else {
      // Scales will be read through the same buffer, so the codes need a place of their own.
      std::byte* const codes = buffer.decoding_space().code_storage();
      detail::gather(stored, run, from, n, 1, buffer, codes);
      decode_piece(codes, offset, run.stride, n, buffer, to);
    }
    take(to, n * values_per_item());
  }
}

}  // namespace weightgauge
