#include "core/two_way/magnitude_table.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/histogram/log_magnitude.hpp"

namespace weightgauge {

namespace {

// Cells of wide formats: at least so many in a standard deviation of ln |w| inside the window. The
// error of the variances is below a thousandth then.
constexpr double cells_per_deviation = 32;
constexpr std::uint64_t most_cells = (std::uint64_t{1} << 15) - 1;  // see WideTermCells

int mantissa_bits(DType dtype) { return dtype == DType::f64 ? 52 : 23; }

// Low bits of a key that may be left out.
int shift_of(const Histogram& histogram, const Plot& plot) {
  if (!is_wide(histogram.dtype)) {
    return 0;
  }
  const double deviation = std::sqrt(plot.moments.xx / plot.moments.weight);
  // A cell that leaves out s bits is 2^(s - mantissa bits) wide beside its magnitudes.
  const double bits = std::floor(std::log2(deviation / cells_per_deviation));
  const int most = mantissa_bits(histogram.dtype) - 7;  // 128 cells for each power of two
  const int wanted = mantissa_bits(histogram.dtype) + static_cast<int>(std::max(bits, -60.0));
  return std::max(std::min(wanted, most), histogram.dropped_bits);
}

// The entry of the first point, of a plot that knows the ranks of entries.
std::size_t first_entry(const Plot& plot) {
  const std::vector<std::uint64_t>& ranks = plot.entries.ranks;
  const auto below = static_cast<std::uint64_t>(plot.below);
  return static_cast<std::size_t>(std::upper_bound(ranks.begin(), ranks.end(), below) -
                                  ranks.begin());
}

// The points of a plot by the entries of its histogram. Most plots have one point for each entry
// inside the window. Those of slices that were sorted in batches know ranks only.
class PointsOfEntries {
 public:
  PointsOfEntries(const Histogram& histogram, const Plot& plot) : points_(plot.count.size()) {
    if (plot.entries.ranks.size() == histogram.size()) {
      first_ = first_entry(plot);
      return;
    }
    note_ranks(histogram, ranks_);
    auto rank = static_cast<std::uint64_t>(plot.below);
    for (const double count : plot.count) {
      rank += static_cast<std::uint64_t>(count);
      ends_.push_back(rank);
    }
  }

  std::size_t of(std::size_t entry) const {
    const std::size_t last = points_ - 1;
    if (ends_.empty()) {
      return std::min(entry < first_ ? 0 : entry - first_, last);
    }
    const auto after = std::lower_bound(ends_.begin(), ends_.end(), ranks_[entry]);
    return std::min(static_cast<std::size_t>(after - ends_.begin()), last);
  }

 private:
  std::size_t points_;
  std::size_t first_ = 0;             // entry of the first point
  std::vector<std::uint64_t> ends_;   // of points, where they know ranks only
  std::vector<std::uint64_t> ranks_;  // of entries
};

// The first entry from `begin` on that lies beyond a cell. Entries are looked at `stride` apart.
std::size_t end_of_cell(const std::vector<std::uint64_t>& keys, std::size_t begin,
                        std::size_t stride, std::uint64_t last_key) {
  std::size_t from = begin;
  while (from + stride < keys.size() && keys[from + stride] <= last_key) {
    from += stride;
  }
  const std::size_t to = std::min(from + stride, keys.size());
  const auto at = [&keys](std::size_t i) { return keys.begin() + static_cast<std::ptrdiff_t>(i); };
  return static_cast<std::size_t>(std::upper_bound(at(from + 1), at(to), last_key) - keys.begin());
}

// Some hundred cells have entries: of many entries few are looked at.
constexpr std::size_t entries_looked_at = std::size_t{1} << 13;

// Where the entries of each cell that has any begin, and where those of the last one end. Cells
// leave out so many bits of a key.
std::vector<std::size_t> begins_of_cells(const std::vector<std::uint64_t>& keys, int dropped) {
  std::vector<std::size_t> begins = {0};
  const std::size_t stride = keys.size() / entries_looked_at;
  if (stride > 1) {
    while (begins.back() < keys.size()) {
      const std::uint64_t cell = keys[begins.back()] >> dropped;
      const std::uint64_t last_key = ((cell + 1) << dropped) - 1;
      begins.push_back(end_of_cell(keys, begins.back(), stride, last_key));
    }
    return begins;
  }
  // Few entries are all asked, without a branch: where a cell ends cannot be foreseen.
  begins.resize(keys.size() + 1);
  std::size_t next = 1;
  for (std::size_t i = 1; i < keys.size(); ++i) {
    begins[next] = i;
    next += keys[i - 1] >> dropped != keys[i] >> dropped ? 1 : 0;
  }
  begins[next] = keys.size();
  begins.resize(next + 1);
  return begins;
}

std::vector<MagnitudeTable::Occupied> occupied_cells(const Histogram& histogram, const Plot& plot,
                                                     int shift) {
  const PointsOfEntries points(histogram, plot);
  const int dropped = shift - histogram.dropped_bits;  // of a key of the histogram
  const std::vector<std::size_t> begins = begins_of_cells(histogram.keys, dropped);
  std::vector<MagnitudeTable::Occupied> cells(begins.size() - 1);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::size_t middle = begins[i] + (begins[i + 1] - begins[i]) / 2;
    // One by one: a copy of all three would wait for these stores.
    cells[i].cell = histogram.keys[middle] >> dropped;
    cells[i].point = points.of(middle);
    cells[i].magnitude = entry_at(histogram, middle).mean;
  }
  return cells;
}

Terms terms_of(const Influences::Pair& influence, double x) {
  return Terms{static_cast<float>(influence.k), static_cast<float>(influence.ln_lambda),
               static_cast<float>(x), 1};
}

}  // namespace

