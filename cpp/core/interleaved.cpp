#include "core/interleaved.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t step_bytes = 8192;  // of a long run, taken at a time
// Slices whose first items are farther apart are not read together: one read of a file must bring
// the items of all.
constexpr std::uint64_t farthest = ReadBuffer::span_bytes - step_bytes;

// Views of one shape whose offsets differ by less than this share cache lines or pages; 0 where
// nothing is gained by reading them together.
std::uint64_t reach_of(const View& view) {
  if (view.decoding != nullptr || is_wide(view.dtype) || view.dims.empty()) {
    return 0;
  }
  const std::size_t item = item_bytes(view.dtype);
  const Dim& inner = view.dims.back();
  const auto stride = static_cast<std::uint64_t>(inner.stride);
  if (stride != item) {
    return std::min(stride, farthest);
  }
  if (view.dims.size() < 2 || inner.extent * item >= short_stretch_bytes) {
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
    while (i < candidates.size() && together.size() < Interleaved::most_slices &&
           same_shape(slices[candidates[i]], first) &&
           slices[candidates[i]].view.offset - first.view.offset < reach) {
      together.push_back(candidates[i++]);
    }
    if (together.size() > 1) {
      sets.push_back(std::move(together));
    }
  }
  return sets;
}

namespace {

constexpr std::uint64_t line_bytes = 64;
// Packed items of one slice: with its counts they fit into the first-level cache.
constexpr std::size_t packed_bytes = 16384;
static_assert(Interleaved::most_slices * packed_bytes <= ReadBuffer::bytes);

// A stretch of memory with items of every slice.
struct Step {
  std::uint64_t offset;  // of the first slice's first item
  std::uint64_t items;   // of each slice
};

// Steps that stay in the first-level cache until every slice has taken its items.
struct Block {
  std::vector<Step> steps;
  std::uint64_t items = 0;
};

// The blocks of a part, one after the other.
class Blocks {
 public:
  Blocks(const View& view, std::uint64_t first, std::uint64_t last, std::uint64_t room)
      : cursor_(view, first),
        extent_(view.dims.back().extent),
        stride_(static_cast<std::uint64_t>(view.dims.back().stride)),
        left_(last - first),
        room_(room) {}

  void next(Block& block) {
    block.steps.clear();
    block.items = 0;
    while (left_ > 0 && block.items < room_) {
      const std::uint64_t at = cursor_.within() + taken_;
      const std::uint64_t items = std::min({extent_ - at, left_, room_ - block.items,
                                            std::max<std::uint64_t>(step_bytes / stride_, 1)});
      block.steps.push_back({cursor_.offset() + at * stride_, items});
      block.items += items;
      left_ -= items;
      taken_ += items;
      if (at + items == extent_) {
        cursor_.advance();
        taken_ = 0;
      }
    }
  }

