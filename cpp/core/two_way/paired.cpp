#include "core/two_way/paired.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weightgauge {

namespace {

// How far one place moves the difference of the estimates, times the number of places.
class PlaceTerms {
 public:
  PlaceTerms(const Version& a, const Version& b, const MatrixLayout& layout) : a_(a), b_(b) {
    const double places = static_cast<double>(layout.rows) * static_cast<double>(layout.columns);
    per_a_ = places / static_cast<double>(a.n);
    per_b_ = places / static_cast<double>(b.n);
  }
  Influences::Pair of(double a, double b) const {
    const Influences::Pair in_a = a_.influence.at(std::fabs(a));
    const Influences::Pair in_b = b_.influence.at(std::fabs(b));
    return {in_b.k * per_b_ - in_a.k * per_a_, in_b.ln_lambda * per_b_ - in_a.ln_lambda * per_a_};
  }

 private:
  const Version& a_;
  const Version& b_;
  double per_a_;
  double per_b_;
};

}  // namespace

PairedErrors paired_errors(const Version& a, const Version& b, const MatrixLayout& layout,
                           PairedOf of, ReadBuffer& buffer, const Control& control) {
  const Sample sample = sample_of(layout, 1, of != PairedOf::sample);
  const PlaceTerms terms(a, b, layout);
  TwoWaySums sums;
  sums.rows.assign(sample.rows.size() * sample.column_clusters, Terms{});
  sums.columns.assign(sample.row_clusters * sample.columns, Terms{});
  std::vector<double> in_a, in_b;
  double squares[2] = {};
  double totals[2] = {};
  for (std::size_t row = 0; row < sample.rows.size(); ++row) {
    control.check();
    Terms* columns = sums.columns.data() + row / sample.rows_in_cluster() * sample.columns;
    for (std::size_t block = 0; block < sample.blocks.size(); ++block) {
      const auto& [first, width] = sample.blocks[block];
      const std::uint64_t begin = sample.rows[row] * layout.columns + first;
      in_a.resize(width);
      in_b.resize(width);
      a.values.read(begin, width, buffer.inner(0), in_a.data());
      b.values.read(begin, width, buffer.inner(1), in_b.data());
      Terms& of_row = sums.rows[row * sample.column_clusters + block / sample.blocks_in_cluster()];
      for (std::size_t j = 0; j < width; ++j) {
        if (of == PairedOf::changed && in_a[j] == in_b[j]) {
          continue;
        }
        const Influences::Pair moved = terms.of(in_a[j], in_b[j]);
        const Terms element = {static_cast<float>(moved.k), static_cast<float>(moved.ln_lambda), 0,
                               1};
        of_row += element;
        columns[j] += element;
        totals[0] += moved.k;
        totals[1] += moved.ln_lambda;
        squares[0] += moved.k * moved.k;
        squares[1] += moved.ln_lambda * moved.ln_lambda;
      }
      columns += width;
    }
  }
  sums.squares[0] = squares[0];
  sums.squares[1] = squares[1];
  const double elements =
      static_cast<double>(sample.rows.size()) * static_cast<double>(sample.columns);
  const double places = static_cast<double>(layout.rows) * static_cast<double>(layout.columns);
  double variances[2];
  double least[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const double mean = totals[i] / elements;
    variances[i] = std::max(squares[i] / elements - mean * mean, 0.0);
    least[i] = std::sqrt(variances[i] / places);
  }
  PairedErrors found;
  found.errors = {least[0], least[1]};
  const bool few = layout.rows < fewest_lines && layout.columns < fewest_lines;
  if (layout.rows < 2 || layout.columns < 2 || few) {
    found.basis = ErrorsBasis::few_lines;
    return found;
  }
  const bool all_rows = sample.rows.size() == layout.rows;
  found.basis =
      all_rows && sample.columns == layout.columns ? ErrorsBasis::matrix : ErrorsBasis::sample;
  const Influences::Pair errors = two_way_errors(sample, {sums});
  found.errors = {std::max(errors.k, least[0]), std::max(errors.ln_lambda, least[1])};
  return found;
}

}  // namespace weightgauge
