// Rows of an embedding or head that no token used, told by their sizes.
#pragma once

#include <cstdint>
#include <vector>

namespace weightgauge {

// With fewer rows other than zero, the sizes of trained rows are not known well enough.
constexpr std::uint64_t fewest_token_rows = 64;

// The rows, ascending, that look as if they were never trained; `sizes` are root mean squares of
// `width` elements of each row.
//
// A row that was never trained has the scale of its initialisation, or what decay has left of it:
// all of them are of one size, as near as the sizes of random rows are. Rows that were added later
// and filled with the mean of the others are alike too, and far smaller. Rows that were trained
// differ. So these are told of: rows of zeros; rows far smaller than all others; and rows smaller
// than most that are of one size, of which there are many more than of the sizes just above and
// below.
std::vector<std::uint64_t> unused_rows(const std::vector<double>& sizes, std::uint64_t width);

}  // namespace weightgauge
