// How much wider intervals are whose variance few lines or clusters told.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace weightgauge {

// Half-widths of a 95 % interval from a variance of so many degrees of freedom, whole or halves,
// beside that of one that is known: Student's 97.5 % quantile over the normal one. Few are
// tabulated, for more the expansion in 1/freedom is within 2e-4 (Abramowitz and Stegun 26.7.5).
inline double few_lines(double freedom) {
  constexpr double known[] = {6.482876642836, 3.069782481661, 2.195271323192, 1.823837004251,
                              1.623726930896, 1.500072787650, 1.416579655085};
  const auto place = static_cast<std::size_t>(std::max(2 * freedom - 2, 0.0));
  if (place < std::size(known)) {
    return known[place];
  }
  constexpr double normal = 1.959963984540054;
  const double z = normal * normal;
  const double g1 = (z + 1) / 4;
  const double g2 = ((5 * z + 16) * z + 3) / 96;
  const double g3 = (((3 * z + 19) * z + 17) * z - 15) / 384;
  const double g4 = ((((79 * z + 776) * z + 1482) * z - 1920) * z - 945) / 92160;
  return 1 + (g1 + (g2 + (g3 + g4 / freedom) / freedom) / freedom) / freedom;
}

}  // namespace weightgauge
