#include "core/count/byte_notes.hpp"

namespace weightgauge {

std::uint64_t digest_of(std::uint64_t page_sum, std::uint64_t bytes) {
  constexpr std::uint64_t golden = 0x9E3779B97F4A7C15U;  // odd: lengths are told apart for certain
  return page_sum + (bytes + 1) * golden;
}

NegativeCodes negative_codes(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::f32:
    case DType::bf16:
    case DType::f16: {
      const auto bits = static_cast<int>(8 * item_bytes(dtype));
      return {bits, std::uint64_t{1} << (bits - 1) | first_nonfinite_key(dtype)};
    }
    case DType::f8_e4m3:
      return {8, 0xFF};
    case DType::f8_e5m2:
      return {8, 0xFC};
    case DType::f8_e4m3fnuz:
    case DType::f8_e5m2fnuz:
      return {8, 0x100};
    case DType::f4:
      return {4, 0x100};
    case DType::f4_unpacked:
      return {4, 0x100, true};
    case DType::f8_e8m0:
      break;
  }
  return {};
}

ByteNotes notes_of(DType dtype, const std::byte* items, std::size_t n, std::uint64_t first_page) {
  PageNotes notes;
  notes.codes = negative_codes(dtype);
  notes.page = first_page;
  kernels().note_pages(items, n * item_bytes(dtype), notes);
  return {notes.sum, notes.zero_pages, notes.negatives};
}

}  // namespace weightgauge
