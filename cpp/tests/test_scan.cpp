#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <new>

#include "core/fit/window.hpp"
#include "core/scan/scan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr DType all_formats[] = {
    DType::f64,     DType::f32,     DType::f16,         DType::bf16,
    DType::f8_e4m3, DType::f8_e5m2, DType::f8_e4m3fnuz, DType::f8_e5m2fnuz,
    DType::f8_e8m0, DType::f4,      DType::f4_unpacked,
};

// The least-squares line of ln(-ln(1 - p)) on ln |w| over all order statistics in the window, in
// extended precision.
struct Line {
  double k;
  double lambda;
  double r2;
};
Line direct_fit(std::vector<double> magnitudes, Trim trim) {
  std::sort(magnitudes.begin(), magnitudes.end());
  const std::uint64_t n = magnitudes.size();
  const Window window = window_of(n, trim);
  std::vector<long double> xs, ys;
  for (std::uint64_t i = window.begin + 1; i <= window.end; ++i) {
    const long double p = (static_cast<long double>(i) - 0.5L) / static_cast<long double>(n);
    xs.push_back(std::log(static_cast<long double>(magnitudes[i - 1])));
    ys.push_back(std::log(-std::log1p(-p)));
  }
  const auto size = static_cast<long double>(xs.size());
  long double x_mean = 0, y_mean = 0, xx = 0, xy = 0, yy = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    x_mean += xs[i] / size;
    y_mean += ys[i] / size;
  }
  for (std::size_t i = 0; i < xs.size(); ++i) {
    xx += (xs[i] - x_mean) * (xs[i] - x_mean);
    xy += (xs[i] - x_mean) * (ys[i] - y_mean);
    yy += (ys[i] - y_mean) * (ys[i] - y_mean);
  }
  const long double k = xy / xx;
  return {static_cast<double>(k), static_cast<double>(std::exp(x_mean - y_mean / k)),
          static_cast<double>(xy * xy / (xx * yy))};
}

// How slices are fitted, and how far from the reference that may be.
struct Way {
  bool exact;
  double tolerance;
};

template <class T>
void check_fit(DType dtype, const std::vector<T>& values, std::initializer_list<Way> ways) {
  std::vector<double> magnitudes;
  for (const T value : values) {
    magnitudes.push_back(std::fabs(static_cast<double>(value)));
  }
  for (const Trim trim : {Trim::mid_80, Trim::mid_90, Trim::full}) {
    CAPTURE(static_cast<int>(trim));
    const Line line = direct_fit(magnitudes, trim);
    for (const Way& way : ways) {
      CAPTURE(way.exact);
      ScanOptions options;
      options.trim = trim;
      options.exact = way.exact;
      const SliceResult result = testing::scan_bytes(dtype, testing::bytes_of(values), options);
      REQUIRE(result.fit.status == FitStatus::ok);
      CHECK(std::fabs(result.fit.k / line.k - 1) < way.tolerance);
      CHECK(std::fabs(result.fit.lambda / line.lambda - 1) < way.tolerance);
      CHECK(std::fabs(result.fit.r2 / line.r2 - 1) < way.tolerance);
    }
  }
}

// How many magnitudes lie inside each entry.
std::vector<std::uint64_t> counts_inside(const Histogram& histogram,
                                         const testing::Tally& expected) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < histogram.size(); ++i) {
    const Entry entry = entry_at(histogram, i);
    std::uint64_t inside = 0;
    for (auto it = expected.magnitudes.lower_bound(entry.low);
         it != expected.magnitudes.end() && it->first < entry.high; ++it) {
      inside += it->second;
    }
    counts.push_back(inside);
  }
  return counts;
}

// Has no memory for its first reads.
class ScarceSource : public ByteSource {
 public:
  ScarceSource(const std::vector<std::byte>& bytes, int shortages)
      : ByteSource({"scarce", {}}, bytes.size()), bytes_(bytes), shortages_(shortages) {}
  void read(std::byte* to, std::size_t bytes, std::uint64_t offset) const override {
    if (shortages_.fetch_sub(1) > 0) {
      throw std::bad_alloc();
    }
    std::copy_n(bytes_.data() + offset, bytes, to);
  }

 private:
  const std::vector<std::byte>& bytes_;
  mutable std::atomic<int> shortages_;
};

