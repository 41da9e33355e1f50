#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/count/counting_table.hpp"
#include "core/kernels/kernels.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// Two stretches for which a sample is taken, and a part of a block.
constexpr std::size_t items = 2 * 16'384 + 777;
constexpr std::size_t block = 1024;

// What a bin holds: its elements, and the sum of what each has beyond the lower end.
using Bins = std::map<std::uint64_t, std::pair<std::uint64_t, std::uint64_t>>;

struct Plain {
  Bins bins;
  std::uint64_t zeros = 0;
  std::uint64_t infs = 0;
  std::uint64_t nans = 0;
  std::uint64_t negatives = 0;
};

template <class Key>
Plain counted_plainly(const std::vector<Key>& keys) {
  constexpr bool is_f64 = sizeof(Key) == 8;
  constexpr int dropped = (is_f64 ? 52 : 23) - binned_mantissa_bits;
  constexpr int lost = is_f64 ? 22 : 0;
  constexpr Key infinity = is_f64 ? Key{0x7FF} << 52 : Key{0x7F800000};
  Plain plain;
  for (const Key item : keys) {
    const Key key = item & (static_cast<Key>(~Key{0}) >> 1);
    plain.negatives += key != item && key != 0 && key < infinity ? 1 : 0;
    if (key == 0) {
      ++plain.zeros;
    } else if (key >= infinity) {
      ++(key == infinity ? plain.infs : plain.nans);
    } else {
      auto& [count, residual] = plain.bins[key >> dropped];
      ++count;
      residual += (key & ((Key{1} << dropped) - 1)) >> lost;
    }
  }
  return plain;
}

template <class Key, class Number>
Key bits_of(Number value) {
  Key key = 0;
  std::memcpy(&key, &value, sizeof key);
  return key;
}

// Weights by their place; all have bits that BF16 lacks.
template <class Number>
using Draw = std::function<Number(std::size_t, testing::Random&)>;

template <class Number>
Number weight(testing::Random& random) {
  return static_cast<Number>(0.02 * random.normal());
}

template <class Number>
std::vector<std::pair<std::string, Draw<Number>>> kinds() {
  constexpr auto pad = static_cast<Number>(0.0173);
  const auto drawn = [](std::size_t, testing::Random& random) { return weight<Number>(random); };
  const auto either = [drawn](std::size_t i, testing::Random& random, bool other, Number value) {
    const Number sign = random.next() % 2 == 0 ? Number{1} : Number{-1};
    return other ? sign * value : drawn(i, random);
  };
  return {
      {"weights", drawn},
      {"one value",
       [either](std::size_t i, testing::Random& r) { return either(i, r, true, pad); }},
      {"zeros", [either](std::size_t i, testing::Random& r) { return either(i, r, true, 0); }},
      {"half zeros",
       [either](std::size_t i, testing::Random& r) { return either(i, r, r.next() % 2 == 0, 0); }},
      {"blocks of zeros",
       [either](std::size_t i, testing::Random& r) { return either(i, r, i / 128 % 3 == 0, 0); }},
      {"padding among weights",
       [either](std::size_t i, testing::Random& r) {
         return either(i, r, r.next() % 3 == 0, pad);
       }},
      {"rows of padding",
       [either](std::size_t i, testing::Random& r) {
         return either(i, r, i / 4096 % 2 == 0, pad);
       }},
      {"rows of padding that begin inside blocks",
       [either](std::size_t i, testing::Random& r) {
         return either(i, r, i / 1500 % 2 == 0, pad);
       }},
      {"blocks of padding but for one weight",
       [either](std::size_t i, testing::Random& r) {
         return either(i, r, i % block != i / block, pad);
       }},
      {"infinities and NaN in some blocks",
       [drawn](std::size_t i, testing::Random& r) {
         constexpr Number infinity = std::numeric_limits<Number>::infinity();
         return i % 5000 == 0   ? -infinity
                : i % 7000 == 0 ? -std::numeric_limits<Number>::quiet_NaN()
                                : drawn(i, r);
       }},
      {"blocks of infinities",
       [drawn](std::size_t i, testing::Random& r) {
         return i / block % 4 == 1 ? -std::numeric_limits<Number>::infinity() : drawn(i, r);
       }},
      {"blocks of a magnitude each",
       [](std::size_t i, testing::Random&) {
         const std::size_t number = i / 64;
         return static_cast<Number>(-0.01 - 1e-5 * static_cast<double>(number));
       }},
  };
}

template <class Key>
void check_counted(DType dtype, const std::vector<Key>& keys, bool noted) {
  const Plain plain = counted_plainly(keys);
  const std::vector<std::byte> bytes = testing::bytes_of(keys);
  CountingTable table;
  HarvestSpace space;
  table.count(Method::bins, dtype, bytes.data(), keys.size(), nullptr, {noted, noted, 3});
  const Histogram found = table.harvest(Method::bins, dtype, bin_cells, space);
  CHECK(found.zeros == plain.zeros);
  CHECK(found.infs == plain.infs);
  CHECK(found.nans == plain.nans);
  Bins bins;
  for (std::size_t i = 0; i < found.size(); ++i) {
    // Where every bin has one magnitude, these are what is returned.
    const std::uint64_t bin =
        found.exact() ? found.keys[i] >> binned_dropped_bits(dtype) : found.keys[i];
    bins[bin] = {found.counts[i], found.exact() ? 0 : found.residuals[i]};
  }
  CHECK(bins == plain.bins);
  const ByteNotes notes = table.harvest_notes();
  if (noted) {
    const ByteNotes alone = notes_of(dtype, bytes.data(), keys.size(), 3);
    CHECK(notes.negatives == plain.negatives);
    CHECK(notes.page_sum == alone.page_sum);
    CHECK(notes.zero_pages == alone.zero_pages);
  }
}

template <class Key, class Number>
void check_kinds(DType dtype) {
  for (const auto& kind : kinds<Number>()) {
    CAPTURE(kind.first);
    testing::Random random(90);
    std::vector<Key> keys;
    for (std::size_t i = 0; i < items; ++i) {
      keys.push_back(bits_of<Key>(kind.second(i, random)));
    }
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      check_counted(dtype, keys, false);
      check_counted(dtype, keys, true);
    }
    use_kernels("auto");
  }
}

}  // namespace

TEST_SUITE("wide_bins") {
  TEST_CASE("F32 and F64 of all kinds are counted in bins one by one, at every level") {
    check_kinds<std::uint32_t, float>(DType::f32);
    check_kinds<std::uint64_t, double>(DType::f64);
  }

  TEST_CASE("blocks of one magnitude that has no bin are counted as such") {
    std::vector<double> values(3 * block, 1e-200);
    values[block / 2] = -1e-200;
    const std::vector<std::byte> bytes = testing::bytes_of(values);
    for (const Kernels* const level : available_kernels()) {
      CAPTURE(level->level);
      use_kernels(level->level);
      CountingTable table;
      table.count(Method::bins, DType::f64, bytes.data(), values.size(), nullptr, {true, true, 0});
      CHECK(table.out_of_reach() == values.size());
      CHECK(table.harvest_notes().negatives == 1);
    }
    use_kernels("auto");
  }
}

}  // namespace weightgauge
