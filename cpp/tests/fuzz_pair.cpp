#include "fuzz_pair.hpp"

#include "fuzz_require.hpp"

namespace weightgauge::testing {

void fill(Pair& pair, Choices& choices) {
  const std::uint64_t bytes = pair.second_offset() + pair.second_items * item_bytes(pair.second);
  const std::uint64_t seed = choices.bits(16);
  const bool usual = choices.below(2) == 0;
  if (usual && pair.first == DType::f32 && pair.second == DType::f32) {
    pair.bytes = bytes_of(normal_floats(bytes / 4, seed));
  } else {
    pair.bytes = random_bytes(static_cast<std::size_t>(bytes), seed);
  }
  const std::vector<std::byte> own = choices.rest();
  for (std::size_t i = 0; i < own.size() && !pair.bytes.empty(); ++i) {
    pair.bytes[(i * 131 + seed) % pair.bytes.size()] = own[i];
  }
}

FloatReader reader_of_first(const Pair& pair, const Sources& sources) {
  return {*sources[0], pair.first, 0, pair.first_items};
}
FloatReader reader_of_second(const Pair& pair, const Sources& sources) {
  return {*sources[0], pair.second, pair.second_offset(), pair.second_items};
}

void check_both(const Pair& pair, const MakeSlices& slices, const Plain& expected) {
  const auto results = scanned(pair.bytes, pair.one, pair.options, slices);
  check_result(results[0], expected, pair.options);
  REQUIRE(hash_of(results) == hash_of(scanned(pair.bytes, pair.other, pair.options, slices)));
}

}  // namespace weightgauge::testing
