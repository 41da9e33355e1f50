#include "core/decode/value_reader.hpp"

#include <algorithm>
#include <utility>

#include "core/base/errors.hpp"
#include "core/decode/float_reader.hpp"
#include "core/io/stretches.hpp"

namespace weightgauge {

ValueReader::ValueReader(const ByteSource& source, View view)
    : source_(&source),
      view_(std::move(view)),
      per_item_(view_.decoding != nullptr ? view_.decoding->values_per_item()
                                          : elements_per_item(view_.dtype)),
      values_(view_.decoding != nullptr ? view_.items() : view_.elements()) {}

void ValueReader::read(std::uint64_t first, std::uint64_t n, ReadBuffer& buffer, double* to) const {
  if (per_item_ > 1 && (first % per_item_ != 0 || (first + n) % per_item_ != 0)) {
    // Two values share a byte, and at an end only one of them is wanted: read whole bytes.
    const std::uint64_t from = first - first % per_item_;
    const std::uint64_t until = std::min(first + n + per_item_ - 1, values_);
    std::vector<double>& whole = buffer.decoding_space().whole;
    whole.resize(until - from + per_item_);
    const std::uint64_t end = until - until % per_item_;
    read(from, end - from, buffer, whole.data());
    std::copy_n(whole.data() + (first - from), n, to);
    return;
  }
  double* next = to;
  const double* const end = to + n;
  const std::uint64_t per_packed = view_.decoding != nullptr ? 1 : per_item_;
  for_each_stretch(*source_, view_, first / per_packed, (first + n) / per_packed, buffer,
                   [&](const std::byte* packed, std::size_t items) {
                     if (items * per_packed > static_cast<std::uint64_t>(end - next)) {
                       throw DataChanged();
                     }
                     convert_values(view_.dtype, packed, items, next);
                     next += items * per_packed;
                   });
}

View made_view(std::uint64_t values, std::shared_ptr<const Decoding> decoding) {
  // No bytes stand behind these items. Their numbers are given as byte offsets.
  return decoded_view(contiguous_view(DType::f8_e8m0, 0, values), std::move(decoding));
}

}  // namespace weightgauge
