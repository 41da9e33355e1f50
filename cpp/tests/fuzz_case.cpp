#include "fuzz_case.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge::testing {

namespace {

constexpr DType formats[] = {DType::f32,     DType::f64,     DType::bf16,        DType::f16,
                             DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz,
                             DType::f8_e8m0, DType::f4,      DType::f4_unpacked};
constexpr std::size_t number_of_formats = sizeof formats / sizeof formats[0];

enum class Values : std::uint8_t { normal, patterns, own };

// Items whose magnitudes have bits in a given range. Some low bits may be cleared (as in F32 that
// was BF16), and some items are zero.
struct Patterns {
  std::uint64_t first;
  std::uint64_t width;  // mask of the bits that vary
  std::uint64_t kept;   // mask of the bits that are not cleared
  std::uint64_t zeros;  // zeros among 256 items, on average

  std::uint64_t item(Random& random, std::uint64_t sign) const {
    const std::uint64_t word = random.next();
    if ((word >> 56) < zeros) {
      return 0;
    }
    return ((first + (random.next() & width)) & kept) ^ ((word & 1) != 0 ? sign : 0);
  }
};

Patterns patterns_from(Choices& choices, std::size_t item) {
  const std::size_t item_bits = 8 * item;
  Patterns patterns{};
  patterns.width = (~std::uint64_t{0} >> 1) >> (63 - choices.below(item_bits));
  patterns.kept = ~std::uint64_t{0} << choices.below(item_bits);
  patterns.zeros = choices.bits(8);
  patterns.first = choices.bits(static_cast<int>(item_bits));
  return patterns;
}

// Rows and columns that differ from the others of their matrix.
struct Lines {
  enum class Kind : std::uint8_t {
    alike,
    zero_rows,
    large_rows,
    zero_columns,
    large_columns,
    untrained
  };
  Kind kind = Kind::alike;
  std::size_t every = 1;  // one of so many lines is different
  int exponent = 0;       // of what its elements are multiplied with

  // What the elements of an element's row and column are multiplied with.
  double factor(std::size_t row, std::size_t column) const {
    const bool rows = kind != Kind::zero_columns && kind != Kind::large_columns;
    const bool different = (rows ? row : column) % every == every - 1;
    switch (kind) {
      case Kind::alike:
        return 1;
      case Kind::zero_rows:
      case Kind::zero_columns:
        return different ? 0 : 1;
      case Kind::large_rows:
      case Kind::large_columns:
        return different ? std::ldexp(1, exponent) : 1;
      case Kind::untrained:  // of one small size, where all others differ
        return different ? std::ldexp(1, -exponent) : std::exp(Random(row).normal() / 2);
    }
    return 1;
  }
};

Lines lines_from(Choices& choices) {
  Lines lines;
  lines.kind = static_cast<Lines::Kind>(choices.below(6));
  lines.every = 1 + choices.below(64);
  lines.exponent = static_cast<int>(choices.below(12));
  return lines;
}

std::uint64_t normal_item(Random& random, DType dtype, int exponent, double factor) {
  const double value = factor * std::ldexp(random.normal(), exponent);
  std::uint64_t bits = 0;
  if (dtype == DType::f64) {
    std::memcpy(&bits, &value, sizeof value);
    return bits;
  }
  const auto single = static_cast<float>(value);
  std::uint32_t short_bits = 0;
  std::memcpy(&short_bits, &single, sizeof single);
  return dtype == DType::f32 ? short_bits : short_bits >> 16;  // BF16
}

// Makes the items of matrices side by side, which have rows of so many. The rest of the input is
// put somewhere among them as it is.
std::vector<std::byte> made_items(DType dtype, std::size_t n, std::size_t columns, Values values,
                                  Choices& choices) {
  const std::size_t item = item_bytes(dtype);
  const std::uint64_t sign = std::uint64_t{1} << (8 * item - 1);
  const Patterns patterns = patterns_from(choices, item);
  const int exponent = static_cast<int>(choices.below(201)) - 100;
  const Lines lines = lines_from(choices);
  Random random(choices.bits(16));
  std::vector<std::byte> bytes(n * item);
  for (std::size_t row = 0; row * columns < n; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      const double factor = lines.factor(row, column);
      std::uint64_t bits = 0;
      if (values == Values::normal) {
        bits = normal_item(random, dtype, exponent, factor);
      } else if (factor != 0) {
        bits = patterns.item(random, sign);
      }
      std::memcpy(bytes.data() + (row * columns + column) * item, &bits, item);  // little-endian
    }
  }
  const std::vector<std::byte> own = choices.rest();
  for (std::size_t at = 0; at + item <= own.size() && n > 0; at += item) {
    std::memcpy(bytes.data() + random.next() % n * item, own.data() + at, item);
  }
  return bytes;
}

// How slices lie in memory: side by side in the rows of one matrix, or one slice with gaps.
struct Layout {
  std::size_t lead;     // bytes before the first item
  std::size_t columns;  // items of a slice in a row
  std::size_t slices;
  std::size_t step;  // distance from one item to the next, in items
  std::size_t gap;   // bytes behind each row
};

Layout layout_from(Choices& choices, std::size_t n) {
  Layout layout{0, n, 1, 1, 0};
  switch (choices.below(4)) {
    case 0:
      break;
    case 1:
      layout.lead = choices.below(64);
      layout.step = 1 + choices.below(5);
      break;
    case 2:
      layout.columns = 1 + choices.bits(16) % 2048;
      layout.gap = choices.below(200);
      break;
    default:
      layout.columns = 1 + choices.below(200);
      layout.slices = 2 + choices.below(2);
      layout.gap = choices.below(9);
  }
  return layout;
}

