#include "core/count/multiples.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "core/decode/float_reader.hpp"

namespace weightgauge {

namespace {

constexpr std::uint32_t sign = 0x80000000;
constexpr std::size_t magnitudes = MultipleCounts::zero + 1;  // multiples 0 to 15, without signs

struct Counted {
  std::uint64_t key;
  std::uint64_t count;
};

float value_of(const MultipleCounts& counts, std::size_t scale) {
  if (counts.single) {
    return *counts.single;
  }
  const auto code = static_cast<std::uint16_t>(scale);
  float value = 0;
  convert_values(counts.format, reinterpret_cast<const std::byte*>(&code), 1, &value);
  return value;
}

// What was counted of one scale, by multiple without its sign.
struct ScaleRow {
  float scale;
  std::uint64_t of[magnitudes] = {};
  std::uint64_t negatives[magnitudes] = {};  // of these
};

ScaleRow take_row(MultipleCounts& counts, std::size_t scale) {
  std::uint32_t* const middle =
      counts.cells.data() + scale * MultipleCounts::row + MultipleCounts::zero;
  ScaleRow row{value_of(counts, scale)};
  row.of[0] = middle[0];
  for (std::ptrdiff_t m = 1; m < static_cast<std::ptrdiff_t>(magnitudes); ++m) {
    row.of[m] = std::uint64_t{middle[-m]} + middle[m];
    row.negatives[m] = row.scale < 0 ? middle[m] : middle[-m];
  }
  std::fill_n(middle - MultipleCounts::zero, MultipleCounts::row, 0U);
  counts.used[scale] = 0;
  return row;
}

// Sorts a list that consists of stretches, each of which is sorted; `ends` are those of all.
void merge_stretches(std::vector<Counted>& all, std::vector<std::size_t> ends) {
  const auto less = [](const Counted& a, const Counted& b) { return a.key < b.key; };
  std::vector<Counted> merged(all.size());
  while (ends.size() > 1) {
    std::vector<std::size_t> next;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); i += 2) {
      const std::size_t middle = ends[i];
      const std::size_t end = i + 1 < ends.size() ? ends[i + 1] : middle;
      const auto at = [&all](std::size_t place) { return all.begin() + static_cast<long>(place); };
      std::merge(at(begin), at(middle), at(middle), at(end),
                 merged.begin() + static_cast<long>(begin), less);
      next.push_back(end);
      begin = end;
    }
    all.swap(merged);
    ends = std::move(next);
  }
}

// The scales that were used, by magnitude: the upper bit of a scale is its sign.
std::vector<ScaleRow> take_rows(MultipleCounts& counts) {
  std::vector<ScaleRow> rows;
  constexpr std::size_t half = MultipleCounts::scales / 2;
  for (std::size_t magnitude = 0; magnitude < half; ++magnitude) {
    for (const std::size_t scale : {magnitude, magnitude + half}) {
      if (counts.used[scale] != 0) {
        rows.push_back(take_row(counts, scale));
      }
    }
  }
  return rows;
}

std::uint32_t key_of(float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits & ~sign;
}

}  // namespace

TakenMultiples take_multiples(MultipleCounts& counts) {
  TakenMultiples taken{Histogram(DType::f32), counts.folded_negatives};
  Histogram& histogram = taken.histogram;
  if (counts.used.empty()) {
    return taken;
  }
  const std::vector<ScaleRow> rows = take_rows(counts);
  std::vector<Counted> all;
  std::vector<std::size_t> ends;
  std::uint64_t in_cells = 0;
  const std::uint64_t first_nonfinite = first_nonfinite_key(DType::f32);
  for (std::size_t m = 0; m < magnitudes; ++m) {
    for (const ScaleRow& row : rows) {
      const std::uint64_t count = row.of[m];
      if (count == 0) {
        continue;
      }
      in_cells += count;
      const std::uint32_t key = key_of(static_cast<float>(m) * row.scale);
      if (key == 0) {
        histogram.zeros += count;
      } else if (key < first_nonfinite) {
        all.push_back({key, count});
        taken.negatives += row.negatives[m];
      } else {
        (key == first_nonfinite ? histogram.infs : histogram.nans) += count;
      }
    }
    ends.push_back(all.size());
  }
  merge_stretches(all, std::move(ends));
  for (const Counted& each : all) {
    histogram.append(each.key, each.count, 0);
  }
  histogram.max_key = histogram.keys.empty() ? 0 : histogram.keys.back();
  histogram.zeros += counts.folded + counts.in_cells - in_cells;
  histogram.nans += counts.nans;
  counts.in_cells = counts.folded = counts.folded_negatives = counts.nans = 0;
  return taken;
}

}  // namespace weightgauge
