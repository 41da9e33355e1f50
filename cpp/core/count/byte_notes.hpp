// What a pass notes of the bytes of a slice beside the counts.
#pragma once

#include <cstdint>

#include "core/base/dtype.hpp"
#include "core/kernels/kernels.hpp"

namespace weightgauge {

// Sums over all bytes of a slice. Those of its parts add up, in any order.
struct ByteNotes {
  std::uint64_t page_sum = 0;    // modulo 2^64; see kernels/pages.inc
  std::uint64_t zero_pages = 0;  // whole pages of zeros
  std::uint64_t negatives = 0;   // elements below zero; neither -0, nor -Inf, nor NaN

  void add(const ByteNotes& part) {
    page_sum += part.page_sum;
    zero_pages += part.zero_pages;
    negatives += part.negatives;
  }
};

// What is to be noted of packed items while they are counted.
struct Noting {
  bool negatives = false;
  bool pages = false;  // of the tensor of which they are, and then:
  std::uint64_t first_page = 0;
};

// The digest of a tensor of so many bytes. Its page sum is that of its pages, the first one being
// number 0. Tensors of equal pages and different lengths have different digests.
std::uint64_t digest_of(std::uint64_t page_sum, std::uint64_t bytes);

NegativeCodes negative_codes(DType dtype);

// Notes `n` packed items without counting them.
ByteNotes notes_of(DType dtype, const std::byte* items, std::size_t n, std::uint64_t first_page);

}  // namespace weightgauge
