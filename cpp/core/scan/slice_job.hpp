// What a scan knows of one slice while it is being worked on.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/count/counting_table.hpp"
#include "core/exact/batch_moments.hpp"
#include "core/exact/plan.hpp"
#include "core/scan/scan.hpp"

namespace weightgauge {

// One worker's own memory.
class Workspace {
 public:
  ReadBuffer buffer;
  SortSpace space;
  // One for each slice that is being counted: more than one only where slices are interleaved.
  CountingTable& table(std::size_t index) {
    while (tables_.size() <= index) {
      tables_.emplace_back();
    }
    return tables_[index];
  }
  // See CountingTable::release().
  void release_tables() {
    for (CountingTable& table : tables_) {
      table.release();
    }
  }

 private:
  std::deque<CountingTable> tables_;
};

// A job goes through up to four phases: count the slice in chunks (or sort it in one go); once more
// by leading bits where magnitudes lie beyond the bins of F64; then, where that is not enough or
// fills too many bins, sort it batch by batch; and once more with greater care where magnitudes lie
// so close together, or are so small, that the first batches were not exact. Each phase has a
// number of parts that any threads may do; whoever completes the last part of a phase ends it.
class SliceJob {
 public:
  // What is found goes into `result`.
  SliceJob(const Source& source, const View& view, const ScanOptions& options,
           std::uint64_t chunk_bytes, SliceResult& result);

  const Source& source() const { return source_; }
  const View& view() const { return view_; }
  std::uint64_t parts() const { return parts_; }

  // Items that a part of the counting phase covers: from the first up to the second.
  std::pair<std::uint64_t, std::uint64_t> items_of(std::uint64_t part) const;

  // Does one part. Counts stay in the workspace's first table until flush().
  void run_part(std::uint64_t part, Workspace& workspace, Control& control);
  // For whoever does a part of several jobs at once: adds its items to the progress.
  void note_progress(std::uint64_t items, Control& control) const;
  enum class Progress : std::uint8_t {
    going_on,
    next_phase,  // the counting is over and parts() new parts are ready to run
    finished,
  };
  // Hands over what one of the workspace's tables has counted in `done` parts.
  Progress flush(std::uint64_t done, std::size_t table, Workspace& workspace,
                 const Control& control);

 private:
  enum class Phase : std::uint8_t { counting, batches };

  void choose_method();
  void start_again_by_leading_bits();
  void start_batches();
  Progress end_counting(Workspace& workspace);
  Progress end_batches(Workspace& workspace, const Control& control);
  // The root mean square is made from the histogram where it is not known.
  void note_totals(std::optional<double> rms = std::nullopt);
  Progress fit_from_batches(Workspace& workspace, const Control& control);
  bool quick_sums_suffice(const Plot& plot) const;
  void take_quantiles_from_histogram();
  std::vector<std::uint64_t> ranks_in_order() const;
  void set_quantiles(const std::vector<double>& ascending);

  const Source& source_;
  const View& view_;
  const ScanOptions& options_;
  Method method_ = Method::codes;
  Phase phase_ = Phase::counting;
  bool first_pass_ = true;
  std::uint64_t items_ = 0;
  std::uint64_t chunk_items_ = 1;
  std::uint64_t parts_ = 1;
  std::atomic<std::uint64_t> pending_{0};

  std::mutex mutex_;
  std::optional<Histogram> counted_;
  PaperCounts paper_;
  std::uint64_t out_of_reach_ = 0;

  bool quick_ = true;
  int wanted_bins_ = 0;  // see BatchTask
  double extent_ = 0;
  std::vector<Batch> batches_;
  std::vector<std::size_t> group_ends_;  // of batches summed together
  std::optional<HazenSums> sums_;
  std::vector<std::uint64_t> ranks_;
  std::vector<std::optional<BatchMoments>> batch_sums_;
  std::vector<std::vector<double>> batch_values_;

  SliceResult& result_;
};

}  // namespace weightgauge
