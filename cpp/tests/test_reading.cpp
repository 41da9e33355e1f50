#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <memory>
#include <thread>
#include <vector>

#include "core/scan/reading.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using Sources = std::vector<std::unique_ptr<ByteSource>>;
using std::chrono::milliseconds;

constexpr milliseconds long_time{10};
constexpr milliseconds no_time{0};

// Memory that takes its time: to be given back, as mapped pages do, or to be read.
class SlowSource : public MemorySource {
 public:
  // It says that there are `size` bytes.
  SlowSource(const std::vector<std::byte>& bytes, std::uint64_t size, milliseconds mapping,
             milliseconds reading)
      : MemorySource(bytes.data(), size), mapping_(mapping), read_(bytes, reading) {}
  const ByteSource* unmapped() const override { return &read_; }
  std::uint64_t held_bytes() const override { return size(); }
  void give_back(std::uint64_t /*offset*/, std::uint64_t /*bytes*/) const override {
    std::this_thread::sleep_for(mapping_);
  }

 private:
  class SlowReads : public ByteSource {
   public:
    SlowReads(const std::vector<std::byte>& bytes, milliseconds reading)
        : ByteSource({"slow", std::nullopt}, bytes.size()), bytes_(bytes), reading_(reading) {}
    void read(std::byte* to, std::size_t n, std::uint64_t offset) const override {
      std::this_thread::sleep_for(reading_);
      std::copy_n(bytes_.data() + offset, n, to);
    }

   private:
    const std::vector<std::byte>& bytes_;
    milliseconds reading_;
  };
  milliseconds mapping_;
  SlowReads read_;
};

// A mapped file, and whether a slice of it would be read.
class Mapped {
 public:
  explicit Mapped(const std::vector<std::byte>& bytes) : file_(bytes) {
    sources_.push_back(open_file(file_.path(), file_.identity(), Io::mmap));
  }
  bool reads(const SliceSpec& slice, const ScanOptions& options) const {
    const ReadingChoice choice(sources_, {slice}, options);
    return choice.source_of(slice).memory() == nullptr;
  }
  const Sources& sources() const { return sources_; }

 private:
  testing::TemporaryFile file_;
  Sources sources_;
};

ScanOptions with(Reading reading, int threads) {
  ScanOptions options = testing::keeping(threads, 1 << 16);
  options.reading = reading;
  options.errors = ErrorsFor::sample;
  return options;
}

}  // namespace

TEST_SUITE("reading") {
  TEST_CASE("the faster way is found, and mapping kept where neither is") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{2} << 20, 1);
    const SlowSource maps_slowly(bytes, bytes.size(), long_time, no_time);
    const SlowSource reads_slowly(bytes, bytes.size(), no_time, long_time);
    for (const std::uint64_t offset : {0, 1, 131'072, 400'001}) {
      CHECK(reads_faster(maps_slowly, offset));
      CHECK_FALSE(reads_faster(reads_slowly, offset));
    }
    CHECK_FALSE(reads_faster(MemorySource(bytes.data(), bytes.size()), 0));
  }

  TEST_CASE("files of which much is wanted, and all of it once, are tried") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{2} << 20, 1);
    constexpr std::uint64_t much = ReadingChoice::least_wanted;
    const auto of_bytes = [](std::uint64_t n) {
      return SliceSpec{0, contiguous_view(DType::bf16, 0, n / 2)};
    };
    const auto reads = [&](const std::vector<SliceSpec>& slices, milliseconds mapping,
                           milliseconds reading) {
      Sources sources;
      sources.push_back(std::make_unique<SlowSource>(bytes, much, mapping, reading));
      const ScanOptions options = with(Reading::tried, 2);
      const ReadingChoice choice(sources, slices, options);
      return choice.source_of(slices.front()).memory() == nullptr;
    };
    CHECK(reads({of_bytes(much)}, long_time, no_time));
    CHECK_FALSE(reads({of_bytes(much)}, no_time, long_time));
    CHECK_FALSE(reads({of_bytes(much - 2)}, long_time, no_time));
    CHECK_FALSE(reads({of_bytes(much), of_bytes(2)}, long_time, no_time));
    const std::vector<SliceSpec> small(much / ReadingChoice::least_slice + 1,
                                       of_bytes(ReadingChoice::least_slice - 2));
    CHECK_FALSE(reads(small, long_time, no_time));
  }

  TEST_CASE("results do not depend on it") {
    // Several pieces that are read together.
    const std::vector<std::byte> bytes = testing::bytes_of(testing::normal_floats(5 << 16, 2));
    const Mapped mapped(bytes);
    for (const DType dtype :
         {DType::bf16, DType::f16, DType::f32, DType::f64, DType::f8_e4m3, DType::f4}) {
      const std::uint64_t items = bytes.size() / item_bytes(dtype);
      SliceSpec matrix{0, contiguous_view(dtype, 0, items), Noted::tensor};
      matrix.layout = {items * elements_per_item(dtype) / 512, 512};
      SliceSpec end{0, contiguous_view(dtype, 4096, items / 2), Noted::digest};
      for (const int threads : testing::thread_counts({1, 3})) {
        const auto hash = [&](Reading reading) {
          Control control;
          return testing::hash_of(scan(mapped.sources(), {matrix, end}, with(reading, threads),
                                       control, testing::no_watch));
        };
        CHECK(hash(Reading::always) == hash(Reading::never));
      }
    }
  }

  TEST_CASE("only what is counted in one go and hardly looked at again is read") {
    const Mapped mapped(testing::random_bytes(std::size_t{1} << 20, 3));
    const SliceSpec plain{0, contiguous_view(DType::f32, 4, 1000)};
    const ScanOptions always = with(Reading::always, 2);
    CHECK(mapped.reads(plain, always));
    CHECK_FALSE(mapped.reads(plain, with(Reading::never, 2)));
    CHECK_FALSE(mapped.reads(plain, with(Reading::tried, 2)));  // it is too small
    SliceSpec strided = plain;
    strided.view = normalised_view(DType::f32, 0, {{100, 400}, {10, 4}});
    CHECK_FALSE(mapped.reads(strided, always));
    SliceSpec tokens = plain;
    tokens.layout = {10, 100, 1, 1, true};
    CHECK_FALSE(mapped.reads(tokens, always));
    ScanOptions other = always;
    other.errors = ErrorsFor::independent;
    CHECK(mapped.reads(tokens, other));
    other.errors = ErrorsFor::matrix;
    CHECK_FALSE(mapped.reads(plain, other));
    other = always;
    other.exact = true;
    CHECK_FALSE(mapped.reads(plain, other));
    CHECK(mapped.reads({0, contiguous_view(DType::bf16, 0, 1000)}, other));
    other = always;
    other.probabilities = {0.5};
    CHECK_FALSE(mapped.reads(plain, other));
  }

  TEST_CASE("what is no mapped file has one way") {
    const std::vector<std::byte> bytes = testing::random_bytes(4096, 4);
    const testing::TemporaryFile file(bytes);
    CHECK(open_file(file.path(), file.identity(), Io::pread)->unmapped() == nullptr);
    CHECK(MemorySource(bytes.data(), bytes.size()).unmapped() == nullptr);
    const auto mapped = open_file(file.path(), file.identity(), Io::mmap);
    REQUIRE(mapped->unmapped() != nullptr);
    std::vector<std::byte> read(bytes.size() - 5);
    mapped->unmapped()->read(read.data(), read.size(), 5);
    CHECK(std::equal(read.begin(), read.end(), bytes.begin() + 5));
  }
}

}  // namespace weightgauge
