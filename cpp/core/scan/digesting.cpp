#include "core/scan/digesting.hpp"

#include <algorithm>
#include <optional>

#include "core/io/decoding.hpp"
#include "core/io/stretches.hpp"
#include "core/scan/tensor_pages.hpp"

namespace weightgauge {

namespace {

std::optional<StoredCodes> codes_apart(const Slice& slice) {
  return slice.view.decoding == nullptr ? std::nullopt : slice.view.decoding->stored_codes();
}

// Notes the pages of items `first` up to `last`, of which the first must begin one.
ByteNotes pages_of(const Slice& slice, const ByteSource& source, const View& stored,
                   std::uint64_t first, std::uint64_t last, ReadBuffer& buffer) {
  const std::size_t item = item_bytes(stored.dtype);
  TensorPages pages({0, stored.items() * item}, slice.first_page);
  std::uint64_t at = first * item;
  for_each_stretch(source, stored, first, last, buffer,
                   [&](const std::byte* packed, std::size_t n) {
                     pages.add({at, at + n * item}, packed);
                     at += n * item;
                   });
  return pages.notes();
}

}  // namespace

ByteNotes pages_of_part(const Slice& slice, const Chunks& chunks, std::uint64_t part,
                        ReadBuffer& buffer) {
  if (const std::optional<StoredCodes> codes = codes_apart(slice)) {
    const std::uint64_t pages = (codes->bytes + page_bytes - 1) / page_bytes;
    const std::uint64_t first = pages * part / chunks.parts();
    const std::uint64_t last = pages * (part + 1) / chunks.parts();
    return pages_of(slice, *codes->source,
                    contiguous_view(DType::f8_e8m0, codes->offset, codes->bytes),
                    first * page_bytes, std::min(codes->bytes, last * page_bytes), buffer);
  }
  View stored = slice.view;
  std::uint64_t per_item = 1;
  if (stored.decoding != nullptr) {
    per_item = stored.decoding->values_per_item();
    stored.decoding = nullptr;
    stored.dtype = DType::f8_e8m0;  // bytes
  }
  const auto [first, last] = chunks.items_of(part);
  return pages_of(slice, slice.source, stored, first / per_item, last / per_item, buffer);
}

void note_result(const Slice& slice, const ByteNotes& notes) {
  slice.result.notes = notes;
  if (slice.noted == Noted::tensor || slice.noted == Noted::digest) {
    const std::optional<StoredCodes> codes = codes_apart(slice);
    slice.result.digest = digest_of(
        notes.page_sum, codes ? codes->bytes : slice.view.stored_bytes(slice.view.items()));
  }
}

void Digesting::run_part(std::uint64_t part, Workspace& workspace, Control& control) {
  const ByteNotes notes = pages_of_part(slice_, chunks_, part, workspace.buffer);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    notes_.add(notes);
  }
  const auto [first, last] = chunks_.items_of(part);
  note_progress(slice_.view, last - first, control);
}

std::unique_ptr<Phase> Digesting::finish(Workspace& /*workspace*/, const Control& /*control*/) {
  note_result(slice_, notes_);
  return nullptr;
}

}  // namespace weightgauge
