#include "core/decode/winsorised_scales.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t values_at_a_time = DecodingSpace::value_bytes / sizeof(double);
constexpr std::uint64_t most_strips = 16;
constexpr std::uint64_t least_values = std::uint64_t{1} << 16;  // of a strip, about
// A median of 15 Gaussian magnitudes is 30 % off, which two sweeps mend. Of fewer than 8 it may be
// so far off that they do not.
constexpr std::uint64_t sampled = 15;
constexpr std::size_t least_sampled = 8;
constexpr double gaussian_median = 0.6744897501960817;  // of magnitudes, in standard deviations

// The order in which elements are looked at: steps of the golden section, round and round, so that
// the first few of them are spread evenly, however many they are, and all come once. No period in
// the matrix falls in with it.
std::uint64_t spreading_step(std::uint64_t n) {
  auto step = static_cast<std::uint64_t>(0.6180339887498949 * static_cast<double>(n)) + 1;
  while (std::gcd(step, n) != 1) {
    ++step;
  }
  return step % n;
}

std::vector<std::uint64_t> first_positions(std::uint64_t n) {
  std::vector<std::uint64_t> positions;
  const std::uint64_t step = n == 0 ? 0 : spreading_step(n);
  for (std::uint64_t at = 0; positions.size() < std::min(n, sampled); at = (at + step) % n) {
    positions.push_back(at);
  }
  return positions;
}

// A magnitude in units of its column, 0 for what is not finite.
double in_columns(double value, double by_column) {
  return std::isfinite(value) ? std::abs(value) * by_column : 0.0;
}

// The inverse of the scale that Gaussian magnitudes with this median have; 0 if it is beyond the
// range of doubles.
double inverse_of_median(double median) {
  const double inverse = gaussian_median / median;
  return inverse <= std::numeric_limits<double>::max() ? inverse : 0;
}

// A few magnitudes that are not zero.
class Sample {
 public:
  void add(double magnitude) {
    values_[size_] = magnitude;
    size_ += magnitude > 0 ? 1 : 0;
  }
  std::size_t size() const { return size_; }

  // Compares every pair. For so few that is faster than sorting, because nothing branches on the
  // values.
  double median() const {
    std::array<std::size_t, sampled> rank{};
    for (std::size_t i = 0; i < size_; ++i) {
      std::size_t of_this = rank[i];
      for (std::size_t j = i + 1; j < size_; ++j) {
        const std::size_t less = values_[j] < values_[i] ? 1 : 0;
        of_this += less;
        rank[j] += 1 - less;
      }
      if (of_this == size_ / 2) {
        return values_[i];
      }
    }
    return 0;
  }

 private:
  std::array<double, sampled> values_{};
  std::size_t size_ = 0;
};

// The inverse scale of a row by the first elements that are not zero.
double inverse_by_median(const double* values, std::uint64_t step,
                         const std::vector<double>& by_column) {
  Sample some;
  const std::uint64_t n = by_column.size();
  std::uint64_t at = 0;
  for (std::uint64_t seen = 0; seen < n && some.size() < sampled; ++seen) {
    some.add(in_columns(values[at], by_column[at]));
    at += step;
    at -= at >= n ? n : 0;
  }
  return some.size() == 0 ? 0 : inverse_of_median(some.median());
}

// The inverse scale, made better by the squares of `count` elements in units of the scale so far.
double improved(double inverse, double squares, double count) {
  return squares > 0 ? inverse / std::sqrt(squares / count) : 0;
}

}  // namespace

void scale_down(double* values, std::uint64_t n, int exponent) {
  if (exponent == 0) {
    return;
  }
  // In two steps, because the factor may be beyond the range of doubles.
  const double first = std::ldexp(1.0, -exponent / 2);
  const double second = std::ldexp(1.0, -exponent - (-exponent / 2));
  for (std::uint64_t i = 0; i < n; ++i) {
    values[i] = values[i] * first * second;
  }
}

WinsorisedScales::WinsorisedScales(const ValueReader& matrix, const MatrixForm& form)
    : matrix_(matrix),
      columns_(form.columns),
      step_(form.columns == 0 ? 0 : spreading_step(form.columns)) {
  if (columns_ == 0 || matrix.values() % columns_ != 0) {
    throw std::invalid_argument("the columns of a matrix do not divide its values");
  }
  rows_ = matrix.values() / columns_;
  factors_.exponent = form.exponent;
  factors_.rows.assign(rows_, 0.0);
  factors_.columns.assign(columns_, 1.0);
  const std::uint64_t wanted = matrix.values() / least_values + 1;
  count_ = std::min({wanted, most_strips, std::max<std::uint64_t>(rows_, 1)});
  strips_.resize(count_);
  unfinished_.store(count_);
}

