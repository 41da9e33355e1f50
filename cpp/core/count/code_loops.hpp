// Which loop counts some items of at most 16 bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/kernels/kernels.hpp"

namespace weightgauge {

// Loops for items whose neighbours seldom share a code, for those that have few codes, for bytes
// many of which are zero, for items of which one or two codes are common, and for those of which
// more are.
struct CodeLoops {
  decltype(Kernels::count_items) plain;
  decltype(Kernels::count_few_items) few;
  decltype(Kernels::drop_zero_bytes) drop_zeros;  // null where zeros are counted like all others
  decltype(Kernels::count_common_items) common;   // null where `crowded` is always faster
  decltype(Kernels::count_crowded_items) crowded;
};
CodeLoops loops_in_place();
CodeLoops skewed_loops();

enum class CodeLoop : std::uint8_t { plain, few, drop_zeros, common, crowded };
struct LoopChoice {
  CodeLoop loop = CodeLoop::plain;
  FewCodes few = {};
  CommonCodes common = {};
};

// Judged by samples of the items.
LoopChoice chosen_loop(const std::byte* items, std::size_t n, std::uint16_t mask,
                       const CodeLoops& loops);

// Whether a quarter of the bytes of some pairs are zero, by a sample of these: then it takes less
// time to leave zeros out.
bool has_many_zero_bytes(const CodeSample& pairs);

}  // namespace weightgauge
