#include <doctest/doctest.h>
#if !defined(_WIN32)
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>

#include "core/base/errors.hpp"
#include "core/base/parallel.hpp"
#include "core/base/region.hpp"
#include "core/base/spare_threads.hpp"
#include "core/base/thread_stacks.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using std::chrono::milliseconds;

struct Stop : std::runtime_error {
  Stop() : std::runtime_error("stop") {}
};

// Runs until it is told to stop.
void work_for_ever(const Control& control) {
  for (;;) {
    control.check();
    std::this_thread::sleep_for(milliseconds(1));
  }
}

std::vector<std::pair<int, Caller>> everyone() {
  std::vector<std::pair<int, Caller>> found;
  for (const int threads : {1, 2, 3, 5}) {
    found.emplace_back(threads, Caller::watches);
    found.emplace_back(threads, Caller::works);
  }
  return found;
}

std::uint64_t hash_of_scan(const std::vector<std::byte>& bytes, int threads) {
  ScanOptions options;
  options.threads = threads;
  options.chunk_bytes = 1 << 14;
  return testing::hash_of({testing::scan_bytes(DType::bf16, bytes, options)});
}

}  // namespace

TEST_SUITE("parallel") {
  TEST_CASE("every granted thread works once, under an index of its own") {
    for (const auto& [threads, caller] : everyone()) {
      Control control;
      std::mutex mutex;
      std::vector<int> indices;
      run_parallel(
          threads, caller, control,
          [&](int index) {
            const std::lock_guard<std::mutex> lock(mutex);
            indices.push_back(index);
          },
          testing::no_watch);
      std::sort(indices.begin(), indices.end());
      // Beside a caller who works those that have not begun when he is done are left out, whichever
      // they are.
      REQUIRE_FALSE(indices.empty());
      CHECK(indices.front() >= 0);
      CHECK(indices.back() < std::max(threads, 1));
      CHECK(std::adjacent_find(indices.begin(), indices.end()) == indices.end());
    }
  }

  TEST_CASE("regions share out all threads, none of them twice") {
    for (const int threads : {1, 2, 15, 16, 17, 33, 64, 100}) {
      int next = 0;
      for (const Region& region : regions_of(threads)) {
        CHECK(region.first == next);
        CHECK(region.threads >= 1);
        CHECK(region.threads <= threads_of_region());
        next += region.threads;
      }
      CHECK(next == threads);
    }
  }

  TEST_CASE("a region works while others have not started") {
    const std::vector<Region> regions = regions_of(40);
    const Region& last = regions.back();
    std::mutex mutex;
    std::vector<int> indices;
    std::thread starter([&] {
      run_region(last, [&](int index) {
        const std::lock_guard<std::mutex> lock(mutex);
        indices.push_back(index);
      });
    });
    starter.join();
    std::sort(indices.begin(), indices.end());
    std::vector<int> expected;
    for (int index = last.first; index < 40; ++index) {
      expected.push_back(index);
    }
    CHECK(indices == expected);
  }

  TEST_CASE("threads of several regions are all there at the same time") {
    constexpr int threads = 40;
    Control control;
    std::atomic<int> there{0};
    run_parallel(
        threads, Caller::watches, control,
        [&](int) {
          ++there;
          while (there.load() < threads) {
            control.check();
            std::this_thread::sleep_for(milliseconds(1));
          }
        },
        testing::no_watch);
    CHECK(there.load() == threads);
  }

  TEST_CASE("what the watcher throws stops the work and comes out") {
    for (const auto& [threads, caller] : everyone()) {
      Control control;
      CHECK_THROWS_AS(
          run_parallel(
              threads, caller, control, [&](int) { work_for_ever(control); }, [] { throw Stop(); }),
          Stop);
      CHECK(control.cancelled.load());
    }
  }

  TEST_CASE("what has no memory for many threads is done by one, from the beginning") {
    Control control;
    const auto attempt = [&](int threads) {
      CHECK_FALSE(control.cancelled.load());
      CHECK(control.bytes_done.load() == 0);
      std::atomic<int> done{0};
      run_parallel(
          threads, Caller::watches, control,
          [&](int) {
            ++control.bytes_done;
            if (threads > 1) {
              throw std::bad_alloc();
            }
            ++done;
          },
          testing::no_watch);
      return done.load();
    };
    for (const int threads : {1, 2, 7}) {
      control.start_over();
      CHECK(with_memory_for(threads, control, attempt) == 1);
    }
  }

  TEST_CASE("what has none for one thread, or fails otherwise, fails once") {
    for (const int threads : {1, 4}) {
      Control control;
      int attempts = 0;
      CHECK_THROWS_AS(with_memory_for(threads, control,
                                      [&](int) -> int {
                                        ++attempts;
                                        throw std::bad_alloc();
                                      }),
                      std::bad_alloc);
      CHECK(attempts == std::min(threads, 2));
      attempts = 0;
      CHECK_THROWS_AS(with_memory_for(threads, control,
                                      [&](int) -> int {
                                        ++attempts;
                                        throw Stop();
                                      }),
                      Stop);
      CHECK(attempts == 1);
    }
  }

  TEST_CASE("what a worker throws stops the others and comes out") {
    for (const auto& [threads, caller] : everyone()) {
      Control control;
      CHECK_THROWS_AS(run_parallel(
                          threads, caller, control,
                          [&](int index) {
                            if (index == 0) {
                              throw Stop();
                            }
                            work_for_ever(control);
                          },
                          testing::no_watch),
                      Stop);
    }
  }

  TEST_CASE("a scan stops when its caller asks for it") {
    const std::vector<std::byte> bytes(std::size_t{8} << 20);
    std::vector<std::unique_ptr<ByteSource>> sources;
    sources.push_back(std::make_unique<MemorySource>(bytes.data(), bytes.size()));
    ScanOptions options;
    options.threads = 2;
    Control control;
    control.cancelled.store(true);
    CHECK_THROWS_AS(scan(sources, {{0, contiguous_view(DType::bf16, 0, bytes.size() / 2)}}, options,
                         control, testing::no_watch),
                    Cancelled);
  }

  TEST_CASE("calls from several threads at once all finish") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{1} << 20, 1);
    const std::uint64_t expected = hash_of_scan(bytes, 1);
    std::vector<std::uint64_t> hashes(8, 0);
    std::vector<std::thread> callers;
    for (std::uint64_t& hash : hashes) {
      callers.emplace_back([&bytes, &hash] { hash = hash_of_scan(bytes, 4); });
    }
    for (std::thread& caller : callers) {
      caller.join();
    }
    CHECK(hashes == std::vector<std::uint64_t>(hashes.size(), expected));
  }

