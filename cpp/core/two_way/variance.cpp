#include "core/two_way/variance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/two_way/few_lines.hpp"
#include "core/two_way/line_sums.hpp"

namespace weightgauge {

namespace {

// Places of the terms of an element.
constexpr std::size_t shape_term = 0;
constexpr std::size_t scale_term = 1;
constexpr std::size_t log_term = 2;
constexpr std::size_t count_term = 3;

double square(double x) { return x * x; }

double per_freedom(double squares, double freedom) {
  return freedom > 0 ? std::max(squares / freedom, 0.0) : 0.0;
}

// A sample set out in lines, which form clusters of one size, and in others, which cross them: the
// lines are rows and the others columns, or the other way round.
struct Nested {
  TermOfLines lines;
  TermOfLines others;
  TermOfLines cells;  // each other inside each cluster, one cluster after another
  double squares;     // about the mean, of all elements of the sample
  std::size_t clusters;
  bool of_k;
  // Of the whole matrix:
  double all_clusters;
  double all_lines;
  double all_others;
};

// Variance of the matrix's mean where there are no clusters. Rows and columns have effects of their
// own; their variances are those of the means less what the elements' own scatter adds to these.
double crossed_variance(const Nested& of) {
  const auto rows = static_cast<double>(of.lines.size);
  const auto columns = static_cast<double>(of.others.size);
  const double mean = of.lines.mean();
  const double row_squares = of.lines.squares_about(mean);
  const double column_squares = of.others.squares_about(mean);
  const double rest = of.squares - columns * row_squares - rows * column_squares;
  const double own = per_freedom(rest, (rows - 1) * (columns - 1));
  const double row = std::max(per_freedom(row_squares, rows - 1) - own / columns, 0.0);
  const double column = std::max(per_freedom(column_squares, columns - 1) - own / rows, 0.0);
  return row * square(few_lines(rows - 1)) / of.all_lines +
         column * square(few_lines(columns - 1)) / of.all_others +
         own / (of.all_lines * of.all_others);
}

// Lines in clusters of one size.
struct Clustered {
  std::vector<double> means;  // of the lines of each cluster
  double squares = 0;         // of the lines about these
};

Clustered clustered(const TermOfLines& lines, std::size_t clusters) {
  const std::size_t each = lines.size / clusters;
  Clustered found;
  for (std::size_t c = 0; c < clusters; ++c) {
    const TermOfLines own = lines.part(c * each, each);
    found.means.push_back(own.mean());
    found.squares += own.squares_about(found.means.back());
  }
  return found;
}

// Sum of the squared distances of the clusters' means from a number.
double squares_about(const std::vector<double>& means, double centre) {
  return sum_in_lanes(means.size(), [&](std::size_t i) { return square(means[i] - centre); });
}

double mean_of(const std::vector<double>& means) {
  return sum_in_lanes(means.size(), [&](std::size_t i) { return means[i]; }) /
         static_cast<double>(means.size());
}

// Degrees of freedom of what so many clusters differ by. k follows how far their scales spread
// rather than the mean of these: three quarters of the degrees, in halves, tell its part.
double freedom_of_clusters(double clusters, bool of_k) {
  return of_k ? std::max(std::floor(1.5 * (clusters - 1)) / 2, 1.0) : clusters - 1;
}

// Where there are too few of the others to tell how they differ: from the lines alone.
double one_way_variance(const TermOfLines& lines, double all_lines) {
  const double freedom = static_cast<double>(lines.size) - 1;
  return per_freedom(lines.squares_about(lines.mean()), freedom) * square(few_lines(freedom)) /
         all_lines;
}

// The same of lines in clusters.
double one_way_variance(const Nested& of) {
  const auto clusters = static_cast<double>(of.clusters);
  const double m = static_cast<double>(of.lines.size) / clusters;
  const Clustered found = clustered(of.lines, of.clusters);
  const double line = per_freedom(found.squares, clusters * (m - 1));
  const double between = squares_about(found.means, mean_of(found.means));
  const double cluster = std::max(per_freedom(between, clusters - 1) - line / m, 0.0);
  return cluster * square(few_lines(freedom_of_clusters(clusters, of.of_k))) / of.all_clusters +
         line * square(few_lines(clusters * (m - 1))) / of.all_lines;
}

// Variances of the effects of clusters, of lines inside them, of others, of others inside clusters,
// and of elements.
struct Components {
  double cluster;
  double line;
  double other;
  double cell;
  double own;
};

// With clusters of lines, which have effects of their own on all elements and on those of each
// other.
Components components_of(const Nested& of) {
  const auto clusters = static_cast<double>(of.clusters);
  const auto others = static_cast<double>(of.others.size);
  const std::size_t each = of.lines.size / of.clusters;
  const auto m = static_cast<double>(each);
  const double mean = of.lines.mean();
  const auto [means, line_squares] = clustered(of.lines, of.clusters);
  const double cluster_squares = squares_about(means, mean);
  const double other_squares = of.others.squares_about(mean);
  double cell_squares = 0;  // of the means of cells about those of their clusters
  for (std::size_t c = 0; c < of.clusters; ++c) {
    cell_squares += of.cells.part(c * of.others.size, of.others.size).squares_about(means[c]);
  }
  const double rest =
      of.squares - m * others * cluster_squares - others * line_squares - m * cell_squares;
  const double own = per_freedom(rest, clusters * (m - 1) * (others - 1));
  const double crossed =
      per_freedom(cell_squares - clusters * other_squares, (clusters - 1) * (others - 1));
  const double among_lines = per_freedom(line_squares, clusters * (m - 1));
  const double cell = std::max(crossed - own / m, 0.0);
  const double line = std::max(among_lines - own / others, 0.0);
  const double cluster = std::max(per_freedom(cluster_squares, clusters - 1) - among_lines / m -
                                      crossed / others + own / (m * others),
                                  0.0);
  const double other = std::max(per_freedom(other_squares, others - 1) - crossed / clusters, 0.0);
  return {cluster, line, other, cell, own};
}

double nested_variance(const Nested& of, const Components& parts) {
  const auto clusters = static_cast<double>(of.clusters);
  const auto others = static_cast<double>(of.others.size);
  const std::size_t each = of.lines.size / of.clusters;
  const auto m = static_cast<double>(each);
  return parts.cluster * square(few_lines(freedom_of_clusters(clusters, of.of_k))) /
             of.all_clusters +
         parts.line * square(few_lines(clusters * (m - 1))) / of.all_lines +
         parts.other * square(few_lines(others - 1)) / of.all_others +
         parts.cell / (of.all_clusters * of.all_others) +
         parts.own / (of.all_lines * of.all_others);
}

Nested nested_of(const Sample& sample, const LineSums& all, std::size_t term) {
  const MatrixLayout& layout = sample.layout;
  const auto rows = static_cast<double>(sample.rows.size());
  const auto columns = static_cast<double>(sample.columns);
  Nested of;
  of.lines = {all.rows.data(), all.rows.size(), term, columns};
  of.others = {all.columns.data(), all.columns.size(), term, rows};
  of.squares = all.squares[term] - rows * columns * square(of.lines.mean());
  of.clusters = sample.row_clusters;
  of.of_k = term == shape_term;
  of.all_lines = static_cast<double>(layout.rows);
  of.all_others = static_cast<double>(layout.columns);
  const std::uint64_t row_clusters = layout.rows / layout.rows_in_cluster;
  const std::uint64_t column_clusters = layout.columns / layout.columns_in_cluster;
  of.all_clusters = static_cast<double>(row_clusters);
  if (sample.row_clusters == 1 && sample.column_clusters > 1) {
    std::swap(of.lines, of.others);
    std::swap(of.all_lines, of.all_others);
    of.clusters = sample.column_clusters;
    of.all_clusters = static_cast<double>(column_clusters);
  }
  of.cells = {all.cells.data(), all.cells.size(), term,
              of.others.each / static_cast<double>(of.clusters)};
  return of;
}

// k falls by so many times k^3 for each unit of the variance of ln scale: that of ln |w| is
// pi^2 / 6 / k^2 for a Weibull distribution, and the scales' adds to it.
constexpr double pi = 3.14159265358979323846;
constexpr double fall_of_k = 3 / (pi * pi);

// Where clusters differ in scale, k follows the variance of these scales. Few clusters show too
// little of how far the means of its terms vary: where none happens to be far out, k is high and
// its error small. Of normal ln scales of variance v the squares have the variance 2 v^2.
// `fall` is by how much the mean of terms falls for each unit of v.
double least_between_clusters(const Sample& sample, const LineSums& all, double fall) {
  const double scales = components_of(nested_of(sample, all, scale_term)).cluster;
  return 2 * square(fall * scales);
}

// `fall` is 0 for ln lambda. Where clusters of equal scale get scales of their own, the change of k
// is that of v from nothing, as above.
double standard_error(const Sample& sample, const LineSums& all, std::size_t term, double fall) {
  const Nested of = nested_of(sample, all, term);
  if (of.all_lines < static_cast<double>(fewest_lines)) {
    return std::sqrt(one_way_variance(of.others, of.all_others));
  }
  if (of.all_others < static_cast<double>(fewest_lines)) {
    return std::sqrt(of.clusters == 1 ? one_way_variance(of.lines, of.all_lines)
                                      : one_way_variance(of));
  }
  if (of.clusters == 1) {
    return std::sqrt(crossed_variance(of));
  }
  Components parts = components_of(of);
  if (fall > 0) {
    parts.cluster = std::max(parts.cluster, least_between_clusters(sample, all, fall));
  }
  return std::sqrt(nested_variance(of, parts));
}

constexpr double least_rest = 1e-6;  // of all squares: terms have the precision of float32

// Means of ln |w| by lines, and how they vary.
struct Effects {
  double squares = 0;  // sum of count x (mean - overall mean)^2
  double lines = 0;    // with elements
};

Effects effects_of(const std::vector<LineTerms>& lines, double mean) {
  Effects effects;
  effects.squares = sum_in_lanes(lines.size(), [&](std::size_t i) {
    const double count = lines[i][count_term];
    // What a line without elements is divided by does not matter.
    return square(lines[i][log_term] - count * mean) / std::max(count, 1.0);
  });
  effects.lines = sum_in_lanes(lines.size(),
                               [&](std::size_t i) { return lines[i][count_term] > 0 ? 1.0 : 0.0; });
  return effects;
}

// Analysis of variance of ln |w| by rows and columns. F is the mean square of lines beside that of
// what is left; among independent elements of any distribution it is 1, with a variance of
// 2/(lines - 1). Returns whether there are two rows and two columns with elements.
bool add_spread(const LineSums& all, MatrixNumbers& numbers) {
  const auto sum_of = [&all](std::size_t term) {
    return sum_in_lanes(all.rows.size(), [&](std::size_t i) { return all.rows[i][term]; });
  };
  const double n = sum_of(count_term);
  const double mean = n > 0 ? sum_of(log_term) / n : 0;
  const Effects rows = effects_of(all.rows, mean);
  const Effects columns = effects_of(all.columns, mean);
  if (rows.lines < 2 || columns.lines < 2) {
    return false;
  }
  const double freedom = n - rows.lines - columns.lines + 1;
  const double total = all.squares[log_term] - n * mean * mean;
  if (!(freedom > 0) || !(total > 0)) {
    return true;  // too few elements to tell, or all alike
  }
  // Where lines explain all, rounding is what is left.
  const double rest = std::max(total - rows.squares - columns.squares, least_rest * total);
  const double own = rest / freedom;
  const auto z = [own](const Effects& of) {
    const double f = of.squares / (of.lines - 1) / own;
    return (f - 1) / std::sqrt(2 / (of.lines - 1));
  };
  const auto part = [own, n](const Effects& of) {
    return std::max(of.squares / (of.lines - 1) - own, 0.0) * of.lines / n;
  };
  numbers.fresh_z = std::max(z(rows), z(columns));
  numbers.rows = part(rows);
  numbers.columns = part(columns);
  numbers.core = own;
  return true;
}

}  // namespace

Influences::Pair two_way_errors(const Sample& sample, const std::vector<TwoWaySums>& parts,
                                double k) {
  const LineSums all(sample, parts);
  return {standard_error(sample, all, shape_term, fall_of_k * k * k * k),
          standard_error(sample, all, scale_term, 0)};
}

MatrixNumbers matrix_numbers(const Sample& sample, const std::vector<TwoWaySums>& parts,
                             std::uint64_t elements, double k, Influences::Pair least) {
  const LineSums all(sample, parts);
  const MatrixLayout& layout = sample.layout;
  MatrixNumbers numbers;
  if (!add_spread(all, numbers)) {
    numbers.basis = ErrorsBasis::empty_sample;
    return numbers;
  }
  const bool all_rows = sample.rows.size() == layout.rows;
  const bool whole = all_rows && sample.columns == layout.columns;
  numbers.basis = whole ? ErrorsBasis::matrix : ErrorsBasis::sample;
  // Elements that are not fitted have an influence of 0, and the estimates are means over the
  // others.
  const double share = static_cast<double>(elements) /
                       (static_cast<double>(layout.rows) * static_cast<double>(layout.columns));
  // The mean of the scales' terms is smaller by this share, and so v by its square.
  const double fall = fall_of_k * k * k * k / share;
  numbers.k_se = std::max(standard_error(sample, all, shape_term, fall) / share, least.k);
  numbers.ln_lambda_se =
      std::max(standard_error(sample, all, scale_term, 0) / share, least.ln_lambda);
  return numbers;
}

}  // namespace weightgauge
