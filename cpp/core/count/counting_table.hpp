// One thread's counts of the slice it is working on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/zeroed_cells.hpp"
#include "core/count/byte_notes.hpp"
#include "core/count/code_counter.hpp"
#include "core/count/paper_bins.hpp"
#include "core/histogram/histogram.hpp"
#include "core/io/decoding.hpp"
#include "core/kernels/bin_cells.hpp"

namespace weightgauge {

// How the elements of a slice are counted.
enum class Method : std::uint8_t {
  codes,      // every magnitude of a format of 16 bits or fewer
  bins,       // F32 and F64 in bins
  leading,    // F64 that the bins do not reach, by its leading bits, to plan an exact pass
  multiples,  // F32 that is made of codes and scales, by scale and multiple
  sorted,     // few F32 or F64 elements: no table, the elements themselves are sorted
};

// Where there are too many bins for a fit, 2^widened_bits neighbours become one. All 2^21 bins of a
// table are then as few as a fit may have.
constexpr int widened_bits = 3;
constexpr std::size_t most_bins_of_fit = bin_cells >> widened_bits;

class CountingTable {
 public:
  CountingTable() = default;
  // The kernels keep its address.
  CountingTable(const CountingTable&) = delete;
  CountingTable& operator=(const CountingTable&) = delete;
  ~CountingTable() = default;

  // `paper` may be null: then the published protocol's bins are not counted.
  void count(Method method, DType dtype, const std::byte* items, std::size_t n,
             const PaperBins* paper, const Noting& noting = {});
  // Counts values of F32 in bins, each as often as it occurs.
  void count_repeated(const float* values, const std::uint32_t* counts, std::size_t n,
                      const Noting& noting);
  // As CodeCounter::open_table().
  std::uint32_t* open_table(const std::byte* item, std::size_t n);
  // The counts of multiples. The caller counts `n` items there in place of count().
  MultipleCounts& open_multiples(std::uint64_t n);
  // Of items that were counted in an open table.
  void note_negatives(std::uint64_t negatives) { notes_.negatives += negatives; }
  // Items counted since the last harvest.
  std::uint64_t pending() const { return pending_; }
  // While no more items than these are pending, the table has room for as many again.
  static std::uint64_t room(DType dtype);
  // F64 only: how many of the magnitudes counted since the last harvest have no bin.
  std::uint64_t out_of_reach() const;

  // Everything counted since the last harvest; the table is empty afterwards. Where leading bits
  // were counted, the histogram's keys are the leading bits and its residuals 0. Where there are
  // more than `most_bins` bins, eight neighbours become one.
  Histogram harvest(Method method, DType dtype, std::size_t most_bins, HarvestSpace& space);
  // Between harvests: gives up the memory that not all formats and data need.
  void release();
  // The published protocol's counts since the last call; empty where none were taken.
  PaperCounts harvest_paper();
  // What was noted since the last call.
  ByteNotes harvest_notes() { return std::exchange(notes_, {}); }

 private:
  void count_noted(Method method, DType dtype, const std::byte* items, std::size_t n,
                   const Noting& noting);
  void count_items(Method method, DType dtype, const std::byte* items, std::size_t n,
                   PageNotes* notes);
  Histogram harvest_bins(DType dtype, std::size_t most_bins);
  Histogram harvest_leading(DType dtype);
  Histogram harvest_multiples();
  void make_cells();
  // Returns what a cell, its twin and the code of its bin's first magnitude hold together, and
  // empties all three.
  template <class Layout>
  std::uint64_t take_cell(std::uint64_t cell);
  // Moves what the twins and codes of n cells hold into these cells.
  template <class Layout>
  void join_cells(std::uint64_t first, std::size_t n);
  template <class Layout>
  std::size_t used_cells(std::uint64_t first, std::uint64_t last);
  template <class Layout>
  void take_bins(const WideExtremes& extremes, std::size_t most_bins, Histogram& result);

  CodeCounter codes_;
  std::vector<std::uint32_t> leading_;
  WideExtremes leading_extremes_;
  ZeroedCells<std::uint64_t> cells_;  // up to 16 MiB
  ZeroedCells<std::uint64_t> more_cells_;
  std::vector<std::uint32_t> upper_codes_;
  BinCells bins_;
  MultipleCounts multiples_;
  PaperCounts paper_;
  ByteNotes notes_;
  std::uint64_t pending_ = 0;
};

}  // namespace weightgauge
