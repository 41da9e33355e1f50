#include "core/count/code_loops.hpp"

namespace weightgauge {

namespace {

template <std::size_t Size>
bool has_many_zeros(const std::uint16_t (&pairs)[Size]) {
  std::size_t zeros = 0;
  for (const unsigned pair : pairs) {
    zeros += ((pair & 0xFF) == 0 ? 1U : 0U) + (pair >> 8 == 0 ? 1U : 0U);
  }
  return 4 * zeros >= 2 * Size;
}

}  // namespace

bool has_many_zero_bytes(const CodeSample& pairs) {
  if (!pairs.taken) {
    return false;
  }
  // Of zeros that come in blocks, pairs that lie apart tell more than some that are neighbours.
  return has_many_zeros(pairs.codes) || has_many_zeros(pairs.apart);
}

CodeLoops loops_in_place() {
  return {kernels().count_items, kernels().count_few_items, nullptr, kernels().count_common_items,
          kernels().count_crowded_items};
}

CodeLoops skewed_loops() {
  return {kernels().count_skewed_pairs, kernels().count_few_skewed_pairs, nullptr,
          kernels().count_common_skewed_pairs, kernels().count_crowded_skewed_pairs};
}

LoopChoice chosen_loop(const std::byte* items, std::size_t n, std::uint16_t mask,
                       const CodeLoops& loops) {
  LoopChoice choice;
  if (!kernels().items_are_crowded(items, n, mask)) {
    return choice;
  }
  const CodeSample sample = kernels().sample_codes(items, n, mask);
  choice.few = kernels().few_codes(sample);
  if (choice.few.size > 0) {
    choice.loop = CodeLoop::few;
    return choice;
  }
  if (loops.drop_zeros != nullptr && has_many_zero_bytes(sample)) {
    choice.loop = CodeLoop::drop_zeros;
    return choice;
  }
  if (loops.common != nullptr) {
    choice.common = kernels().common_codes(sample);
  }
  choice.loop = choice.common.apart ? CodeLoop::common : CodeLoop::crowded;
  return choice;
}

}  // namespace weightgauge
