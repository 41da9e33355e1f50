#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <vector>

#include "core/decode/grouped_codes.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t codes_at = 3;

std::vector<float> usual_numbers(std::size_t n, unsigned seed) {
  const std::vector<std::byte> random = testing::random_bytes(n, seed);
  std::vector<float> numbers;
  for (const std::byte each : random) {
    numbers.push_back(static_cast<float>(std::to_integer<int>(each) - 100) / 512);
  }
  return numbers;
}

struct Beside {
  bool biases = false;
  bool values = false;
  std::uint64_t groups_of_scale = 0;  // where scales are codes
  std::uint64_t groups_of_row = 0;    // where there are zero points
  unsigned word_bytes = 1;            // of zero points
};

// Random codes with scales, and what else may lie beside them.
struct Grouped {
  Grouped(const GroupedForm& grouped_form, const Beside& what)
      : form(grouped_form),
        beside(what),
        groups((form.items - 1) / form.group_items + 1),
        bytes((form.items * form.bits + 7) / 8),
        codes(testing::random_bytes(codes_at + bytes, 31)),
        scale_codes(testing::random_bytes(groups, 32)),
        scales(usual_numbers(
            beside.groups_of_scale == 0 ? groups : (groups - 1) / beside.groups_of_scale + 1, 33)),
        biases(usual_numbers(groups, 34)),
        values(usual_numbers(std::size_t{1} << form.bits, 35)),
        values_of_scales(usual_numbers(256, 36)),
        zeros(testing::random_bytes(zero_bytes(), 37)),
        memory(codes.data(), codes.size()),
        read(codes) {}

  // Of words of four bytes as many as rows of groups fill.
  std::size_t zero_bytes() const {
    if (beside.groups_of_row == 0) {
      return 0;
    }
    const std::uint64_t rows = groups / beside.groups_of_row;
    const std::uint64_t word_bits = std::uint64_t{8} * beside.word_bytes;
    const std::uint64_t words = (rows * form.bits + word_bits - 1) / word_bits;
    return words * beside.groups_of_row * beside.word_bytes;
  }

  float zero_of(std::uint64_t group) const {
    const std::uint64_t row = group / beside.groups_of_row;
    const std::uint64_t column = group % beside.groups_of_row;
    const std::uint64_t word_bits = std::uint64_t{8} * beside.word_bytes;
    int zero = 0;
    for (unsigned bit = 0; bit < form.bits; ++bit) {
      const std::uint64_t place = row * form.bits + bit;
      const std::uint64_t word = place / word_bits * beside.groups_of_row + column;
      const std::uint64_t byte = word * beside.word_bytes + place % word_bits / 8;
      zero |= (std::to_integer<int>(zeros[byte]) >> place % 8 & 1) << bit;
    }
    return static_cast<float>(form.has_sign && zero > 127 ? zero - 256 : zero);
  }

  static MemorySource source_of(const std::vector<float>& numbers) {
    return {reinterpret_cast<const std::byte*>(numbers.data()), 4 * numbers.size()};
  }
  static FloatReader reader_of(const MemorySource& source) {
    return {source, DType::f32, 0, source.size() / 4};
  }

  GroupedParts parts(bool in_memory) const {
    GroupedParts made{in_memory ? static_cast<const ByteSource*>(&memory) : &read,
                      codes_at,
                      bytes,
                      reader_of(scale_source),
                      {},
                      {},
                      {},
                      {}};
    if (beside.groups_of_row > 0) {
      made.zeros = ZeroPoints{in_memory ? static_cast<const ByteSource*>(&zero_memory) : &zero_read,
                              0,
                              zeros.size(),
                              beside.groups_of_row,
                              form.bits,
                              beside.word_bytes,
                              form.has_sign};
    }
    if (beside.biases) {
      made.biases = reader_of(bias_source);
    }
    if (beside.values) {
      made.values = reader_of(value_source);
    }
    if (beside.groups_of_scale > 0) {
      made.scale_codes =
          ScaleCodes{&code_source, 0, groups, reader_of(of_scales), beside.groups_of_scale, 0.25F};
    }
    return made;
  }

