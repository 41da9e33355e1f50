#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/base/errors.hpp"
#include "core/io/byte_source.hpp"
#include "core/io/spot_check.hpp"
#include "support.hpp"

namespace weightgauge {

#if !defined(_WIN32)
namespace {

constexpr std::size_t file_bytes = std::size_t{4} << 20;

// Somebody else's writable mapping of a file, all of whose pages have been written to: the system
// gives the file a new time when a page is written for the first time, and not after that.
class Writer {
 public:
  explicit Writer(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDWR | O_CLOEXEC);
    REQUIRE(descriptor >= 0);
    void* const mapped =
        mmap(nullptr, file_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    REQUIRE(mapped != MAP_FAILED);
    close(descriptor);
    bytes_ = static_cast<std::byte*>(mapped);
    rewrite(0, file_bytes);
  }
  ~Writer() { munmap(bytes_, file_bytes); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // Writes every byte as it was.
  void rewrite(std::size_t begin, std::size_t end) {
    const std::vector<std::byte> same(bytes_ + begin, bytes_ + end);
    std::memcpy(bytes_ + begin, same.data(), same.size());
  }
  void change(std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      bytes_[i] ^= std::byte{1};
    }
  }

 private:
  std::byte* bytes_ = nullptr;
};

template <class Write>
std::string noticed(Io io, const Write& write) {
  const testing::TemporaryFile file(testing::random_bytes(file_bytes, 9));
  Writer writer(file.path());
  const std::unique_ptr<ByteSource> source = open_file(file.path(), file.identity(), io);
  write(writer);
  try {
    source->verify();
  } catch (const FileChanged& change) {
    return change.what();
  }
  return "";
}

}  // namespace
#endif

TEST_SUITE("spot_check") {
#if !defined(_WIN32)
  TEST_CASE("a writer through a mapping that leaves the file's times as they are is noticed") {
    for (const Io io : {Io::mmap, Io::pread}) {
      for (const std::size_t half : {std::size_t{0}, file_bytes / 2}) {
        CHECK(noticed(io, [half](Writer& writer) { writer.change(half, half + file_bytes / 2); }) !=
              "");
      }
      // A stretch of a sixteenth and one place, wherever it begins, covers a place.
      const std::size_t stretch = file_bytes / Spots::count + Spots(file_bytes).bytes;
      for (std::size_t begin = 0; begin + stretch <= file_bytes; begin += 300'007) {
        CHECK(noticed(io, [begin, stretch](Writer& writer) {
                writer.change(begin, begin + stretch);
              }) != "");
      }
    }
  }

  TEST_CASE("a writer that changes nothing is not") {
    for (const Io io : {Io::mmap, Io::pread}) {
      CHECK(noticed(io, [](Writer& writer) { writer.rewrite(0, file_bytes); }) == "");
      CHECK(noticed(io, [](Writer&) {}) == "");
    }
  }

#endif
  TEST_CASE("places lie within the file, apart from each other, and are few") {
    for (const std::uint64_t size :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{1'000'003},
          std::uint64_t{1} << 28, (std::uint64_t{1} << 40) + 7}) {
      const Spots spots(size);
      CHECK(spots.bytes * Spots::count <= std::min(size / Spots::share, std::uint64_t{1} << 20));
      for (std::uint64_t spot = 0; spot < Spots::count; ++spot) {
        CHECK(spots.offset(spot) >= spot * spots.part);
        CHECK(spots.offset(spot) + spots.bytes <= (spot + 1) * spots.part);
      }
    }
    CHECK(Spots(4095).bytes == 0);
    CHECK(Spots(4096).bytes == 1);
    CHECK(Spots(std::uint64_t{1} << 28).bytes == Spots::most_bytes);
  }

  TEST_CASE("a change of any one byte changes the digest") {
    for (const std::size_t n : {std::size_t{1}, std::size_t{31}, std::size_t{1029}}) {
      std::vector<std::byte> bytes = testing::random_bytes(n, 10);
      const std::uint64_t before = mixed_in(7, bytes.data(), n);
      CHECK(mixed_in(8, bytes.data(), n) != before);
      for (std::byte& each : bytes) {
        each ^= std::byte{0x80};
        CHECK(mixed_in(7, bytes.data(), n) != before);
        each ^= std::byte{0x80};
      }
      CHECK(mixed_in(7, bytes.data(), n) == before);
    }
  }
}

}  // namespace weightgauge
