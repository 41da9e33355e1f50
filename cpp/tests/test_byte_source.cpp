#include <doctest/doctest.h>

#include "core/io/byte_source.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

std::vector<std::byte> read_from(const ByteSource& source, std::uint64_t offset, std::size_t n) {
  std::vector<std::byte> got(n);
  source.read(got.data(), n, offset);
  return got;
}

}  // namespace

TEST_SUITE("byte_source") {
  TEST_CASE("all kinds of sources give the same bytes, and know their size and name") {
    const std::vector<std::byte> bytes = testing::random_bytes(100'003, 7);
    const testing::TemporaryFile file(bytes);
    std::vector<std::unique_ptr<ByteSource>> sources;
    sources.push_back(std::make_unique<MemorySource>(bytes.data(), bytes.size(), file.path()));
    sources.push_back(open_file(file.path(), file.identity(), Io::pread));
    sources.push_back(open_file(file.path(), file.identity(), Io::mmap));
    for (const auto& source : sources) {
      CHECK(source->size() == bytes.size());
      CHECK(source->identity().label == file.path());
      CHECK(read_from(*source, 0, bytes.size()) == bytes);
      const auto at = bytes.begin() + 99'001;
      CHECK(read_from(*source, 99'001, 1002) == std::vector<std::byte>(at, at + 1002));
      if (source->memory() != nullptr) {
        CHECK(std::equal(bytes.begin(), bytes.end(), source->memory()));
      }
      CHECK_NOTHROW(source->verify());
    }
    CHECK(sources[0]->memory() == bytes.data());
    CHECK(sources[1]->memory() == nullptr);
    CHECK(sources[2]->memory() != nullptr);
    CHECK_FALSE(sources[0]->identity().file.has_value());
    CHECK(sources[1]->identity().file == file.identity());
  }
}

}  // namespace weightgauge
