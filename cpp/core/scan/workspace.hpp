// The memory that work on slices needs beyond the slices themselves.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "core/count/counting_table.hpp"
#include "core/exact/sort.hpp"
#include "core/fit/weibull.hpp"
#include "core/io/read_buffer.hpp"
#include "core/kernels/term_kernels.hpp"

namespace weightgauge {

// One worker's own memory: all that it keeps from one slice to the next.
class Workspace {
 public:
  ReadBuffer buffer;
  SortSpace sort;
  HarvestSpace harvest;
  FitSpace fit;
  std::vector<Terms> spare_terms;  // of a MagnitudeTable that nobody needs any more
  // About how many workers can do parts of the slice in hand, should it need another phase.
  int workers = 1;

  // One for each slice that is being counted: more than one only where slices share rows.
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

// A workspace for work of the calling thread. Making the memory takes as long as counting a small
// array does, so one workspace waits in the process for the next such call. It holds a few MiB, or
// up to about 30 after a fit from bins of F32 or F64. Calls at the same time have one each.
class LentWorkspace {
 public:
  LentWorkspace();

  Workspace& operator*() const { return *workspace_; }
  Workspace* operator->() const { return workspace_.get(); }
  // After work that ended well, all tables harvested: leaves the workspace for the next call. One
  // that is not given back is thrown away.
  void give_back();

 private:
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace weightgauge
