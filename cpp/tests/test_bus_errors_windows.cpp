#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/errors.hpp"
#include "core/base/windows.hpp"
#include "core/io/byte_source.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::size_t file_bytes = std::size_t{1} << 20;

// As the system does where a page of a file is out of reach. Returns if a handler continues.
void lose_page(const std::byte* at) {
  const ULONG_PTR what[] = {0, reinterpret_cast<ULONG_PTR>(at), 0xC000009CL};
  RaiseException(EXCEPTION_IN_PAGE_ERROR, 0, 3, what);
}

// Whether the next handler was asked about a lost page.
std::atomic<int> asked{0};
LONG CALLBACK continue_anyway(EXCEPTION_POINTERS* given) {
  if (given->ExceptionRecord->ExceptionCode != EXCEPTION_IN_PAGE_ERROR) {
    return EXCEPTION_CONTINUE_SEARCH;
  }
  ++asked;
  return EXCEPTION_CONTINUE_EXECUTION;
}

}  // namespace

TEST_SUITE("bus_errors") {
  TEST_CASE("a page that cannot be read is zeros, and an error in the end") {
    const testing::TemporaryFile file(std::vector<std::byte>(file_bytes, std::byte{1}));
    const std::unique_ptr<ByteSource> source = open_file(file.path(), file.identity(), Io::mmap);
    REQUIRE(source->memory() != nullptr);
    CHECK_NOTHROW(source->verify());
    lose_page(source->memory() + 5000);
    const volatile std::byte* const bytes = source->memory();
    CHECK(bytes[5000] == std::byte{0});
    CHECK(bytes[file_bytes - 1] == std::byte{0});
    CHECK_THROWS_AS(source->verify(), FileChanged);
  }

  TEST_CASE("threads that find the page lost at once all go on") {
    for (int round = 0; round < 50; ++round) {
      const testing::TemporaryFile file(std::vector<std::byte>(file_bytes, std::byte{1}));
      const std::unique_ptr<ByteSource> source = open_file(file.path(), file.identity(), Io::mmap);
      const volatile std::byte* const bytes = source->memory();
      std::vector<std::thread> threads;
      std::atomic<int> done{0};
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
          int sum = 0;
          for (std::size_t at = 0; at < file_bytes; at += 512) {
            sum += std::to_integer<int>(bytes[at]);
            if (at == file_bytes / 2 && i % 2 == 0) {
              lose_page(source->memory() + at);
            }
          }
          done += sum >= 0 ? 1 : 0;
        });
      }
      for (std::thread& thread : threads) {
        thread.join();
      }
      CHECK(done == 4);
      CHECK(bytes[0] == std::byte{0});
    }
  }

  TEST_CASE("pages of others are for the handlers of others") {
    const testing::TemporaryFile file(std::vector<std::byte>(file_bytes, std::byte{1}));
    const std::unique_ptr<ByteSource> source = open_file(file.path(), file.identity(), Io::mmap);
    const std::vector<std::byte> elsewhere(100);
    void* const handler = AddVectoredExceptionHandler(0, continue_anyway);
    asked = 0;
    lose_page(elsewhere.data());
    CHECK(asked == 1);
    lose_page(source->memory());
    CHECK(asked == 1);
    RemoveVectoredExceptionHandler(handler);
    CHECK_THROWS_AS(source->verify(), FileChanged);
  }
}

}  // namespace weightgauge