#if !defined(_WIN32)
  TEST_CASE("a child forked after a parallel scan can scan in parallel") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{1} << 20, 2);
    const std::uint64_t expected = hash_of_scan(bytes, 2);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      alarm(60);  // so that a hang becomes a failure
      _exit(hash_of_scan(bytes, 2) == expected ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(hash_of_scan(bytes, 2) == expected);  // the parent can still scan in parallel
  }

  TEST_CASE("a child forked in the middle of a parallel scan can scan in parallel") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{1} << 20, 3);
    const std::uint64_t expected = hash_of_scan(bytes, 2);
    std::atomic<bool> working{false};
    std::atomic<bool> enough{false};
    std::thread other([&] {
      Control control;
      run_parallel(
          processor_budget(), Caller::watches, control,
          [&](int) {
            working.store(true);
            while (!enough.load()) {
              std::this_thread::sleep_for(milliseconds(1));
            }
          },
          testing::no_watch);
    });
    while (!working.load()) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      _exit(hash_of_scan(bytes, 1) == expected ? 0 : 1);
    }
    int status = -1;
    const bool reaped = child > 0 && waitpid(child, &status, 0) == child;
    enough.store(true);
    other.join();
    REQUIRE(reaped);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }

// A child that is forked while another thread allocates finds the allocator of the address
// sanitizer locked for ever: without it, fork sees to that.
#if !defined(__SANITIZE_ADDRESS__)
  TEST_CASE("children forked while threads start, work and end have threads of their own") {
    const auto count_workers = [](Caller caller) {
      Control control;
      std::atomic<int> workers{0};
      run_parallel(4, caller, control, [&](int) { ++workers; }, testing::no_watch);
      return workers.load();
    };
    std::atomic<bool> enough{false};
    std::thread other([&] {
      while (!enough.load()) {
        count_workers(Caller::watches);
        count_workers(Caller::works);
      }
    });
    int failed = 0;
    for (int i = 0; i < 200; ++i) {
      const pid_t child = fork();
      if (child == 0) {
        alarm(60);
        const int workers = count_workers(i % 2 == 0 ? Caller::watches : Caller::works);
        _exit(workers >= 1 && workers <= 4 ? 0 : 1);
      }
      int status = -1;
      const bool reaped = child > 0 && waitpid(child, &status, 0) == child;
      failed += reaped && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
    }
    enough.store(true);
    other.join();
    CHECK(failed == 0);
  }
#endif

#endif

#ifdef _OPENMP
  TEST_CASE("callers inside regions of their own all finish") {
    const std::vector<std::byte> bytes = testing::random_bytes(std::size_t{1} << 20, 4);
    const std::uint64_t expected = hash_of_scan(bytes, 1);
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> same{0};
      std::atomic<int> callers{0};
#pragma omp parallel num_threads(3)
      {
        ++callers;
        same += hash_of_scan(bytes, 4) == expected ? 1 : 0;
      }
      CHECK(callers > 0);
      CHECK(same == callers);
    }
  }

  TEST_CASE("threads that are tried have ended, and all of them are given while they can be had") {
    CHECK(spare_threads(0) == 0);
    CHECK(spare_threads(5) == 5);
    CHECK(spare_threads(40) == 40);  // on small stacks
  }

  TEST_CASE("stacks have room unless the address space ends") {
    const std::size_t largest = std::numeric_limits<std::size_t>::max();
    CHECK(room_for_stacks(0, largest));
    CHECK(room_for_stacks(40, std::size_t{8} << 20));
    for (const std::size_t bytes : {largest, largest / 2, std::size_t{1} << 48}) {
      CHECK_FALSE(room_for_stacks(1, bytes));
      CHECK_FALSE(room_for_stacks(40, bytes));
    }
  }

  TEST_CASE("where memory is limited no thread takes any before all have started") {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      struct rlimit limit = {};
      const bool set = getrlimit(RLIMIT_AS, &limit) == 0;
      limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, rlim_t{1} << 46);
      _exit(set && setrlimit(RLIMIT_AS, &limit) == 0 && regions_of(40).size() == 1 ? 0 : 1);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
#endif

  TEST_CASE("the processor budget is at least one") { CHECK(processor_budget() >= 1); }
}

}  // namespace weightgauge
