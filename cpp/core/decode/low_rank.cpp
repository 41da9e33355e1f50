#include "core/decode/low_rank.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/io/view.hpp"

namespace weightgauge {

namespace {

// A thread keeps so many numbers of the right factor: 4 MiB.
constexpr std::uint64_t kept_numbers = std::uint64_t{1} << 20;
constexpr std::uint64_t most_rank = std::uint64_t{1} << 16;

// to[j] = factor * sum over t of left[t] right[t * stride + j]. The terms are added four at a time.
void multiply(const float* left, std::uint64_t rank, const float* right, std::uint64_t stride,
              std::size_t n, float factor, float* to) {
  std::fill_n(to, n, 0.0F);
  std::uint64_t t = 0;
  for (; t + 4 <= rank; t += 4) {
    const float* const r0 = right + t * stride;
    const float* const r1 = r0 + stride;
    const float* const r2 = r1 + stride;
    const float* const r3 = r2 + stride;
    for (std::size_t j = 0; j < n; ++j) {
      to[j] =
          to[j] + left[t] * r0[j] + left[t + 1] * r1[j] + left[t + 2] * r2[j] + left[t + 3] * r3[j];
    }
  }
  for (; t < rank; ++t) {
    const float* const r = right + t * stride;
    for (std::size_t j = 0; j < n; ++j) {
      to[j] += left[t] * r[j];
    }
  }
  for (std::size_t j = 0; j < n; ++j) {
    to[j] *= factor;
  }
}

}  // namespace

LowRank::LowRank(std::uint64_t rows, std::uint64_t rank, std::uint64_t columns,
                 const FloatReader& left, const FloatReader& right, float factor)
    : Decoding(DType::f32, 1),
      rows_(rows),
      rank_(rank),
      columns_(columns),
      width_(0),
      left_(left),
      right_(right),
      factor_(factor) {
  // With numbers up to this one, no product of two of them overflows.
  constexpr std::uint64_t most = std::uint64_t{1} << 31;
  if (rows == 0 || columns == 0 || rank == 0 || rows > most || columns > most || rank > most_rank) {
    throw std::invalid_argument("a factor of a product is empty or too large");
  }
  if (left.items() != rows * rank || right.items() != rank * columns) {
    throw std::invalid_argument("the factors of a product do not fit each other");
  }
  width_ = std::min(columns, std::max<std::uint64_t>(kept_numbers / rank, 16));
}

const float* LowRank::right_columns(std::uint64_t first, std::uint64_t last,
                                    ReadBuffer& buffer) const {
  DecodingSpace& space = buffer.decoding_space();
  if (space.owner != this || space.kept_first != first) {
    space.owner = nullptr;
    space.kept.resize(rank_ * width_);
    for (std::uint64_t t = 0; t < rank_; ++t) {
      right_.read(t * columns_ + first, last - first, buffer, space.kept.data() + t * width_);
    }
    space.owner = this;
    space.kept_first = first;
    space.kept_last = last;
  }
  return space.kept.data();
}

// Decodes those of the items that lie in columns first..last-1.
void LowRank::decode_strip(std::uint64_t item, std::uint64_t items, std::uint64_t first,
                           std::uint64_t last, ReadBuffer& buffer, const TakeValues& take) const {
  constexpr std::uint64_t most = DecodingSpace::value_bytes / sizeof(float);
  const float* const right = right_columns(first, last, buffer);
  DecodingSpace& space = buffer.decoding_space();
  space.row.resize(rank_);
  auto* const made = reinterpret_cast<float*>(space.value_storage());
  std::uint64_t used = 0;
  const auto hand_over = [&] {
    if (used > 0) {
      take(space.value_storage(), static_cast<std::size_t>(used));
    }
    used = 0;
  };
  const std::uint64_t end = item + items;
  for (std::uint64_t row = item / columns_; row * columns_ < end; ++row) {
    const std::uint64_t from = std::max(item, row * columns_ + first) - row * columns_;
    const std::uint64_t to = std::min(end - row * columns_, last);
    if (from >= to) {
      continue;
    }
    left_.read(row * rank_, rank_, buffer, space.row.data());
    for (std::uint64_t column = from; column < to;) {
      if (used == most) {
        hand_over();
      }
      const std::uint64_t n = std::min(to - column, most - used);
      multiply(space.row.data(), rank_, right + (column - first), width_,
               static_cast<std::size_t>(n), factor_, made + used);
      used += n;
      column += n;
    }
  }
  hand_over();
}

void LowRank::decode(const ByteSource& /*stored*/, const Run& run, ReadBuffer& buffer,
                     const TakeValues& take) const {
  const bool adjacent = run.stride == 1 || run.items == 1;
  for (std::uint64_t first = 0; first < columns_; first += width_) {
    const std::uint64_t last = std::min(first + width_, columns_);
    if (adjacent) {
      decode_strip(run.offset, run.items, first, last, buffer, take);
      continue;
    }
    for (std::uint64_t i = 0; i < run.items; ++i) {
      decode_strip(run.offset + i * run.stride, 1, first, last, buffer, take);
    }
  }
}

}  // namespace weightgauge