  float scale_of(std::uint64_t group) const {
    if (beside.groups_of_scale == 0) {
      return scales[group];
    }
    const auto code = std::to_integer<std::size_t>(scale_codes[group]);
    const float product = values_of_scales[code] * scales[group / beside.groups_of_scale];
    return product + 0.25F;
  }

  float value_of(std::uint64_t item) const {
    unsigned code = 0;
    for (unsigned bit = 0; bit < form.bits; ++bit) {
      std::uint64_t place = item * form.bits + bit;
      if (form.upper_first) {
        place ^= 4;
      }
      const auto byte = std::to_integer<unsigned>(codes[codes_at + place / 8]);
      code |= (byte >> place % 8 & 1U) << bit;
    }
    const int number =
        form.has_sign && code > 127 ? static_cast<int>(code) - 256 : static_cast<int>(code);
    const std::uint64_t group = item / form.group_items;
    float value = beside.values ? values[code] : static_cast<float>(number) - form.zero;
    value -= beside.groups_of_row > 0 ? zero_of(group) : 0;
    const float product = value * scale_of(group);
    return beside.biases ? product + biases[group] : product;
  }

  GroupedForm form;
  Beside beside;
  std::uint64_t groups;
  std::uint64_t bytes;
  std::vector<std::byte> codes;
  std::vector<std::byte> scale_codes;
  std::vector<float> scales;
  std::vector<float> biases;
  std::vector<float> values;
  std::vector<float> values_of_scales;
  std::vector<std::byte> zeros;
  MemorySource zero_memory{zeros.data(), zeros.size()};
  testing::ReadSource zero_read{zeros};
  MemorySource memory;
  testing::ReadSource read;
  MemorySource scale_source = source_of(scales);
  MemorySource bias_source = source_of(biases);
  MemorySource value_source = source_of(values);
  MemorySource of_scales = source_of(values_of_scales);
  MemorySource code_source{scale_codes.data(), scale_codes.size()};
};

using Tally = std::map<float, std::uint64_t>;

Tally expected_of(const Grouped& grouped, const Run& run) {
  Tally tally;
  for (std::uint64_t i = 0; i < run.items; ++i) {
    ++tally[grouped.value_of(run.offset + i * run.stride)];
  }
  return tally;
}

void check_run(const Grouped& grouped, const GroupedCodes& codes, const Run& run) {
  CAPTURE(run.offset);
  CAPTURE(run.items);
  CAPTURE(run.stride);
  ReadBuffer buffer;
  std::uint64_t item = run.offset;
  bool same = true;
  codes.decode(grouped.memory, run, buffer, [&](const std::byte* made, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i, item += run.stride) {
      float value = 0;
      std::memcpy(&value, made + 4 * i, sizeof value);
      same = same && value == grouped.value_of(item);
    }
  });
  CHECK(same);
  CHECK(item == run.offset + run.items * run.stride);
  if (!codes.counts_groups()) {
    return;
  }
  Tally counted;
  codes.count_groups(run, buffer,
                     [&](const float* values, const std::uint32_t* counts, std::size_t n) {
                       for (std::size_t i = 0; i < n; ++i) {
                         if (counts[i] > 0) {
                           counted[values[i]] += counts[i];
                         }
                       }
                     });
  CHECK(counted == expected_of(grouped, run));
}

void check_all(const GroupedForm& form, const Beside& beside) {
  const Grouped grouped(form, beside);
  for (const bool in_memory : {true, false}) {
    CAPTURE(in_memory);
    const GroupedCodes codes(form, grouped.parts(in_memory));
    check_run(grouped, codes, {0, form.items, 1});
    const std::uint64_t some = form.items / 3;
    check_run(grouped, codes, {1, some, 1});
    check_run(grouped, codes, {some, form.items - some, 1});
    check_run(grouped, codes, {form.group_items % form.items, 1, 1});
    check_run(grouped, codes, {2, (form.items - 3) / 7 + 1, 7});
  }
}

