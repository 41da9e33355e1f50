#include "core/count/multiples.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/decode/float_reader.hpp"

namespace weightgauge {

namespace {

constexpr std::uint32_t sign = 0x80000000;
constexpr std::size_t magnitudes = MultipleCounts::zero + 1;  // multiples 0 to 15, without signs

// A scale of 16 bits has eleven of a number, and a multiple four: in all formats of scales, the
// keys of products differ in bits that number fewer cells than these.
constexpr std::uint64_t most_cells = std::uint64_t{1} << 20;

using Product = MultipleCounts::Product;

float value_of(const MultipleCounts& counts, std::size_t scale) {
  if (counts.single) {
    return *counts.single;
  }
  const auto code = static_cast<std::uint16_t>(scale);
  float value = 0;
  convert_values(counts.format, reinterpret_cast<const std::byte*>(&code), 1, &value);
  return value;
}

std::uint32_t key_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & ~sign;
}

// Takes what was counted of one scale: adds finite products to the list, and all others to `taken`.
// Returns how many elements there were.
std::uint64_t take_row(MultipleCounts& counts, std::size_t scale, TakenMultiples& taken) {
  std::uint32_t* const cells = counts.cells.data() + scale * MultipleCounts::row;
  counts.used[scale] = 0;
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < MultipleCounts::row; ++i) {
    any |= cells[i];
  }
  if (any == 0) {
    return 0;
  }
  std::uint32_t* const middle = cells + MultipleCounts::zero;
  const float value = value_of(counts, scale);
  const std::uint64_t first_nonfinite = first_nonfinite_key(DType::f32);
  std::uint64_t elements = 0;
  for (std::ptrdiff_t m = 0; m < static_cast<std::ptrdiff_t>(magnitudes); ++m) {
    const std::uint64_t opposite = m == 0 ? 0 : middle[-m];
    const std::uint64_t count = middle[m] + opposite;
    if (count == 0) {
      continue;
    }
    elements += count;
    const std::uint32_t key = key_of(static_cast<float>(m) * value);
    if (key == 0) {
      taken.histogram.zeros += count;
    } else if (key < first_nonfinite) {
      counts.products.push_back({key, count});
      taken.negatives += value < 0 ? middle[m] : opposite;
    } else {
      (key == first_nonfinite ? taken.histogram.infs : taken.histogram.nans) += count;
    }
  }
  std::fill_n(cells, MultipleCounts::row, 0U);
  return elements;
}

// Appends all products in the order of keys.
void append_sorted(std::vector<Product>& products, std::vector<std::uint64_t>& table,
                   Histogram& histogram) {
  if (products.empty()) {
    return;
  }
  std::uint64_t bits = 0;
  std::uint64_t least = products.front().key;
  for (const Product& each : products) {
    bits |= each.key;
    least = std::min(least, each.key);
    histogram.max_key = std::max(histogram.max_key, each.key);
  }
  int shift = 0;  // the low bits that no key has
  while ((bits >> shift & 1) == 0) {
    ++shift;
  }
  const std::uint64_t cells = ((histogram.max_key - least) >> shift) + 1;
  if (cells > most_cells) {  // there is one scale, of more bits
    std::sort(products.begin(), products.end(),
              [](const Product& a, const Product& b) { return a.key < b.key; });
    for (const Product& each : products) {
      histogram.append(each.key, each.count, 0);
    }
    return;
  }
  table.resize(std::max<std::size_t>(table.size(), cells));
  for (const Product& each : products) {
    table[(each.key - least) >> shift] += each.count;
  }
  histogram.keys.reserve(products.size());
  histogram.counts.reserve(products.size());
  for (std::uint64_t cell = 0; cell < cells; ++cell) {
    if (table[cell] != 0) {
      histogram.append(least + (cell << shift), table[cell], 0);
      table[cell] = 0;
    }
  }
}

}  // namespace

TakenMultiples take_multiples(MultipleCounts& counts) {
  TakenMultiples taken{Histogram(DType::f32), counts.folded_negatives};
  if (counts.used.empty()) {
    return taken;
  }
  counts.products.clear();
  std::uint64_t in_cells = 0;
  for (std::size_t scale = 0; scale < MultipleCounts::scales; ++scale) {
    if (counts.used[scale] != 0) {
      in_cells += take_row(counts, scale, taken);
    }
  }
  append_sorted(counts.products, counts.table, taken.histogram);
  taken.histogram.zeros += counts.folded + counts.in_cells - in_cells;
  taken.histogram.nans += counts.nans;
  counts.in_cells = counts.folded = counts.folded_negatives = counts.nans = 0;
  return taken;
}

}  // namespace weightgauge
