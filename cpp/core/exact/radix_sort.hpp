// Magnitude keys in ascending order.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weightgauge {

// Sorts n keys; `scratch` has room for as many.
void radix_sort(std::uint32_t* keys, std::uint32_t* scratch, std::size_t n);
void radix_sort(std::uint64_t* keys, std::uint64_t* scratch, std::size_t n);

}  // namespace weightgauge
