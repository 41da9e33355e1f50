#include "core/scan/tensor_pages.hpp"

#include <algorithm>
#include <cstring>

namespace weightgauge {

ByteRange TensorPages::filled_by(ByteRange range) const {
  const std::uint64_t before = range.begin - tensor_.begin;
  const std::uint64_t begin = tensor_.begin + (before + page_bytes - 1) / page_bytes * page_bytes;
  const std::uint64_t end = range.end - (range.end - tensor_.begin) % page_bytes;
  return begin < end ? ByteRange{begin, end} : ByteRange{range.end, range.end};
}

void TensorPages::add(ByteRange range, const std::byte* bytes) {
  const ByteRange filled = filled_by(range);
  notes_.add(notes_of(DType::f8_e8m0, bytes + (filled.begin - range.begin),
                      static_cast<std::size_t>(filled.end - filled.begin), page_at(filled.begin)));
  add_rest(range, bytes);
}

void TensorPages::add_rest(ByteRange range, const std::byte* bytes) {
  const ByteRange filled = filled_by(range);
  for (std::uint64_t at = range.begin; at < range.end;) {
    if (at == filled.begin) {
      at = filled.end;
      continue;
    }
    const std::uint64_t left = page_bytes - (at - tensor_.begin) % page_bytes;
    const std::uint64_t end = std::min(range.end, at + left);
    add_part({at, end}, bytes + (at - range.begin));
    at = end;
  }
}

void TensorPages::add_part(ByteRange range, const std::byte* bytes) {
  const std::uint64_t number = page_at(range.begin);
  const std::uint64_t begin = tensor_.begin + (number - first_page_) * page_bytes;
  const std::uint64_t size = std::min<std::uint64_t>(page_bytes, tensor_.end - begin);
  Page& page = pages_[number];
  std::memcpy(page.bytes.data() + (range.begin - begin), bytes,
              static_cast<std::size_t>(range.end - range.begin));
  page.have += static_cast<std::size_t>(range.end - range.begin);
  if (page.have == size) {
    notes_.add(notes_of(DType::f8_e8m0, page.bytes.data(), page.have, number));
    pages_.erase(number);
  }
}

}  // namespace weightgauge
