#include "core/scan/shared_rows.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "core/io/stretches.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t item = 2;  // bytes: only formats of 16 bits are counted together
constexpr std::uint16_t magnitude_mask = 0x7FFF;

// Slices whose first items are farther apart are not read together: one read of a file must bring a
// row of all of them.
constexpr std::uint64_t farthest = ReadBuffer::span_bytes - short_stretch_bytes;

// Below this many items a slice is counted sooner than a whole table is gone through.
constexpr std::uint64_t least_items = std::uint64_t{1} << 15;
// What lies between two slices is read in vain, from a file at least.
constexpr std::uint64_t widest_gap = 4096;

// Rows are counted in blocks of this size, slice by slice. A second-level cache of a megabyte has
// room for a block, the block that follows, and the tables.
constexpr std::size_t block_bytes = 256 * 1024;
static_assert(block_bytes <= ReadBuffer::bytes);
// So many slices of a block are counted at a time, as long as a row has no more than so many items
// of them all: the first-level cache then has room for the cells that they use.
constexpr std::size_t most_at_once = most_row_parts;
constexpr std::size_t most_items_at_once = 512;
// Rows whose places are listed at a time.
constexpr std::size_t most_rows = std::size_t{1} << 16;

bool alternates(const View& view) { return view.dims.back().stride == 2 * item; }

