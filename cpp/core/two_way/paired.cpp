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

// Sums over the elements of a sample: by rows, by columns, and of all.
struct SampleSums {
  TwoWaySums two_way;
  double totals[2] = {};
  double squares[2] = {};
  double changes = 0;  // squares of the differences of the values themselves

  explicit SampleSums(const Sample& sample) {
    two_way.rows.assign(sample.rows.size() * sample.column_clusters, Terms{});
    two_way.columns.assign(sample.row_clusters * sample.columns, Terms{});
  }
  void add(const Influences::Pair& moved, Terms& row, Terms& column) {
    const Terms element = {static_cast<float>(moved.k), static_cast<float>(moved.ln_lambda), 0, 1};
    row += element;
    column += element;
    totals[0] += moved.k;
    totals[1] += moved.ln_lambda;
    squares[0] += moved.k * moved.k;
    squares[1] += moved.ln_lambda * moved.ln_lambda;
  }
};

SampleSums sums_of(const Version& a, const Version& b, const MatrixLayout& layout,
                   const Sample& sample, bool only_changed, ReadBuffer& buffer,
                   const Control& control) {
  const PlaceTerms terms(a, b, layout);
  SampleSums sums(sample);
  std::vector<double> in_a, in_b;
  for (std::size_t row = 0; row < sample.rows.size(); ++row) {
    control.check();
    Terms* columns = sums.two_way.columns.data() + row / sample.rows_in_cluster() * sample.columns;
    Terms* const of_row = sums.two_way.rows.data() + row * sample.column_clusters;
    for (std::size_t block = 0; block < sample.blocks.size(); ++block) {
      const auto& [first, width] = sample.blocks[block];
      const std::uint64_t begin = sample.rows[row] * layout.columns + first;
      in_a.resize(width);
      in_b.resize(width);
      a.values.read(begin, width, buffer.inner(0), in_a.data());
      b.values.read(begin, width, buffer.inner(1), in_b.data());
      for (std::size_t j = 0; j < width; ++j) {
        const double change = in_b[j] - in_a[j];
        sums.changes += std::isfinite(change) ? change * change : 0;
        if (!only_changed || in_a[j] != in_b[j]) {
          sums.add(terms.of(in_a[j], in_b[j]), of_row[block / sample.blocks_in_cluster()],
                   columns[j]);
        }
      }
      columns += width;
    }
  }
  sums.two_way.squares[0] = sums.squares[0];
  sums.two_way.squares[1] = sums.squares[1];
  return sums;
}

double elements_of(const Sample& sample) {
  return static_cast<double>(sample.rows.size()) * static_cast<double>(sample.columns);
}

// Whether a sample tells of the rest: the changes in it are about as large, and it does not matter
// which few elements have become zero, or no longer are.
bool is_typical(const SampleSums& sums, const Sample& sample, const Version& a, const Version& b,
                double mean_square) {
  constexpr double most = 1.4;
  constexpr std::uint64_t few = 32;  // one in so many
  const double found = sums.changes / elements_of(sample);
  const std::uint64_t fewer = std::max(a.n, b.n) - std::min(a.n, b.n);
  const bool few_come_or_go = fewer > 0 && fewer < std::max(a.n, b.n) / few;
  return !few_come_or_go && found < most * mean_square && mean_square < most * found;
}

// The errors if every place were independent of all others.
Influences::Pair independent_errors(const SampleSums& sums, const Sample& sample,
                                    const MatrixLayout& layout) {
  const double elements = elements_of(sample);
  const double places = static_cast<double>(layout.rows) * static_cast<double>(layout.columns);
  double errors[2];
  for (std::size_t i = 0; i < 2; ++i) {
    const double mean = sums.totals[i] / elements;
    const double variance = std::max(sums.squares[i] / elements - mean * mean, 0.0);
    errors[i] = std::sqrt(variance / places);
  }
  return {errors[0], errors[1]};
}

}  // namespace

PairedErrors paired_errors(const Version& a, const Version& b, const MatrixLayout& layout,
                           double mean_square, PairedOf of, ReadBuffer& buffer,
                           const Control& control) {
  const Sample sample = sample_of(layout, 1, of != PairedOf::sample);
  const SampleSums sums = sums_of(a, b, layout, sample, of == PairedOf::changed, buffer, control);
  const bool whole = sample.rows.size() == layout.rows && sample.columns == layout.columns;
  if (!whole && !is_typical(sums, sample, a, b, mean_square)) {
    return paired_errors(a, b, layout, mean_square, PairedOf::all, buffer, control);
  }
  const Influences::Pair least = independent_errors(sums, sample, layout);
  const bool few = layout.rows < fewest_lines && layout.columns < fewest_lines;
  if (layout.rows < 2 || layout.columns < 2 || few) {
    return {least, ErrorsBasis::few_lines};
  }
  const Influences::Pair errors = two_way_errors(sample, {sums.two_way}, b.k);
  return {{std::max(errors.k, least.k), std::max(errors.ln_lambda, least.ln_lambda)},
          whole ? ErrorsBasis::matrix : ErrorsBasis::sample};
}

}  // namespace weightgauge
