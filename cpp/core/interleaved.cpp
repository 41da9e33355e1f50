#include "core/interleaved.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t item = 2;  // bytes: only formats of 16 bits are counted together
constexpr std::uint16_t magnitude_mask = 0x7FFF;

// Slices whose first items are farther apart are not read together: one read of a file must bring a
// row of all of them.
constexpr std::uint64_t farthest = ReadBuffer::span_bytes - short_stretch_bytes;

// Below this many items a slice is counted sooner than the short counts of a table are gone
// through.
constexpr std::uint64_t least_items = std::uint64_t{1} << 15;
// What lies between two slices is read in vain, from a file at least.
constexpr std::uint64_t widest_gap = 4096;

bool alternates(const View& view) { return view.dims.back().stride == 2 * item; }

// Views of one shape whose offsets differ by less than this share cache lines or pages; 0 where
// nothing is gained by reading them together.
std::uint64_t reach_of(const View& view) {
  if (view.decoding != nullptr || !is_16_bit(view.dtype) || view.dims.empty() ||
      view.items() < least_items) {
    return 0;
  }
  if (alternates(view)) {
    return 2 * item;
  }
  const Dim& inner = view.dims.back();
  if (view.dims.size() < 2 || inner.stride != item || inner.extent * item >= short_stretch_bytes) {
    return 0;
  }
  return std::min(static_cast<std::uint64_t>(view.dims[view.dims.size() - 2].stride), farthest);
}

bool same_shape(const SliceSpec& a, const SliceSpec& b) {
  const auto same_dim = [](const Dim& x, const Dim& y) {
    return x.extent == y.extent && x.stride == y.stride;
  };
  return a.source == b.source && a.view.dtype == b.view.dtype &&
         std::equal(a.view.dims.begin(), a.view.dims.end(), b.view.dims.begin(), b.view.dims.end(),
                    same_dim);
}

bool before(const SliceSpec& a, const SliceSpec& b) {
  const auto smaller_dim = [](const Dim& x, const Dim& y) {
    return std::tie(x.extent, x.stride) < std::tie(y.extent, y.stride);
  };
  if (a.source != b.source || a.view.dtype != b.view.dtype) {
    return std::tie(a.source, a.view.dtype) < std::tie(b.source, b.view.dtype);
  }
  if (!same_shape(a, b)) {
    return std::lexicographical_compare(a.view.dims.begin(), a.view.dims.end(), b.view.dims.begin(),
                                        b.view.dims.end(), smaller_dim);
  }
  return a.view.offset < b.view.offset;
}

}  // namespace

std::vector<std::vector<std::size_t>> interleaved_slices(const std::vector<SliceSpec>& slices) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (reach_of(slices[i].view) > 0) {
      candidates.push_back(i);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&slices](std::size_t a, std::size_t b) {
    return before(slices[a], slices[b]);
  });
  std::vector<std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < candidates.size();) {
    const SliceSpec& first = slices[candidates[i]];
    const std::uint64_t reach = reach_of(first.view);
    std::vector<std::size_t> together;
    std::uint64_t end = first.view.offset;  // of a row of the slices so far
    while (i < candidates.size() && together.size() < Interleaved::most_slices) {
      const SliceSpec& next = slices[candidates[i]];
      if (!same_shape(next, first) || next.view.offset - first.view.offset >= reach ||
          next.view.offset > end + widest_gap) {
        break;
      }
      end = next.view.offset + (alternates(next.view) ? 1 : next.view.dims.back().extent) * item;
      together.push_back(candidates[i++]);
    }
    const bool one_after_the_other =
        together.size() == 2 && slices[together[1]].view.offset == first.view.offset + item;
    if (together.size() > 1 && (!alternates(first.view) || one_after_the_other)) {
      sets.push_back(std::move(together));
    }
  }
  return sets;
}

namespace {

// One part of all jobs, in blocks for whose counts 16 bits are enough.
class Pass {
 public:
  Pass(const std::vector<SliceJob*>& jobs, Workspace& workspace)
      : workspace_(workspace),
        source_(jobs.front()->source()),
        dtype_(jobs.front()->view().dtype),
        apart_(jobs.back()->view().offset - jobs.front()->view().offset) {
    // The tables' busiest cells shall not all fall into the same sets of the cache.
    constexpr std::size_t stride = CodeCounter::short_codes + 128;
    workspace.short_counts.resize(std::max(workspace.short_counts.size(), jobs.size() * stride));
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      columns_.push_back(
          {static_cast<std::ptrdiff_t>(jobs[i]->view().offset - jobs.front()->view().offset),
           workspace.short_counts.data() + i * stride});
    }
  }