void check_counts(DType dtype, const std::vector<std::byte>& bytes) {
  CAPTURE(dtype_name(dtype));
  const testing::Tally expected = testing::tally(dtype, bytes);
  const SliceResult result = testing::scan_bytes(dtype, bytes, testing::keeping(2, 4096));
  const Histogram& histogram = result.histogram;
  CHECK(histogram.zeros == expected.zeros);
  CHECK(histogram.nans == expected.nans);
  CHECK(histogram.infs == expected.infs);
  CHECK(result.n == expected.n);
  REQUIRE(histogram.exact());
  REQUIRE(histogram.size() == expected.magnitudes.size());
  std::size_t i = 0;
  for (const auto& [magnitude, count] : expected.magnitudes) {
    REQUIRE(entry_at(histogram, i).mean == magnitude);
    REQUIRE(histogram.counts[i] == count);
    ++i;
  }
  if (!expected.magnitudes.empty()) {
    CHECK(result.max == expected.magnitudes.rbegin()->first);
  }
}

// A small model whose tensors are counted in all ways: by codes, sorted, in bins, and in batches.
struct Model {
  Model() {
    add(DType::bf16, testing::random_bytes(600'001 * 2, 1));
    add(DType::f4, testing::random_bytes(70'003, 2));
    add(DType::f8_e4m3, testing::random_bytes(300'007, 3));
    add(DType::f32, testing::bytes_of(testing::normal_floats(1000, 4)));
    add(DType::f32, testing::bytes_of(testing::normal_floats(sorted_limit + 70'001, 5)));
    add(DType::f32, testing::random_bytes((sorted_limit + 20'001) * 4, 6));
    add(DType::f64, testing::bytes_of(testing::normal_doubles(sorted_limit + 9'001, 7)));
    add(DType::f16, {});
    std::vector<float> upcast = testing::normal_floats(sorted_limit + 5, 8);
    for (float& value : upcast) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, &value, sizeof bits);
      bits &= 0xFFFF0000;
      std::memcpy(&value, &bits, sizeof bits);
    }
    add(DType::f32, testing::bytes_of(upcast));
    for (const std::vector<std::byte>& tensor : tensors) {
      sources.push_back(std::make_unique<MemorySource>(tensor.data(), tensor.size()));
    }
  }

  void add(DType dtype, std::vector<std::byte> bytes) {
    slices.push_back({tensors.size(), contiguous_view(dtype, 0, bytes.size() / item_bytes(dtype)),
                      Noted::tensor});
    tensors.push_back(std::move(bytes));
  }

  std::uint64_t hash(ScanOptions options, int threads, std::size_t chunk_bytes) const {
    options.threads = threads;
    options.chunk_bytes = chunk_bytes;
    Control control;
    return testing::hash_of(scan(sources, slices, options, control, testing::no_watch));
  }

  std::vector<std::vector<std::byte>> tensors;
  std::vector<std::unique_ptr<ByteSource>> sources;
  std::vector<SliceSpec> slices;
};

void check_one_hash(const Model& model, const ScanOptions& options) {
  const std::uint64_t expected = model.hash(options, 1, std::size_t{1} << 20);
  for (const int threads : testing::thread_counts({1, 2, 3, 7})) {
    for (const std::size_t chunk_bytes :
         {std::size_t{1} << 20, std::size_t{65'536}, std::size_t{1'021}}) {
      CAPTURE(threads);
      CAPTURE(chunk_bytes);
      CHECK(model.hash(options, threads, chunk_bytes) == expected);
    }
  }
}

}  // namespace

TEST_SUITE("scan") {
  TEST_CASE("random bytes of every format are counted one by one") {
    for (const DType dtype : all_formats) {
      check_counts(dtype, testing::random_bytes(40'000, 9));
      check_counts(dtype, testing::random_bytes(8, 10));
      check_counts(dtype, {});
    }
  }

  TEST_CASE("all patterns of the 16-bit formats are counted one by one") {
    std::vector<std::uint16_t> patterns(65'536);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      patterns[i] = static_cast<std::uint16_t>(i);
    }
    check_counts(DType::f16, testing::bytes_of(patterns));
    check_counts(DType::bf16, testing::bytes_of(patterns));
  }

  TEST_CASE("bins add up to the exact counts of a large F32 slice") {
    std::vector<float> values = testing::normal_floats(sorted_limit + 1000, 11);
    values[0] = 0.0F;
    values[1] = -0.0F;
    values[2] = std::numeric_limits<float>::infinity();
    values[3] = -std::numeric_limits<float>::quiet_NaN();
    values[4] = std::numeric_limits<float>::denorm_min();
    values[5] = -std::numeric_limits<float>::max();
    const std::vector<std::byte> bytes = testing::bytes_of(values);
    const testing::Tally expected = testing::tally(DType::f32, bytes);
    const SliceResult result = testing::scan_bytes(DType::f32, bytes, testing::keeping(2, 1 << 16));
    CHECK(result.histogram.zeros == 2);
    CHECK(result.histogram.infs == 1);
    CHECK(result.histogram.nans == 1);
    CHECK(result.n == values.size() - 4);
    CHECK(result.max == static_cast<double>(std::numeric_limits<float>::max()));
    CHECK(result.histogram.counts == counts_inside(result.histogram, expected));
  }

  TEST_CASE("bins of F64 add up from the smallest to the largest, beside values without one") {
    // First blocks with nothing else, then some with zeros, with values that have no bin, and with
    // values that are not finite.
    testing::Random random(18);
    std::vector<double> values(sorted_limit + 5000);
    for (double& value : values) {
      value = std::ldexp(1 + random.uniform(), static_cast<int>(random.next() % 256) - 191);
      value = random.next() % 2 == 0 ? value : -value;
    }
    const std::size_t others = values.size() / 2;
    for (const bool all_have_bins : {true, false}) {
      values[others] = 0.0;
      values[others + 5000] = std::numeric_limits<double>::infinity();
      values[others + 9000] = -std::numeric_limits<double>::quiet_NaN();
      if (!all_have_bins) {
        values[others + 13'000] = std::ldexp(-1.0, 65);
        values[others + 17'000] = std::ldexp(1.0, -191) * (1 - 1e-16);
      }
      const std::vector<std::byte> bytes = testing::bytes_of(values);
      const testing::Tally expected = testing::tally(DType::f64, bytes);
      ScanOptions options = testing::keeping(2, 1 << 16);
      options.fit = false;
      const SliceResult result = testing::scan_bytes(DType::f64, bytes, options);
      CHECK(result.histogram.zeros == 1);
      CHECK(result.histogram.infs == 1);
      CHECK(result.histogram.nans == 1);
      CHECK(result.n == values.size() - 3);
      CHECK(result.max == expected.magnitudes.rbegin()->first);
      CHECK(result.histogram.counts == counts_inside(result.histogram, expected));
    }
  }

  TEST_CASE("fits agree with least squares over all order statistics") {
    // Exact fits promise 1e-9; the test demands what double arithmetic can give. Fits from bins are
    // held to the tolerance that they promise.
    check_fit(DType::f32, testing::normal_floats(5'000, 12), {{false, 1e-12}});
    check_fit(DType::f32, testing::normal_floats(sorted_limit + 7, 14),
              {{true, 1e-12}, {false, fit_tolerance}});
    check_fit(DType::f64, testing::normal_doubles(sorted_limit + 7, 13),
              {{true, 1e-12}, {false, fit_tolerance}});
  }

  TEST_CASE("F64 beyond the bins is counted again, and exactly") {
    for (const double unit : {1e-100, 1e-310, 1e100}) {
      CAPTURE(unit);
      std::vector<double> values = testing::normal_doubles(sorted_limit + 7, 16);
      for (double& value : values) {
        value *= unit;
      }
      const SliceResult result =
          testing::scan_bytes(DType::f64, testing::bytes_of(values), ScanOptions());
      CHECK(result.exact);
      CHECK(result.n == values.size());
      if (unit == 1e-310) {
        check_fit(DType::f64, values, {{false, 1e-12}});
      }
    }
    // A single element without a bin is enough.
    std::vector<double> values = testing::normal_doubles(sorted_limit + 7, 17);
    values[1000] = 1e-99;
    values[2000] = 0;
    values[3000] = std::nan("");
    const SliceResult result =
        testing::scan_bytes(DType::f64, testing::bytes_of(values), ScanOptions());
    CHECK(result.exact);
    CHECK(result.n == values.size() - 2);
    CHECK(result.histogram.zeros == 1);
    CHECK(result.histogram.nans == 1);
  }

  TEST_CASE("quantiles are order statistics, bit for bit") {
    const std::vector<double> probabilities = {0.5, 0, 1, 0.001, 0.25, 0.999, 0.5};
    for (const std::size_t n : {1'000U, 200'000U}) {
      const std::vector<double> values = testing::normal_doubles(n, 15);
      std::vector<double> sorted;
      for (const double value : values) {
        sorted.push_back(std::fabs(value));
      }
      std::sort(sorted.begin(), sorted.end());
      ScanOptions options;
      options.fit = false;
      options.probabilities = probabilities;
      options.threads = 2;
      const SliceResult result =
          testing::scan_bytes(DType::f64, testing::bytes_of(values), options);
      REQUIRE(result.quantiles.size() == probabilities.size());
      for (std::size_t i = 0; i < probabilities.size(); ++i) {
        // The smallest order statistic whose share of the values reaches the probability.
        std::size_t rank = 0;
        while (static_cast<double>(rank + 1) < static_cast<double>(n) * probabilities[i]) {
          ++rank;
        }
        CHECK(result.quantiles[i] == sorted[rank]);
      }
    }
  }

  TEST_CASE("quantiles of nothing are NaN") {
    ScanOptions options;
    options.probabilities = {0.5};
    const SliceResult result = testing::scan_bytes(DType::f32, std::vector<std::byte>(64), options);
    REQUIRE(result.quantiles.size() == 1);
    CHECK(std::isnan(result.quantiles[0]));
    CHECK(result.fit.status == FitStatus::empty);
  }

  TEST_CASE("neither threads nor chunks change a bit of the fits and histograms") {
    const Model model;
    ScanOptions options;
    options.keep_histogram = true;
    check_one_hash(model, options);
    options.trim = Trim::full;
    options.exact = true;
    check_one_hash(model, options);
  }

  TEST_CASE("nor of the quantiles") {
    const Model model;
    ScanOptions options;
    options.fit = false;
    options.probabilities = {0, 0.1, 0.5, 0.9, 1};
    check_one_hash(model, options);
  }

  TEST_CASE("where memory is short of many threads, one does all") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{1} << 20, 17);
    const auto hash = [&](int threads, int shortages) {
      std::vector<std::unique_ptr<ByteSource>> sources;
      sources.push_back(std::make_unique<ScarceSource>(bytes, shortages));
      Control control;
      const std::uint64_t found =
          testing::hash_of(scan(sources, {{0, contiguous_view(DType::bf16, 0, bytes.size() / 2)}},
                                testing::keeping(threads, 1 << 14), control, testing::no_watch));
      CHECK(control.bytes_done.load() == bytes.size());
      return found;
    };
    const std::uint64_t expected = hash(1, 0);
    CHECK(hash(4, 1) == expected);
    CHECK_THROWS_AS(hash(1, 1), std::bad_alloc);
    CHECK_THROWS_AS(hash(4, 1000), std::bad_alloc);
  }

  TEST_CASE("transposed, reversed and unaligned views count the same") {
    const std::vector<std::byte> bytes = testing::bytes_of(testing::normal_floats(300 * 500, 16));
    std::vector<std::byte> shifted(bytes.size() + 1);
    std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
    const auto hash = [](const std::vector<std::byte>& memory, const View& view) {
      std::vector<std::unique_ptr<ByteSource>> sources;
      sources.push_back(std::make_unique<MemorySource>(memory.data(), memory.size()));
      Control control;
      return testing::hash_of(
          scan(sources, {{0, view}}, testing::keeping(2, 1 << 14), control, testing::no_watch));
    };
    const std::uint64_t expected = hash(bytes, contiguous_view(DType::f32, 0, 300 * 500));
    CHECK(hash(bytes, normalised_view(DType::f32, 0, {{500, 4}, {300, 2000}})) == expected);
    CHECK(hash(bytes, normalised_view(DType::f32, 299 * 2000, {{300, -2000}, {500, 4}})) ==
          expected);
    CHECK(hash(shifted, contiguous_view(DType::f32, 1, 300 * 500)) == expected);
  }
}

TEST_CASE("slices in rounds have the results of one pass, and count all bytes as done") {
  const std::vector<std::byte> bytes = testing::random_bytes(64 << 10, 5);
  std::vector<std::unique_ptr<ByteSource>> sources;
  sources.push_back(std::make_unique<MemorySource>(bytes.data(), bytes.size()));
  std::vector<SliceSpec> slices;
  for (std::uint64_t i = 0; i < 32; ++i) {
    const DType dtype = i % 3 == 0 ? DType::f32 : DType::bf16;
    slices.push_back(
        {0, contiguous_view(dtype, i * 2048, 2048 / item_bytes(dtype)), Noted::tensor});
  }
  ScanOptions options = testing::keeping(2, 1 << 10);
  const auto scanned = [&](std::size_t slices_in_round) {
    options.slices_in_round = slices_in_round;
    Control control;
    const std::uint64_t hash =
        testing::hash_of(scan(sources, slices, options, control, testing::no_watch));
    CHECK(control.bytes_done == bytes.size());
    return hash;
  };
  const std::uint64_t expected = scanned(32);
  for (const std::size_t round : {0, 1, 5, 31, 33}) {
    CAPTURE(round);
    CHECK(scanned(round) == expected);
  }
}

}  // namespace weightgauge
