// Magnitude keys in ascending order.
#pragma once

#include <cstdint>
#include <vector>

namespace weightgauge {

// Sorts `keys`; what `scratch` holds before and after is of no meaning.
void radix_sort(std::vector<std::uint32_t>& keys, std::vector<std::uint32_t>& scratch);
void radix_sort(std::vector<std::uint64_t>& keys, std::vector<std::uint64_t>& scratch);

}  // namespace weightgauge
