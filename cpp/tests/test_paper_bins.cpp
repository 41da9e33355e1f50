#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "core/count/paper_bins.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

std::uint32_t bits_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The edges of the protocol by plain arithmetic: 10^(-12 + 14 i / 1024).
std::vector<std::uint32_t> edges() {
  std::vector<std::uint32_t> thresholds;
  for (std::size_t i = 0; i <= PaperBins::bins; ++i) {
    const double edge = std::pow(10.0, -12 + 14.0 * static_cast<double>(i) / PaperBins::bins);
    thresholds.push_back(bits_of(static_cast<float>(edge)));
  }
  return thresholds;
}

// Counts one by one how many edges each magnitude has reached.
PaperCounts plain_counts(const std::vector<float>& magnitudes) {
  const std::vector<std::uint32_t> thresholds = edges();
  PaperCounts counts(PaperBins::bins + 2, 0);
  for (const float magnitude : magnitudes) {
    const auto next = std::upper_bound(thresholds.begin(), thresholds.end(), bits_of(magnitude));
    ++counts[static_cast<std::size_t>(next - thresholds.begin())];
  }
  return counts;
}

std::vector<float> magnitudes_over_all_bins() {
  testing::Random random(3);
  std::vector<float> values = {0.0F, std::numeric_limits<float>::denorm_min(),
                               std::numeric_limits<float>::max(),
                               std::numeric_limits<float>::infinity()};
  for (std::size_t i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<float>(std::pow(10.0, -14 + 18 * random.uniform())));
  }
  return values;
}

template <class Value>
PaperCounts counted(DType dtype, const std::vector<Value>& values) {
  PaperCounts counts = no_paper_counts();
  const std::vector<std::byte> bytes = testing::bytes_of(values);
  count_paper_bins(dtype, bytes.data(), values.size(), PaperBins(edges()), counts);
  return counts;
}

}  // namespace

TEST_SUITE("paper_bins") {
  TEST_CASE("F32 magnitudes fall into the last bin whose edge they reach, whatever their sign") {
    std::vector<float> values = magnitudes_over_all_bins();
    const PaperCounts expected = plain_counts(values);
    CHECK(counted(DType::f32, values) == expected);
    for (float& value : values) {
      value = -value;
    }
    CHECK(counted(DType::f32, values) == expected);
  }

  TEST_CASE("F64 magnitudes are rounded to float32 first") {
    const std::vector<float> thresholds_and_more = magnitudes_over_all_bins();
    std::vector<double> values;
    for (const float value : thresholds_and_more) {
      // This number is nearer to the value than to its neighbours in float32.
      values.push_back(-static_cast<double>(value) * (1 + 1e-9));
    }
    CHECK(counted(DType::f64, values) == plain_counts(thresholds_and_more));
    // A number too large for a float32 becomes infinite. It is counted above all bins, and so is
    // NaN.
    const std::vector<double> large = {1e300, std::numeric_limits<double>::quiet_NaN()};
    CHECK(counted(DType::f64, large).back() == 2);
  }

  TEST_CASE("a histogram's entries are counted as its elements are") {
    Histogram histogram(DType::f32);
    std::vector<float> values;
    for (std::uint64_t i = 0; i < 500; ++i) {
      const std::uint64_t key = 0x30000000 + i * 0x12345;
      histogram.append(key, 1 + i % 3, 0);
      values.insert(values.end(), 1 + i % 3, static_cast<float>(magnitude_value(DType::f32, key)));
    }
    CHECK(paper_counts(histogram, PaperBins(edges())) == plain_counts(values));
  }

  TEST_CASE("counts of parts add up, and a part may have none") {
    PaperCounts sum;
    add_paper_counts({}, sum);
    CHECK(sum.empty());
    add_paper_counts({1, 2, 3}, sum);
    add_paper_counts({}, sum);
    add_paper_counts({10, 20, 30}, sum);
    CHECK(sum == PaperCounts{11, 22, 33});
  }

  TEST_CASE("edges that are too few or do not ascend are refused") {
    std::vector<std::uint32_t> thresholds = edges();
    std::swap(thresholds[10], thresholds[500]);
    CHECK_THROWS_AS(PaperBins{thresholds}, std::invalid_argument);
    thresholds.pop_back();
    CHECK_THROWS_AS(PaperBins{thresholds}, std::invalid_argument);
  }
}

}  // namespace weightgauge
