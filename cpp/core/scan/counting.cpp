#include "core/scan/counting.hpp"

#include <algorithm>
#include <utility>

#include "core/exact/gather.hpp"
#include "core/io/decoding.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/counted_slice.hpp"
#include "core/scan/digesting.hpp"

namespace weightgauge {

namespace {

// Codes that are counted by scale and multiple take an eighth of the bytes of their values.
constexpr std::uint64_t multiples_at_a_time = 8;

// Counts the values of a run without making them. One of them is made to tell where in the table
// they are.
void count_unmade(const Slice& slice, const Run& run, Noting noting, Workspace& workspace,
                  PageNotes* notes) {
  CountingTable& table = workspace.table(0);
  const Decoding& decoding = *slice.view.decoding;
  std::byte one[2] = {};
  decoding.decode(slice.source, {run.offset, 1, run.stride}, workspace.buffer,
                  [&one](const std::byte* made, std::size_t) { std::copy_n(made, 2, one); });
  std::uint32_t* const magnitudes = table.open_table(one, run.items * decoding.values_per_item());
  const std::uint64_t negatives =
      decoding.count(slice.source, run, workspace.buffer, magnitudes, notes);
  table.note_negatives(noting.negatives ? negatives : 0);
}

// Adds the values of a part of a slice of all items, where these are best counted in another order.
// Returns whether they are.
bool count_in_any_order(const View& view, const std::pair<std::uint64_t, std::uint64_t>& items,
                        Workspace& workspace, PageNotes* notes) {
  if (view.dims.size() > 1 || view.items() != view.decoding->items_in_any_order()) {
    return false;
  }
  MultipleCounts& counts = workspace.table(0).open_multiples(items.second - items.first);
  view.decoding->count_in_any_order(items.first, items.second, workspace.buffer, counts, notes);
  return true;
}

// The pages of codes are noted as well unless `notes` is null: see notes_while_counted().
void count_decoded(const Slice& slice, Method method, Noting noting,
                   const std::pair<std::uint64_t, std::uint64_t>& items, Workspace& workspace,
                   PageNotes* notes = nullptr) {
  const View& view = slice.view;
  if (method == Method::multiples && count_in_any_order(view, items, workspace, notes)) {
    return;
  }
  const std::uint64_t per_item = view.decoding->values_per_item();
  const TakeValues count_made = [&](const std::byte* values, std::size_t n) {
    workspace.table(0).count(method, view.dtype, values, n, slice.options.paper.get(), noting);
  };
  const bool by_groups = view.decoding->counts_groups() && slice.options.paper == nullptr;
  for_each_run(view, items.first / per_item, items.second / per_item, [&](const Run& run) {
    if (method == Method::multiples) {
      MultipleCounts& counts = workspace.table(0).open_multiples(run.items);
      view.decoding->count_multiples(run, workspace.buffer, counts, notes);
    } else if (method == Method::bins && by_groups) {
      view.decoding->count_groups(
          run, workspace.buffer,
          [&](const float* values, const std::uint32_t* counts, std::size_t n) {
            workspace.table(0).count_repeated(values, counts, n, noting);
          });
    } else if (view.decoding->can_count(slice.source, run)) {
      count_unmade(slice, run, noting, workspace, notes);
    } else {
      view.decoding->decode(slice.source, run, workspace.buffer, count_made);
    }
  });
}

void count_part(const Slice& slice, Method method, Noting noting,
                const std::pair<std::uint64_t, std::uint64_t>& items, Workspace& workspace) {
  CountingTable& table = workspace.table(0);
  if (slice.view.decoding != nullptr) {
    count_decoded(slice, method, noting, items, workspace);
    return;
  }
  const std::size_t item = item_bytes(slice.view.dtype);
  noting.first_page = slice.first_page + items.first * item / page_bytes;
  for_each_stretch(slice.source, slice.view, items.first, items.second, workspace.buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     table.count(method, slice.view.dtype, packed, n, slice.options.paper.get(),
                                 noting);
                     noting.first_page += n * item / page_bytes;
                   });
}

// The bytes of codes are other than those of the values that are counted.
bool has_pages_of_codes(const Slice& slice) {
  return notes_pages(slice.noted) && slice.view.decoding != nullptr;
}

// Whether the pages of codes of any part are noted by the loops that count it.
bool notes_while_counted(const Slice& slice, Method method, ReadBuffer& buffer) {
  const View& view = slice.view;
  if (method == Method::multiples) {
    return view.decoding->notes_codes(buffer);
  }
  return method == Method::codes && view.dims.size() == 1 &&
         view.decoding->can_count(slice.source, {view.offset, view.items(), 1});
}

// Counts the codes of a part and notes their pages.
ByteNotes count_and_note(const Slice& slice, Method method,
                         const std::pair<std::uint64_t, std::uint64_t>& items,
                         Workspace& workspace) {
  const View& view = slice.view;
  PageNotes notes;
  if (view.decoding->stored_codes()) {
    count_decoded(slice, method, noting_of(slice), items, workspace, &notes);
    return {notes.sum, notes.zero_pages, 0};
  }
  const std::uint64_t per_item = view.decoding->values_per_item();
  const std::uint64_t first = items.first / per_item;
  const std::uint64_t bytes = items.second / per_item - first;
  notes.page = slice.first_page + first / page_bytes;
  count_decoded(slice, method, noting_of(slice), items, workspace, &notes);
  const std::uint64_t rest = bytes % page_bytes;  // a last page that is not whole
  if (rest > 0) {
    kernels().note_pages(slice.source.memory() + view.offset + first + bytes - rest,
                         static_cast<std::size_t>(rest), notes);
  }
  return {notes.sum, notes.zero_pages, 0};
}

}  // namespace