void place_items(FuzzCase& made, const Layout& layout, const std::vector<std::byte>& items) {
  const std::size_t item = item_bytes(made.dtype);
  const std::size_t in_row = layout.columns * layout.slices;
  const std::size_t rows = items.size() / item / in_row;
  const std::size_t row = in_row * layout.step * item + layout.gap;
  // The bytes between the items belong to no slice.
  made.bytes.assign(layout.lead + rows * row, std::byte{0x7F});
  made.slices.resize(layout.slices);
  const auto step = static_cast<std::int64_t>(layout.step * item);
  for (std::size_t s = 0; s < layout.slices; ++s) {
    const std::size_t offset = layout.lead + s * layout.columns * layout.step * item;
    made.slices[s].view =
        normalised_view(made.dtype, static_cast<std::int64_t>(offset),
                        {{rows, static_cast<std::int64_t>(row)}, {layout.columns, step}});
  }
  for (std::size_t i = 0; i < rows * in_row; ++i) {
    const std::byte* const from = items.data() + i * item;
    std::memcpy(
        made.bytes.data() + layout.lead + i / in_row * row + i % in_row * layout.step * item, from,
        item);
    std::vector<std::byte>& own = made.slices[i % in_row / layout.columns].items;
    own.insert(own.end(), from, from + item);
  }
}

}  // namespace

std::shared_ptr<const PaperBins> paper_bins() {
  static const auto bins = [] {
    std::vector<std::uint32_t> thresholds;
    for (int edge = 0; edge <= 1024; ++edge) {
      const auto magnitude = static_cast<float>(std::pow(10.0, -12 + 14 * edge / 1024.0));
      std::uint32_t bits = 0;
      std::memcpy(&bits, &magnitude, sizeof bits);
      thresholds.push_back(bits);
    }
    return std::make_shared<const PaperBins>(thresholds);
  }();
  return bins;
}

ScanOptions options_from(Choices& choices) {
  ScanOptions options;
  const std::uint64_t flags = choices.bits(8);
  options.trim = static_cast<Trim>((flags & 3) % 3);
  options.exact = (flags & 4) != 0;
  options.zeros = (flags & 32) != 0 ? Zeros::censor : Zeros::exclude;
  options.errors = static_cast<ErrorsFor>((flags >> 6) % 3);
  if (choices.below(8) == 7) {
    options.paper = paper_bins();
  }
  // A scan that makes quantiles makes nothing else.
  const bool quantiles = (flags & 24) == 24;
  options.fit = !quantiles;
  options.keep_histogram = !quantiles;
  if (quantiles) {
    options.probabilities = {0.5, 0.0, 1.0};
  }
  return options;
}

namespace {

// Clusters of rows and columns.
MatrixLayout matrix_from(Choices& choices) {
  MatrixLayout matrix{0, 0, 1 + choices.below(9), 1 + choices.below(9)};
  matrix.rows_are_tokens = choices.below(2) == 1;
  return matrix;
}

// What is noted of the bytes of a slice.
Noted noted_as(std::size_t choice, const View& view) {
  const bool whole = view.items() * item_bytes(view.dtype) == view.end() - view.offset;
  constexpr Noted of_whole[] = {Noted::tensor, Noted::digest, Noted::pages};
  if (whole && choice < 6) {
    return of_whole[choice < 3 ? 0 : choice - 3];
  }
  return choice == 6 ? Noted::nothing : Noted::negatives;
}

}  // namespace

FuzzCase fuzz_case(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  FuzzCase made;
  // Half of the inputs are F32 or F64, because these are counted in more ways than other formats.
  const std::size_t format = choices.below(2 * number_of_formats);
  made.dtype = formats[format < number_of_formats ? format : format % 2];
  made.options = options_from(choices);
  auto values = static_cast<Values>(choices.below(3));
  if (values == Values::normal && !is_wide(made.dtype) && made.dtype != DType::bf16) {
    values = Values::patterns;
  }
  const bool large = values != Values::own;
  made.one = manner_from(choices, large);
  made.other = manner_from(choices, large);
  made.matrix = matrix_from(choices);
  const std::size_t noted = choices.below(8);
  made.cut = choices.below(16) == 15;
  Layout layout{0, 1 + choices.below(64), 1, 1, 0};
  std::vector<std::byte> items;
  std::size_t columns = layout.columns;
  if (large) {
    columns = 1 + choices.bits(16) % 700;
    // Each slice of F32 and F64 has too many elements to be sorted. Those of 16 bits are large
    // enough to be read together.
    const std::size_t least = is_wide(made.dtype)     ? sorted_limit + 1
                              : is_16_bit(made.dtype) ? std::size_t{1} << 15
                                                      : std::size_t{1} << 13;
    const std::size_t n = (least + choices.bits(16) / 2) / columns * columns + columns;
    layout = layout_from(choices, n);
    columns = layout.columns == n ? columns : layout.columns;
    const std::size_t in_row = layout.columns * layout.slices;
    const std::size_t rows = (n * layout.slices + in_row - 1) / in_row;
    items = made_items(made.dtype, rows * in_row, columns, values, choices);
  } else {
    items = choices.rest();
  }
  place_items(made, layout, items);
  const std::size_t of_each = made.slices[0].items.size() / item_bytes(made.dtype);
  made.matrix.rows = of_each / columns * elements_per_item(made.dtype);
  made.matrix.columns = columns;
  for (FuzzSlice& slice : made.slices) {
    slice.noted = noted_as(noted, slice.view);
  }
  return made;
}

}  // namespace weightgauge::testing
