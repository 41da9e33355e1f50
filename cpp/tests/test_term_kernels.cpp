#include <doctest/doctest.h>

#include <cstring>
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

bool alike(const Terms& a, const Terms& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

TEST_SUITE("term_kernels") {
  TEST_CASE("terms are added up by rows and columns, whatever the items are") {
    const std::vector<Terms> terms = whole_terms();
    for (const std::size_t rows : {1U, 3U, 4U, 7U, 16U}) {
      for (const std::size_t width : {1U, 3U, 4U, 63U, 64U, 66U, 200U}) {
        CAPTURE(rows);
        CAPTURE(width);
        const std::vector<std::uint16_t> items = any_items(rows * width);
        std::vector<Terms> columns(width, Terms{1, 2, 3, 4});
        std::vector<RowTerms> sums(rows);
        for (std::size_t i = 0; i < items.size(); ++i) {
          const int cell = (items[i] & 0x7FFF) - first;
          const Terms found =
              cell >= 0 && cell < cells ? terms[static_cast<std::size_t>(cell)] : Terms{};
          columns[i % width] += found;
          sums[i / width].sum += found;
          sums[i / width].square += found * found;
        }
        for (const Kernels* const level : available_kernels()) {
          CAPTURE(level->level);
          const Found found = added(*level, items, rows, width, terms);
          for (std::size_t column = 0; column < width; ++column) {
            REQUIRE(alike(found.columns[column], columns[column]));
          }
          for (std::size_t row = 0; row < rows; ++row) {
            REQUIRE(alike(found.rows[row].sum, sums[row].sum));
            REQUIRE(alike(found.rows[row].square, sums[row].square));
          }
        }
      }
    }
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
