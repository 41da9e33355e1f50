#include "core/two_way/row_levels.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

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

// The magnitudes of elements of a row that are in the sample, from a block on.
std::vector<double> magnitudes_of(const BlockReader& reader, DType dtype, std::uint64_t row,
                                  std::size_t first_block, const Sample& sample,
                                  ReadBuffer& buffer) {
  std::vector<double> magnitudes;
  std::vector<std::byte> packed;
  std::vector<double> values;
  const std::size_t blocks = sample.blocks.size();
  for (std::size_t i = 0; i < blocks && magnitudes.size() < elements_asked; ++i) {
    const Block& block = sample.blocks[(first_block + i) % blocks];
    const Block piece = {block.first,
                         std::min<std::uint64_t>(block.width, elements_asked - magnitudes.size())};
    packed.resize(reader.bytes_of(piece));
    values.resize(piece.width);
    reader.copy(row, piece, buffer, packed.data());
    convert_values(dtype, packed.data(), reader.items_of(piece), values.data());
    for (const double value : values) {
      magnitudes.push_back(std::fabs(value));
    }
  }
  return magnitudes;
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
    std::vector<double> found = magnitudes_of(reader, view.dtype, row, first_block, sample, buffer);
    const auto is_weight = [](double value) { return value > 0 && std::isfinite(value); };
    found.erase(
        std::remove_if(found.begin(), found.end(), [&](double value) { return !is_weight(value); }),
        found.end());
    const std::size_t weights = found.size();
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    const auto count = static_cast<double>(weights);
    const auto levels = static_cast<double>(found.size());
    if (weights < fewest_weights || levels > most_of_row * count) {
      return 0;
    }
    all_weights += count;
    all_levels += levels;
    most = std::max<std::uint64_t>(most, found.size());
  }
  return all_levels <= most_magnitudes * all_weights ? most : 0;
}

}  // namespace weightgauge
