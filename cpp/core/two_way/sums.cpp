#include "core/two_way/sums.hpp"

#include <algorithm>
#include <cstring>

#include "core/io/decoding.hpp"
#include "core/kernels/kernels.hpp"
#include "core/two_way/block_reader.hpp"

namespace weightgauge {

namespace {

// Each of the following finds the terms of a row's j-th element, whatever its bits are: those that
// were not there when they were counted have terms of 0.
class TermsOf64Bits {
 public:
  explicit TermsOf64Bits(const MagnitudeTable& table)
      : cells_(table.cells()),
        shift_(table.shift()),
        finite_(first_nonfinite_key(table.dtype()) - 1),
        first_(table.first()),
        zero_(table.size()) {}
  Terms at(const std::byte* row, std::size_t j) const {
    std::uint64_t key = 0;
    std::memcpy(&key, row + j * sizeof key, sizeof key);
    key &= ~std::uint64_t{0} >> 1;
    const std::uint64_t cell = std::max(key >> shift_, first_) - first_;
    // Finite magnitudes beyond the table share its last cell.
    return cells_[key - 1 < finite_ ? std::min(cell, zero_ - 1) : zero_];
  }

 private:
  const Terms* cells_;
  int shift_;
  std::uint64_t finite_;  // keys of finite magnitudes but zero
  std::uint64_t first_;
  std::uint64_t zero_;
};

// Two codes in a byte.
class TermsOf4Bits {
 public:
  explicit TermsOf4Bits(const MagnitudeTable& table) : codes_(table.of_codes()) {}
  Terms at(const std::byte* row, std::size_t j) const {
    const std::size_t pair = std::to_integer<std::size_t>(row[j / 2]);
    return codes_[j % 2 == 0 ? pair & 0x0FU : pair >> 4];
  }

 private:
  std::vector<Terms> codes_;
};

// Each row has sums and squares of its own, because an addition waits for the one before it in the
// same place.
template <std::size_t rows, class Lookup>
void add_block(const std::byte* const* row, std::size_t width, const Lookup& terms, Terms* columns,
               RowTerms* sums) {
  Terms sum[rows] = {};
  Terms square[rows] = {};
  for (std::size_t j = 0; j < width; ++j) {
    Terms column = columns[j];
    for (std::size_t i = 0; i < rows; ++i) {
      const Terms element = terms.at(row[i], j);
      column += element;
      sum[i] += element;
      square[i] += element * element;
    }
    columns[j] = column;
  }
  for (std::size_t i = 0; i < rows; ++i) {
    sums[i] = {sum[i], square[i]};
  }
}

// Each of the following adds a block of n rows, up to term_rows, to the sums of its columns, and
// writes those of its rows.
template <class Lookup>
class AddsOneByOne {
 public:
  explicit AddsOneByOne(const MagnitudeTable& table) : terms_(table) {}
  void add(const std::byte* const* row, std::size_t n, std::size_t width, Terms* columns,
           RowTerms* sums) const {
    std::size_t i = 0;
    for (; i + rows_at_once <= n; i += rows_at_once) {
      add_block<rows_at_once>(row + i, width, terms_, columns, sums + i);
    }
    for (; i < n; ++i) {
      add_block<1>(row + i, width, terms_, columns, sums + i);
    }
  }

 private:
  static constexpr std::size_t rows_at_once = 4;

  Lookup terms_;
};

template <class Cells>
struct AddsByKernel {
  Cells cells;
  void (*add_rows)(const std::byte* const* rows, std::size_t n, std::size_t width,
                   const Cells& table, Terms* columns, RowTerms* sums);

  void add(const std::byte* const* row, std::size_t n, std::size_t width, Terms* columns,
           RowTerms* sums) const {
    add_rows(row, n, width, cells, columns, sums);
  }
};

// Rows that are added together, where they lie or copied.
class RowsTogether {
 public:
  RowsTogether(const BlockReader& reader, const Sample& sample) : reader_(reader), sample_(sample) {
    if (reader.in_place()) {
      return;
    }
    std::size_t end = 0;
    begins_.reserve(sample.blocks.size() + 1);
    for (const Block& block : sample.blocks) {
      begins_.push_back(end);
      end += reader.bytes_of(block);
    }
    begins_.push_back(end);
  }

