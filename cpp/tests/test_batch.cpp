#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "core/exact/batch.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Plans batches for bins of random counts. Every key must be in exactly one batch, batches must be
// in order, and none may be too full.
void check_plan(std::uint64_t seed) {
  testing::Random random(seed);
  const int shift = static_cast<int>(random.next() % 9);
  const std::uint64_t first = random.next() % 5000;
  const std::uint64_t last = first + 1 + random.next() % 5000;
  const std::uint64_t base = first >> shift;
  std::vector<std::uint64_t> counts((last >> shift) - base + 1);
  std::uint64_t total = 0;
  for (std::uint64_t& count : counts) {
    count = random.next() % 3 == 0 ? 0 : random.next() % 100;
    total += count;
  }
  const std::uint64_t limit = 1 + random.next() % 300;
  const std::uint64_t before = random.next() % 1000;
  std::uint64_t rank = before;
  std::uint64_t next_free = first;
  std::vector<int> covered(counts.size(), 0);
  for (const Batch& batch : plan_batches(counts, {first, last}, shift, limit, before)) {
    CHECK(batch.rank_before == rank);
    CHECK(batch.range.first >= next_free);
    CHECK(batch.range.first <= batch.range.last);
    CHECK(batch.range.last <= last);
    std::uint64_t inside = 0;
    std::uint64_t occupied = 0;
    for (std::uint64_t bin = (batch.range.first >> shift) - base;
         bin <= (batch.range.last >> shift) - base; ++bin) {
      inside += counts[bin];
      occupied += counts[bin] > 0 ? 1 : 0;
      ++covered[bin];
    }
    CHECK(inside == batch.count);
    CHECK((batch.count <= limit || occupied == 1));
    rank += batch.count;
    next_free = batch.range.last + 1;
  }
  CHECK(rank == before + total);
  for (std::size_t bin = 0; bin < counts.size(); ++bin) {
    CHECK((covered[bin] == 1 || (covered[bin] == 0 && counts[bin] == 0)));
  }
}

}  // namespace

TEST_SUITE("batch") {
  TEST_CASE("batches cover the bins once, in order and within the limit") {
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      check_plan(seed);
    }
  }
}

}  // namespace weightgauge
