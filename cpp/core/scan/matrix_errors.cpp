#include "core/scan/matrix_errors.hpp"

#include <algorithm>
#include <utility>

#include "core/fit/censoring.hpp"
#include "core/scan/large_lines.hpp"
#include "core/scan/unused_rows.hpp"
#include "core/two_way/empty_lines.hpp"
#include "core/two_way/large_lines.hpp"
#include "core/two_way/row_levels.hpp"
#include "core/two_way/sample.hpp"
#include "core/two_way/sums.hpp"
#include "core/two_way/variance.hpp"

namespace weightgauge {

namespace {

// Each part of a phase has sums of all columns. Of a matrix that is looked at as a whole there are
// a few parts, however many threads there are.
constexpr std::size_t part_elements = std::size_t{1} << 22;
constexpr std::size_t most_parts = 16;

// Rows in each part: whole clusters.
std::size_t rows_in_part(const Sample& sample) {
  const std::size_t cluster = sample.row_clusters > 1 ? sample.rows_in_cluster() : 1;
  const std::size_t clusters = sample.rows.size() / cluster;
  const std::size_t elements = sample.rows.size() * sample.columns;
  const std::size_t parts = std::clamp<std::size_t>(elements / part_elements, 1, most_parts);
  return (clusters + parts - 1) / parts * cluster;
}

// Whether there are enough zeros for a row or a column of them.
bool may_have_empty_lines(const Slice& slice) {
  return slice.result.histogram.zeros >= std::min(slice.layout.rows, slice.layout.columns);
}

// What the errors of a slice will rest on, if it is fitted; the last two where it is looked at
// again.
ErrorsBasis basis_of(const Slice& slice) {
  const MatrixLayout& layout = slice.layout;
  if (slice.options.errors == ErrorsFor::independent || !slice.options.fit) {
    return ErrorsBasis::counts;
  }
  if (layout.rows == 0 || layout.columns % column_unit(slice.view) != 0) {
    return ErrorsBasis::no_rows;
  }
  const bool few = layout.rows < fewest_lines && layout.columns < fewest_lines;
  if (layout.rows == 1 || layout.columns == 1 || few) {
    return ErrorsBasis::few_lines;
  }
  return slice.options.errors == ErrorsFor::matrix ? ErrorsBasis::matrix : ErrorsBasis::sample;
}

}  // namespace

MatrixErrors::MatrixErrors(const Slice& slice, MagnitudeTable table,
                           std::optional<Histogram> counted, bool large_lines)
    : slice_(slice),
      table_(std::move(table)),
      counted_(std::move(counted)),
      large_lines_(large_lines),
      sample_(sample_of(slice.layout, column_unit(slice.view),
                        slice.options.errors == ErrorsFor::matrix, rows_side_by_side(slice.view))),
      part_rows_(rows_in_part(sample_)),
      sums_((sample_.rows.size() + part_rows_ - 1) / part_rows_) {}

bool MatrixErrors::needs_all() const {
  return slice_.options.errors == ErrorsFor::matrix || large_lines_ || may_have_empty_lines(slice_);
}

void MatrixErrors::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  const auto first = static_cast<std::size_t>(part) * part_rows_;
  const std::size_t last = std::min(first + part_rows_, sample_.rows.size());
  sums_[part] =
      two_way_sums(slice_.source, slice_.view, sample_, first, last, table_, workspace.buffer);
}

std::unique_ptr<Phase> MatrixErrors::finish(Workspace& workspace, const Control& control) {
  workspace.spare_terms = table_.take_memory();
  SliceResult& result = slice_.result;
  const Fit& fit = result.fit;
  const std::uint64_t censored = censored_of(result.histogram, slice_.options.zeros);
  result.matrix =
      matrix_numbers(sample_, sums_, result.n + censored, fit.k, {fit.k_se, fit.ln_lambda_se});
  if (slice_.view.items() >= fewest_for_row_levels && item_bytes(slice_.view.dtype) > 1) {
    result.matrix.row_levels = row_levels(slice_.source, slice_.view, sample_, workspace.buffer);
  }
  if (may_have_empty_lines(slice_)) {
    result.matrix.empty =
        empty_lines(slice_.source, slice_.view, slice_.layout, workspace.buffer, control);
  }
  if (counted_) {
    return look_for_unused_rows(slice_, std::move(*counted_));
  }
  return large_lines_ ? std::make_unique<FindingLargeLines>(slice_) : nullptr;
}

std::optional<Sample> sample_for_errors(const Slice& slice) {
  if (basis_of(slice) != ErrorsBasis::sample) {
    return std::nullopt;
  }
  return sample_of(slice.layout, column_unit(slice.view), false, rows_side_by_side(slice.view));
}

std::unique_ptr<Phase> matrix_errors(const Slice& slice, const Histogram& histogram,
                                     const Plot& plot, Workspace& workspace) {
  if (!slice.options.fit || slice.result.fit.status != FitStatus::ok) {
    return nullptr;
  }
  const ErrorsBasis basis = basis_of(slice);
  if (basis != ErrorsBasis::sample && basis != ErrorsBasis::matrix) {
    slice.result.matrix.basis = basis;
    return nullptr;
  }
  const bool censored = censored_of(histogram, slice.options.zeros) > 0;
  std::optional<Histogram> counted;
  if (asks_for_unused_rows(slice)) {
    counted = histogram;
  }
  // Sizes of tokens may differ by any factor.
  const bool large = !slice.layout.rows_are_tokens &&
                     may_have_large_lines(histogram, slice.result.fit.lambda, slice.layout);
  if (!slice.layout.rows_are_tokens && !large) {
    slice.result.large = {0, 0};
  }
  MagnitudeTable table(histogram, plot, workspace.fit.influences, censored,
                       std::move(workspace.spare_terms));
  return std::make_unique<MatrixErrors>(slice, std::move(table), std::move(counted), large);
}

}  // namespace weightgauge
