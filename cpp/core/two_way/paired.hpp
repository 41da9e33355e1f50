// Errors of the difference between two versions of one matrix.
#pragma once

#include <cstdint>

#include "core/base/parallel.hpp"
#include "core/decode/value_reader.hpp"
#include "core/fit/influence.hpp"
#include "core/two_way/sample.hpp"
#include "core/two_way/variance.hpp"

namespace weightgauge {

// A version of a matrix: its values, its fit's influences, how many elements were fitted, and their
// shape.
struct Version {
  const ValueReader& values;
  const InfluenceCurve& influence;
  std::uint64_t n;
  double k;
};

// Standard errors of k_b - k_a and of ln(lambda_b / lambda_a). Both estimates are means of
// influences; what their difference scatters by are the differences of the influences of elements
// at one place, so what both versions share cancels. They are taken as those of one matrix, with
// rows, columns and clusters that have effects of their own, and are not below those of independent
// places.
struct PairedErrors {
  Influences::Pair errors;
  ErrorsBasis basis = ErrorsBasis::counts;
};

// Which elements are looked at.
enum class PairedOf : std::uint8_t {
  sample,   // those of a sample of rows and columns; all, where the sample is not like the rest
  all,      // all
  changed,  // all, where few differ: equal ones then have the same influence in both, to that share
};

// The layout's rows and columns are those of both versions. `mean_square` is that of the
// differences of all elements: a sample in which it is far from that has missed large changes of a
// few elements, or met too many of them.
PairedErrors paired_errors(const Version& a, const Version& b, const MatrixLayout& layout,
                           double mean_square, PairedOf of, ReadBuffer& buffer,
                           const Control& control);

}  // namespace weightgauge
