#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <random>
#include <stdexcept>

#include "core/base/errors.hpp"
#include "core/io/spool.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t block = Spool::block_bytes;

std::string temporary_directory() { return std::filesystem::temp_directory_path().string(); }

}  // namespace

TEST_SUITE("spool") {
  TEST_CASE("what is held comes back as it was written, in memory or in a file") {
    const std::vector<std::byte> bytes = testing::random_bytes(40 * block + 77, 3);
    for (const std::size_t memory : {std::size_t{0}, 5 * Spool::block_bytes, Spool::usual_memory}) {
      Spool spool({{"a", 10}, {"b", bytes.size()}}, temporary_directory(), memory);
      const ByteRange held{block / 2, bytes.size()};
      spool.hold(1, held);
      std::mt19937_64 random(4);
      std::vector<std::uint64_t> starts;
      for (std::uint64_t at = 0; at < bytes.size(); at += 50'000) {
        starts.push_back(at);
      }
      std::shuffle(starts.begin(), starts.end(), random);
      for (const std::uint64_t at : starts) {
        spool.write(1, at, bytes.data() + at, std::min<std::size_t>(50'000, bytes.size() - at));
      }
      std::vector<std::byte> got(bytes.size() - held.begin);
      const ByteSource& source = *spool.sources()[1];
      source.read(got.data(), got.size(), held.begin);
      CHECK(std::equal(got.begin(), got.end(), bytes.begin() + held.begin));
      CHECK(source.size() == bytes.size());
      CHECK(source.identity().label == "b");
      CHECK(source.memory() == nullptr);
    }
  }

  TEST_CASE("a block is kept until all have released it, and its place is used again") {
    const std::vector<std::byte> bytes = testing::random_bytes(3 * block, 9);
    Spool spool({{"a", bytes.size()}}, "/nowhere at all", 2 * block);
    spool.hold(0, {0, block});
    spool.hold(0, {10, 20});
    spool.write(0, 0, bytes.data(), block);
    spool.release(0, {0, block});
    std::vector<std::byte> got(block);
    spool.read(0, got.data(), block, 0);
    CHECK(std::equal(got.begin(), got.end(), bytes.begin()));
    spool.release(0, {10, 20});
    CHECK_THROWS_AS(spool.read(0, got.data(), block, 0), std::logic_error);
    // Bytes that nobody holds are not kept, so no file is needed.
    spool.write(0, 0, bytes.data(), bytes.size());
    for (int round = 0; round < 3; ++round) {
      spool.hold(0, {0, 2 * block});
      spool.write(0, 0, bytes.data(), 2 * block);
      spool.release(0, {0, 2 * block});
    }
  }

  TEST_CASE("a temporary file that cannot be made is told") {
    const std::vector<std::byte> bytes = testing::random_bytes(block, 9);
    Spool spool({{"a", bytes.size()}}, "/nowhere at all", 0);
    spool.hold(0, {0, block});
    try {
      spool.write(0, 0, bytes.data(), block);
      FAIL("no error");
    } catch (const ReadFailed& error) {
      CHECK(error.path == "/nowhere at all");
      CHECK(error.code == ENOENT);
    }
  }
}

}  // namespace weightgauge
