#include <immintrin.h>

#include "core/kernels/levels.hpp"

#define WEIGHTGAUGE_OWN_GATHER
#define WEIGHTGAUGE_OWN_TAKE_COUNTS
#define WEIGHTGAUGE_OWN_TAKE_CELLS
#define WEIGHTGAUGE_OWN_RUNNING_SUMS

namespace weightgauge::avx512 {

namespace {

// Takes sixteen (or eight) keys at a time. Keys in range are moved together and stored as a whole
// vector.
std::size_t gather_f32(const std::byte* items, std::size_t n, std::uint32_t first,
                       std::uint32_t width, std::uint32_t* to) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  const __m512i firsts = _mm512_set1_epi32(static_cast<int>(first));
  const __m512i widths = _mm512_set1_epi32(static_cast<int>(width));
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    const __m512i keys = _mm512_and_si512(_mm512_loadu_si512(items + 4 * i), magnitude);
    const __mmask16 wanted = _mm512_cmple_epu32_mask(_mm512_sub_epi32(keys, firsts), widths);
    _mm512_storeu_si512(to + found, _mm512_maskz_compress_epi32(wanted, keys));
    found += static_cast<std::size_t>(__builtin_popcount(wanted));
  }
  for (; i < n; ++i) {
    std::uint32_t key = 0;
    __builtin_memcpy(&key, items + 4 * i, sizeof key);
    key &= 0x7FFFFFFFU;
    to[found] = key;
    found += key - first <= width ? 1 : 0;
  }
  return found;
}

std::size_t gather_f64(const std::byte* items, std::size_t n, std::uint64_t first,
                       std::uint64_t width, std::uint64_t* to) {
  const __m512i magnitude = _mm512_set1_epi64(0x7FFFFFFFFFFFFFFFLL);
  const __m512i firsts = _mm512_set1_epi64(static_cast<long long>(first));
  const __m512i widths = _mm512_set1_epi64(static_cast<long long>(width));
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m512i keys = _mm512_and_si512(_mm512_loadu_si512(items + 8 * i), magnitude);
    const __mmask8 wanted = _mm512_cmple_epu64_mask(_mm512_sub_epi64(keys, firsts), widths);
    _mm512_storeu_si512(to + found, _mm512_maskz_compress_epi64(wanted, keys));
    found += static_cast<std::size_t>(__builtin_popcount(wanted));
  }
  for (; i < n; ++i) {
    std::uint64_t key = 0;
    __builtin_memcpy(&key, items + 8 * i, sizeof key);
    key &= 0x7FFFFFFFFFFFFFFFULL;
    to[found] = key;
    found += key - first <= width ? 1 : 0;
  }
  return found;
}

std::size_t take_counts(const std::uint32_t* counts, std::size_t first, std::size_t end,
                        std::uint32_t* codes, std::uint32_t* found) {
  // Long stretches without counts are skipped. Elsewhere every vector is written, so that there is
  // no branch to mispredict.
  constexpr std::size_t skipped = 64;
  const __m512i sixteen = _mm512_set1_epi32(16);
  const __m512i steps = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  std::size_t size = 0;
  std::size_t i = first;
  for (; i + skipped <= end; i += skipped) {
    __m512i any = _mm512_loadu_si512(counts + i);
    for (std::size_t j = 16; j < skipped; j += 16) {
      any = _mm512_or_si512(any, _mm512_loadu_si512(counts + i + j));
    }
    if (_mm512_test_epi32_mask(any, any) == 0) {
      continue;
    }
    __m512i code = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(i)), steps);
    for (std::size_t j = 0; j < skipped; j += 16, code = _mm512_add_epi32(code, sixteen)) {
      const __m512i here = _mm512_loadu_si512(counts + i + j);
      const __mmask16 there = _mm512_test_epi32_mask(here, here);
      _mm512_storeu_si512(codes + size, _mm512_maskz_compress_epi32(there, code));
      _mm512_storeu_si512(found + size, _mm512_maskz_compress_epi32(there, here));
      size += static_cast<std::size_t>(__builtin_popcount(there));
    }
  }
  for (; i < end; ++i) {
    codes[size] = static_cast<std::uint32_t>(i);
    found[size] = counts[i];
    size += counts[i] != 0 ? 1 : 0;
  }
  return size;
}

std::size_t take_cells(std::uint64_t* cells, std::size_t n, std::uint64_t first, int sum_bits,
                       std::uint64_t* bins, std::uint64_t* counts, std::uint64_t* residuals) {
  const __m512i eight = _mm512_set1_epi64(8);
  const __m512i none = _mm512_setzero_si512();
  const __m512i low_bits = _mm512_set1_epi64((1LL << sum_bits) - 1);
  const __m128i shift = _mm_cvtsi32_si128(sum_bits);
  __m512i bin = _mm512_add_epi64(_mm512_set1_epi64(static_cast<long long>(first)),
                                 _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
  std::size_t size = 0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8, bin = _mm512_add_epi64(bin, eight)) {
    const __m512i here = _mm512_loadu_si512(cells + i);
    const __mmask8 there = _mm512_test_epi64_mask(here, here);
    if (there == 0) {
      continue;
    }
    const __m512i packed = _mm512_maskz_compress_epi64(there, here);
    _mm512_storeu_si512(bins + size, _mm512_maskz_compress_epi64(there, bin));
    _mm512_storeu_si512(counts + size, _mm512_maskz_srl_epi64(0xFF, packed, shift));
    _mm512_storeu_si512(residuals + size, _mm512_and_si512(packed, low_bits));
    _mm512_storeu_si512(cells + i, none);
    size += static_cast<std::size_t>(__builtin_popcount(there));
  }
  for (; i < n; ++i) {
    bins[size] = first + i;
    counts[size] = cells[i] >> sum_bits;
    residuals[size] = cells[i] & ((std::uint64_t{1} << sum_bits) - 1);
    size += cells[i] != 0 ? 1 : 0;
    cells[i] = 0;
  }
  return size;
}

// Inside a register, sums of one, two, four and eight neighbours are made. So each register waits
// for the one before it only once.
void running_sums(const std::uint64_t* counts, std::size_t n, std::uint64_t* sums) {
  const __m512i none = _mm512_setzero_si512();
  const __m512i last = _mm512_set1_epi64(7);
  __m512i before = none;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m512i sum = _mm512_loadu_si512(counts + i);
    sum = _mm512_add_epi64(sum, _mm512_maskz_alignr_epi64(0xFF, sum, none, 7));
    sum = _mm512_add_epi64(sum, _mm512_maskz_alignr_epi64(0xFF, sum, none, 6));
    sum = _mm512_add_epi64(sum, _mm512_maskz_alignr_epi64(0xFF, sum, none, 4));
    sum = _mm512_add_epi64(sum, before);
    _mm512_storeu_si512(sums + i, sum);
    before = _mm512_maskz_permutexvar_epi64(0xFF, last, sum);
  }
  for (; i < n; ++i) {
    sums[i] = counts[i] + (i == 0 ? 0 : sums[i - 1]);
  }
}

}  // namespace

#include "core/kernels/loops.inc"
}  // namespace weightgauge::avx512

namespace weightgauge {
constexpr Kernels avx512_kernels = avx512::made_here("avx512");
}  // namespace weightgauge
