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

std::uint64_t normal_item(Random& random, DType dtype, int exponent) {
  const double value = std::ldexp(random.normal(), exponent);
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

// Makes items side by side. The rest of the input is put somewhere among them as it is.
std::vector<std::byte> made_items(DType dtype, std::size_t n, Values values, Choices& choices) {
  const std::size_t item = item_bytes(dtype);
  const std::uint64_t sign = std::uint64_t{1} << (8 * item - 1);
  const Patterns patterns = patterns_from(choices, item);
  const int exponent = static_cast<int>(choices.below(201)) - 100;
  Random random(choices.bits(16));
  std::vector<std::byte> bytes(n * item);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint64_t bits = values == Values::normal ? normal_item(random, dtype, exponent)
                                                        : patterns.item(random, sign);
    std::memcpy(bytes.data() + i * item, &bits, item);  // little-endian
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
  Layout layout{0, std::max<std::size_t>(n, 1), 1, 1, 0};
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

Manner manner_from(Choices& choices, bool large) {
  const std::vector<const Kernels*> levels = available_kernels();
  Manner manner;
  manner.place = static_cast<Place>(choices.below(4));
  manner.threads = 1 + static_cast<int>(choices.below(3));
  const std::size_t odd = choices.below(256);
  manner.chunk_bytes = large ? (std::size_t{1} << (12 + choices.below(10))) + odd : 1 + odd;
  manner.level = levels[levels.size() - 1 - choices.below(levels.size())]->level;
  return manner;
}

}  // namespace

std::uint64_t Choices::bits(int count) {
  std::uint64_t found = 0;
  for (int shift = 0; shift < count && at_ != end_; shift += 8) {
    found |= std::uint64_t{*at_++} << shift;
  }
  return found;
}

std::size_t Choices::below(std::size_t options) { return bits(8) % options; }

std::vector<std::byte> Choices::rest() const {
  const auto* const first = reinterpret_cast<const std::byte*>(at_);
  return {first, first + (end_ - at_)};
}

FuzzCase fuzz_case(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  FuzzCase made;
  // Half of the inputs are F32 or F64, because these are counted in more ways than other formats.
  const std::size_t format = choices.below(2 * number_of_formats);
  made.dtype = formats[format < number_of_formats ? format : format % 2];
  const std::uint64_t flags = choices.bits(8);
  made.options.trim = static_cast<Trim>((flags & 3) % 3);
  made.options.exact = (flags & 4) != 0;
  made.options.zeros = (flags & 32) != 0 ? Zeros::censor : Zeros::exclude;
  made.options.errors = static_cast<ErrorsFor>((flags >> 6) % 3);
  // A scan that makes quantiles makes nothing else.
  const bool quantiles = (flags & 24) == 24;
  made.options.fit = !quantiles;
  made.options.keep_histogram = !quantiles;
  if (quantiles) {
    made.options.probabilities = {0.5, 0.0, 1.0};
  }
  auto values = static_cast<Values>(choices.below(3));
  if (values == Values::normal && !is_wide(made.dtype) && made.dtype != DType::bf16) {
    values = Values::patterns;
  }
  const bool large = values != Values::own;
  made.one = manner_from(choices, large);
  made.other = manner_from(choices, large);
  // Each slice of a large input has too many elements of F32 and F64 to be sorted.
  const std::size_t n = sorted_limit + 1 + choices.bits(16) / 2;
  const Layout layout = layout_from(choices, n);
  if (!large) {
    place_items(made, {0, 1, 1, 1, 0}, choices.rest());
    return made;
  }
  const std::size_t in_row = layout.columns * layout.slices;
  const std::size_t rows = (n * layout.slices + in_row - 1) / in_row;
  place_items(made, layout, made_items(made.dtype, rows * in_row, values, choices));
  return made;
}

}  // namespace weightgauge::testing
