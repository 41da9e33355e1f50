#include <immintrin.h>

#include "core/kernels/levels.hpp"

#define WEIGHTGAUGE_OWN_GATHER

namespace weightgauge::avx2 {

namespace {

// Which 32-bit parts of a register come first, so that those wanted lie side by side. Bit i of
// `wanted` stands for part i.
inline __m256i places_of(unsigned wanted) {
  const std::uint64_t bytes = _pdep_u64(wanted, 0x0101010101010101ULL) * 0xFF;
  const std::uint64_t places = _pext_u64(0x0706050403020100ULL, bytes);
  return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(places)));
}

// Takes eight (or four) keys at a time. Keys in range are moved together and stored as a whole
// vector.
std::size_t gather_f32(const std::byte* items, std::size_t n, std::uint32_t first,
                       std::uint32_t width, std::uint32_t* to) {
  const __m256i magnitude = _mm256_set1_epi32(0x7FFFFFFF);
  const __m256i firsts = _mm256_set1_epi32(static_cast<int>(first));
  const __m256i widths = _mm256_set1_epi32(static_cast<int>(width));
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    __m256i keys;
    __builtin_memcpy(&keys, items + 4 * i, sizeof keys);
    keys = _mm256_and_si256(keys, magnitude);
    const __m256i above = _mm256_sub_epi32(keys, firsts);
    const __m256i inside = _mm256_cmpeq_epi32(_mm256_max_epu32(above, widths), widths);
    const auto wanted = static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(inside)));
    const __m256i together = _mm256_permutevar8x32_epi32(keys, places_of(wanted));
    __builtin_memcpy(to + found, &together, sizeof together);
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
  const __m256i magnitude = _mm256_set1_epi64x(0x7FFFFFFFFFFFFFFFLL);
  const __m256i firsts = _mm256_set1_epi64x(static_cast<long long>(first));
  // Only numbers with a sign can be compared. With the upper bit exchanged they have the same
  // order.
  const __m256i upper = _mm256_set1_epi64x(static_cast<long long>(0x8000000000000000ULL));
  const __m256i widths = _mm256_xor_si256(_mm256_set1_epi64x(static_cast<long long>(width)), upper);
  std::size_t found = 0;
  std::size_t i = 0;
  for (; i + 4 <= n; i += 4) {
    __m256i keys;
    __builtin_memcpy(&keys, items + 8 * i, sizeof keys);
    keys = _mm256_and_si256(keys, magnitude);
    const __m256i above = _mm256_xor_si256(_mm256_sub_epi64(keys, firsts), upper);
    const __m256i beyond = _mm256_cmpgt_epi64(above, widths);
    const unsigned wanted =
        ~static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(beyond))) & 0xFFU;
    const __m256i together = _mm256_permutevar8x32_epi32(keys, places_of(wanted));
    __builtin_memcpy(to + found, &together, sizeof together);
    found += static_cast<std::size_t>(__builtin_popcount(wanted)) / 2;
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

}  // namespace

#include "core/kernels/loops.inc"
}  // namespace weightgauge::avx2

namespace weightgauge {
constexpr Kernels avx2_kernels = avx2::made_here("avx2");
}  // namespace weightgauge
