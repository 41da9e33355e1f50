// Takes any numbers for a view of a file. A view that is accepted lies within the file and counts
// no byte twice; its runs, and the parts of it that lie in a range, are those of a plain loop.
#include <algorithm>
#include <array>
#include <limits>
#include <stdexcept>

#include "core/io/byte_ranges.hpp"
#include "core/io/overlap.hpp"
#include "core/io/stretches.hpp"
#include "core/io/view.hpp"
#include "fuzz_choices.hpp"
#include "fuzz_require.hpp"

namespace {

using namespace weightgauge;
using testing::Choices;

testing::Told accepted("views accepted");

constexpr DType formats[] = {DType::f64, DType::f32, DType::bf16, DType::f8_e4m3, DType::f4};
constexpr std::uint64_t most_items = 4096;

// What a header and a cut of its tensor might say.
struct Said {
  DType dtype = DType::f32;
  std::uint64_t offset = 0;
  std::vector<Dim> dims;
  std::uint64_t size = 0;
};

Said said_by(Choices& choices) {
  Said said;
  said.dtype = formats[choices.below(5)];
  said.size = choices.number();
  said.offset = choices.number();
  const std::size_t rank = choices.below(6);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::uint64_t extent = choices.number();
    said.dims.push_back({extent, static_cast<std::int64_t>(choices.number())});
  }
  return said;
}

// Whether there are so few items that each can be looked at.
bool few(const std::vector<Dim>& dims) {
  std::uint64_t items = 1;
  for (const Dim& dim : dims) {
    if (dim.extent > most_items / std::max<std::uint64_t>(items, 1)) {
      return false;
    }
    items *= dim.extent;
  }
  return true;
}

// The offset of each item, ascending.
std::vector<std::uint64_t> places_of(std::uint64_t offset, const std::vector<Dim>& dims) {
  std::vector<std::uint64_t> places = {offset};
  for (const Dim& dim : dims) {
    std::vector<std::uint64_t> more;
    for (const std::uint64_t place : places) {
      for (std::uint64_t i = 0; i < dim.extent; ++i) {
        more.push_back(place + i * static_cast<std::uint64_t>(dim.stride));
      }
    }
    places = std::move(more);
  }
  std::sort(places.begin(), places.end());
  return places;
}

std::vector<std::uint64_t> places_of(const View& view, std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> places;
  for_each_run(view, first, last, [&](const Run& run) {
    for (std::uint64_t i = 0; i < run.items; ++i) {
      places.push_back(run.offset + i * run.stride);
    }
  });
  return places;
}

void check_runs(const View& view, const std::vector<std::uint64_t>& places, Choices& choices) {
  const std::uint64_t items = view.items();
  REQUIRE(items == places.size());
  const std::uint64_t cut = choices.bits(16) % (items + 1);
  std::vector<std::uint64_t> found = places_of(view, 0, cut);
  const std::vector<std::uint64_t> rest = places_of(view, cut, items);
  found.insert(found.end(), rest.begin(), rest.end());
  std::sort(found.begin(), found.end());
  REQUIRE(found == places);
}

void check_overlap(const View& view, const std::vector<std::uint64_t>& places, ByteRange range) {
  const std::size_t item = view.stored_item_bytes();
  std::vector<std::uint64_t> within;
  std::vector<std::uint64_t> cut;
  for (const std::uint64_t place : places) {
    if (place >= range.begin && place + item <= range.end) {
      within.push_back(place);
    } else if (range.begin < range.end && place < range.end && place + item > range.begin) {
      cut.push_back(place);
    }
  }
  Overlap overlap = overlap_of(view, range);
  std::vector<std::uint64_t> found;
  for (const View& block : overlap.blocks) {
    const std::vector<std::uint64_t> more = places_of(block, 0, block.items());
    found.insert(found.end(), more.begin(), more.end());
  }
  std::sort(found.begin(), found.end());
  std::sort(overlap.cut_items.begin(), overlap.cut_items.end());
  REQUIRE(found == within);
  REQUIRE(overlap.cut_items == cut);
}

