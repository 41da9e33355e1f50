#include "core/scan/counting.hpp"

#include <utility>

#include "core/exact/gather.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/counted_slice.hpp"

namespace weightgauge {

namespace {

void count_part(const Slice& slice, Method method,
                const std::pair<std::uint64_t, std::uint64_t>& items, Workspace& workspace) {
  CountingTable& table = workspace.table(0);
  for_each_stretch(slice.source, slice.view, items.first, items.second, workspace.buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     table.count(method, slice.view.dtype, packed, n, slice.options.paper.get());
                   });
}

}  // namespace

Method first_method(DType dtype, std::uint64_t items) {
  if (!is_wide(dtype)) {
    return Method::codes;
  }
  return items <= sorted_limit ? Method::sorted : Method::bins;
}

Counting::Counting(const Slice& slice, Method method, const Chunks& chunks)
    : slice_(slice), method_(method), chunks_(chunks), counts_(slice, method) {}

void Counting::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  if (method_ == Method::bins) {
    workspace.sort.release();  // there is memory for counting or for sorting
  }
  const auto items = chunks_.items_of(part);
  count_part(slice_, method_, items, workspace);
  note_progress(slice_.view, items.second - items.first, control);
}

void Counting::hand_over(std::size_t table, Workspace& workspace) {
  counts_.harvest(workspace.table(table), workspace.harvest);
}

std::unique_ptr<Phase> Counting::finish(Workspace& workspace, const Control& /*control*/) {
  if (counts_.out_of_reach() > 0) {
    return std::make_unique<CountingLeadingBits>(slice_, chunks_);
  }
  return finish_counting(slice_, method_, {counts_.take_histogram(), counts_.take_paper()},
                         workspace);
}

CountingLeadingBits::CountingLeadingBits(const Slice& slice, const Chunks& chunks)
    : slice_(slice), chunks_(chunks), counts_(slice, Method::leading) {}

void CountingLeadingBits::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  count_part(slice_, Method::leading, chunks_.items_of(part), workspace);
}

void CountingLeadingBits::hand_over(std::size_t table, Workspace& workspace) {
  counts_.harvest(workspace.table(table), workspace.harvest);
}

std::unique_ptr<Phase> CountingLeadingBits::finish(Workspace& workspace,
                                                   const Control& /*control*/) {
  return finish_counting(slice_, Method::leading, {counts_.take_histogram(), counts_.take_paper()},
                         workspace);
}

void SortingWhole::run_part(std::uint64_t /*part*/, Workspace& workspace, Control& control) {
  counted_ =
      sorted_histogram(slice_.source, slice_.view, workspace.buffer, workspace.sort, control);
  note_progress(slice_.view, slice_.view.items(), control);
}

std::unique_ptr<Phase> SortingWhole::finish(Workspace& workspace, const Control& /*control*/) {
  return finish_counting(slice_, Method::sorted, {std::move(*counted_), {}}, workspace);
}

}  // namespace weightgauge
