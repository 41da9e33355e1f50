#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "core/base/errors.hpp"
#include "core/decode/block_scale.hpp"
#include "core/decode/low_rank.hpp"
#include "core/decode/value_reader.hpp"
#include "core/scan/fed_scan.hpp"
#include "core/scan/scan.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using Files = std::vector<std::vector<std::byte>>;
using Sources = std::vector<std::unique_ptr<ByteSource>>;
// Makes slices; their decodings read from the given sources.
using MakeSlices = std::function<std::vector<FedSlice>(const Sources&)>;

std::vector<SliceResult> scanned(const Files& files, const MakeSlices& make,
                                 const ScanOptions& options) {
  Sources sources;
  for (const std::vector<std::byte>& file : files) {
    sources.push_back(std::make_unique<MemorySource>(file.data(), file.size()));
  }
  std::vector<SliceSpec> specs;
  for (FedSlice& slice : make(sources)) {
    specs.push_back(std::move(slice.spec));
  }
  Control control;
  return scan(sources, specs, options, control, testing::no_watch);
}

FedScan fed_scan_of(const Files& files, const MakeSlices& make, const ScanOptions& options,
                    std::size_t memory = Spool::usual_memory) {
  std::vector<Spool::File> described;
  for (const std::vector<std::byte>& file : files) {
    described.push_back({"file " + std::to_string(described.size()), file.size()});
  }
  auto spool =
      std::make_unique<Spool>(described, std::filesystem::temp_directory_path().string(), memory);
  std::vector<FedSlice> slices = make(spool->sources());
  return {std::move(spool), std::move(slices), options};
}

void feed(FedScan& fed, const Files& files, std::size_t file, ByteRange range) {
  Control control;
  fed.feed(file, range.begin, files[file].data() + range.begin,
           static_cast<std::size_t>(range.end - range.begin), control);
}

// Feeds all ranges that are wanted, in pieces of up to `most` bytes and in random order. Returns
// the number of rounds.
int feed_all(FedScan& fed, const Files& files, std::uint64_t most, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  int rounds = 0;
  for (auto wanted = fed.wanted(); !wanted.empty(); wanted = fed.wanted()) {
    ++rounds;
    std::vector<FileRange> pieces;
    for (const FileRange& bytes : wanted) {
      for (std::uint64_t at = bytes.range.begin; at < bytes.range.end;) {
        const std::uint64_t end = std::min(bytes.range.end, at + 1 + random() % most);
        pieces.push_back({bytes.file, {at, end}});
        at = end;
      }
    }
    std::shuffle(pieces.begin(), pieces.end(), random);
    for (const FileRange& piece : pieces) {
      feed(fed, files, piece.file, piece.range);
    }
  }
  return rounds;
}

// Slices without gaps are taken for tensors, which have digests.
FedSlice plain(std::size_t file, View view) {
  const bool whole = view.items() * item_bytes(view.dtype) == view.end() - view.offset;
  return {{file, std::move(view), whole ? Noted::tensor : Noted::negatives}, {}, false};
}

FeedFault fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const FeedFault& fault) {
    return fault;
  }
  FAIL("no fault");
  return {FeedFault::Kind::failed, 0, 0, 0};
}

// F32 whose magnitudes lie in two narrow ranges far apart, so that bins do not suffice for a fit.
std::vector<std::byte> crowded_floats(std::size_t n) {
  std::vector<float> values = testing::normal_floats(n, 21);
  for (std::size_t i = 0; i < n; ++i) {
    values[i] = (i % 2 == 0 ? 1.0F : 4.0F) * (1.0F + 1e-5F * values[i]);
  }
  return testing::bytes_of(values);
}