  // Makes ready as many blocks of n rows, from one block on, as take no more than some memory, but
  // one at least; returns where they end. All blocks of a row are copied before those of the next
  // one: a decoding keeps what it has read for a row, and several that lie apart would have it read
  // all that anew for each block.
  std::size_t take(std::size_t first, std::size_t n, std::size_t block, ReadBuffer& buffer) {
    const std::size_t blocks = sample_.blocks.size();
    first_ = first;
    if (reader_.in_place()) {
      return blocks;
    }
    first_block_ = block;
    std::size_t end = block + 1;
    while (end < blocks && begins_[end + 1] - begins_[block] <= most_bytes) {
      ++end;
    }
    rows_ = n;
    copies_.resize(std::max(copies_.size(), n * (begins_[end] - begins_[block])));
    for (std::size_t i = 0; i < n;) {
      const std::size_t together = adjacent_rows(first + i, n - i);
      for (std::size_t b = block; b < end; ++b) {
        reader_.copy_rows(sample_.rows[first + i], together, sample_.blocks[b], buffer,
                          copies_.data() + offset_of(i, b));
      }
      i += together;
    }
    return end;
  }
  const std::byte* at(std::size_t i, std::size_t b) const {
    return reader_.in_place() ? reader_.at(sample_.rows[first_ + i], sample_.blocks[b])
                              : copies_.data() + offset_of(i, b);
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{1} << 18;  // of each row

  // Rows from one of the sample on, up to so many, that follow each other and lie side by side.
  std::size_t adjacent_rows(std::size_t from, std::size_t most) const {
    const std::uint64_t side_by_side = reader_.rows_together();
    std::size_t n = 1;
    while (n < most && sample_.rows[from + n] == sample_.rows[from] + n &&
           sample_.rows[from + n] % side_by_side != 0) {
      ++n;
    }
    return n;
  }

  // Of copies: all rows of a block, then those of the next one.
  std::size_t offset_of(std::size_t i, std::size_t b) const {
    return rows_ * (begins_[b] - begins_[first_block_]) + i * reader_.bytes_of(sample_.blocks[b]);
  }

  const BlockReader& reader_;
  const Sample& sample_;
  std::vector<std::size_t> begins_;  // of the blocks in a copied row, and its end
  std::size_t rows_ = 0;             // that are ready
  std::size_t first_block_ = 0;
  std::vector<std::byte> copies_;
  std::size_t first_ = 0;
};

constexpr std::uint64_t elements_in_cache = std::uint64_t{1} << 16;

template <class Adder>
void add_rows(const BlockReader& reader, const Sample& sample, std::size_t first, std::size_t last,
              const Adder& adder, ReadBuffer& buffer, TwoWaySums& result) {
  const std::size_t in_cluster = sample.rows_in_cluster();
  const std::size_t per_cluster = sample.blocks_in_cluster();
  // What has just been counted is in the cache.
  const bool small = sample.layout.rows * sample.layout.columns <= elements_in_cache;
  RowsTogether rows(reader, sample);
  for (std::size_t begin = first; begin < last;) {
    // Rows that are added together belong to one cluster.
    const std::size_t end_of_cluster = (begin / in_cluster + 1) * in_cluster;
    const std::size_t n = std::min({term_rows, last - begin, end_of_cluster - begin});
    Terms* columns =
        result.columns.data() + (begin / in_cluster - first / in_cluster) * sample.columns;
    Terms* const of_rows = result.rows.data() + (begin - first) * sample.column_clusters;
    std::size_t ready = 0;
    for (std::size_t b = 0; b < sample.blocks.size(); ++b) {
      if (b == ready) {
        ready = rows.take(begin, n, b, buffer);
      }
      const Block& block = sample.blocks[b];
      const std::byte* row[term_rows];
      for (std::size_t i = 0; i < n; ++i) {
        row[i] = rows.at(i, b);
      }
      if (reader.in_place() && !small) {
        for (std::size_t i = 0; i < n; ++i) {
          detail::prefetch(reader.at(sample.rows[std::min(begin + n + i, last - 1)], block),
                           reader.bytes_of(block));
        }
      }
      RowTerms sums[term_rows] = {};
      adder.add(row, n, block.width, columns, sums);
      Terms squares{};
      for (std::size_t i = 0; i < n; ++i) {
        of_rows[i * sample.column_clusters + b / per_cluster] += sums[i].sum;
        squares += sums[i].square;
      }
      for (std::size_t i = 0; i < 3; ++i) {
        result.squares[i] += static_cast<double>(squares[i]);
      }
      columns += block.width;
    }
    begin += n;
  }
}

}  // namespace

TwoWaySums two_way_sums(const ByteSource& source, const View& view, const Sample& sample,
                        std::size_t first, std::size_t last, const MagnitudeTable& table,
                        ReadBuffer& buffer) {
  const std::size_t in_cluster = sample.rows_in_cluster();
  const std::size_t clusters = (last - 1) / in_cluster - first / in_cluster + 1;
  TwoWaySums sums;
  sums.rows.assign((last - first) * sample.column_clusters, Terms{});
  sums.columns.assign(clusters * sample.columns, Terms{});
  const BlockReader reader(source, view, sample.layout);
  const auto add = [&](const auto& adder) {
    add_rows(reader, sample, first, last, adder, buffer, sums);
  };
  const TermKernels& terms = kernels().terms;
  switch (view.dtype) {
    case DType::f64:
      add(AddsOneByOne<TermsOf64Bits>(table));
      break;
    case DType::f32:
      add(AddsByKernel<WideTermCells>{{table.cells(), static_cast<std::uint32_t>(table.first()),
                                       static_cast<std::uint16_t>(table.size()), table.shift()},
                                      terms.add_wide_rows});
      break;
    case DType::bf16:
    case DType::f16:
      add(AddsByKernel<TermCells>{{table.cells(), static_cast<std::uint16_t>(table.first()),
                                   static_cast<std::uint16_t>(table.size())},
                                  terms.add_rows});
      break;
    case DType::f4:
      add(AddsOneByOne<TermsOf4Bits>(table));
      break;
    default: {
      const std::vector<Terms> of_codes = table.of_codes();
      add(AddsByKernel<ByteTermCells>{{of_codes.data()}, terms.add_byte_rows});
    }
  }
  return sums;
}

std::uint64_t column_unit(const View& view) {
  return view.decoding != nullptr ? view.decoding->values_per_item()
                                  : elements_per_item(view.dtype);
}

std::uint64_t rows_side_by_side(const View& view) {
  return view.decoding != nullptr ? view.decoding->rows_side_by_side() : 1;
}

}  // namespace weightgauge
