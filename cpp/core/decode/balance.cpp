#include "core/decode/balance.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <stdexcept>
#include <utility>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t values_at_a_time = DecodingSpace::value_bytes / sizeof(double);

// Matrices are balanced in groups of about so many values: the two sweeps over a group read its
// bytes from the page cache, and threads find enough to do.
constexpr std::uint64_t group_values = std::uint64_t{1} << 28;

void sweep_group(std::deque<WinsorisedScales>& group, int threads, Control& control,
                 const std::function<void()>& watch) {
  const auto for_each = [&](std::size_t parts, const auto& work) {
    std::atomic<std::size_t> next{0};
    run_parallel(
        threads, Caller::watches, control,
        [&](int) {
          ReadBuffer buffer;
          for (std::size_t part = next++; part < parts; part = next++) {
            work(part, buffer);
          }
        },
        watch);
  };
  std::vector<std::pair<WinsorisedScales*, std::uint64_t>> strips;
  for (WinsorisedScales& each : group) {
    for (std::uint64_t strip = 0; strip < each.strips(); ++strip) {
      strips.emplace_back(&each, strip);
    }
  }
  for_each(group.size(),
           [&](std::size_t i, ReadBuffer& buffer) { group[i].start(buffer, control); });
  for (int sweep = 0; sweep < WinsorisedScales::sweeps; ++sweep) {
    for_each(strips.size(), [&](std::size_t i, ReadBuffer& buffer) {
      strips[i].first->sweep_strip(strips[i].second, buffer, control);
    });
  }
}

}  // namespace

std::vector<BalanceFactors> balance_factors(const std::vector<ValueReader>& matrices,
                                            const std::vector<MatrixForm>& forms, int threads,
                                            Control& control, const std::function<void()>& watch) {
  std::vector<BalanceFactors> found;
  found.reserve(matrices.size());
  for (std::size_t first = 0; first < matrices.size();) {
    std::size_t last = first;
    for (std::uint64_t values = 0; last < matrices.size() && values < group_values; ++last) {
      values += matrices[last].values();
    }
    std::deque<WinsorisedScales> group = with_memory_for(threads, control, [&](int most) {
      std::deque<WinsorisedScales> swept;  // a deque, because its elements cannot be moved
      for (std::size_t i = first; i < last; ++i) {
        swept.emplace_back(matrices[i], forms.at(i));
      }
      sweep_group(swept, most, control, watch);
      return swept;
    });
    for (WinsorisedScales& each : group) {
      found.push_back(each.take());
    }
    first = last;
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
      kernels().scales.scale_row(space.left.data() + done, in_row, factors_.rows[row],
                                 factors_.columns.data() + column, made + done);
      done += in_row;
    }
    take(space.value_storage(), static_cast<std::size_t>(n));
    first += n;
  }
}

}  // namespace weightgauge
