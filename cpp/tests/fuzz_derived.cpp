// Scans values that are made while they are read: scaled codes, products of factors, differences
// and balanced matrices, with any numbers for their sides. What does not fit together is refused;
// all else is the values of a plain loop, whatever the manner.
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "core/count/multiples.hpp"
#include "core/decode/balance.hpp"
#include "core/decode/block_scale.hpp"
#include "core/decode/difference.hpp"
#include "core/decode/low_rank.hpp"
#include "core/decode/packed_codes.hpp"
#include "core/kernels/kernels.hpp"
#include "core/two_way/paired.hpp"
#include "fuzz_pair.hpp"
#include "fuzz_require.hpp"
#include "support.hpp"

namespace {

using namespace weightgauge;
using testing::Choices;
using testing::FuzzCase;
using testing::Manner;
using testing::Pair;
using testing::Place;
using testing::Plain;
using testing::Sources;

testing::Told derived("derived slices");

constexpr DType codes[] = {DType::f4,          DType::f8_e4m3,     DType::f8_e5m2,
                           DType::f8_e4m3fnuz, DType::f8_e5m2fnuz, DType::f8_e8m0};
constexpr DType floats[] = {DType::f8_e8m0, DType::f8_e4m3, DType::f32, DType::bf16, DType::f16};

// Codes with a scale for each block, in BF16 where these products are exact, else in float32.
Plain scaled_values(const Pair& pair, const BlockGrid& grid, std::uint64_t first_row,
                    std::uint64_t rows) {
  Plain expected;
  const std::uint64_t across = (grid.columns - 1) / grid.block_columns + 1;
  const std::uint64_t down = (grid.rows - 1) / grid.block_rows + 1;
  const auto add = [&](std::uint64_t bits, double scale) {
    expected.add(
        static_cast<double>(static_cast<float>(testing::reference_value(pair.first, bits)) *
                            static_cast<float>(scale)));
  };
  for (std::uint64_t line = first_row; line < first_row + rows; ++line) {
    for (std::uint64_t column = 0; column < grid.columns; ++column) {
      const std::uint64_t block =
          (line / grid.rows * down + line % grid.rows / grid.block_rows) * across +
          column / grid.block_columns;
      const double scale = pair.second_value(block);
      const auto code = std::to_integer<std::uint64_t>(pair.bytes[line * grid.columns + column]);
      add(code, scale);
      if (pair.first == DType::f4) {
        add(code >> 4, scale);
      }
    }
  }
  expected.sort();
  return expected;
}

void check_scaled(Choices& choices, Pair& pair) {
  const bool large = choices.below(16) == 15;
  BlockGrid grid;
  grid.matrices = 1 + choices.below(3);
  grid.rows = 1 + choices.below(large ? 256 : 32);
  grid.columns = 1 + choices.bits(16) % (large ? 2048 : 80);
  constexpr std::uint64_t widths[] = {8, 16, 128};
  grid.block_rows = choices.below(2) == 0 ? 1 : 1 + choices.below(130);
  grid.block_columns = choices.below(2) == 0 ? widths[choices.below(3)] : 1 + choices.below(130);
  if (choices.below(2) == 0) {
    grid.columns =
        (grid.columns - 1) / grid.block_columns * grid.block_columns + grid.block_columns;
  }
  pair.first = codes[choices.below(6)];
  pair.second = floats[choices.below(5)];
  pair.first_items = grid.matrices * grid.rows * grid.columns;
  pair.second_items = grid.matrices * ((grid.rows - 1) / grid.block_rows + 1) *
                      ((grid.columns - 1) / grid.block_columns + 1);
  const std::uint64_t lines = grid.matrices * grid.rows;
  const std::uint64_t first = choices.below(256) % lines;
  const std::uint64_t rows = 1 + choices.below(256) % (lines - first);
  const bool whole = rows == lines;
  testing::fill(pair, choices);
  const std::uint64_t across = grid.columns * elements_per_item(pair.first);
  const auto slices = [&](const Sources& sources) {
    auto decoding = std::make_shared<BlockScale>(pair.first, grid, sources[0]->size(),
                                                 testing::reader_of_second(pair, sources));
    View view = decoded_view(
        checked_view(pair.first, first * grid.columns, {{rows * grid.columns, 1}}, decoding->end()),
        decoding);
    const std::uint64_t begin = pair.second_offset();
    const FileRange beside{0, {begin, pair.bytes.size()}};
    const Noted noted = whole ? Noted::tensor : Noted::negatives;
    return std::vector<FedSlice>{
        {{0, std::move(view), noted, 0, {rows, across, 2, 1}}, {beside}, false}};
  };
  derived.add(1);
  testing::check_both(pair, slices, scaled_values(pair, grid, first, rows));
}

void check_product(Choices& choices, Pair& pair) {
  const bool large = choices.below(16) == 15;
  const std::uint64_t rows = 1 + choices.below(large ? 64 : 16);
  const std::uint64_t rank = 1 + choices.below(large ? 40 : 9);
  const std::uint64_t columns = 1 + choices.bits(16) % (large ? 3000 : 100);
  const auto factor = static_cast<float>(choices.below(9)) / 4;
  pair.first = floats[choices.below(5)];
  pair.second = floats[choices.below(5)];
  pair.first_items = rows * rank;
  pair.second_items = rank * columns;
  const std::uint64_t from = choices.below(256) % columns;
  const std::uint64_t every = 1 + choices.below(3);
  testing::fill(pair, choices);
  const std::uint64_t taken = (columns - from - 1) / every + 1;
  Plain expected;
  for (std::uint64_t i = 0; i < rows; ++i) {
    for (std::uint64_t j = from; j < columns; j += every) {
      float sum = 0;
      for (std::uint64_t t = 0; t < rank; ++t) {
        sum += static_cast<float>(pair.first_value(i * rank + t)) *
               static_cast<float>(pair.second_value(t * columns + j));
      }
      expected.add(static_cast<double>(sum * factor));
    }
  }
  expected.sort();
  derived.add(1);
  testing::check_both(
      pair,
      [&](const Sources& sources) {
        auto decoding =
            std::make_shared<LowRank>(rows, rank, columns, testing::reader_of_first(pair, sources),
                                      testing::reader_of_second(pair, sources), factor);
        View view = decoded_view(checked_view(DType::f8_e8m0, from,
                                              {{rows, static_cast<std::int64_t>(columns)},
                                               {taken, static_cast<std::int64_t>(every)}},
                                              decoding->items()),
                                 decoding);
        const FileRange left{0, {0, pair.second_offset()}};
        const FileRange right{0, {pair.second_offset(), pair.bytes.size()}};
        return std::vector<FedSlice>{
            {{0, std::move(view), Noted::negatives, 0, {rows, taken, 1, 1}}, {left, right}, true}};
      },
      expected);
}

// Two versions of a matrix, most of whose numbers may be equal.
MatrixLayout versions_from(Choices& choices, Pair& pair, bool large) {
  constexpr DType all[] = {DType::f32, DType::f64, DType::bf16, DType::f16, DType::f8_e4m3};
  const std::uint64_t rows = 1 + choices.below(large ? 256 : 48);
  const std::uint64_t columns = 1 + choices.bits(16) % (large ? 1024 : 64);
  pair.first = all[choices.below(5)];
  pair.second = choices.below(2) == 0 ? pair.first : all[choices.below(5)];
  pair.first_items = rows * columns;
  pair.second_items = rows * columns;
  const std::size_t equal = choices.below(4);
  const MatrixLayout matrix{rows, columns, 1 + choices.below(4), 1 + choices.below(4)};
  testing::fill(pair, choices);
  if (equal != 0 && pair.first == pair.second) {
    for (std::uint64_t i = 0; i < pair.first_items; ++i) {
      if (i % 4 < equal) {
        const std::size_t item = item_bytes(pair.first);
        std::memcpy(pair.bytes.data() + pair.second_offset() + i * item,
                    pair.bytes.data() + i * item, item);
      }
    }
  }
  return matrix;
}

ValueReader version(const Sources& sources, DType dtype, std::uint64_t offset,
                    std::uint64_t items) {
  return {*sources[0], contiguous_view(dtype, offset, items)};
}

ValueReader second_version(const Pair& pair, const Sources& sources) {
  return version(sources, pair.second, pair.second_offset(), pair.second_items);
}

// Such values lie in no file, so they cannot be fed.
void keep_from_feeding(Pair& pair) {
  for (Manner* const manner : {&pair.one, &pair.other}) {
    manner->place = manner->place == Place::fed ? Place::memory : manner->place;
  }
}

void check_difference(Choices& choices, Pair& pair) {
  const MatrixLayout matrix = versions_from(choices, pair, choices.below(16) == 15);
  keep_from_feeding(pair);
  Plain expected;
  const bool wide = pair.first == DType::f64 || pair.second == DType::f64;
  for (std::uint64_t i = 0; i < pair.first_items; ++i) {
    const double a = pair.first_value(i);
    const double b = pair.second_value(i);
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    const double difference = same ? 0 : b - a;
    expected.add(wide ? difference : static_cast<double>(static_cast<float>(difference)));
  }
  expected.sort();
  derived.add(1);
  testing::check_both(
      pair,
      [&](const Sources& sources) {
        auto difference = std::make_shared<Difference>(
            version(sources, pair.first, 0, pair.first_items), second_version(pair, sources));
        const std::uint64_t items = difference->items();
        return std::vector<FedSlice>{
            {{0, made_view(items, std::move(difference)), Noted::nothing, 0, matrix}, {}, false}};
      },
      expected);
}

void check_balanced(Choices& choices, Pair& pair) {
  const bool large = choices.below(16) == 15;
  const MatrixForm form{0, static_cast<int>(choices.below(64)) - 32};
  const MatrixLayout matrix = versions_from(choices, pair, large);
  keep_from_feeding(pair);
  derived.add(1);
  const auto balanced = [&](const Manner& manner) {
    use_kernels(manner.level);
    const testing::Opened opened(pair.bytes, manner.place);
    Control control;
    const ValueReader values = second_version(pair, opened.sources());
    std::vector<BalanceFactors> factors = balance_factors(
        {values}, {{matrix.columns, form.exponent}}, manner.threads, control, testing::no_watch);
    auto made = std::make_shared<Balanced>(values, std::move(factors[0]));
    const std::uint64_t items = made->items();
    ScanOptions options = pair.options;
    options.threads = manner.threads;
    options.chunk_bytes = manner.chunk_bytes;
    const SliceSpec spec{0, made_view(items, std::move(made)), Noted::nothing, 0, matrix};
    return scan(opened.sources(), {spec}, options, control, testing::no_watch);
  };
  const auto results = balanced(pair.one);
  const Histogram& found = results[0].histogram;
  REQUIRE(results[0].n + found.zeros + found.nans + found.infs == pair.second_items);
  REQUIRE(testing::hash_of(results) == testing::hash_of(balanced(pair.other)));
}

// What a comparison finds in one manner.
PairedErrors errors_of(const Pair& pair, const MatrixLayout& matrix, PairedOf of,
                       const Manner& manner) {
  use_kernels(manner.level);
  const testing::Opened opened(pair.bytes, manner.place);
  const ValueReader a = version(opened.sources(), pair.first, 0, pair.first_items);
  const ValueReader b = second_version(pair, opened.sources());
  FitSpace space;
  const auto curve_of = [&](DType dtype, std::uint64_t offset, std::uint64_t items) {
    const std::vector<std::byte> own(
        pair.bytes.begin() + static_cast<std::ptrdiff_t>(offset),
        pair.bytes.begin() + static_cast<std::ptrdiff_t>(offset + items * item_bytes(dtype)));
    const SliceResult counted = testing::scan_bytes(dtype, own, testing::keeping(1, 4096));
    const Fit fit =
        fit_histogram(counted.histogram, counted.n, pair.options.trim, Zeros::exclude, space);
    return fit.status == FitStatus::ok
               ? std::make_unique<InfluenceCurve>(space.plot, space.influences, 1.0)
               : nullptr;
  };
  const auto curve_a = curve_of(pair.first, 0, pair.first_items);
  const auto curve_b = curve_of(pair.second, pair.second_offset(), pair.second_items);
  if (curve_a == nullptr || curve_b == nullptr) {
    return {};
  }
  ReadBuffer buffer;
  Control control;
  return paired_errors({a, *curve_a, pair.first_items, 1.2}, {b, *curve_b, pair.second_items, 1.2},
                       matrix, 1.0, of, buffer, control);
}

void check_paired(Choices& choices, Pair& pair) {
  const auto of = static_cast<PairedOf>(choices.below(3));
  const MatrixLayout matrix = versions_from(choices, pair, choices.below(16) == 15);
  keep_from_feeding(pair);
  const PairedErrors one = errors_of(pair, matrix, of, pair.one);
  const PairedErrors other = errors_of(pair, matrix, of, pair.other);
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  REQUIRE(one.basis == other.basis);
  REQUIRE(same(one.errors.k, other.errors.k));
  REQUIRE(same(one.errors.ln_lambda, other.errors.ln_lambda));
  REQUIRE(!(one.errors.k < 0) && !(one.errors.ln_lambda < 0));
}

// Packed codes of any form, most of which fit: counted by multiple, every value is there once.
void check_packed(Choices& choices) {
  std::vector<std::byte> bytes(4096);
  const std::vector<std::byte> given = choices.rest();
  for (std::size_t i = 0; i < bytes.size() && !given.empty(); ++i) {
    bytes[i] = given[i % given.size()];
  }
  const MemorySource source(bytes.data(), bytes.size());
  const auto side = [&choices] {
    return choices.below(16) == 0 ? choices.number() : std::uint64_t{1} << choices.below(6);
  };
  PackedForm form{static_cast<Packing>(choices.below(4)),
                  side(),
                  side(),
                  side(),
                  side(),
                  choices.below(2) == 0,
                  choices.below(2) == 0,
                  0x11111111};
  const std::uint64_t per_byte = form.packing == Packing::quarters ? 4 : 2;
  const bool wide = form.rows > 64 || form.columns > 64 || form.groups > 64;
  const std::uint64_t items = wide ? 64 : form.rows * form.columns;
  try {
    PackedParts parts{&source,
                      choices.below(8),
                      items / per_byte,
                      FloatReader(source, choices.below(4) == 0 ? DType::f32 : DType::f16, 0,
                                  wide || choices.below(4) == 0 ? 1 : form.rows * form.groups),
                      {},
                      {}};
    if (choices.below(2) == 0 && !wide) {
      parts.zeros = StoredWords{&source, 64, (form.rows + 7) / 8 * form.groups};
    }
    if (choices.below(4) == 0 && !wide) {
      parts.index = StoredWords{&source, 128, form.columns};
    }
    const PackedCodes packed(form, parts);
    REQUIRE(packed.items() <= 64 * 64);
    if (!packed.counts_multiples()) {
      return;
    }
    ReadBuffer buffer;
    MultipleCounts counts;
    packed.count_multiples({0, packed.items(), 1}, buffer, counts, nullptr);
    const Histogram found = take_multiples(counts).histogram;
    REQUIRE(found.n() + found.zeros + found.nans + found.infs == packed.items());
    derived.add(1);
  } catch (const std::invalid_argument&) {
    derived.add(0);
  }
}

// Sides that a stranger may state: what is accepted lies within the file.
void check_stated(Choices& choices) {
  const std::vector<std::byte> bytes(64);
  const MemorySource source(bytes.data(), bytes.size());
  const DType dtype = codes[choices.below(6)];
  const BlockGrid grid{choices.number(), choices.number(), choices.number(),
                       choices.number(), choices.number(), choices.number()};
  const std::uint64_t items = choices.below(65);
  try {
    const BlockScale scaled(dtype, grid, bytes.size(), {source, DType::f8_e8m0, 0, items});
    REQUIRE(scaled.end() <= bytes.size());
  } catch (const std::invalid_argument&) {
    derived.add(0);
  }
  try {
    const FloatReader factor(source, DType::f8_e8m0, 0, items);
    const LowRank product(choices.number(), choices.number(), choices.number(), factor, factor, 1);
    REQUIRE(product.items() <= 64 * 64);
  } catch (const std::invalid_argument&) {
    derived.add(0);
  }
  check_packed(choices);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const std::size_t kind = choices.below(6);
  if (kind == 5) {
    check_stated(choices);
    return 0;
  }
  Pair pair;
  pair.options = testing::options_from(choices);
  pair.one = testing::manner_from(choices, true);
  pair.other = testing::manner_from(choices, true);
  constexpr void (*checks[])(Choices&, Pair&) = {check_scaled, check_product, check_difference,
                                                 check_balanced, check_paired};
  checks[kind](choices, pair);
  return 0;
}