  // Items side by side, the same number of each slice.
  void count_row(const Run& run) {
    if (run.items != width_) {
      count_rows();
      width_ = static_cast<std::size_t>(run.items);
    }
    const std::size_t bytes = static_cast<std::size_t>(apart_) + width_ * item;
    if ((rows_.size() + 1) * width_ > most_short_items ||
        (source_.memory() == nullptr && (rows_.size() + 1) * bytes > ReadBuffer::bytes)) {
      count_rows();
    }
    if (source_.memory() != nullptr) {
      rows_.push_back(source_.memory() + run.offset);
    } else {
      std::byte* const row = workspace_.buffer.data() + rows_.size() * bytes;
      source_.file()->read(row, bytes, run.offset);
      rows_.push_back(row);
    }
  }

  // Items of two slices in turn.
  void count_run(const Run& run) {
    const std::uint64_t most =
        source_.memory() != nullptr ? most_short_items : ReadBuffer::span_bytes / (2 * item);
    for (std::uint64_t from = 0; from < run.items;) {
      const std::uint64_t pairs = std::min(run.items - from, most);
      const std::byte* const items =
          source_.bytes_at(run.offset + from * 2 * item, pairs * 2 * item, workspace_.buffer);
      count_pairs(items, static_cast<std::size_t>(pairs));
      from += pairs;
    }
  }

  // Hands the counts over to the tables.
  void finish() {
    count_rows();
    take();
  }

 private:
  void count_rows() {
    if (rows_.empty()) {
      return;
    }
    if (rows_are_crowded()) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::byte* const packed = packed_items();
        for (std::size_t row = 0; row < rows_.size(); ++row) {
          kernels().pack(rows_[row] + columns_[i].offset, item, width_, item,
                         packed + row * width_ * item);
        }
        count_packed(i, packed, rows_.size() * width_);
      }
    } else {
      make_room(rows_.size() * width_);
      kernels().count_columns(rows_.data(), rows_.size(), width_, magnitude_mask, columns_.data(),
                              columns_.size());
    }
    rows_.clear();
  }

  void count_pairs(const std::byte* items, std::size_t pairs) {
    if (kernels().items_are_crowded(items, 2 * pairs, magnitude_mask)) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::byte* const packed = packed_items();
        kernels().pack(items + columns_[i].offset, 2 * item, pairs, item, packed);
        count_packed(i, packed, pairs);
      }
    } else {
      make_room(pairs);
      kernels().count_alternating(items, pairs, magnitude_mask, columns_[0].counts,
                                  columns_[1].counts);
    }
  }

  // Where neighbours are often equal, each slice is counted by itself, in the way made for that.
  void count_packed(std::size_t slice, const std::byte* items, std::size_t n) {
    workspace_.table(slice).count(Method::codes, dtype_, items, n, nullptr);
  }
  std::byte* packed_items() {
    static_assert(most_short_items * item <= ReadBuffer::bytes);
    return workspace_.buffer.inner(0).data();
  }

  // By a sample of items from all over the block.
  bool rows_are_crowded() {
    constexpr std::size_t wanted = 1024;
    constexpr std::size_t each = 64;
    const std::size_t taken = std::min(width_, each);
    const std::size_t step = std::max<std::size_t>(rows_.size() * taken / wanted, 1);
    std::byte* const sample = packed_items();
    std::size_t size = 0;
    for (std::size_t row = 0; row < rows_.size() && size < wanted; row += step) {
      kernels().pack(rows_[row] + columns_[row / step % columns_.size()].offset, item, taken, item,
                     sample + size * item);
      size += taken;
    }
    return kernels().items_are_crowded(sample, size, magnitude_mask);
  }

  void make_room(std::size_t items) {
    if (counted_ + items > most_short_items) {
      take();
    }
    counted_ += items;
  }
  void take() {
    if (counted_ > 0) {
      for (std::size_t i = 0; i < columns_.size(); ++i) {
        workspace_.table(i).take(columns_[i].counts, counted_);
      }
    }
    counted_ = 0;
  }

  Workspace& workspace_;
  const Source& source_;
  DType dtype_;
  std::uint64_t apart_;  // bytes from the first slice to the last
  std::vector<Column> columns_;
  std::vector<const std::byte*> rows_;
  std::size_t width_ = 0;    // items of each slice in a row
  std::size_t counted_ = 0;  // items of each slice in the short counts
};

}  // namespace

void Interleaved::run_part(std::uint64_t part, Workspace& workspace, Control& control) const {
  const View& view = jobs_.front()->view();
  const auto [first, last] = jobs_.front()->items_of(part);
  Pass pass(jobs_, workspace);
  for_each_run(view, first, last, [&](const Run& run) {
    if (alternates(view)) {
      pass.count_run(run);
    } else {
      pass.count_row(run);
    }
  });
  pass.finish();
  for (SliceJob* const job : jobs_) {
    job->note_progress(last - first, control);
  }
}

}  // namespace weightgauge
