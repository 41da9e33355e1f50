// The packed items of stretches of a matrix's rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/io/byte_source.hpp"
#include "core/io/decoding.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/stretches.hpp"
#include "core/io/view.hpp"
#include "core/two_way/matrix_layout.hpp"
#include "core/two_way/sample.hpp"

namespace weightgauge {

// Where blocks of rows are.
class BlockReader {
 public:
  BlockReader(const ByteSource& source, const View& view, const MatrixLayout& layout)
      : source_(source),
        view_(view),
        columns_(layout.columns),
        log_per_item_(elements_per_item(view.dtype) == 2 ? 1 : 0),
        item_(item_bytes(view.dtype)) {
    const std::size_t dims = view.dims.size();
    const std::size_t stored = view.stored_item_bytes();
    const std::uint64_t in_row = view.decoding != nullptr
                                     ? columns_ / view.decoding->values_per_item()
                                     : columns_ >> log_per_item_;
    const bool adjacent = dims > 0 && view.dims.back().stride == static_cast<std::int64_t>(stored);
    if (adjacent && (dims == 1 || (dims == 2 && view.dims[1].extent == in_row))) {
      row_pitch_ = dims == 1 ? in_row * stored : static_cast<std::uint64_t>(view.dims[0].stride);
    }
  }

  std::size_t items_of(const Block& block) const { return block.width >> log_per_item_; }
  std::size_t bytes_of(const Block& block) const { return items_of(block) * item_; }
  // Whether blocks can be read where they are.
  bool in_place() const {
    return row_pitch_ > 0 && view_.decoding == nullptr && source_.memory() != nullptr;
  }
  // So many rows that follow each other are best copied together.
  std::uint64_t rows_together() const {
    return makes_rows() ? view_.decoding->rows_side_by_side() : 1;
  }
  const std::byte* at(std::uint64_t row, const Block& block) const {
    return source_.memory() + view_.offset + row * row_pitch_ +
           (block.first >> log_per_item_) * item_;
  }
  // Writes the packed items of a block.
  void copy(std::uint64_t row, const Block& block, ReadBuffer& buffer, std::byte* to) const {
    if (makes_rows()) {
      copy_rows(row, 1, block, buffer, to);
      return;
    }
    const int log_per_item = view_.decoding != nullptr ? 0 : log_per_item_;
    const std::uint64_t first = (row * columns_ + block.first) >> log_per_item;
    std::byte* next = to;
    const std::byte* const end = to + bytes_of(block);
    for_each_stretch(source_, view_, first, first + (block.width >> log_per_item), buffer,
                     [&](const std::byte* packed, std::size_t items) {
                       const std::size_t bytes =
                           std::min(items * item_, static_cast<std::size_t>(end - next));
                       std::memcpy(next, packed, bytes);
                       next += bytes;
                     });
  }

  // The same of several rows that follow each other.
  void copy_rows(std::uint64_t row, std::uint64_t rows, const Block& block, ReadBuffer& buffer,
                 std::byte* to) const {
    if (makes_rows()) {
      view_.decoding->make_rows(
          {view_.offset + row * row_pitch_ + block.first, block.width, rows, row_pitch_}, buffer,
          to);
      return;
    }
    for (std::uint64_t i = 0; i < rows; ++i) {
      copy(row + i, block, buffer, to + i * bytes_of(block));
    }
  }

 private:
  bool makes_rows() const {
    return row_pitch_ > 0 && view_.decoding != nullptr && view_.decoding->makes_rows();
  }

  const ByteSource& source_;
  const View& view_;
  std::uint64_t columns_;
  int log_per_item_;  // elements of an item, as a power of two
  std::size_t item_;
  // From one row to the next, in bytes, which are the items of codes that make rows; 0 where rows
  // are no stretches.
  std::uint64_t row_pitch_ = 0;
};

}  // namespace weightgauge
