#include "core/scan/digesting.hpp"

#include "core/io/stretches.hpp"
#include "core/scan/tensor_pages.hpp"

namespace weightgauge {

ByteNotes pages_of(const Slice& slice, std::uint64_t first, std::uint64_t last,
                   ReadBuffer& buffer) {
  View stored = slice.view;
  if (stored.decoding != nullptr) {
    stored.decoding = nullptr;
    stored.dtype = DType::f8_e8m0;  // bytes
  }
  const std::size_t item = item_bytes(stored.dtype);
  TensorPages pages({0, stored.items() * item}, slice.first_page);
  std::uint64_t at = first * item;
  for_each_stretch(slice.source, stored, first, last, buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     pages.add({at, at + n * item}, packed);
                     at += n * item;
                   });
  return pages.notes();
}

void note_result(const Slice& slice, const ByteNotes& notes) {
  slice.result.notes = notes;
  if (slice.noted == Noted::tensor || slice.noted == Noted::digest) {
    slice.result.digest = digest_of(notes.page_sum, slice.view.stored_bytes(slice.view.items()));
  }
}

void Digesting::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  const auto [first, last] = chunks_.items_of(part);
  const ByteNotes notes = pages_of(slice_, first, last, workspace.buffer);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    notes_.add(notes);
  }
  note_progress(slice_.view, last - first, control);
}

std::unique_ptr<Phase> Digesting::finish(Workspace& /*workspace*/, const Control& /*control*/) {
  note_result(slice_, notes_);
  return nullptr;
}

}  // namespace weightgauge
