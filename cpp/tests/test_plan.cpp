#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "core/exact/plan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Bins with random counts; some are neighbours and some far apart.
Histogram random_bins(DType dtype, std::size_t size, std::uint64_t fullest, std::uint64_t seed) {
  testing::Random random(seed);
  Histogram bins(dtype);
  bins.dropped_bits = binned_dropped_bits(dtype);
  std::uint64_t bin = first_nonfinite_key(dtype) >> (bins.dropped_bits + 1);
  for (std::size_t i = 0; i < size; ++i) {
    bins.append(bin, 1 + random.next() % fullest, 0);
    bin += 1 + (random.next() % 4 == 0 ? random.next() % 50 : 0);
  }
  return bins;
}

// The ranks that a plan covers. Checks that batches are in order and none covers a rank again.
std::vector<std::pair<std::uint64_t, std::uint64_t>> covered(const std::vector<Batch>& batches) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranks;
  for (const Batch& batch : batches) {
    CHECK((ranks.empty() || ranks.back().second <= batch.rank_before));
    if (ranks.empty() || ranks.back().second != batch.rank_before) {
      ranks.emplace_back(batch.rank_before, batch.rank_before);
    }
    ranks.back().second += batch.count;
  }
  return ranks;
}

// Checks the batch's numbers of elements in its range and before it against the bins.
void check_against_bins(const Histogram& bins, const Batch& batch) {
  std::uint64_t before = 0;
  std::uint64_t inside = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const std::uint64_t first = bins.keys[i] << bins.dropped_bits;
    before += first < batch.range.first ? bins.counts[i] : 0;
    inside += first >= batch.range.first && first <= batch.range.last ? bins.counts[i] : 0;
  }
  CHECK(before == batch.rank_before);
  CHECK(inside == batch.count);
}

}  // namespace

TEST_SUITE("plan") {
  TEST_CASE("batches cover the bins that the window needs, and no others") {
    for (const DType dtype : {DType::f32, DType::f64}) {
      for (const Trim trim : {Trim::mid_80, Trim::mid_90, Trim::full}) {
        const Histogram bins = random_bins(dtype, 3000, 4000, 5);
        const Window window = window_of(bins.n(), trim);
        const std::vector<Batch> batches = plan_exact(bins, window);
        CHECK(batches.size() >
              6);  // the window has 80 % of the elements, a batch at most an eighth
        const auto ranks = covered(batches);
        REQUIRE(ranks.size() == 1);
        CHECK(ranks[0].first <= window.begin);
        CHECK(window.begin < ranks[0].first + bins.counts.front() + 4000);
        CHECK(ranks[0].second >= window.end);
        CHECK(ranks[0].second < window.end + 4000);
        for (const Batch& batch : batches) {
          check_against_bins(bins, batch);
          CHECK(batch.count * item_bytes(dtype) <= std::size_t{4} << 20);
        }
      }
    }
  }

  TEST_CASE("batches cover everything where bins do not tell how many magnitudes there are") {
    const Histogram two = random_bins(DType::f32, 2, 1'000'000, 3);
    CHECK(covered(plan_exact(two, window_of(two.n(), Trim::mid_80))).front().second == two.n());
    Histogram leading = random_bins(DType::f64, 3000, 4000, 5);
    leading.dropped_bits = 48;
    leading.keys.resize(1000);
    leading.counts.resize(1000);
    leading.residuals.resize(1000);
    CHECK(covered(plan_exact(leading, window_of(leading.n(), Trim::mid_80))).front() ==
          std::pair<std::uint64_t, std::uint64_t>{0, leading.n()});
  }

  TEST_CASE("batches are found together as far as memory goes and threads have work") {
    const std::uint64_t limit = batch_limit(DType::f64);
    const auto plan = [](std::vector<std::uint64_t> counts) {
      std::vector<Batch> batches;
      for (const std::uint64_t count : counts) {
        batches.push_back({{}, count, 0});
      }
      return batches;
    };
    using Ends = std::vector<std::size_t>;
    const auto eight = plan(std::vector<std::uint64_t>(8, limit / 8));
    CHECK(group_batches(eight, DType::f64, 1) == Ends{8});
    CHECK(group_batches(eight, DType::f64, 4) == Ends{2, 4, 6, 8});
    CHECK(group_batches(eight, DType::f64, 100) == Ends{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(group_batches(plan({limit / 2, limit / 2, 1, limit, limit + 1, 1}), DType::f64, 1) ==
          Ends{2, 3, 4, 5, 6});
  }
}

}  // namespace weightgauge
