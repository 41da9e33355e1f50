#include "core/scan/rank_batches.hpp"

#include <algorithm>
#include <utility>

#include "core/exact/plan.hpp"
#include "core/exact/quantiles.hpp"
#include "core/scan/counted_slice.hpp"

namespace weightgauge {

RankBatches::RankBatches(const Slice& slice, Histogram counted, int workers)
    : slice_(slice),
      counted_(std::move(counted)),
      ranks_(ranks_in_order(slice.options.probabilities, counted_.n())),
      batches_(plan_ranks(counted_, ranks_)) {
  const auto threads = static_cast<std::size_t>(workers);
  // The pass takes longest, not the sorting: it is made once, unless all workers can pick.
  const bool pick = batches_.size() <= most_picked * threads;
  group_ends_ = group_batches(batches_, counted_.dtype, pick ? threads : 1);
  magnitudes_.resize(group_ends_.size());
}

void RankBatches::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  workspace.release_tables();  // there is memory for counting or for sorting
  const std::size_t first = part == 0 ? 0 : group_ends_[part - 1];
  magnitudes_[part] =
      magnitudes_of_ranks(slice_.source, slice_.view, &batches_[first], group_ends_[part] - first,
                          counted_.dropped_bits, ranks_, workspace.buffer, workspace.sort, control);
}

std::unique_ptr<Phase> RankBatches::finish(Workspace& /*workspace*/, const Control& /*control*/) {
  note_totals(counted_, slice_.result);
  std::vector<double> ascending;
  for (const std::vector<double>& values : magnitudes_) {
    ascending.insert(ascending.end(), values.begin(), values.end());
  }
  slice_.result.quantiles = in_order_of(slice_.options.probabilities, ascending);
  return nullptr;
}

}  // namespace weightgauge
