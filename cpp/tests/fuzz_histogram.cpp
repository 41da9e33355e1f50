// Takes any numbers for saved counts. What the check lets pass can be fitted, merged and asked for
// everything without a fault, and no bit depends on the instruction set.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/fit/paper.hpp"
#include "core/histogram/check.hpp"
#include "core/histogram/squares.hpp"
#include "core/histogram/summary.hpp"
#include "core/kernels/kernels.hpp"
#include "fuzz_case.hpp"
#include "fuzz_require.hpp"
#include "support.hpp"

namespace {

using namespace weightgauge;
using testing::Choices;

testing::Told accepted("histograms accepted");

constexpr DType formats[] = {DType::f32,     DType::f64,     DType::bf16,        DType::f16,
                             DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz,
                             DType::f8_e8m0, DType::f4};

// Entries that a scan may have made: keys that ascend, counts that vary around one size.
void add_entries(Histogram& made, Choices& choices) {
  const std::size_t entries = choices.bits(16) % 1500;
  const int dropped = made.dropped_bits;
  std::uint64_t key = choices.number() >> dropped;
  const std::uint64_t step = choices.number() >> dropped;
  const std::uint64_t most = choices.number();
  testing::Random random(choices.bits(8));
  for (std::size_t i = 0; i < entries; ++i) {
    key += 1 + (step == 0 ? 0 : random.next() % step);
    const std::uint64_t count = 1 + (most == 0 ? 0 : random.next() % most);
    const std::uint64_t each = ((std::uint64_t{1} << dropped) - 1) >> residual_shift(made.dtype);
    std::uint64_t most_residual = 0;
    if (__builtin_mul_overflow(count, each, &most_residual)) {
      most_residual = std::numeric_limits<std::uint64_t>::max();
    }
    const std::uint64_t residual = dropped == 0 ? 0 : random.next() % (most_residual | 1);
    made.append(key, count, residual);
  }
}

// The same with some of its words replaced by any others.
void damage(Histogram& made, Choices& choices) {
  std::vector<std::uint64_t>* const columns[] = {&made.keys, &made.counts, &made.residuals};
  for (std::size_t left = choices.below(4); left > 0; --left) {
    std::vector<std::uint64_t>& column = *columns[choices.below(3)];
    const std::size_t place = choices.bits(16);
    const std::uint64_t word = choices.number();
    if (place < column.size()) {
      column[place] = word;
    } else if (place == 65535) {
      column.push_back(word);
    }
  }
}

Histogram made_from(Choices& choices) {
  Histogram made(formats[choices.below(10)]);
  const std::size_t form = choices.below(4);
  if (is_wide(made.dtype) && form < 2) {
    made.dropped_bits = binned_dropped_bits(made.dtype);
  } else if (form == 3) {
    made.dropped_bits = static_cast<int>(choices.below(64));
  }
  add_entries(made, choices);
  made.zeros = choices.number();
  made.nans = choices.number();
  made.infs = choices.number();
  made.max_key = made.keys.empty() ? 0 : made.keys.back() << made.dropped_bits;
  if (choices.below(4) == 0) {
    made.max_key += choices.number();
  }
  if (choices.below(4) == 0) {
    made.known_rms = std::ldexp(static_cast<double>(choices.bits(32)), -64);
  }
  damage(made, choices);
  return made;
}

bool is_sound(const Histogram& histogram) {
  try {
    check_histogram(histogram);
  } catch (const std::invalid_argument&) {
    return false;
  }
  return true;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

void require_same(const Fit& a, const Fit& b) {
  REQUIRE(a.status == b.status);
  REQUIRE(same(a.k, b.k) && same(a.lambda, b.lambda) && same(a.r2, b.r2) && same(a.ks, b.ks));
  REQUIRE(same(a.k_se, b.k_se) && same(a.ln_lambda_se, b.ln_lambda_se));
}

void check_fit(const Histogram& histogram, const ScanOptions& options) {
  const std::uint64_t n = histogram.n();
  const auto fitted = [&](const Kernels* level) {
    use_kernels(level->level);
    FitSpace space;
    const PaperCounts paper =
        options.paper == nullptr ? PaperCounts() : paper_counts(histogram, *options.paper);
    return fit_with_protocol(histogram, n, options.trim, options.zeros, paper, space);
  };
  const std::vector<const Kernels*> levels = available_kernels();
  const Fit fit = fitted(levels.back());
  require_same(fit, fitted(levels.front()));
  if (fit.status == FitStatus::ok) {
    REQUIRE(std::isfinite(fit.k) && fit.k > 0);
    REQUIRE(fit.ks >= 0 && fit.ks <= 1);
    REQUIRE(fit.lambda >= 0);
    REQUIRE(!std::isnan(count_above(histogram, fit.lambda)));
  }
}

void check_summary(const Histogram& histogram, Choices& choices) {
  const std::uint64_t n = histogram.n();
  const double max = max_magnitude(histogram);
  REQUIRE(histogram.size() == 0 || max > 0);
  const double rms = root_mean_square(histogram, n);
  REQUIRE(std::isnan(rms) || (rms >= 0 && rms <= max));
  const std::vector<double> magnitudes = mean_magnitudes(histogram);
  REQUIRE(magnitudes.size() == histogram.size());
  for (std::size_t i = 0; i < magnitudes.size(); ++i) {
    const Entry entry = entry_at(histogram, i);
    REQUIRE(entry.low <= magnitudes[i] && magnitudes[i] <= entry.high);
    REQUIRE(i == 0 || magnitudes[i - 1] <= magnitudes[i]);
  }
  const double p = static_cast<double>(choices.bits(16)) / 65535;
  const std::vector<double> quantiles = histogram_quantiles(histogram, {0, p, 1});
  if (n == 0) {
    REQUIRE(std::isnan(quantiles[1]));
  } else {
    REQUIRE(quantiles[0] == magnitudes.front() && quantiles[2] == magnitudes.back());
    REQUIRE(quantiles[0] <= quantiles[1] && quantiles[1] <= quantiles[2]);
  }
  const EndLevels ends = end_levels(histogram);
  REQUIRE(ends.at_max <= n && (n == 0 || ends.at_max > 0));
  REQUIRE(std::isnan(ends.second) || (ends.lowest <= ends.second && ends.second <= max));
}

void check_merged(const Histogram& a, const Histogram& b) {
  Histogram both(a.dtype);
  try {
    both = checked_merge(a, b);
  } catch (const std::overflow_error&) {
    return;
  }
  REQUIRE(both.n() == a.n() + b.n());
  REQUIRE(both.zeros == a.zeros + b.zeros);
  REQUIRE(both.max_key == std::max(a.max_key, b.max_key));
  if (both.nans <= a.nans || both.infs <= a.infs) {
    check_histogram(both);
  }
  const Histogram left = [&] {
    Histogram rest = both;
    take_away(rest, b);
    return rest;
  }();
  REQUIRE(left.n() == a.n() && left.zeros == a.zeros);
  if (a.dropped_bits == both.dropped_bits) {
    REQUIRE(left.keys == a.keys && left.counts == a.counts && left.residuals == a.residuals);
  }
}

void check_wider(const Histogram& histogram, Choices& choices) {
  if (!is_wide(histogram.dtype)) {
    return;
  }
  const Histogram bins = binned(histogram);
  REQUIRE(bins.n() == histogram.n() && bins.dropped_bits == binned_dropped_bits(histogram.dtype));
  check_histogram(bins);
  const int wider = binned_dropped_bits(histogram.dtype) + static_cast<int>(choices.below(8));
  const Histogram coarse = coarsened(histogram, wider);
  REQUIRE(coarse.n() == histogram.n() && coarse.zeros == histogram.zeros);
  REQUIRE(top_bins(histogram).size() <= 2);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  const ScanOptions options = testing::options_from(choices);
  const Histogram one = made_from(choices);
  if (!is_sound(one)) {
    return 0;
  }
  accepted.add(1);
  check_summary(one, choices);
  check_fit(one, options);
  check_wider(one, choices);
  Histogram other = made_from(choices);
  other.dtype = one.dtype;
  if (is_sound(other)) {
    check_merged(one, other);
  }
  return 0;
}
