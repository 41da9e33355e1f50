// Whether the values of each row lie on a grid of its own.
#pragma once

#include <cstdint>

#include "core/io/byte_source.hpp"
#include "core/io/read_buffer.hpp"
#include "core/io/view.hpp"
#include "core/two_way/sample.hpp"

namespace weightgauge {

// Matrices with fewer elements are not asked: it would take a tenth of the time of their fit.
constexpr std::uint64_t fewest_for_row_levels = std::uint64_t{1} << 14;

// Looks at 64 elements of a few rows of a sample, each. Returns the largest number of different
// magnitudes in any of them if there are few for the weights of these rows; else 0.
// Values that were rounded with a scale for each row, or for each group of a row, have few
// magnitudes in a row and many in all. `view` has values of 16 bits or more.
std::uint64_t row_levels(const ByteSource& source, const View& view, const Sample& sample,
                         ReadBuffer& buffer);

}  // namespace weightgauge
