#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/scan/held_pages.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

// The first byte and how many, of each call.
using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

// Says that it holds some bytes, and notes what is given back.
class NotingSource : public MemorySource {
 public:
  NotingSource(const std::vector<std::byte>& bytes, std::uint64_t held, Ranges& given)
      : MemorySource(bytes.data(), bytes.size()), held_(held), given_(given) {}
  std::uint64_t held_bytes() const override { return held_; }
  void give_back(std::uint64_t offset, std::uint64_t bytes) const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    given_.emplace_back(offset, bytes);
  }

 private:
  std::uint64_t held_;
  Ranges& given_;
  mutable std::mutex mutex_;
};

// Whether the ranges are all of so many bytes, each once.
bool are_all(Ranges ranges, std::uint64_t bytes) {
  std::sort(ranges.begin(), ranges.end());
  std::uint64_t next = 0;
  for (const auto& [offset, size] : ranges) {
    if (offset != next || size == 0 || offset % HeldPages::piece_bytes != 0) {
      return false;
    }
    next += size;
  }
  return next == bytes;
}

}  // namespace

TEST_SUITE("held_pages") {
  TEST_CASE("all pages of all sources are given back once, whoever does it") {
    constexpr std::uint64_t piece = HeldPages::piece_bytes;
    const std::vector<std::uint64_t> sizes = {0, 1, piece, 0, piece + 1, 7 * piece - 1, 4096, 0};
    for (const int workers : {1, 3}) {
      std::vector<Ranges> given(sizes.size());
      std::vector<std::unique_ptr<ByteSource>> sources;
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        sources.push_back(
            std::make_unique<NotingSource>(std::vector<std::byte>(), sizes[i], given[i]));
      }
      HeldPages pages(sources);
      const Control control;
      std::vector<std::thread> threads;
      for (int worker = 0; worker < workers; ++worker) {
        threads.emplace_back([&] { pages.give_back(control); });
      }
      for (std::thread& thread : threads) {
        thread.join();
      }
      for (std::size_t i = 0; i < sizes.size(); ++i) {
        CHECK(are_all(given[i], sizes[i]));
      }
    }
  }

  TEST_CASE("a scan by several threads gives back what it has mapped, at its end") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{4} << 20, 1);
    for (const int threads : {1, 2, 3}) {
      Ranges given;
      std::vector<std::unique_ptr<ByteSource>> sources;
      sources.push_back(std::make_unique<NotingSource>(bytes, bytes.size(), given));
      ScanOptions options;
      options.threads = threads;
      Control control;
      scan(sources, {{0, contiguous_view(DType::bf16, 0, bytes.size() / 2)}}, options, control,
           testing::no_watch);
      CHECK(are_all(given, threads > 1 ? bytes.size() : 0));
    }
  }

  TEST_CASE("what has been given back is read again as it was") {
    const std::vector<std::byte> bytes = testing::random_bytes((std::size_t{1} << 20) + 1, 2);
    const testing::TemporaryFile file(bytes);
    const auto mapped = open_file(file.path(), file.identity(), Io::mmap);
    CHECK(mapped->held_bytes() == bytes.size());
    const auto same = [&] {
      return std::memcmp(mapped->memory(), bytes.data(), bytes.size()) == 0;
    };
    CHECK(same());
    mapped->give_back(0, bytes.size());
    CHECK(same());
    mapped->verify();
    CHECK(open_file(file.path(), file.identity(), Io::pread)->held_bytes() == 0);
  }
}

}  // namespace weightgauge
