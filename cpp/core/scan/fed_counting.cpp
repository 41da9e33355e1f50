#include "core/scan/fed_counting.hpp"

#include <algorithm>
#include <cstring>

#include "core/io/byte_source.hpp"
#include "core/io/overlap.hpp"
#include "core/io/stretches.hpp"

namespace weightgauge {

namespace {

// Items that are counted at a time. Even: a byte of F4 codes makes two values.
constexpr std::uint64_t step = std::uint64_t{1} << 20;

// A range of a file that is in memory, at its place in the file.
class RangeSource : public ByteSource {
 public:
  RangeSource(ByteRange range, const std::byte* bytes, std::uint64_t size)
      : ByteSource({}, size), range_(range), bytes_(bytes) {}
  void read(std::byte* to, std::size_t n, std::uint64_t offset) const override {
    std::memcpy(to, bytes_ + (offset - range_.begin), n);
  }

 private:
  ByteRange range_;
  const std::byte* bytes_;
};

}  // namespace

FedCounting::FedCounting(const Slice& slice, Method method)
    : slice_(slice),
      method_(method),
      counting_(slice, method, {slice.view.items(), step}),
      pages_({slice.view.offset, slice.view.end()}, slice.first_page) {}

void FedCounting::count(ByteRange range, const std::byte* bytes, Workspace& workspace) {
  if (method_ == Method::bins) {
    workspace.sort.release();  // there is memory for counting or for sorting
  }
  Noting noting = noting_of(slice_);
  if (!notes_pages(slice_.noted)) {
    count_range(range, bytes, noting, workspace);
    return;
  }
  if (!noting.pages) {  // codes are other bytes than the values that are counted
    pages_.add(range, bytes);
    count_range(range, bytes, noting, workspace);
    return;
  }
  pages_.add_rest(range, bytes);
  const ByteRange filled = pages_.filled_by(range);
  noting.first_page = pages_.page_at(filled.begin);
  count_range(filled, bytes + (filled.begin - range.begin), noting, workspace);
  noting.pages = false;
  count_range({range.begin, filled.begin}, bytes, noting, workspace);
  count_range({filled.end, range.end}, bytes + (filled.end - range.begin), noting, workspace);
}

void FedCounting::count_range(ByteRange range, const std::byte* bytes, const Noting& noting,
                              Workspace& workspace) {
  if (range.begin == range.end) {
    return;
  }
  const Overlap found = overlap_of(slice_.view, range);
  for (const View& block : found.blocks) {
    count_block(block, range, bytes, noting, workspace);
  }
  for (const std::uint64_t at : found.cut_items) {
    join(at, range, bytes, workspace);
  }
}

void FedCounting::count_block(const View& block, ByteRange range, const std::byte* bytes,
                              Noting noting, Workspace& workspace) {
  const RangeSource in_place(range, bytes, slice_.source.size());
  const MemorySource memory(bytes, range.end - range.begin);
  View moved = block;
  moved.offset -= range.begin;
  // What a code stands for depends on where in the file it lies.
  const bool decoded = block.decoding != nullptr;
  const ByteSource& source = decoded ? static_cast<const ByteSource&>(in_place) : memory;
  const std::uint64_t items = block.items();
  for (std::uint64_t from = 0; from < items; from += step) {
    for_each_stretch(source, decoded ? block : moved, from, std::min(items, from + step),
                     workspace.buffer, [&](const std::byte* packed, std::size_t n) {
                       count_packed(packed, n, noting, workspace);
                       noting.first_page += n * item_bytes(block.dtype) / page_bytes;
                     });
  }
}

void FedCounting::join(std::uint64_t at, ByteRange range, const std::byte* bytes,
                       Workspace& workspace) {
  const std::size_t item = slice_.view.stored_item_bytes();
  const std::uint64_t begin = std::max(at, range.begin);
  const std::uint64_t end = std::min(at + item, range.end);
  CutItem& cut = cut_items_[at];
  std::memcpy(cut.bytes.data() + (begin - at), bytes + (begin - range.begin),
              static_cast<std::size_t>(end - begin));
  cut.have += static_cast<std::size_t>(end - begin);
  if (cut.have == item) {
    Noting noting = noting_of(slice_);
    noting.pages = false;
    count_packed(cut.bytes.data(), 1, noting, workspace);
    cut_items_.erase(at);
  }
}

void FedCounting::count_packed(const std::byte* items, std::size_t n, const Noting& noting,
                               Workspace& workspace) {
  const DType dtype = slice_.view.dtype;
  CountingTable& table = workspace.table(0);
  if (table.pending() > CountingTable::room(dtype)) {
    hand_over(workspace);
  }
  table.count(method_, dtype, items, n, slice_.options.paper.get(), noting);
}

}  // namespace weightgauge
