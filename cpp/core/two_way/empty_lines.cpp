#include "core/two_way/empty_lines.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/two_way/block_reader.hpp"
#include "core/two_way/sums.hpp"

namespace weightgauge {

namespace {

// Columns that are looked at together; where each stretch is a call to the system, more of them.
constexpr std::uint64_t block_columns = 64;
constexpr std::uint64_t columns_read = 4096;
// Of a row whose columns all have weights elsewhere, so many are looked at first: most rows have a
// weight among them.
constexpr std::uint64_t first_columns = 16;
// Rows that are looked at together: for columns, of which most have a weight in the first few, and
// for themselves.
constexpr std::uint64_t rows_for_columns = 8;
constexpr std::uint64_t rows_at_once = 16;

template <class Key>
bool mark_keys(const std::byte* packed, std::size_t n, std::uint8_t* weights) {
  Key any = 0;
  for (std::size_t i = 0; i < n; ++i) {
    Key key = 0;
    std::memcpy(&key, packed + i * sizeof key, sizeof key);
    key = static_cast<Key>(key << 1);  // without its sign
    weights[i] = static_cast<std::uint8_t>(weights[i] | (key != 0 ? 1 : 0));
    any = static_cast<Key>(any | key);
  }
  return any != 0;
}

// Tells weights from zeros, whatever the format. What is not finite is no zero.
class Weights {
 public:
  explicit Weights(DType dtype) : dtype_(dtype) {
    if (item_bytes(dtype) == 1) {
      const CodeTable& codes = code_table(dtype);
      for (std::size_t code = 0; code < is_weight_.size(); ++code) {
        is_weight_[code] = codes.meaning[code].magnitude != Magnitude::zero ? 1 : 0;
      }
    }
  }

  // Marks those among packed items; returns whether there is one.
  bool mark(const std::byte* packed, std::size_t items, std::uint8_t* weights) const {
    switch (item_bytes(dtype_)) {
      case 8:
        return mark_keys<std::uint64_t>(packed, items, weights);
      case 4:
        return mark_keys<std::uint32_t>(packed, items, weights);
      case 2:
        return mark_keys<std::uint16_t>(packed, items, weights);
      default:
        return dtype_ == DType::f4 ? mark_pairs(packed, items, weights)
                                   : mark_codes(packed, items, weights);
    }
  }

 private:
  bool mark_codes(const std::byte* packed, std::size_t items, std::uint8_t* weights) const {
    unsigned any = 0;
    for (std::size_t i = 0; i < items; ++i) {
      const std::uint8_t found = is_weight_[std::to_integer<std::size_t>(packed[i])];
      weights[i] |= found;
      any |= found;
    }
    return any != 0;
  }
  bool mark_pairs(const std::byte* packed, std::size_t items, std::uint8_t* weights) const {
    unsigned any = 0;
    for (std::size_t i = 0; i < items; ++i) {
      const auto pair = std::to_integer<std::size_t>(packed[i]);
      weights[2 * i] |= is_weight_[pair & 0x0FU];
      weights[2 * i + 1] |= is_weight_[pair >> 4];
      any |= is_weight_[pair & 0x0FU] | unsigned{is_weight_[pair >> 4]};
    }
    return any != 0;
  }

  DType dtype_;
  std::array<std::uint8_t, 256> is_weight_ = {};
};

class Search {
 public:
  Search(const ByteSource& source, const View& view, const MatrixLayout& layout, ReadBuffer& buffer)
      : reader_(source, view, layout),
        weights_(view.dtype),
        layout_(layout),
        unit_(column_unit(view)),
        width_(whole_units(source.memory() != nullptr ? block_columns : columns_read)),
        buffer_(buffer),
        seen_(layout.rows, 0) {}

  // Columns without a weight. Rows that are looked at meanwhile are seen where they have one.
  std::uint64_t empty_columns(const Control& control) {
    std::uint64_t empty = 0;
    std::vector<std::uint8_t> of_columns;
    for (std::uint64_t first = 0; first < layout_.columns; first += width_) {
      const Block block = {first, std::min(width_, layout_.columns - first)};
      of_columns.assign(block.width, 0);
      const auto all_seen = [&of_columns] {
        return std::find(of_columns.begin(), of_columns.end(), 0) == of_columns.end();
      };
      for (std::uint64_t row = 0; row < layout_.rows && !all_seen(); row += rows_for_columns) {
        control.check();
        look(row, std::min(rows_for_columns, layout_.rows - row), block, of_columns.data());
      }
      empty += static_cast<std::uint64_t>(std::count(of_columns.begin(), of_columns.end(), 0));
    }
    return empty;
  }

  // Rows without a weight.
  std::uint64_t empty_rows(const Control& control) {
    const Block some = {0, std::min(whole_units(first_columns), layout_.columns)};
    std::vector<std::uint8_t> of_columns(std::max(width_, some.width));
    std::uint64_t empty = 0;
    for (std::uint64_t row = 0; row < layout_.rows; row += rows_at_once) {
      control.check();
      const std::uint64_t n = std::min(rows_at_once, layout_.rows - row);
      look(row, n, some, of_columns.data());
      for (std::uint64_t i = row; i < row + n; ++i) {
        for (std::uint64_t at = some.width; seen_[i] == 0 && at < layout_.columns; at += width_) {
          look(i, 1, {at, std::min(width_, layout_.columns - at)}, of_columns.data());
        }
        empty += seen_[i] == 0 ? 1 : 0;
      }
    }
    return empty;
  }

 private:
  std::uint64_t whole_units(std::uint64_t columns) const {
    return (columns + unit_ - 1) / unit_ * unit_;
  }

  // Marks which of these rows have a weight in a block, and which of its columns.
  void look(std::uint64_t row, std::uint64_t n, const Block& block, std::uint8_t* of_columns) {
    const std::size_t items = reader_.items_of(block);
    const std::size_t bytes = reader_.bytes_of(block);
    if (reader_.in_place()) {
      for (std::uint64_t i = row; i < row + n; ++i) {
        detail::prefetch(reader_.at(std::min(i + n, layout_.rows - 1), block), bytes);
        note(i, weights_.mark(reader_.at(i, block), items, of_columns));
      }
      return;
    }
    copies_.resize(std::max<std::size_t>(copies_.size(), n * bytes));
    reader_.copy_rows(row, n, block, buffer_, copies_.data());
    for (std::uint64_t i = 0; i < n; ++i) {
      note(row + i, weights_.mark(copies_.data() + i * bytes, items, of_columns));
    }
  }
  void note(std::uint64_t row, bool weight) {
    if (weight) {
      seen_[row] = 1;
    }
  }

  BlockReader reader_;
  Weights weights_;
  MatrixLayout layout_;
  std::uint64_t unit_;   // columns that can only be read together
  std::uint64_t width_;  // of blocks
  ReadBuffer& buffer_;
  std::vector<std::byte> copies_;
  std::vector<std::uint8_t> seen_;  // by row: whether it has a weight
};

}  // namespace

EmptyLines empty_lines(const ByteSource& source, const View& view, const MatrixLayout& layout,
                       ReadBuffer& buffer, const Control& control) {
  Search search(source, view, layout, buffer);
  EmptyLines found;
  found.columns = search.empty_columns(control);
  found.rows = search.empty_rows(control);
  return found;
}

}  // namespace weightgauge
