#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <sys/resource.h>
#endif

#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <vector>

#include "core/base/errors.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t file_bytes = std::size_t{4} << 20;

SliceResult scan_source(std::unique_ptr<ByteSource> source, std::uint64_t bytes) {
  std::vector<std::unique_ptr<ByteSource>> sources;
  sources.push_back(std::move(source));
  ScanOptions options;
  options.threads = 2;
  Control control;
  return scan(sources, {{0, contiguous_view(DType::bf16, 0, bytes / 2)}}, options, control,
              testing::no_watch)
      .front();
}

// Windows lets nobody shorten a file that is mapped, nor replace one that is open, and removes such
// a file only when it is closed.
#if defined(_WIN32)
constexpr Io harmed[] = {Io::pread};
#else
constexpr Io harmed[] = {Io::mmap, Io::pread};
#endif

// Harms a file while a source reads it. Returns the message of the error, or "" if there was none.
template <class Harm>
std::string noticed(Io io, Harm&& harm) {
  const testing::TemporaryFile file(testing::random_bytes(file_bytes, 1));
  auto source = open_file(file.path(), file.identity(), io);
  harm(file);
  try {
    scan_source(std::move(source), file_bytes);
  } catch (const FileChanged& change) {
    CHECK(change.path == file.path());
    return change.what();
  }
  return "";
}

}  // namespace

TEST_SUITE("mapped_file") {
  TEST_CASE("both ways of reading a file give what is in it") {
    const std::vector<std::byte> bytes = testing::random_bytes(file_bytes, 2);
    const testing::TemporaryFile file(bytes);
    const std::uint64_t expected = testing::hash_of({testing::scan_bytes(DType::bf16, bytes, {})});
    for (const Io io : {Io::mmap, Io::pread}) {
      auto source = open_file(file.path(), file.identity(), io);
      CHECK(testing::hash_of({scan_source(std::move(source), file_bytes)}) == expected);
    }
  }

  TEST_CASE("a file that shrinks is an error, not the end of the process") {
    for (const Io io : harmed) {
      CHECK(noticed(io, [](const testing::TemporaryFile& file) { file.truncate(8192); }) ==
            "the file has shrunk");
      CHECK(noticed(io, [](const testing::TemporaryFile& file) { file.truncate(0); }) ==
            "the file has shrunk");
      CHECK(noticed(io, [](const testing::TemporaryFile& file) { file.truncate(4097); }) ==
            "the file has shrunk");
    }
  }

  TEST_CASE("shrunk and grown again: the pages missed meanwhile are not taken for data") {
    for (const Io io : harmed) {
      CHECK(noticed(io, [](const testing::TemporaryFile& file) {
              file.truncate(8192);
              file.truncate(file_bytes);
            }) == "the file has been rewritten");
    }
  }

  TEST_CASE("rewritten, replaced and removed files are noticed") {
    for (const Io io : harmed) {
      CHECK(noticed(io, [](const testing::TemporaryFile& file) {
              file.write(testing::random_bytes(file_bytes + 2, 3));
            }) == "the file has been rewritten");
#if !defined(_WIN32)
      CHECK(noticed(io, [](const testing::TemporaryFile& file) {
              const testing::TemporaryFile other(testing::random_bytes(file_bytes, 4));
              std::filesystem::rename(other.path(), file.path());
            }) != "");
      CHECK(noticed(io, [](const testing::TemporaryFile& file) {
              std::filesystem::remove(file.path());
            }) != "");
#endif
    }
  }

  TEST_CASE("a file that is not the expected one is not opened") {
    const testing::TemporaryFile file(testing::random_bytes(64, 5));
    FileIdentity other = file.identity();
    ++other.mtime_ns;
    CHECK_THROWS_AS(OpenFile(file.path(), other), FileChanged);
    const FileIdentity identity = file.identity();
#if !defined(_WIN32)  // where what is below a file has merely disappeared
    CHECK_THROWS_AS(OpenFile(file.path() + "/below", identity), ReadFailed);
#endif
    std::filesystem::remove(file.path());
    CHECK_THROWS_AS(OpenFile(file.path(), identity), FileChanged);
  }

  TEST_CASE("an empty file has nothing to map") {
    const testing::TemporaryFile file({});
    OpenFile open_file(file.path(), file.identity());
    const MappedFile mapping(open_file);
    CHECK(mapping.data() == nullptr);
    CHECK_FALSE(mapping.faulted());
  }

  TEST_CASE("reading stops at the end of the file") {
    const testing::TemporaryFile file(testing::random_bytes(64, 6));
    const OpenFile open_file(file.path(), file.identity());
    std::byte into[64];
    open_file.read(into, 64, 0);
    CHECK_THROWS_AS(open_file.read(into, 64, 1), FileChanged);
  }

#if !defined(_WIN32)
  TEST_CASE("more files are read at once than the process may open") {
    struct rlimit before = {};
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
    struct rlimit few = before;
    few.rlim_cur = 64;
    const testing::TemporaryFile file(testing::random_bytes(64, 8));
    for (const Io io : {Io::mmap, Io::pread}) {
      REQUIRE(setrlimit(RLIMIT_NOFILE, &few) == 0);
      std::vector<std::unique_ptr<ByteSource>> sources;
      std::byte into[64];
      for (int i = 0; i < 200; ++i) {
        sources.push_back(open_file(file.path(), file.identity(), io));
        sources.back()->read(into, 64, 0);
      }
      for (const auto& source : sources) {
        source->read(into, 64, 0);
        source->verify();
      }
      std::filesystem::last_write_time(
          file.path(), std::filesystem::last_write_time(file.path()) + std::chrono::hours(1));
      CHECK_THROWS_AS(sources.back()->verify(), FileChanged);
      setrlimit(RLIMIT_NOFILE, &before);
    }
  }

  TEST_CASE("the earlier handler of bus errors is back once no mapping is left") {
    struct sigaction before = {};
    struct sigaction during = {};
    struct sigaction after = {};
    sigaction(SIGBUS, nullptr, &before);
    {
      const testing::TemporaryFile file(testing::random_bytes(64, 7));
      OpenFile open_file(file.path(), file.identity());
      const MappedFile first(open_file);
      const MappedFile second(open_file);
      sigaction(SIGBUS, nullptr, &during);
    }
    sigaction(SIGBUS, nullptr, &after);
    CHECK((during.sa_sigaction != before.sa_sigaction));
    CHECK((after.sa_sigaction == before.sa_sigaction));
  }
#endif
}

}  // namespace weightgauge
