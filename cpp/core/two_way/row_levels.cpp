#include "core/two_way/row_levels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/decode/float_reader.hpp"
#include "core/two_way/block_reader.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t rows_asked = 8;
// As many as a block has: more would lie in other groups, with other scales.
constexpr std::size_t elements_asked = 64;
// With fewer weights in a row nothing is known of it.
constexpr std::size_t fewest_weights = 32;
// For each of 64 Gaussian weights of a row FP8 has 0.55 magnitudes, INT8 0.7 and BF16 0.92. No row
// alone may have many more.
constexpr double most_magnitudes = 0.65;
constexpr double most_of_row = 0.8;

// How many weights there are among some values, and how many magnitudes these have. A table of
// hashes takes a fifth of the time of sorting.
class Levels {
 public:
  void add(double value) {
    const double magnitude = std::fabs(value);
    if (!(magnitude > 0) || std::isinf(magnitude)) {  // NaN neither
      return;
    }
    ++weights_;
    std::uint64_t bits = 0;
    std::memcpy(&bits, &magnitude, sizeof bits);
    std::size_t slot = bits * 0x9E3779B97F4A7C15U >> (64 - log_slots);
    while (slots_[slot] != 0 && slots_[slot] != bits) {
      slot = (slot + 1) % slots_.size();
    }
    levels_ += slots_[slot] == 0 ? 1 : 0;
    slots_[slot] = bits;
  }
  std::size_t weights() const { return weights_; }
  std::size_t levels() const { return levels_; }

 private:
  static constexpr int log_slots = 7;
  static_assert(elements_asked < (std::size_t{1} << log_slots));

  std::array<std::uint64_t, std::size_t{1} << log_slots> slots_ = {};  // 0: empty
  std::size_t weights_ = 0;
  std::size_t levels_ = 0;
};

// Of elements of a row that are in the sample, from a block on.
Levels levels_of(const BlockReader& reader, DType dtype, std::uint64_t row, std::size_t first_block,
                 const Sample& sample, ReadBuffer& buffer) {
  Levels levels;
  std::byte packed[elements_asked * sizeof(double)];
  double values[elements_asked];
  std::uint64_t asked = 0;
  const std::size_t blocks = sample.blocks.size();
  for (std::size_t i = 0; i < blocks && asked < elements_asked; ++i) {
    const Block& block = sample.blocks[(first_block + i) % blocks];
    const Block piece = {block.first, std::min<std::uint64_t>(block.width, elements_asked - asked)};
    reader.copy(row, piece, buffer, packed);
    convert_values(dtype, packed, reader.items_of(piece), values);
    std::for_each_n(values, piece.width, [&levels](double value) { levels.add(value); });
    asked += piece.width;
  }
  return levels;
}

}  // namespace

std::uint64_t row_levels(const ByteSource& source, const View& view, const Sample& sample,
                         ReadBuffer& buffer) {
  const BlockReader reader(source, view, sample.layout);
  std::uint64_t most = 0;
  double all_weights = 0;
  double all_levels = 0;
  const std::size_t rows = std::min(rows_asked, sample.rows.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t row = sample.rows[i * sample.rows.size() / rows];
    // Other columns of each row: a fused matrix may have a grid in some of them only.
    const std::size_t first_block = i * sample.blocks.size() / rows;
    const Levels found = levels_of(reader, view.dtype, row, first_block, sample, buffer);
    const auto count = static_cast<double>(found.weights());
    const auto levels = static_cast<double>(found.levels());
    if (found.weights() < fewest_weights || levels > most_of_row * count) {
      return 0;
    }
    all_weights += count;
    all_levels += levels;
    most = std::max<std::uint64_t>(most, found.levels());
  }
  return all_levels <= most_magnitudes * all_weights ? most : 0;
}

}  // namespace weightgauge
