#include "core/decode/balance.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <deque>
#include <stdexcept>
#include <utility>

namespace weightgauge {

namespace {

constexpr std::uint64_t values_at_a_time = DecodingSpace::value_bytes / sizeof(double);

// Multiplies by 2^-exponent. It takes two steps, because the factor may be beyond the range of
// doubles.
void scale_down(double* values, std::uint64_t n, int exponent) {
  if (exponent == 0) {
    return;
  }
  const double first = std::ldexp(1.0, -exponent / 2);
  const double second = std::ldexp(1.0, -exponent - (-exponent / 2));
  for (std::uint64_t i = 0; i < n; ++i) {
    values[i] = values[i] * first * second;
  }
}

// Sums of squares of rows and columns, made in strips of rows. Any thread may do any strip. The
// strips do not depend on the number of threads and are added in order, so the sums do not either.
class Energies {
 public:
  static constexpr std::uint64_t most_strips = 16;
  static constexpr std::uint64_t least_values = std::uint64_t{1} << 16;

  Energies(const ValueReader& matrix, const MatrixForm& form)
      : matrix_(matrix),
        exponent_(form.exponent),
        columns_(form.columns),
        rows_(matrix.values() / form.columns),
        of_rows_(rows_) {
    const std::uint64_t wanted = matrix.values() / least_values + 1;
    count_ = std::min({wanted, most_strips, std::max<std::uint64_t>(rows_, 1)});
    strips_.resize(count_);
    unfinished_.store(count_);
  }

  std::uint64_t strips() const { return count_; }

  void sum_strip(std::uint64_t strip, ReadBuffer& buffer, Control& control) {
    const std::uint64_t first = rows_ * strip / count_;
    const std::uint64_t last = rows_ * (strip + 1) / count_;
    std::vector<double>& of_columns = strips_[strip];
    of_columns.assign(columns_, 0.0);
    std::vector<double> values(std::min(values_at_a_time, columns_));
    for (std::uint64_t row = first; row < last; ++row) {
      control.check();
      double of_row = 0;
      for (std::uint64_t column = 0; column < columns_; column += values.size()) {
        const std::uint64_t n = std::min<std::uint64_t>(values.size(), columns_ - column);
        matrix_.read(row * columns_ + column, n, buffer, values.data());
        scale_down(values.data(), n, exponent_);
        of_row += add_squares(values.data(), n, of_columns.data() + column);
      }
      of_rows_[row] = of_row;
      control.bytes_done.fetch_add(columns_, std::memory_order_relaxed);
    }
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      add_strips();
    }
  }

  BalanceFactors factors() const {
    double total = 0;
    for (const double of_row : of_rows_) {
      total += of_row;
    }
    const double rms = std::sqrt(total / static_cast<double>(matrix_.values()));
    const auto inverse = [](double energy, std::uint64_t length) {
      return energy > 0 ? 1 / std::sqrt(energy / static_cast<double>(length)) : 0.0;
    };
    BalanceFactors found;
    found.exponent = exponent_;
    for (const double energy : of_rows_) {
      found.rows.push_back(inverse(energy, columns_) * rms);
    }
    for (const double energy : of_columns_) {
      found.columns.push_back(inverse(energy, rows_));
    }
    return found;
  }

 private:
  // Called by the thread that finishes the last strip. Keeping the strips of all matrices until the
  // end would take much memory.
  void add_strips() {
    of_columns_.assign(columns_, 0.0);
    for (const std::vector<double>& strip : strips_) {
      std::transform(strip.begin(), strip.end(), of_columns_.begin(), of_columns_.begin(),
                     std::plus<>());
    }
    strips_ = {};
  }

  static double add_squares(const double* values, std::uint64_t n, double* of_columns) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::uint64_t j = 0; j < n; ++j) {
      const double square = values[j] * values[j];
      const double finite = std::isfinite(square) ? square : 0.0;
      of_columns[j] += finite;
      sum += finite;
    }
    return sum;
  }

  const ValueReader& matrix_;
  int exponent_;
  std::uint64_t columns_;
  std::uint64_t rows_;
  std::uint64_t count_ = 1;
  std::vector<double> of_rows_;
  std::vector<double> of_columns_;
  std::vector<std::vector<double>> strips_;  // sums of columns, one vector a strip
  std::atomic<std::uint64_t> unfinished_{0};
};

}  // namespace

std::vector<BalanceFactors> balance_factors(const std::vector<ValueReader>& matrices,
                                            const std::vector<MatrixForm>& forms, int threads,
                                            Control& control, const std::function<void()>& watch) {
  std::deque<Energies> energies;  // a deque, because Energies cannot be moved
  std::vector<std::pair<std::size_t, std::uint64_t>> parts;
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    if (forms.at(i).columns == 0 || matrices[i].values() % forms[i].columns != 0) {
      throw std::invalid_argument("the columns of a matrix do not divide its values");
    }
    energies.emplace_back(matrices[i], forms[i]);
    for (std::uint64_t strip = 0; strip < energies.back().strips(); ++strip) {
      parts.emplace_back(i, strip);
    }
  }
  std::atomic<std::size_t> next{0};
  run_parallel(
      threads, control,
      [&](int) {
        ReadBuffer buffer;
        for (std::size_t part = next++; part < parts.size(); part = next++) {
          energies[parts[part].first].sum_strip(parts[part].second, buffer, control);
        }
      },
      watch);
  std::vector<BalanceFactors> found;
  found.reserve(energies.size());
  for (const Energies& each : energies) {
    found.push_back(each.factors());
  }
  return found;
}

Balanced::Balanced(ValueReader matrix, BalanceFactors factors)
    : Decoding(DType::f32, 1), matrix_(std::move(matrix)), factors_(std::move(factors)) {
  if (factors_.rows.size() * factors_.columns.size() != matrix_.values()) {
    throw std::invalid_argument("there are more or fewer factors than rows and columns");
  }
}

void Balanced::decode(const ByteSource& /*stored*/, const Run& run, ReadBuffer& buffer,
                      const TakeValues& take) const {
  DecodingSpace& space = buffer.decoding_space();
  space.left.resize(values_at_a_time);
  auto* const made = reinterpret_cast<float*>(space.value_storage());
  const std::uint64_t columns = factors_.columns.size();
  const std::uint64_t end = run.offset + run.items;
  for (std::uint64_t first = run.offset; first < end;) {
    // Reads as many rows as there is room for, or a piece of one row.
    const std::uint64_t n = std::min(values_at_a_time, end - first);
    matrix_.read(first, n, buffer.inner(0), space.left.data());
    scale_down(space.left.data(), n, factors_.exponent);
    for (std::uint64_t done = 0; done < n;) {
      const std::uint64_t row = (first + done) / columns;
      const std::uint64_t column = (first + done) % columns;
      const std::uint64_t in_row = std::min(n - done, columns - column);
      const double by = factors_.rows[row];
      for (std::uint64_t j = 0; j < in_row; ++j) {
        made[done + j] =
            static_cast<float>(space.left[done + j] * by * factors_.columns[column + j]);
      }
      done += in_row;
    }
    take(space.value_storage(), static_cast<std::size_t>(n));
    first += n;
  }
}

}  // namespace weightgauge
