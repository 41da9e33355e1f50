#include "core/histogram/check.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/histogram/summary.hpp"

namespace weightgauge {

namespace {

// A double holds every rank up to twice 2^52, so the fits of more would be wrong. The low bits of
// F64 keys, of which a bin has the sum, take 17 bits each.
std::uint64_t most_elements(DType dtype) { return 1ULL << (dtype == DType::f64 ? 47 : 52); }

// Largest key a finite magnitude can have.
std::uint64_t last_key(DType dtype) {
  if (is_wide(dtype) || is_16_bit(dtype)) {
    return first_nonfinite_key(dtype) - 1;
  }
  const CodeTable& codes = code_table(dtype);
  std::uint64_t last = 0;
  for (const CodeMeaning& meaning : codes.meaning) {
    if (meaning.magnitude == Magnitude::finite) {
      last = std::max<std::uint64_t>(last, meaning.key);
    }
  }
  return last;
}

void check_entries(const Histogram& histogram, std::uint64_t last) {
  const int bits = histogram.dropped_bits;
  const std::uint64_t first = histogram.dtype == DType::f8_e8m0 || bits != 0 ? 0 : 1;
  const std::uint64_t most_residual =
      bits == 0 ? 0 : ((1ULL << bits) - 1) >> residual_shift(histogram.dtype);
  const std::uint64_t most = most_elements(histogram.dtype);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const std::uint64_t key = histogram.keys[i];
    const bool ascending = i == 0 || key > histogram.keys[i - 1];
    if (!ascending || key < first || key > (last >> bits)) {
      throw std::invalid_argument("keys are not ascending magnitudes of the element format");
    }
    const std::uint64_t count = histogram.counts[i];
    if (count == 0 || count > most || total + count > most) {
      throw std::invalid_argument("counts are not positive, or too large");
    }
    total += count;
    if (bits != 0 && static_cast<double>(histogram.residuals[i]) >
                         static_cast<double>(count) * static_cast<double>(most_residual)) {
      throw std::invalid_argument("a bin's mean lies outside the bin");
    }
  }
}

void check_known_rms(const Histogram& histogram) {
  if (histogram.known_rms && (histogram.exact() || !(*histogram.known_rms >= 0) ||
                              !(*histogram.known_rms <= max_magnitude(histogram)))) {
    throw std::invalid_argument("the root mean square is above the largest magnitude, or none");
  }
}

}  // namespace

void check_histogram(const Histogram& histogram) {
  const int bits = histogram.dropped_bits;
  if (bits != 0 && (!is_wide(histogram.dtype) || bits != binned_dropped_bits(histogram.dtype))) {
    throw std::invalid_argument("unknown resolution of the bins");
  }
  const std::size_t size = histogram.size();
  if (histogram.counts.size() != size || histogram.residuals.size() != (bits == 0 ? 0 : size)) {
    throw std::invalid_argument("keys, counts and residuals differ in length");
  }
  const std::uint64_t last = last_key(histogram.dtype);
  const std::uint64_t most = most_elements(histogram.dtype);
  check_entries(histogram, last);
  if (histogram.dtype == DType::f4_unpacked || histogram.zeros > most || histogram.nans > most ||
      histogram.infs > most || (size == 0 && histogram.max_key != 0)) {
    throw std::invalid_argument("the totals are not those of a histogram");
  }
  if (size > 0 &&
      (histogram.max_key > last || (histogram.max_key >> bits) != histogram.keys.back())) {
    throw std::invalid_argument("the largest magnitude does not lie in the last bin");
  }
  check_known_rms(histogram);
}

Histogram checked_merge(const Histogram& a, const Histogram& b) {
  const std::uint64_t most = most_elements(a.dtype);
  if (a.n() + b.n() > most || a.zeros + b.zeros > most) {
    throw std::overflow_error("more elements than a histogram counts");
  }
  return merged(a, b);
}

}  // namespace weightgauge