// The bins of one level of kernels.
struct Bins {
  Bins() : cells(all_cells), more(all_cells), codes(upper_codes) {
    bins.cells = cells.data();
    bins.more_cells = more.data();
    bins.codes = codes.data();
  }
  std::vector<std::uint64_t> joined() const {
    std::vector<std::uint64_t> sum(cells.begin(), cells.begin() + bin_cells);
    for (std::size_t i = 0; i < sum.size(); ++i) {
      sum[i] += more[i];
      sum[i] += i % cells_of_code == 0 ? codes[i / cells_of_code] * F32Layout::one : 0;
    }
    sum[0] += cells[zero_cell] + more[zero_cell];
    return sum;
  }

  std::vector<std::uint64_t> cells;
  std::vector<std::uint64_t> more;
  std::vector<std::uint32_t> codes;
  BinCells bins;
};

void check_repeated(const std::vector<float>& values, const std::vector<std::uint32_t>& counts) {
  std::vector<float> items;
  std::uint64_t negatives = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    items.insert(items.end(), counts[i], values[i]);
    negatives += std::isfinite(values[i]) && values[i] < 0 ? counts[i] : 0;
  }
  Bins expected;
  kernels().count_f32_bins(reinterpret_cast<const std::byte*>(items.data()), items.size(),
                           expected.bins, nullptr);
  const std::vector<std::uint64_t> expected_cells = expected.joined();
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    Bins found;
    CHECK(level->count_repeated_f32(values.data(), counts.data(), values.size(), found.bins) ==
          negatives);
    const bool cells_agree = found.joined() == expected_cells;
    CHECK(cells_agree);
    const WideExtremes& a = found.bins.extremes;
    const WideExtremes& b = expected.bins.extremes;
    CHECK(a.strays == b.strays);
    CHECK(a.infs == b.infs);
    CHECK(a.nonfinite == b.nonfinite);
    CHECK(a.bits == b.bits);
    CHECK(a.largest == b.largest);
    CHECK(a.smallest == b.smallest);
  }
}

}  // namespace

