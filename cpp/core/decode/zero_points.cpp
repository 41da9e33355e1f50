#include "core/decode/zero_points.hpp"

#include <algorithm>
#include <stdexcept>

namespace weightgauge {

namespace {

constexpr unsigned most_word_bytes = 4;
constexpr std::size_t words_at_a_time = 256;

std::uint64_t word_at(const std::byte* bytes, unsigned word_bytes) {
  std::uint64_t word = 0;
  for (unsigned i = 0; i < word_bytes; ++i) {
    word |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return word;
}

}  // namespace

void ZeroPoints::check(std::uint64_t groups) const {
  if (bits < 2 || bits > 8 || (has_sign && bits != 8) ||
      (word_bytes != 1 && word_bytes != most_word_bytes)) {
    throw std::invalid_argument("zero points have no such number of bits");
  }
  if (columns == 0 || groups % columns != 0) {
    throw std::invalid_argument("there are no zero points, or groups fill no rows of them");
  }
  const std::uint64_t word_bits = std::uint64_t{8} * word_bytes;
  const std::uint64_t words = (groups / columns * bits - 1) / word_bits + 1;
  if (bytes % word_bytes != 0 || bytes / word_bytes % columns != 0 ||
      bytes / word_bytes / columns != words) {
    throw std::invalid_argument("there are more or fewer zero points than groups of codes");
  }
  if (!source->has(offset, bytes, 1)) {
    throw std::invalid_argument("zero points reach beyond the end of their file");
  }
}

void ZeroPoints::read(std::uint64_t first, std::uint64_t n, float* to) const {
  for (std::uint64_t done = 0; done < n;) {
    const std::uint64_t column = (first + done) % columns;
    const std::uint64_t some =
        std::min({n - done, columns - column, std::uint64_t{words_at_a_time}});
    read_of_row((first + done) / columns, column, static_cast<std::size_t>(some), to + done);
    done += some;
  }
}

void ZeroPoints::read_of_row(std::uint64_t row, std::uint64_t column, std::size_t n,
                             float* to) const {
  const unsigned word_bits = 8 * word_bytes;
  const std::uint64_t word = row * bits / word_bits;
  const auto shift = static_cast<unsigned>(row * bits % word_bits);
  const bool in_two = shift + bits > word_bits;
  std::byte words[2][words_at_a_time * most_word_bytes];
  for (unsigned i = 0; i < (in_two ? 2U : 1U); ++i) {
    source->read(words[i], n * word_bytes, offset + ((word + i) * columns + column) * word_bytes);
  }
  const std::uint64_t codes = std::uint64_t{1} << bits;
  for (std::size_t i = 0; i < n; ++i) {
    std::uint64_t joined = word_at(words[0] + i * word_bytes, word_bytes);
    if (in_two) {
      joined |= word_at(words[1] + i * word_bytes, word_bytes) << word_bits;
    }
    const std::uint64_t code = joined >> shift & (codes - 1);
    const bool negative = has_sign && code >= codes / 2;
    to[i] = static_cast<float>(code) - static_cast<float>(negative ? codes : 0);
  }
}

}  // namespace weightgauge