// Slices of many kinds, beside and between each other, at odd offsets.
struct Mixture {
  Files files;
  MakeSlices make;
};
Mixture mixture() {
  Mixture found;
  const std::vector<std::byte> narrow = testing::random_bytes(400'000, 1);
  const std::vector<std::byte> wide = testing::bytes_of(testing::normal_floats(200'000, 2));
  std::vector<std::byte> first(3);
  first.insert(first.end(), narrow.begin(), narrow.end());
  first.insert(first.end(), wide.begin(), wide.end());
  std::vector<std::byte> second = testing::bytes_of(testing::normal_floats(4000, 3));
  const std::vector<std::byte> codes = testing::random_bytes(64 * 100, 4);
  second.insert(second.end(), codes.begin(), codes.end());
  found.files = {first, second};
  found.make = [](const Sources& sources) {
    const auto view = [](DType dtype, std::uint64_t offset, std::vector<Dim> dims) {
      return checked_view(dtype, offset, dims, 3 + 400'000 + 800'000);
    };
    std::vector<FedSlice> slices;
    slices.push_back(plain(0, view(DType::bf16, 3, {{100'000, 2}})));
    slices.push_back(
        plain(0, view(DType::bf16, 3, {{50'000, 4}})));  // every other item of the first
    for (std::uint64_t head = 0; head < 4; ++head) {     // columns of a matrix
      slices.push_back(plain(0, view(DType::f16, 200'003 + head * 20, {{1000, 80}, {10, 2}})));
    }
    slices.push_back(plain(0, view(DType::f8_e4m3, 280'003, {{120'000, 1}})));
    slices.push_back(plain(0, view(DType::f32, 400'003, {{200'000, 4}})));
    slices.push_back(plain(0, view(DType::f32, 400'007, {{70'000, 8}})));  // small enough to sort
    slices.push_back(plain(0, contiguous_view(DType::f32, 0, 0)));
    slices.push_back(plain(0, contiguous_view(DType::bf16, 0, 0)));
    // 64 x 100 codes in blocks of 16 x 25 follow their scales. Then comes a product of two factors.
    const auto scaled =
        std::make_shared<BlockScale>(DType::f8_e5m2, BlockGrid{16'000, 1, 64, 100, 16, 25}, 22'400,
                                     FloatReader(*sources[1], DType::f32, 8'000, 16));
    const View stored = checked_view(DType::f8_e5m2, 16'000, {{6'400, 1}}, scaled->end());
    slices.push_back(
        {{1, decoded_view(stored, scaled), Noted::tensor}, {{1, {8'000, 8'064}}}, false});
    const auto product =
        std::make_shared<LowRank>(30, 2, 20, FloatReader(*sources[1], DType::f32, 0, 60),
                                  FloatReader(*sources[1], DType::f32, 240, 40), 0.5F);
    slices.push_back({{1, made_view(600, product)}, {{1, {0, 240}}, {1, {240, 400}}}, true});
    return slices;
  };
  return found;
}

}  // namespace

TEST_SUITE("fed_scan") {
  TEST_CASE("the results are those of a scan, whatever the order and the cut") {
    const Mixture all = mixture();
    ScanOptions kept = testing::keeping(1, 1 << 20);
    ScanOptions exact;
    exact.exact = true;
    ScanOptions quantiles;
    quantiles.probabilities = {0.5, 0.01, 1.0};
    for (const ScanOptions& options : {ScanOptions(), kept, exact, quantiles}) {
      const std::uint64_t expected = testing::hash_of(scanned(all.files, all.make, options));
      for (const std::uint64_t most : {std::uint64_t{3000}, std::uint64_t{1} << 21}) {
        for (const std::size_t memory : {std::size_t{0}, Spool::usual_memory}) {
          FedScan fed = fed_scan_of(all.files, all.make, options, memory);
          feed_all(fed, all.files, most, most + memory);
          CHECK(testing::hash_of(fed.finish()) == expected);
        }
      }
    }
  }

  TEST_CASE("single bytes will do") {
    const Files files = {testing::random_bytes(9001, 5)};
    const MakeSlices make = [](const Sources&) {
      return std::vector<FedSlice>{
          plain(0, checked_view(DType::bf16, 1, {{1500, 6}, {2, 2}}, 9001)),
          plain(0, checked_view(DType::f64, 5, {{999, 9}}, 9001))};
    };
    FedScan fed = fed_scan_of(files, make, {});
    CHECK(feed_all(fed, files, 1, 6) == 1);
    CHECK(testing::hash_of(fed.finish()) == testing::hash_of(scanned(files, make, {})));
  }

  TEST_CASE("a slice that bins do not tell enough of is asked for once more, and only that") {
    const std::size_t n = 200'000;
    const Files files = {crowded_floats(n), testing::bytes_of(testing::normal_floats(n, 8))};
    const MakeSlices make = [n](const Sources&) {
      return std::vector<FedSlice>{plain(0, contiguous_view(DType::f32, 0, n)),
                                   plain(1, contiguous_view(DType::f32, 0, n))};
    };
    FedScan fed = fed_scan_of(files, make, {});
    feed(fed, files, 0, {0, 4 * n});
    feed(fed, files, 1, {0, 4 * n});
    const std::vector<FileRange> wanted = fed.wanted();
    REQUIRE(wanted.size() == 1);
    CHECK(wanted[0].file == 0);
    CHECK(wanted[0].range.begin == 0);
    CHECK(wanted[0].range.end == 4 * n);
    CHECK(feed_all(fed, files, 1 << 16, 9) == 1);
    CHECK(testing::hash_of(fed.finish()) == testing::hash_of(scanned(files, make, {})));

    FedScan changed = fed_scan_of(files, make, {});
    feed(changed, files, 0, {0, 4 * n});
    feed(changed, files, 1, {0, 4 * n});
    const FeedFault fault = fault_of([&] { feed(changed, {files[1], files[1]}, 0, {0, 4 * n}); });
    CHECK(fault.kind == FeedFault::Kind::changed);
    CHECK(fault.file == 0);
    CHECK(fault.end == 4 * n);
    CHECK(fault_of([&] { changed.finish(); }).kind == FeedFault::Kind::failed);
    CHECK(fault_of([&] { changed.wanted(); }).kind == FeedFault::Kind::failed);
    CHECK(fault_of([&] { feed(changed, files, 0, {0, 1}); }).kind == FeedFault::Kind::failed);
  }

  TEST_CASE("codes are asked for when their scales are there") {
    const Mixture all = mixture();
    const MakeSlices only_codes = [&all](const Sources& sources) {
      std::vector<FedSlice> slices = all.make(sources);
      return std::vector<FedSlice>{slices[slices.size() - 2]};
    };
    // The slice is small enough to be sorted at once. Codes and scales are kept, so that one round
    // suffices.
    FedScan small = fed_scan_of(all.files, only_codes, {});
    CHECK(feed_all(small, all.files, 50, 1) == 1);
    const std::vector<std::byte> scales = testing::bytes_of(testing::normal_floats(4, 3));
    Files files = {testing::random_bytes(200'000, 2)};
    files[0].insert(files[0].end(), scales.begin(), scales.end());
    const MakeSlices large = [](const Sources& sources) {
      const auto scaled =
          std::make_shared<BlockScale>(DType::f8_e5m2, BlockGrid{0, 1, 400, 500, 200, 250}, 200'016,
                                       FloatReader(*sources[0], DType::f32, 200'000, 4));
      const View codes = checked_view(DType::f8_e5m2, 0, {{200'000, 1}}, scaled->end());
      return std::vector<FedSlice>{
          {{0, decoded_view(codes, scaled)}, {{0, {200'000, 200'016}}}, false}};
    };
    FedScan fed = fed_scan_of(files, large, {});
    REQUIRE(fed.wanted().size() == 1);
    CHECK(fed.wanted()[0].range.begin == 200'000);
    feed(fed, files, 0, {0, 200'016});  // the codes come too early and are ignored
    REQUIRE(fed.wanted().size() == 1);
    CHECK(fed.wanted()[0].range.begin == 0);
    CHECK(fed.wanted()[0].range.end == 200'000);
    feed_all(fed, files, 999, 2);
    CHECK(testing::hash_of(fed.finish()) == testing::hash_of(scanned(files, large, {})));
  }

  TEST_CASE("bytes that come twice, lie beyond the end or are missing") {
    const Files files = {testing::random_bytes(1000, 5)};
    const MakeSlices make = [](const Sources&) {
      return std::vector<FedSlice>{plain(0, contiguous_view(DType::bf16, 100, 200)),
                                   plain(0, contiguous_view(DType::bf16, 700, 100))};
    };
    FedScan fed = fed_scan_of(files, make, {});
    feed(fed, files, 0, {150, 200});
    FeedFault fault = fault_of([&] { feed(fed, files, 0, {100, 250}); });
    CHECK(fault.kind == FeedFault::Kind::twice);
    CHECK(fault.begin == 150);
    CHECK(fault.end == 200);
    fault = fault_of([&] { feed(fed, files, 0, {199, 201}); });
    CHECK(fault.begin == 199);
    CHECK(fault.end == 200);
    Control control;
    fault = fault_of([&] { fed.feed(0, 990, files[0].data(), 11, control); });
    CHECK(fault.kind == FeedFault::Kind::beyond_end);
    fault = fault_of([&] { fed.feed(0, ~std::uint64_t{0}, files[0].data(), 11, control); });
    CHECK(fault.kind == FeedFault::Kind::beyond_end);
    fault = fault_of([&] { fed.finish(); });
    CHECK(fault.kind == FeedFault::Kind::missing);
    CHECK(fault.begin == 100);
    CHECK(fault.end == 150);
    // These faults did no harm. Bytes between the slices may come twice.
    feed(fed, files, 0, {500, 650});
    feed(fed, files, 0, {200, 1000});
    feed(fed, files, 0, {0, 150});
    CHECK(fed.wanted().empty());
    CHECK(testing::hash_of(fed.finish()) == testing::hash_of(scanned(files, make, {})));
  }

  TEST_CASE("a feed that is stopped has failed") {
    const Files files = {testing::random_bytes(1000, 6)};
    FedScan fed =
        fed_scan_of(files,
                    [](const Sources&) {
                      return std::vector<FedSlice>{plain(0, contiguous_view(DType::bf16, 0, 500))};
                    },
                    {});
    feed(fed, files, 0, {0, 500});
    Control control;
    control.cancelled.store(true);
    CHECK_THROWS_AS(fed.feed(0, 500, files[0].data() + 500, 500, control), Cancelled);
    CHECK(fault_of([&] { fed.finish(); }).kind == FeedFault::Kind::failed);
  }

  TEST_CASE("a call from within a feed is a fault, and not a wait for ever") {
    const Files files = {testing::random_bytes(std::size_t{64} << 20, 7)};
    FedScan fed = fed_scan_of(files,
                              [&](const Sources&) {
                                return std::vector<FedSlice>{
                                    plain(0, contiguous_view(DType::bf16, 0, files[0].size() / 2))};
                              },
                              {});
    Control control;
    int calls = 0;
    const std::function<void()> watch = [&] {
      ++calls;
      CHECK(fault_of([&] { fed.wanted(); }).kind == FeedFault::Kind::within);
      CHECK(fault_of([&] { fed.finish(); }).kind == FeedFault::Kind::within);
    };
    const auto work = [&](int) {
      // By then the watch is due, however fast the machine is.
      std::this_thread::sleep_for(std::chrono::milliseconds(120));
      fed.feed(0, 0, files[0].data(), files[0].size(), control);
    };
    run_parallel(1, Caller::works, control, work, watch);
    CHECK(calls > 0);
    CHECK(fed.wanted().empty());
  }

  TEST_CASE("an empty range and a scan of nothing") {
    const Files files = {testing::random_bytes(10, 5)};
    FedScan fed = fed_scan_of(files, [](const Sources&) { return std::vector<FedSlice>(); }, {});
    feed(fed, files, 0, {10, 10});
    CHECK(fed.wanted().empty());
    CHECK(fed.finish().empty());
  }
}

}  // namespace weightgauge
