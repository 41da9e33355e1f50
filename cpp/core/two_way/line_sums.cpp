#include "core/two_way/line_sums.hpp"

namespace weightgauge {

namespace {

void add(const Terms& terms, LineTerms& to) {
  for (std::size_t term = 0; term < to.size(); ++term) {
    to[term] += static_cast<double>(terms[term]);
  }
}

}  // namespace

LineSums::LineSums(const Sample& sample, const std::vector<TwoWaySums>& parts)
    : rows(sample.rows.size()), columns(sample.columns) {
  const bool rows_in_clusters = sample.row_clusters > 1;
  const bool columns_in_clusters = !rows_in_clusters && sample.column_clusters > 1;
  if (rows_in_clusters || columns_in_clusters) {
    cells.resize(rows_in_clusters ? sample.row_clusters * columns.size()
                                  : sample.column_clusters * rows.size());
  }
  std::size_t row = 0;
  std::size_t row_cluster = 0;
  for (const TwoWaySums& part : parts) {
    for (std::size_t i = 0; i < part.rows.size(); ++row) {
      for (std::size_t cluster = 0; cluster < sample.column_clusters; ++cluster, ++i) {
        add(part.rows[i], rows[row]);
        if (columns_in_clusters) {
          add(part.rows[i], cells[cluster * rows.size() + row]);
        }
      }
    }
    for (std::size_t i = 0; i < part.columns.size(); row_cluster += rows_in_clusters ? 1 : 0) {
      for (std::size_t column = 0; column < columns.size(); ++column, ++i) {
        add(part.columns[i], columns[column]);
        if (rows_in_clusters) {
          add(part.columns[i], cells[row_cluster * columns.size() + column]);
        }
      }
    }
    for (std::size_t term = 0; term < 3; ++term) {
      squares[term] += part.squares[term];
    }
  }
}

}  // namespace weightgauge
