#include "core/decode/difference.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace weightgauge {

namespace {

template <class Value>
void subtract(const double* a, const double* b, std::size_t n, Value* to) {
  for (std::size_t i = 0; i < n; ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    to[i] = same ? Value{0} : static_cast<Value>(b[i] - a[i]);
  }
}

}  // namespace

Difference::Difference(ValueReader a, ValueReader b)
    : Decoding(a.wide() || b.wide() ? DType::f64 : DType::f32, 1),
      a_(std::move(a)),
      b_(std::move(b)) {
  if (a_.values() != b_.values()) {
    throw std::invalid_argument("slices of different lengths have no difference");
  }
}

void Difference::decode(const ByteSource& /*stored*/, const Run& run, ReadBuffer& buffer,
                        const TakeValues& take) const {
  constexpr std::uint64_t most = DecodingSpace::value_bytes / sizeof(double);
  DecodingSpace& space = buffer.decoding_space();
  space.left.resize(most);
  space.right.resize(most);
  std::byte* const to = space.value_storage();
  for (std::uint64_t from = 0; from < run.items; from += most) {
    const std::uint64_t n = std::min(most, run.items - from);
    const std::uint64_t first = run.offset + from;
    a_.read(first, n, buffer.inner(0), space.left.data());
    b_.read(first, n, buffer.inner(1), space.right.data());
    if (values() == DType::f64) {
      subtract(space.left.data(), space.right.data(), n, reinterpret_cast<double*>(to));
    } else {
      subtract(space.left.data(), space.right.data(), n, reinterpret_cast<float*>(to));
    }
    take(to, static_cast<std::size_t>(n));
  }
}

}  // namespace weightgauge
