#include "fuzz_plain.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "fuzz_require.hpp"
#include "support.hpp"

namespace weightgauge::testing {

namespace {

// The bits of a magnitude in F32 or F64.
std::uint64_t key_of(DType dtype, double magnitude) {
  std::uint64_t key = 0;
  if (dtype == DType::f64) {
    std::memcpy(&key, &magnitude, sizeof magnitude);
  } else {
    const auto single = static_cast<float>(magnitude);
    std::memcpy(&key, &single, sizeof single);
  }
  return key;
}

void check_entries(const Histogram& histogram, const std::vector<double>& magnitudes) {
  const auto together = [&](double a, double b) {
    return histogram.exact() ? a == b
                             : key_of(histogram.dtype, a) >> histogram.dropped_bits ==
                                   key_of(histogram.dtype, b) >> histogram.dropped_bits;
  };
  std::size_t entry = 0;
  for (std::size_t from = 0; from < magnitudes.size(); ++entry) {
    std::size_t to = from + 1;
    while (to < magnitudes.size() && together(magnitudes[from], magnitudes[to])) {
      ++to;
    }
    REQUIRE(entry < histogram.size());
    REQUIRE(histogram.counts[entry] == to - from);
    const double mean = entry_at(histogram, entry).mean;
    // The sums leave out 22 bits of each F64 key, so the mean may be off by up to half of that.
    const double slack = histogram.exact() ? 0 : std::max(0x1p-31 * mean, 0x1p-1053);
    REQUIRE(mean >= magnitudes[from] - slack && mean <= magnitudes[to - 1] + slack);
    from = to;
  }
  REQUIRE(entry == histogram.size());
}

}  // namespace

void Plain::add(double value) {
  if (std::isnan(value)) {
    ++nans;
  } else if (std::isinf(value)) {
    ++infs;
  } else if (value == 0) {
    ++zeros;
  } else {
    magnitudes.push_back(std::fabs(value));
    negatives += value < 0 ? 1 : 0;
  }
}

void Plain::sort() { std::sort(magnitudes.begin(), magnitudes.end()); }

Plain plain(DType dtype, const std::vector<std::byte>& items) {
  Plain found;
  const std::size_t item = item_bytes(dtype);
  for (std::size_t at = 0; at + item <= items.size(); at += item) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, items.data() + at, item);
    found.add(reference_value(dtype, bits));
    if (dtype == DType::f4) {
      found.add(reference_value(dtype, bits >> 4));
    }
  }
  found.sort();
  return found;
}

void check_result(const SliceResult& result, const Plain& expected, const ScanOptions& options) {
  const std::vector<double>& magnitudes = expected.magnitudes;
  const std::size_t n = magnitudes.size();
  REQUIRE(result.n == n);
  REQUIRE(result.histogram.zeros == expected.zeros);
  REQUIRE(result.histogram.nans == expected.nans);
  REQUIRE(result.histogram.infs == expected.infs);
  if (options.keep_histogram) {
    check_entries(result.histogram, magnitudes);
  }
  if (n > 0) {
    REQUIRE(result.max == magnitudes.back());
    REQUIRE(result.rms <= result.max);
  }
  if (!options.probabilities.empty() && n > 0) {
    REQUIRE(result.quantiles[0] == magnitudes[(n + 1) / 2 - 1]);
    REQUIRE(result.quantiles[1] == magnitudes.front());
    REQUIRE(result.quantiles[2] == magnitudes.back());
  }
  if (result.fit.status == FitStatus::ok) {
    REQUIRE(std::isfinite(result.fit.k) && result.fit.k > 0);
    REQUIRE(result.fit.ks >= 0 && result.fit.ks <= 1);
  }
}

void check_tolerance(const Fit& fit, const Fit& exact) {
  REQUIRE(fit.status == exact.status);
  if (fit.status != FitStatus::ok) {
    return;
  }
  // The exact fit itself is good to 1e-12; 1e-11 leaves room for both.
  const auto close = [](double a, double b) {
    return std::fabs(a - b) <= (fit_tolerance + 1e-11) * std::fabs(b);
  };
  REQUIRE(close(fit.k, exact.k));
  REQUIRE(close(fit.lambda, exact.lambda));
  REQUIRE(close(fit.r2, exact.r2));
  REQUIRE(std::fabs(fit.ks - exact.ks) <= ks_tolerance);
}

}  // namespace weightgauge::testing
