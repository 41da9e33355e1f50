#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <random>
#include <vector>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint16_t first = 100;
constexpr std::uint16_t cells = 900;

// Any bits: of some the magnitude lies below the cells, of some above them.
std::vector<std::uint16_t> any_items(std::size_t n) {
  std::mt19937 random(31);
  std::vector<std::uint16_t> items(n);
  for (std::size_t i = 0; i < n; ++i) {
    items[i] = static_cast<std::uint16_t>(i % 5 == 0 ? random() : random() % 1200);
    items[i] = static_cast<std::uint16_t>(items[i] | (random() % 2) << 15);
  }
  return items;
}

// Small whole numbers, whose sums are exact in any order.
std::vector<Terms> whole_terms() {
  std::vector<Terms> terms(cells + 1);
  for (std::size_t i = 0; i < cells; ++i) {
    const auto number = static_cast<float>(i % 13) - 6;
    terms[i] = Terms{number, number * 2, 1 - number, 1};
  }
  terms[cells] = Terms{};
  return terms;
}

struct Found {
  std::vector<Terms> columns;
  std::vector<RowTerms> rows;
};

Found added(const Kernels& level, const std::vector<std::uint16_t>& items, std::size_t rows,
            std::size_t width, const std::vector<Terms>& terms) {
  Found found = {std::vector<Terms>(width, Terms{1, 2, 3, 4}), std::vector<RowTerms>(rows)};
  std::vector<const std::byte*> at;
  for (std::size_t row = 0; row < rows; ++row) {
    at.push_back(reinterpret_cast<const std::byte*>(items.data() + row * width));
  }
  level.terms.add_rows(at.data(), rows, width, {terms.data(), first, cells}, found.columns.data(),
                       found.rows.data());
  return found;
}

// Magnitudes of F32 by their bits but for the lowest 16, from that of 2^-6 on.
constexpr int shift = 16;
constexpr std::uint32_t first_wide = 0x3C80;
constexpr std::uint16_t cells_of_wide = 900;

std::vector<std::uint32_t> wide_items(std::size_t n) {
  constexpr std::uint32_t edges[] = {0,          1,          0x7F7FFFFF, 0x7F800000, 0x7F800001,
                                     0x7FFFFFFF, 0x3C7FFFFF, 0x3C800000, 0x4003FFFF, 0x40040000};
  std::mt19937 random(32);
  std::vector<std::uint32_t> items(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto usual = static_cast<std::uint32_t>(0x3C000000 + random() % 0x05000000);
    items[i] = i % 7 == 0 ? edges[random() % std::size(edges)] : usual;
    items[i] |= static_cast<std::uint32_t>(random() % 2) << 31;
  }
  return items;
}

// The cell of an item: what is finite and no zero has the nearest one.
std::size_t cell_of(std::uint32_t item) {
  const std::uint32_t magnitude = item & 0x7FFFFFFF;
  if (magnitude == 0 || magnitude >= 0x7F800000) {
    return cells_of_wide;
  }
  const std::int64_t cell = std::int64_t{magnitude >> shift} - first_wide;
  return static_cast<std::size_t>(std::clamp<std::int64_t>(cell, 0, cells_of_wide - 1));
}

bool alike(const Terms& a, const Terms& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

// Whether every level adds items up as one would by hand.
template <class Item, class CellOf, class Cells, class Kernel>
void check_sums(const std::vector<Item>& items, std::size_t width, const std::vector<Terms>& terms,
                const CellOf& cell_of_item, const Cells& table, Kernel TermKernels::* kernel) {
  CAPTURE(items.size());
  CAPTURE(width);
  const std::size_t rows = items.size() / width;
  std::vector<Terms> columns(width, Terms{1, 2, 3, 4});
  std::vector<RowTerms> sums(rows);
  std::vector<const std::byte*> at;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Terms found = terms[cell_of_item(items[i])];
    columns[i % width] += found;
    sums[i / width].sum += found;
    sums[i / width].square += found * found;
    if (i % width == 0) {
      at.push_back(reinterpret_cast<const std::byte*>(items.data() + i));
    }
  }
  for (const Kernels* const level : available_kernels()) {
    CAPTURE(level->level);
    std::vector<Terms> found(width, Terms{1, 2, 3, 4});
    std::vector<RowTerms> of_rows(rows);
    (level->terms.*kernel)(at.data(), rows, width, table, found.data(), of_rows.data());
    for (std::size_t column = 0; column < width; ++column) {
      REQUIRE(alike(found[column], columns[column]));
    }
    for (std::size_t row = 0; row < rows; ++row) {
      REQUIRE(alike(of_rows[row].sum, sums[row].sum));
      REQUIRE(alike(of_rows[row].square, sums[row].square));
    }
  }
}

}  // namespace

TEST_SUITE("term_kernels") {
  TEST_CASE("terms are added up by rows and columns, whatever the items are") {
    const std::vector<Terms> terms = whole_terms();
    const auto cell_of_item = [](std::uint16_t item) {
      const int cell = (item & 0x7FFF) - first;
      return static_cast<std::size_t>(cell >= 0 && cell < cells ? cell : cells);
    };
    for (const std::size_t rows : {1U, 3U, 4U, 7U, 16U}) {
      for (const std::size_t width : {1U, 3U, 4U, 63U, 64U, 66U, 200U}) {
        check_sums(any_items(rows * width), width, terms, cell_of_item,
                   TermCells{terms.data(), first, cells}, &TermKernels::add_rows);
      }
    }
  }

  TEST_CASE("terms of wide items are those of their cells, whatever the items are") {
    const std::vector<Terms> terms = whole_terms();
    for (const std::size_t rows : {1U, 5U, 16U}) {
      for (const std::size_t width : {1U, 4U, 67U, 200U}) {
        check_sums(wide_items(rows * width), width, terms, cell_of,
                   WideTermCells{terms.data(), first_wide, cells_of_wide, shift},
                   &TermKernels::add_wide_rows);
      }
    }
  }

  TEST_CASE("terms of bytes are those of their codes") {
    const std::vector<Terms> terms = whole_terms();
    std::mt19937 random(33);
    std::vector<std::uint8_t> items(std::size_t{6} * 70);
    std::generate(items.begin(), items.end(),
                  [&random] { return static_cast<std::uint8_t>(random()); });
    check_sums(
        items, 70, terms, [](std::uint8_t item) { return std::size_t{item}; },
        ByteTermCells{terms.data()}, &TermKernels::add_byte_rows);
  }

  TEST_CASE("every level rounds to the same bits") {
    std::vector<Terms> terms = whole_terms();
    for (Terms& each : terms) {
      each /= Terms{3, 7, 11, 1};
    }
    const std::vector<std::uint16_t> items = any_items(16 * 200);
    const Found plain = added(*available_kernels().front(), items, 16, 200, terms);
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      const Found found = added(*level, items, 16, 200, terms);
      CHECK(std::memcmp(found.columns.data(), plain.columns.data(), 200 * sizeof(Terms)) == 0);
      CHECK(std::memcmp(found.rows.data(), plain.rows.data(), 16 * sizeof(RowTerms)) == 0);
    }
  }
}

}  // namespace weightgauge
