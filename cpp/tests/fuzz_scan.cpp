// Scans any array of any format in two manners. It must not crash and must count every element
// once. The counts must be those of a plain loop, and no bit may depend on the manner.
#include "core/base/errors.hpp"
#include "core/kernels/kernels.hpp"
#include "fuzz_case.hpp"
#include "fuzz_plain.hpp"
#include "fuzz_require.hpp"
#include "support.hpp"

namespace {

using namespace weightgauge;
using testing::FuzzCase;
using testing::Manner;

// Without any in bins, little would be tested.
testing::Told binned("slices counted in bins");

std::vector<SliceResult> scanned(const FuzzCase& made, const Manner& manner,
                                 const ScanOptions& options) {
  return testing::scanned(made.bytes, manner, options, [&](const testing::Sources&) {
    std::vector<FedSlice> slices;
    for (const testing::FuzzSlice& slice : made.slices) {
      slices.push_back({{0, slice.view, slice.noted, 0, made.matrix}, {}, false});
    }
    return slices;
  });
}

void check(const SliceResult& result, const testing::FuzzSlice& slice, const FuzzCase& made) {
  const std::vector<std::byte>& items = slice.items;
  const ByteNotes notes =
      notes_of(made.dtype, items.data(), items.size() / item_bytes(made.dtype), 0);
  if (slice.noted == Noted::digest) {  // and nothing is counted
    REQUIRE(*result.digest == digest_of(notes.page_sum, items.size()));
    return;
  }
  const testing::Plain expected = testing::plain(made.dtype, items);
  check_result(result, expected, made.options);
  if (slice.noted != Noted::nothing) {
    REQUIRE(result.notes.negatives == expected.negatives);
  }
  if (result.digest) {
    REQUIRE(*result.digest == digest_of(notes.page_sum, items.size()));
  }
  binned.add(result.histogram.exact() ? 0 : 1);
}

// A mapped file that loses its end is told of, wherever it was read.
void check_cut(const FuzzCase& made) {
  const testing::TemporaryFile file(made.bytes);
  testing::Sources sources;
  sources.push_back(open_file(file.path(), file.identity(), Io::mmap));
  file.truncate(made.bytes.size() / 2);
  std::vector<SliceSpec> slices;
  for (const testing::FuzzSlice& slice : made.slices) {
    slices.push_back({0, slice.view, slice.noted, 0, made.matrix});
  }
  use_kernels(made.one.level);
  bool told = false;
  try {
    Control control;
    scan(sources, slices, made.options, control, testing::no_watch);
  } catch (const FileChanged&) {
    told = true;
  }
  REQUIRE(told);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const FuzzCase made = testing::fuzz_case(data, size);
  const std::vector<SliceResult> results = scanned(made, made.one, made.options);
  for (std::size_t i = 0; i < results.size(); ++i) {
    check(results[i], made.slices[i], made);
  }
  REQUIRE(testing::hash_of(results) == testing::hash_of(scanned(made, made.other, made.options)));
  if (is_wide(made.dtype) && made.options.fit && !made.options.exact && !made.options.paper) {
    ScanOptions exactly = made.options;
    exactly.exact = true;
    const std::vector<SliceResult> exact = scanned(made, made.other, exactly);
    for (std::size_t i = 0; i < results.size(); ++i) {
      testing::check_tolerance(results[i].fit, exact[i].fit);
    }
  }
  if (made.cut && !made.bytes.empty()) {
    check_cut(made);
  }
  return 0;
}
