// The histogram of values that were counted as multiples of scales.
#pragma once

#include <cstdint>

#include "core/histogram/histogram.hpp"
#include "core/io/decoding.hpp"

namespace weightgauge {

struct TakenMultiples {
  Histogram histogram;  // of F32, exact
  std::uint64_t negatives;
};
// Everything counted since the last time; the counts are empty afterwards.
TakenMultiples take_multiples(MultipleCounts& counts);

}  // namespace weightgauge