MagnitudeTable::MagnitudeTable(const Histogram& histogram, const Plot& plot,
                               const Influences& influences, bool censored,
                               std::vector<Terms> memory)
    : dtype_(histogram.dtype), shift_(shift_of(histogram, plot)), cells_(std::move(memory)) {
  if (!is_wide(dtype_)) {
    fill_exactly(histogram, plot, influences);
  } else {
    fill_by_cells(occupied_cells(histogram, plot, shift_), influences);
  }
  if (censored) {
    const Influences::Pair zero = influences.of_zero();
    cells_[size_] = Terms{static_cast<float>(zero.k), static_cast<float>(zero.ln_lambda), 0, 0};
  }
}

// Every magnitude has a cell and a place in the plot.
void MagnitudeTable::fill_exactly(const Histogram& histogram, const Plot& plot,
                                  const Influences& influences) {
  first_ = histogram.keys.front();
  make_cells(histogram.keys.back());
  const std::size_t first = first_entry(plot);
  const std::size_t beyond = first + influences.points();
  const auto put = [&](std::size_t entry, const Influences::Pair& influence) {
    cells_[histogram.keys[entry] - first_] = terms_of(influence, plot.entries.x[entry]);
  };
  const Influences::Pair below = influences.of_point(0);
  for (std::size_t entry = 0; entry < first; ++entry) {
    put(entry, below);
  }
  for (std::size_t entry = first; entry < beyond; ++entry) {
    put(entry, influences.of_point(entry - first));
  }
  const Influences::Pair above = influences.of_point(influences.points() - 1);
  for (std::size_t entry = beyond; entry < histogram.size(); ++entry) {
    put(entry, above);
  }
}

// Cells up to the last one, and that of zeros.
void MagnitudeTable::make_cells(std::uint64_t last) {
  size_ = last - first_ + 1;
  cells_.resize(std::max(cells_.size(), size_ + 1));
  cells_[size_] = Terms{};
}

// Magnitudes far from the window would stretch the table: they share its first and its last cell,
// for which the nearest of them stand. Returns the last cell.
std::uint64_t MagnitudeTable::keep_near_window(std::vector<Occupied>& occupied,
                                               std::size_t points) {
  const auto middle =
      std::find_if(occupied.begin(), occupied.end() - 1,
                   [points](const Occupied& each) { return each.point >= points / 2; });
  const std::uint64_t centre = middle->cell;
  first_ = std::max(occupied.front().cell, centre - std::min(centre, most_cells / 2));
  const std::uint64_t last = std::min(occupied.back().cell, first_ + (most_cells - 1));
  std::vector<Occupied> kept;
  for (const Occupied& each : occupied) {
    const std::uint64_t cell = std::min(std::max(each.cell, first_), last);
    if (kept.empty() || kept.back().cell != cell) {
      kept.push_back(each);
      kept.back().cell = cell;
      continue;
    }
    if (cell == first_) {  // the largest of those below is the nearest
      kept.back().point = each.point;
      kept.back().magnitude = each.magnitude;
    }
  }
  occupied = std::move(kept);
  return last;
}

void MagnitudeTable::fill_by_cells(std::vector<Occupied> occupied, const Influences& influences) {
  const std::uint64_t last = keep_near_window(occupied, influences.points());
  std::vector<double> magnitudes(occupied.size()), x(occupied.size());
  std::transform(occupied.begin(), occupied.end(), magnitudes.begin(),
                 [](const Occupied& each) { return each.magnitude; });
  log_ratios(dtype_, magnitudes.data(), x.size(), magnitudes[x.size() / 2], x.data());
  make_cells(last);
  for (std::size_t i = 0; i < occupied.size(); ++i) {
    cells_[occupied[i].cell - first_] = terms_of(influences.of_point(occupied[i].point), x[i]);
  }
}

std::vector<Terms> MagnitudeTable::of_codes() const {
  const CodeTable& codes = code_table(dtype_);
  std::vector<Terms> terms(256, cells_[size_]);
  for (std::size_t code = 0; code < terms.size(); ++code) {
    const CodeMeaning meaning = codes.meaning[code];
    const std::uint64_t cell = std::uint64_t{meaning.key} - first_;
    if (meaning.magnitude == Magnitude::finite && cell < size()) {
      terms[code] = cells_[cell];
    }
  }
  return terms;
}

}  // namespace weightgauge