void WinsorisedScales::read(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer,
                            double* to) const {
  matrix_.read(first, n, buffer, to);
  scale_down(to, n, factors_.exponent);
}

// Columns need a start as well, because a column is clipped at 3.7 of the scale that it has so far:
// from one scale for all of them, two sweeps would reach one 14 times larger and no more. A column
// that is zero in most of the sampled rows starts like the rest.
void WinsorisedScales::start(ReadBuffer& buffer, Control& control) {
  std::vector<std::uint64_t> rows;
  std::vector<double> by;
  std::vector<double> values(columns_);
  for (const std::uint64_t row : first_positions(rows_)) {
    control.check();
    read(row * columns_, columns_, buffer, values.data());
    const double inverse = inverse_by_median(values.data(), step_, factors_.columns);
    if (inverse > 0) {
      rows.push_back(row);
      by.push_back(inverse);
    }
  }
  if (!rows.empty()) {
    start_columns(rows, by, buffer, control);
  }
}

void WinsorisedScales::start_columns(const std::vector<std::uint64_t>& rows,
                                     const std::vector<double>& by, ReadBuffer& buffer,
                                     Control& control) {
  const std::uint64_t width = values_at_a_time / rows.size();
  std::vector<double> block(width * rows.size());
  for (std::uint64_t first = 0; first < columns_; first += width) {
    control.check();
    const std::uint64_t n = std::min(width, columns_ - first);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      read(rows[i] * columns_ + first, n, buffer, block.data() + i * width);
    }
    for (std::uint64_t j = 0; j < n; ++j) {
      Sample some;
      for (std::size_t i = 0; i < rows.size(); ++i) {
        some.add(in_columns(block[i * width + j], by[i]));
      }
      const double inverse = some.size() >= least_sampled ? inverse_of_median(some.median()) : 0;
      if (inverse > 0) {
        factors_.columns[first + j] = inverse;
      }
    }
  }
}

void WinsorisedScales::sweep_strip(std::uint64_t strip, ReadBuffer& buffer, Control& control) {
  const std::uint64_t first = rows_ * strip / count_;
  const std::uint64_t last = rows_ * (strip + 1) / count_;
  const std::uint64_t at_a_time = std::max<std::uint64_t>(values_at_a_time / columns_, 1);
  strips_[strip].squares.assign(columns_, 0.0);
  std::vector<double> values(std::min(at_a_time, last - first) * columns_);
  for (std::uint64_t row = first; row < last;) {
    control.check();
    const std::uint64_t end = std::min(row + at_a_time, last);
    const std::uint64_t n = (end - row) * columns_;
    read(row * columns_, n, buffer, values.data());
    for (double* next = values.data(); row < end; ++row, next += columns_) {
      sweep_row(row, next, strips_[strip]);
    }
    control.bytes_done.fetch_add(n, std::memory_order_relaxed);
  }
  if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    end_sweep();
  }
}

void WinsorisedScales::sweep_row(std::uint64_t row, double* values, Strip& strip) {
  double& by = factors_.rows[row];
  if (sweep_ == 0) {
    by = inverse_by_median(values, step_, factors_.columns);
  }
  const ScaleKernels& loops = kernels().scales;
  const RowSquares squares = loops.clip_row(values, columns_, factors_.columns.data(), by, clip);
  by = improved(by, squares.sum, static_cast<double>(squares.nonzero));
  loops.add_clipped(values, columns_, by, clip, strip.squares.data());
  if (squares.nonzero == columns_) {
    ++strip.full_rows;
    return;
  }
  strip.counts.resize(columns_, 0.0);
  loops.count_nonzero(values, columns_, strip.counts.data());
}

// Called by the thread that finishes the last strip. Keeping the strips of all matrices until the
// end would take much memory.
void WinsorisedScales::end_sweep() {
  Strip all;
  all.squares.assign(columns_, 0.0);
  all.counts.assign(columns_, 0.0);
  for (Strip& strip : strips_) {
    for (std::uint64_t j = 0; j < columns_; ++j) {
      all.squares[j] += strip.squares[j];
      all.counts[j] += strip.counts.empty() ? 0.0 : strip.counts[j];
    }
    all.full_rows += strip.full_rows;
    strip = {};
  }
  for (std::uint64_t j = 0; j < columns_; ++j) {
    factors_.columns[j] = improved(factors_.columns[j], all.squares[j],
                                   all.counts[j] + static_cast<double>(all.full_rows));
  }
  ++sweep_;
  unfinished_.store(count_);
}

}  // namespace weightgauge