// Views of one shape whose offsets differ by less than this share cache lines or pages. 0 where
// nothing is gained by reading them together.
std::uint64_t reach_of(const SliceSpec& slice) {
  const View& view = slice.view;
  if (notes_pages(slice.noted)) {
    return 0;  // it lies between no others
  }
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

std::vector<std::vector<std::size_t>> sets_in_shared_rows(const std::vector<SliceSpec>& slices) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (reach_of(slices[i]) > 0) {
      candidates.push_back(i);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&slices](std::size_t a, std::size_t b) {
    return before(slices[a], slices[b]);
  });
  std::vector<std::vector<std::size_t>> sets;
  for (std::size_t i = 0; i < candidates.size();) {
    const SliceSpec& first = slices[candidates[i]];
    const std::uint64_t reach = reach_of(first);
    std::vector<std::size_t> together;
    std::uint64_t end = first.view.offset;  // of a row of the slices so far
    while (i < candidates.size() && together.size() < SharedRows::most_slices) {
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

// One part of all jobs.
class Pass {
 public:
  Pass(const std::vector<SliceJob*>& jobs, Workspace& workspace)
      : workspace_(workspace),
        source_(jobs.front()->source()),
        dtype_(jobs.front()->view().dtype),
        form_{magnitude_mask, static_cast<std::uint16_t>(negative_codes(dtype_).first_other)} {
    for (const SliceJob* const job : jobs) {
      offsets_.push_back(
          static_cast<std::ptrdiff_t>(job->view().offset - jobs.front()->view().offset));
    }
  }

  // Items side by side, the same number of each slice.
  void add_row(const Run& run) {
    if (run.items != width_ || rows_.size() == most_rows) {
      count_rows();
      width_ = static_cast<std::size_t>(run.items);
    }
    rows_.push_back(run.offset);
  }

  // All rows since the last call.
  void count_rows() {
    if (rows_.empty()) {
      return;
    }
    const std::size_t most = std::max<std::size_t>(block_bytes / row_bytes(), 1);
    if (source_.memory() != nullptr) {
      places_.resize(rows_.size());
      std::transform(rows_.begin(), rows_.end(), places_.begin(),
                     [this](std::uint64_t row) { return source_.memory() + row; });
    }
    for (std::size_t from = 0; from < rows_.size(); from += most) {
      const std::size_t n = std::min(most, rows_.size() - from);
      if (source_.memory() != nullptr) {
        const std::byte* const* const rows = places_.data() + from;
        count_block(rows, n, upcoming_rows(rows + n, std::min(most, rows_.size() - from - n)));
      } else {
        read_rows(from, n);
        count_block(places_.data(), n, {});
      }
    }
    rows_.clear();
  }

  // Items of two slices in turn.
  void count_run(const Run& run) {
    constexpr std::uint64_t most = ReadBuffer::span_bytes / (2 * item);
    for (std::uint64_t from = 0; from < run.items; from += most) {
      const auto pairs = static_cast<std::size_t>(std::min(run.items - from, most));
      count_pairs(
          bytes_at(source_, run.offset + from * 2 * item, pairs * 2 * item, workspace_.buffer),
          pairs);
    }
  }

 private:
  // From the first item of the first slice to the last one of the last, in one row.
  std::size_t row_bytes() const {
    return static_cast<std::size_t>(offsets_.back()) + width_ * item;
  }

  // Lines can be fetched early only from pages that are mapped already. When one byte is read, the
  // system maps the pages around it as well.
  UpcomingRows upcoming_rows(const std::byte* const* rows, std::size_t n) const {
    constexpr std::uintptr_t around = std::uintptr_t{64} << 10;
    std::uintptr_t looked_at = 0;
    for (std::size_t row = 0; row < n; ++row) {
      const auto begin = reinterpret_cast<std::uintptr_t>(rows[row]);
      for (std::uintptr_t at = begin; at < begin + row_bytes();
           at = at / around * around + around) {
        if (at / around != looked_at) {
          static_cast<void>(*static_cast<const volatile std::byte*>(rows[row] + (at - begin)));
          looked_at = at / around;
        }
      }
    }
    return {rows, n, row_bytes(), n == 0 ? nullptr : rows[0]};
  }

  void read_rows(std::size_t from, std::size_t n) {
    std::byte* const buffer = workspace_.buffer.data();
    const std::uint64_t first = rows_[from];
    const std::uint64_t span = rows_[from + n - 1] - first + row_bytes();
    // In one go where the file holds little else in between.
    const bool at_once = span <= std::min<std::uint64_t>(2 * n * row_bytes(), ReadBuffer::bytes);
    if (at_once) {
      source_.read(buffer, static_cast<std::size_t>(span), first);
    }
    places_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      std::byte* const place = buffer + (at_once ? rows_[from + i] - first : i * row_bytes());
      if (!at_once) {
        source_.read(place, row_bytes(), rows_[from + i]);
      }
      places_[i] = place;
    }
  }

  void count_block(const std::byte* const* rows, std::size_t n, UpcomingRows upcoming) {
    if (are_crowded(rows, n)) {
      for (std::size_t i = 0; i < offsets_.size(); ++i) {
        for (std::size_t row = 0; row < n; ++row) {
          kernels().pack(rows[row] + offsets_[i], item, width_, item,
                         packed_items() + row * width_ * item);
        }
        count_packed(i, n * width_);
      }
      return;
    }
    // Where rows are short, several slices of a row are counted before the next row is turned to.
    const std::size_t most = std::clamp<std::size_t>(most_items_at_once / width_, 1, most_at_once);
    for (std::size_t i = 0; i < offsets_.size();) {
      std::array<RowPart, most_at_once> parts;
      std::size_t slices = 0;
      for (; slices < most && i < offsets_.size(); ++slices, ++i) {
        parts[slices] = {offsets_[i], table(i, rows[0], n * width_), 0};
      }
      kernels().count_rows(rows, n, parts.data(), slices, width_, form_, upcoming);
      for (std::size_t part = 0; part < slices; ++part) {
        workspace_.table(i - slices + part).note_negatives(parts[part].negatives);
      }
    }
  }

  void count_pairs(const std::byte* items, std::size_t pairs) {
    if (kernels().items_are_crowded(items, 2 * pairs, magnitude_mask)) {
      for (std::size_t i = 0; i < offsets_.size(); ++i) {
        kernels().pack(items + offsets_[i], 2 * item, pairs, item, packed_items());
        count_packed(i, pairs);
      }
    } else {
      RowPart even = {offsets_[0], table(0, items, pairs), 0};
      RowPart odd = {offsets_[1], table(1, items, pairs), 0};
      kernels().count_alternating(items, pairs, form_, even, odd);
      workspace_.table(0).note_negatives(even.negatives);
      workspace_.table(1).note_negatives(odd.negatives);
    }
  }

  std::uint32_t* table(std::size_t slice, const std::byte* items, std::size_t n) {
    return workspace_.table(slice).open_table(items + offsets_[slice], n);
  }

  // Where neighbours are often equal, each slice is counted by itself, in the way made for that.
  void count_packed(std::size_t slice, std::size_t n) {
    workspace_.table(slice).count(Method::codes, dtype_, packed_items(), n, nullptr,
                                  {true, false, 0});
  }
  std::byte* packed_items() { return workspace_.buffer.inner(0).data(); }

  // By a sample of items from all over the block.
  bool are_crowded(const std::byte* const* rows, std::size_t n) {
    constexpr std::size_t wanted = 1024;
    constexpr std::size_t each = 64;
    const std::size_t taken = std::min(width_, each);
    const std::size_t step = std::max<std::size_t>(n * taken / wanted, 1);
    std::size_t size = 0;
    for (std::size_t row = 0; row < n && size < wanted; row += step) {
      const std::ptrdiff_t offset = offsets_[row / step % offsets_.size()];
      kernels().pack(rows[row] + offset, item, taken, item, packed_items() + size * item);
      size += taken;
    }
    return kernels().items_are_crowded(packed_items(), size, magnitude_mask);
  }

  Workspace& workspace_;
  const ByteSource& source_;
  DType dtype_;
  RowItems form_;
  std::vector<std::ptrdiff_t> offsets_;   // bytes from the first slice to each
  std::vector<std::uint64_t> rows_;       // where they begin in the source
  std::vector<const std::byte*> places_;  // and in memory
  std::size_t width_ = 0;                 // items of each slice in a row
};

}  // namespace

void SharedRows::run_part(std::uint64_t part, Workspace& workspace, Control& control) const {
  const View& view = jobs_.front()->view();
  const auto [first, last] = jobs_.front()->items_of(part);
  Pass pass(jobs_, workspace);
  for_each_run(view, first, last, [&](const Run& run) {
    if (alternates(view)) {
      pass.count_run(run);
    } else {
      pass.add_row(run);
    }
  });
  pass.count_rows();
  for (const SliceJob* const job : jobs_) {
    note_progress(job->view(), last - first, control);
  }
}

}  // namespace weightgauge
