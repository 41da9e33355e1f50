#include "core/two_way/row_levels.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/decode/float_reader.hpp"
#include "core/two_way/block_reader.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t rows_asked = 4;
constexpr std::size_t elements_asked = 128;
// With fewer weights in a row nothing is known of it.
constexpr std::size_t fewest_weights = 64;

// The magnitudes of the first elements of a row that are in the sample.
std::vector<double> magnitudes_of(const BlockReader& reader, DType dtype, std::uint64_t row,
                                  const Sample& sample, ReadBuffer& buffer) {
  std::vector<double> magnitudes;
  std::vector<std::byte> packed;
  std::vector<double> values;
  for (const Block& block : sample.blocks) {
    if (magnitudes.size() >= elements_asked) {
      break;
    }
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
  const std::size_t rows = std::min(rows_asked, sample.rows.size());
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t row = sample.rows[i * sample.rows.size() / rows];
    std::vector<double> found = magnitudes_of(reader, view.dtype, row, sample, buffer);
    const auto is_weight = [](double value) { return value > 0 && std::isfinite(value); };
    found.erase(
        std::remove_if(found.begin(), found.end(), [&](double value) { return !is_weight(value); }),
        found.end());
    const std::size_t weights = found.size();
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    if (weights < fewest_weights || 2 * found.size() > weights) {
      return 0;
    }
    most = std::max<std::uint64_t>(most, found.size());
  }
  return most;
}

}  // namespace weightgauge
