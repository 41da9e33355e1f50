// Sums of the terms over the rows and columns of a sample, from all of its parts.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "core/two_way/sample.hpp"
#include "core/two_way/sums.hpp"

namespace weightgauge {

// Of one line, by term: see MagnitudeTable.
using LineTerms = std::array<double, 4>;

struct LineSums {
  // `parts` are the sums of the sample's rows in their order, each of whole clusters.
  LineSums(const Sample& sample, const std::vector<TwoWaySums>& parts);

  std::vector<LineTerms> rows;
  std::vector<LineTerms> columns;
  // Where lines of one direction form clusters: of each line of the other inside each cluster, one
  // cluster after another.
  std::vector<LineTerms> cells;
  double squares[3] = {};  // of the elements' first three terms
};

// The sum of n numbers, which are made when they are asked for. It is made in four lanes, because
// an addition waits for the one before it.
template <class Number>
double sum_in_lanes(std::size_t n, const Number& number) {
  double lane[4] = {};
  const std::size_t whole = n / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    lane[0] += number(i);
    lane[1] += number(i + 1);
    lane[2] += number(i + 2);
    lane[3] += number(i + 3);
  }
  for (std::size_t i = whole; i < n; ++i) {
    lane[0] += number(i);
  }
  return (lane[0] + lane[1]) + (lane[2] + lane[3]);
}

// One term of lines that are as long as each other.
struct TermOfLines {
  const LineTerms* sums;
  std::size_t size;
  std::size_t term;
  double each;  // elements of a line

  double mean_of(std::size_t line) const { return sums[line][term] / each; }
  double mean() const {
    const auto sum = [this](std::size_t line) { return sums[line][term]; };
    return sum_in_lanes(size, sum) / (static_cast<double>(size) * each);
  }
  // Sum of the squared distances of the lines' means from a number.
  double squares_about(double centre) const {
    const double from = centre * each;
    const auto squared = [this, from](std::size_t line) {
      const double off = sums[line][term] - from;
      return off * off;
    };
    return sum_in_lanes(size, squared) / (each * each);
  }
  TermOfLines part(std::size_t first, std::size_t lines) const {
    return {sums + first, lines, term, each};
  }
};

}  // namespace weightgauge
