#include "core/two_way/sample.hpp"

#include <algorithm>

namespace weightgauge {

namespace {

// 64 rows and 384 columns tell the variances of rows and columns to about a sixth. Larger matrices
// are worth four times as much.
constexpr std::uint64_t usual_rows = 64;
constexpr std::uint64_t usual_columns = 384;
constexpr std::uint64_t large_matrix = std::uint64_t{1} << 22;
// Of a cluster eight rows tell how rows differ inside it, which must be known to tell how clusters
// do. So do eight columns; clusters of fewer than twice as many are taken as wholes.
constexpr std::uint64_t usual_rows_in_cluster = 8;
constexpr std::uint64_t usual_columns_in_cluster = 8;
constexpr std::uint64_t fewest_columns = 64;
constexpr std::uint64_t block_columns = 64;
constexpr std::uint64_t widest_block = 4096;  // where all columns are taken

// The place of the i-th of `wanted` shares of `size` items, from `from` on. The offset within the
// share is a multiple of the golden ratio, less its whole part.
std::uint64_t place_of(std::uint64_t i, std::uint64_t wanted, std::uint64_t size) {
  const std::uint64_t begin = i * size / wanted;
  const std::uint64_t end = (i + 1) * size / wanted;
  const std::uint64_t turn = ((i + 1) * 0x9E3779B97F4A7C15U) >> 32;
  return begin + ((end - begin) * turn >> 32);
}

bool divides(std::uint64_t part, std::uint64_t whole) {
  return part > 1 && part < whole && whole % part == 0;
}

// Of rows: how many clusters, and how many of each.
struct Count {
  std::uint64_t clusters;
  std::uint64_t each;
};

Count rows_of(const MatrixLayout& layout, std::uint64_t wanted) {
  const std::uint64_t in_cluster = layout.rows_in_cluster;
  const std::uint64_t clusters = layout.rows / in_cluster;
  if (clusters * in_cluster <= wanted) {
    return {clusters, in_cluster};
  }
  const std::uint64_t taken = std::min(clusters, std::max<std::uint64_t>(wanted, 2));
  return {taken, std::min(in_cluster, std::max<std::uint64_t>(wanted / taken, 2))};
}

// Of rows from..from+size-1 some, or all of these; so many of them follow each other, from a
// multiple of that number on.
void take_stretches(Sample& sample, std::uint64_t from, std::uint64_t size, std::uint64_t wanted,
                    std::uint64_t side_by_side) {
  if (size <= wanted) {
    for (std::uint64_t row = from; row < from + size; ++row) {
      sample.rows.push_back(row);
    }
    return;
  }
  const std::uint64_t together = std::min(side_by_side, wanted);
  const std::uint64_t stretches = wanted / together;
  for (std::uint64_t i = 0; i < stretches; ++i) {
    const std::uint64_t first = from + place_of(i, stretches, size / together) * together;
    for (std::uint64_t row = first; row < first + together; ++row) {
      sample.rows.push_back(row);
    }
  }
}

void take_rows(Sample& sample, std::uint64_t wanted, std::uint64_t side_by_side) {
  const MatrixLayout& layout = sample.layout;
  if (layout.rows_in_cluster == 1) {
    take_stretches(sample, 0, layout.rows, wanted, side_by_side);
    return;
  }
  const Count count = rows_of(layout, wanted);
  sample.row_clusters = count.clusters;
  const std::uint64_t clusters = layout.rows / layout.rows_in_cluster;
  for (std::uint64_t c = 0; c < count.clusters; ++c) {
    const std::uint64_t from = place_of(c, count.clusters, clusters) * layout.rows_in_cluster;
    take_stretches(sample, from, layout.rows_in_cluster, count.each, side_by_side);
  }
}

// Blocks of one width among columns from..from+size-1, or all of these.
void take_blocks(Sample& sample, std::uint64_t from, std::uint64_t size, std::uint64_t wanted,
                 std::uint64_t width) {
  if (size <= wanted) {
    const std::uint64_t widest = std::max(widest_block / width, std::uint64_t{1}) * width;
    for (std::uint64_t first = 0; first < size; first += widest) {
      sample.blocks.push_back({from + first, std::min(widest, size - first)});
    }
    return;
  }
  const std::uint64_t blocks = std::max(wanted / width, std::uint64_t{1});
  const std::uint64_t places = size / width;  // blocks begin at multiples of their width
  for (std::uint64_t i = 0; i < std::min(blocks, places); ++i) {
    sample.blocks.push_back({from + place_of(i, std::min(blocks, places), places) * width, width});
  }
}

std::uint64_t whole_units(std::uint64_t width, std::uint64_t unit) {
  return std::max(width / unit, std::uint64_t{1}) * unit;
}

void take_columns(Sample& sample, std::uint64_t wanted, std::uint64_t unit) {
  const MatrixLayout& layout = sample.layout;
  const std::uint64_t in_cluster = layout.columns_in_cluster;
  if (in_cluster == 1) {
    take_blocks(sample, 0, layout.columns, wanted, whole_units(block_columns, unit));
  } else {
    const std::uint64_t clusters = layout.columns / in_cluster;
    const std::uint64_t usual =
        in_cluster < 2 * usual_columns_in_cluster ? in_cluster : usual_columns_in_cluster;
    const std::uint64_t most = std::max<std::uint64_t>(wanted / usual, 2);
    const std::uint64_t taken = wanted >= layout.columns ? clusters : std::min(clusters, most);
    const std::uint64_t each = std::max<std::uint64_t>(wanted / taken, 2);
    sample.column_clusters = taken;
    // All of a cluster is one block, so that clusters have equally many.
    const std::uint64_t width =
        each >= in_cluster ? in_cluster : whole_units(std::min(each, block_columns), unit);
    for (std::uint64_t c = 0; c < taken; ++c) {
      const std::uint64_t from = place_of(c, taken, clusters) * in_cluster;
      if (width >= in_cluster) {
        sample.blocks.push_back({from, in_cluster});
      } else {
        take_blocks(sample, from, in_cluster, each, width);
      }
    }
  }
  for (const Block& block : sample.blocks) {
    sample.columns += block.width;
  }
}

}  // namespace

Sample sample_of(MatrixLayout layout, std::uint64_t unit, bool everything,
                 std::uint64_t rows_side_by_side) {
  if (!divides(layout.rows_in_cluster, layout.rows)) {
    layout.rows_in_cluster = 1;
  }
  if (!divides(layout.columns_in_cluster, layout.columns) ||
      layout.columns_in_cluster % unit != 0 || layout.rows_in_cluster > 1) {
    layout.columns_in_cluster = 1;
  }
  std::uint64_t rows = layout.rows;
  std::uint64_t columns = layout.columns;
  if (!everything) {
    const std::uint64_t side = layout.rows >= large_matrix / layout.columns ? 2 : 1;
    const std::uint64_t most = side * usual_rows * side * usual_columns;
    const std::uint64_t in_clusters = layout.rows / layout.rows_in_cluster * usual_rows_in_cluster;
    rows = side * usual_rows;
    if (layout.rows_in_cluster > 1) {
      rows = std::min(std::max(rows, in_clusters), most / fewest_columns);
    }
    columns = most / std::min(rows, layout.rows);
    if (layout.columns < columns) {
      rows = most / layout.columns;
    }
  }
  Sample sample;
  sample.layout = layout;
  sample.rows.reserve(std::min(rows, layout.rows));
  take_rows(sample, rows, rows_side_by_side);
  take_columns(sample, columns, unit);
  return sample;
}

}  // namespace weightgauge