Noting noting_of(const Slice& slice) {
  Noting noting;
  noting.negatives = slice.noted != Noted::nothing;
  noting.pages = notes_pages(slice.noted) && slice.view.decoding == nullptr;
  return noting;
}

Method first_method(const View& view) {
  if (!is_wide(view.dtype)) {
    return Method::codes;
  }
  const std::uint64_t items = view.items();
  if (items > sorted_limit && view.decoding != nullptr && view.decoding->counts_multiples()) {
    return Method::multiples;
  }
  return items <= sorted_limit ? Method::sorted : Method::bins;
}

Chunks chunks_of(const Slice& slice, std::uint64_t chunk_bytes) {
  const View& view = slice.view;
  std::uint64_t chunk_items = std::max<std::uint64_t>(chunk_bytes / item_bytes(view.dtype), 1);
  std::uint64_t unit = 1;
  if (first_method(view) == Method::multiples) {
    chunk_items *= multiples_at_a_time;
    unit = view.decoding->items_together();
  } else if (view.decoding != nullptr) {  // chunks begin and end between stored items
    unit = view.decoding->values_per_item();
  }
  if (notes_pages(slice.noted) && !has_codes_apart(view)) {  // or between pages
    unit *= page_bytes / view.stored_item_bytes();
  }
  chunk_items = (chunk_items + unit - 1) / unit * unit;
  return {view.items(), chunk_items};
}

Counting::Counting(const Slice& slice, Method method, const Chunks& chunks)
    : slice_(slice), method_(method), chunks_(chunks), counts_(slice, method) {}

void Counting::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  if (method_ == Method::bins) {
    workspace.sort.release();  // there is memory for counting or for sorting
  }
  const auto items = chunks_.items_of(part);
  if (!has_pages_of_codes(slice_)) {
    count_part(slice_, method_, noting_of(slice_), items, workspace);
  } else if (notes_while_counted(slice_, method_, workspace.buffer)) {
    counts_.add_notes(count_and_note(slice_, method_, items, workspace));
  } else {
    counts_.add_notes(pages_of_part(slice_, chunks_, part, workspace.buffer));
    count_part(slice_, method_, noting_of(slice_), items, workspace);
  }
  note_progress(slice_.view, items.second - items.first, control);
}

void Counting::hand_over(std::size_t table, Workspace& workspace) {
  counts_.harvest(workspace.table(table), workspace.harvest);
}

std::unique_ptr<Phase> Counting::finish(Workspace& workspace, const Control& /*control*/) {
  note_result(slice_, counts_.notes());
  if (counts_.out_of_reach() > 0) {
    return std::make_unique<CountingLeadingBits>(slice_, chunks_);
  }
  return finish_counting(slice_, method_, {counts_.take_histogram(), counts_.take_paper()},
                         workspace);
}

CountingLeadingBits::CountingLeadingBits(const Slice& slice, const Chunks& chunks)
    : slice_(slice), chunks_(chunks), counts_(slice, Method::leading) {}

void CountingLeadingBits::run_part(std::uint64_t part, Workspace& workspace, Control& /*control*/) {
  count_part(slice_, Method::leading, {}, chunks_.items_of(part), workspace);
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
  const View& view = slice_.view;
  const Noting noting = noting_of(slice_);
  std::uint64_t page = slice_.first_page;
  const auto see = [&](const std::byte* packed, std::size_t n) {
    if (noting.negatives) {
      notes_.add(notes_of(view.dtype, packed, n, page));
      page += n * item_bytes(view.dtype) / page_bytes;
    }
  };
  counted_ = sorted_histogram(slice_.source, view, workspace.buffer, workspace.sort, control, see);
  if (!noting.pages) {
    notes_ = {0, 0, notes_.negatives};
  }
  if (has_pages_of_codes(slice_)) {
    notes_.add(pages_of_part(slice_, {view.items(), view.items()}, 0, workspace.buffer));
  }
  note_progress(view, view.items(), control);
}

std::unique_ptr<Phase> SortingWhole::finish(Workspace& workspace, const Control& /*control*/) {
  note_result(slice_, notes_);
  return finish_counting(slice_, Method::sorted, {std::move(*counted_), {}}, workspace);
}

}  // namespace weightgauge