TEST_SUITE("grouped_codes") {
  TEST_CASE("values of grouped codes are those of a plain loop") {
    for (const unsigned bits : {2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
      for (const std::uint64_t group : {7U, 32U, 64U}) {
        CAPTURE(bits);
        CAPTURE(group);
        check_all({40000, bits, group, false, false}, {true, false, 0});
        check_all({1000 + bits, bits, group, false, false}, {false, false, 0});
        check_all({777, bits, group, false, false}, {true, true, 0});
      }
    }
    check_all({20000, 8, 100, false, true}, {});
  }

  TEST_CASE("the first of two codes may be in the upper bits, and scales may be codes") {
    for (const std::uint64_t group : {32U, 64U, 66U, 4096U}) {
      CAPTURE(group);
      check_all({70000, 4, group, true, false}, {false, true, 0});
      check_all({70001, 4, group, true, false}, {false, true, 5});
      check_all({3000, 4, group, true, false}, {false, true, 256});
    }
  }

  TEST_CASE("zero points of groups are subtracted, and may lie in two words") {
    for (const unsigned bits : {2U, 3U, 4U, 5U, 6U, 7U, 8U}) {
      for (const std::uint64_t columns : {1U, 5U, 700U}) {
        CAPTURE(bits);
        CAPTURE(columns);
        const std::uint64_t items = 32 * columns * 11;
        check_all({items, bits, 32}, {false, false, 0, columns, 4});
      }
    }
    check_all({32000, 8, 32, false, true}, {false, false, 0, 100, 1});
    check_all({32000, 8, 32, false, true}, {false, false, 0, 1, 1});
    check_all({4000, 5, 100, false, false, 1, 16}, {});
  }

  TEST_CASE("zero points that do not fit are refused") {
    const GroupedForm form{3520, 3, 32};
    const Grouped grouped(form, {false, false, 0, 10, 4});
    CHECK_NOTHROW(GroupedCodes(form, grouped.parts(true)));
    const auto refused = [&](const auto& change) {
      GroupedParts parts = grouped.parts(true);
      change(parts);
      CHECK_THROWS_AS(GroupedCodes(form, parts), std::invalid_argument);
    };
    refused([](GroupedParts& parts) { parts.biases = parts.scales; });
    refused([](GroupedParts& parts) { parts.zeros->offset = 1; });
    refused([](GroupedParts& parts) { parts.zeros->bytes -= 4; });
    refused([](GroupedParts& parts) { parts.zeros->bytes += 40; });
    refused([](GroupedParts& parts) { parts.zeros->columns = 0; });
    refused([](GroupedParts& parts) { parts.zeros->columns = 11; });
    refused([](GroupedParts& parts) { parts.zeros->bits = 6; });
    refused([](GroupedParts& parts) { parts.zeros->bits = 9; });
    refused([](GroupedParts& parts) { parts.zeros->word_bytes = 2; });
    refused([](GroupedParts& parts) { parts.zeros->has_sign = true; });
  }

  TEST_CASE("what does not fit grouped codes is refused") {
    const GroupedForm form{1000, 4, 64, false, false};
    const Grouped grouped(form, {true, true, 4});
    CHECK_NOTHROW(GroupedCodes(form, grouped.parts(true)));
    for (const GroupedForm& wrong :
         {GroupedForm{0, 4, 64}, GroupedForm{999, 4, 0}, GroupedForm{1002, 4, 64},
          GroupedForm{1000, 1, 64}, GroupedForm{1000, 9, 64}, GroupedForm{1000, 4, 128},
          GroupedForm{500, 8, 32, true}, GroupedForm{1000, 4, 64, false, true},
          GroupedForm{std::numeric_limits<std::uint64_t>::max(), 4, 64}}) {
      CHECK_THROWS_AS(GroupedCodes(wrong, grouped.parts(true)), std::invalid_argument);
    }
    const auto refused = [&](const auto& change) {
      GroupedParts parts = grouped.parts(true);
      change(parts);
      CHECK_THROWS_AS(GroupedCodes(form, parts), std::invalid_argument);
    };
    refused([](GroupedParts& parts) { parts.offset += 1; });
    refused([](GroupedParts& parts) { parts.scale_codes.reset(); });
    refused([](GroupedParts& parts) { parts.scale_codes->items -= 1; });
    refused([](GroupedParts& parts) { parts.scale_codes->offset += 1; });
    refused([](GroupedParts& parts) { parts.scale_codes->group_items = 0; });
    refused([](GroupedParts& parts) { parts.scale_codes->values = *parts.values; });
    refused([](GroupedParts& parts) { parts.biases = parts.scales; });
    refused([](GroupedParts& parts) { parts.values = parts.scales; });
  }

  TEST_CASE("values that occur several times are counted as if each came alone") {
    std::vector<float> values = usual_numbers(5000, 51);
    std::vector<std::uint32_t> counts;
    for (const std::byte each : testing::random_bytes(values.size(), 52)) {
      counts.push_back(std::to_integer<std::uint32_t>(each) % 9);
    }
    check_repeated(values, counts);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= 1 + static_cast<float>(i) / 8192;
    }
    check_repeated(values, counts);
    check_repeated({0, -0.0F, 0}, {3, 2, 0});
    check_repeated({}, {});
    const float infinity = std::numeric_limits<float>::infinity();
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> odd = {infinity, -infinity, nan,    -nan, 1e-45F, -2e-42F,
                                    -1e-39F,  3e38F,     -3e38F, 0,    1.5F,   -2.5F};
    for (std::size_t i = 0; i < odd.size(); i += 3) {
      check_repeated({1.25F, odd[i], -3}, {1, 4, 5});
      std::vector<std::uint32_t> once(odd.size(), 2);
      once[i] = 0;
      check_repeated(odd, once);
    }
  }
}

}  // namespace weightgauge