// Reads the items as they are read for counting.
void check_stretches(const View& view, std::uint64_t size) {
  const std::size_t item = view.stored_item_bytes();
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::byte>(i * 167 >> 3 & 0xFF);
  }
  const MemorySource source(bytes.data(), bytes.size());
  std::vector<std::byte> expected;
  for (const std::uint64_t place : places_of(view, 0, view.items())) {
    const std::byte* const from = bytes.data() + place;
    expected.insert(expected.end(), from, from + item);
  }
  ReadBuffer buffer;
  std::vector<std::byte> found;
  for_each_stretch(source, view, 0, view.items(), buffer,
                   [&](const std::byte* packed, std::size_t items) {
                     found.insert(found.end(), packed, packed + items * item);
                   });
  REQUIRE(found == expected);
}

void check_view(const Said& said, Choices& choices) {
  View view;
  try {
    view = checked_view(said.dtype, said.offset, said.dims, said.size);
  } catch (const std::invalid_argument&) {
    return;
  }
  accepted.add(1);
  REQUIRE(view.items() == 0 || view.end() <= said.size);
  if (!few(said.dims)) {
    return;
  }
  const std::size_t item = item_bytes(said.dtype);
  const std::vector<std::uint64_t> places = places_of(said.offset, said.dims);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint64_t behind = i + 1 < places.size() ? places[i + 1] : said.size;
    REQUIRE(places[i] >= said.offset && behind >= places[i] && behind - places[i] >= item);
  }
  check_runs(view, places, choices);
  const std::uint64_t begin = choices.bits(16) % (std::min<std::uint64_t>(said.size, 65535) + 1);
  check_overlap(view, places, {begin, begin + choices.bits(16)});
  if (said.size <= 65536) {
    check_stretches(view, said.size);
  }
}

// An array in memory may have any strides, and then items share bytes; but they lie near each
// other.
void check_array(Choices& choices) {
  std::vector<Dim> dims;
  const std::size_t rank = choices.below(6);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::uint64_t extent = choices.below(9);
    dims.push_back({extent, static_cast<std::int16_t>(choices.bits(16))});
  }
  if (!few(dims)) {
    return;
  }
  constexpr std::int64_t origin = std::int64_t{1} << 30;
  const View view = normalised_view(DType::f32, origin, dims);
  std::vector<std::uint64_t> places = places_of(origin, dims);
  REQUIRE(view.items() == places.size());
  check_runs(view, places, choices);
}

// A set of bytes, against the same set byte by byte.
void check_ranges(Choices& choices) {
  ByteRanges ranges;
  std::array<bool, 256> plain{};
  while (!choices.ended()) {
    const bool adds = choices.below(2) == 0;
    const std::uint64_t begin = choices.below(256);
    const std::uint64_t end = std::min<std::uint64_t>(256, begin + choices.below(256));
    if (adds) {
      ranges.add({begin, end});
    } else {
      ranges.remove({begin, end});
    }
    std::fill(plain.data() + begin, plain.data() + end, adds);
    std::array<bool, 256> found{};
    for (const ByteRange& range : ranges.all()) {
      REQUIRE(range.begin < range.end && range.end <= 256);
      std::fill(found.data() + range.begin, found.data() + range.end, true);
    }
    REQUIRE(found == plain);
    std::uint64_t inside = 0;
    for (const ByteRange& range : ranges.inside({begin, end})) {
      REQUIRE(range.begin >= begin && range.end <= end);
      inside += range.end - range.begin;
    }
    REQUIRE(inside == (adds ? end - begin : 0));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Choices choices(data, size);
  switch (choices.below(4)) {
    case 0:
      check_array(choices);
      break;
    case 1:
      check_ranges(choices);
      break;
    default: {
      const Said said = said_by(choices);
      check_view(said, choices);
    }
  }
  return 0;
}