 private:
  RunCursor cursor_;
  std::uint64_t extent_;
  std::uint64_t stride_;
  std::uint64_t left_;
  std::uint64_t room_;
  std::uint64_t taken_ = 0;  // of the cursor's run
};

// One part of all jobs. Items are packed job by job; whenever one job's room is full, its items are
// counted. Each job begins with another share of its room, so that their turns come one by one, a
// block apart; and while one job is counted, the next block comes from memory into the cache.
class Pass {
 public:
  Pass(const std::vector<SliceJob*>& jobs, Workspace& workspace)
      : jobs_(jobs),
        workspace_(workspace),
        source_(jobs.front()->source()),
        first_(jobs.front()->view().offset),
        apart_(jobs.back()->view().offset - first_),
        item_(item_bytes(jobs.front()->view().dtype)),
        stride_(static_cast<std::uint64_t>(jobs.front()->view().dims.back().stride)),
        block_items_(packed_bytes / jobs.size() / item_),
        room_(block_items_ * jobs.size()) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      packed_.push_back({jobs[i]->view().offset - first_,
                         workspace.buffer.data() + i * room_ * item_, 0, (i + 1) * block_items_});
    }
  }

  void count(std::uint64_t first, std::uint64_t last) {
    Blocks blocks(jobs_.front()->view(), first, last, block_items_);
    Block now, later;
    for (blocks.next(now); now.items > 0; std::swap(now, later)) {
      pack(now);
      blocks.next(later);
      list_lines(later);
      for (std::size_t i = 0; i < jobs_.size(); ++i) {
        if (packed_[i].items + block_items_ > packed_[i].limit) {
          count_job(i);
        }
      }
    }
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      count_job(i);
    }
  }

 private:
  struct Packed {
    std::uint64_t offset;  // of the slice, from the first one
    std::byte* begin;
    std::uint64_t items;
    std::uint64_t limit;
  };
  // What one fault brings into the address space, as a rule: 64 KiB.
  static constexpr int fault_shift = 16;

  // From the first slice's first item to the last one's last.
  std::uint64_t bytes_of(const Step& step) const {
    return (step.items - 1) * stride_ + apart_ + item_;
  }

  void pack(const Block& block) {
    const auto put = kernels().pack;
    std::uint64_t filled = 0;
    for (const Step& step : block.steps) {
      const std::byte* const bytes =
          source_.bytes_at(step.offset, bytes_of(step), workspace_.buffer);
      for (std::size_t i = 0; i < jobs_.size(); ++i) {
        put(bytes + packed_[i].offset, stride_, step.items, item_,
            packed_[i].begin + (packed_[i].items + filled) * item_);
      }
      filled += step.items;
    }
    for (Packed& packed : packed_) {
      packed.items += block.items;
    }
  }

  void count_job(std::size_t i) {
    Packed& packed = packed_[i];
    const auto items = static_cast<std::size_t>(packed.items);
    lines_.resize(std::max(lines_.size(), items / items_per_line), packed.begin);
    jobs_[i]->count_packed(packed.begin, items, workspace_.table(i), lines_.data());
    packed.items = 0;
    packed.limit = room_;
    listed_ = 0;
  }

  void list_lines(const Block& block) {
    if (source_.memory() == nullptr) {
      return;
    }
    for (const Step& step : block.steps) {
      const std::byte* const begin = source_.memory() + step.offset;
      bring_in(begin);
      const std::uint64_t bytes = bytes_of(step);
      lines_.resize(std::max<std::size_t>(lines_.size(), listed_ + bytes / line_bytes + 1));
      for (std::uint64_t at = 0; at < bytes; at += line_bytes) {
        lines_[listed_++] = begin + at;
      }
    }
  }

  // The processor fetches nothing in advance from pages that are not in the address space yet.
  void bring_in(const std::byte* at) {
    const std::uintptr_t window = reinterpret_cast<std::uintptr_t>(at) >> fault_shift;
    if (window != present_) {
      static_cast<void>(*reinterpret_cast<const volatile std::byte*>(at));
      present_ = window;
    }
  }

  const std::vector<SliceJob*>& jobs_;
  Workspace& workspace_;
  const Source& source_;
  std::uint64_t first_;
  std::uint64_t apart_;
  std::size_t item_;
  std::uint64_t stride_;
  std::uint64_t block_items_;
  std::uint64_t room_;  // items of each slice
  std::vector<Packed> packed_;
  // Addresses that are read next; what stands after `listed_` of them has been read before.
  std::vector<const std::byte*> lines_;
  std::size_t listed_ = 0;
  std::uintptr_t present_ = 0;  // the latest window that has been touched
};

}  // namespace

void Interleaved::run_part(std::uint64_t part, Workspace& workspace, Control& control) const {
  const auto [first, last] = jobs_.front()->items_of(part);
  Pass(jobs_, workspace).count(first, last);
  for (SliceJob* const job : jobs_) {
    job->note_progress(last - first, control);
  }
}

}  // namespace weightgauge
