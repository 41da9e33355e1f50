#include <doctest/doctest.h>

#include <deque>
#include <set>
#include <vector>

#include "core/scan/task_queue.hpp"
#include "core/scan/worker.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

constexpr std::uint64_t chunk = 1 << 16;

// Slices of these many bytes, in the order of a file, and a queue of their work.
struct Queued {
  Queued(const std::vector<std::uint64_t>& sizes, int threads, std::uint64_t chunk_bytes = chunk,
         DType dtype = DType::bf16)
      : queue(sizes.size(), threads) {
    for (const std::uint64_t size : sizes) {
      views.push_back(contiguous_view(dtype, 0, size / item_bytes(dtype)));
      results.emplace_back(dtype);
      jobs.emplace_back(Slice{source, views.back(), options, results.back(), Noted::nothing},
                        chunk_bytes);
      queue.append(jobs.back(), size, nullptr);
    }
  }
  // Which slice a worker is given next; -1 for none.
  int next_slice(std::size_t worker) {
    const Work* const work = queue.find_work(worker);
    for (std::size_t i = 0; work != nullptr && i < jobs.size(); ++i) {
      if (&jobs[i] == &work->job()) {
        return static_cast<int>(i);
      }
    }
    return -1;
  }

  MemorySource source{nullptr, 0};
  ScanOptions options;
  std::deque<View> views;
  std::deque<SliceResult> results;
  std::deque<SliceJob> jobs;
  TaskQueue queue;
};

void take_parts(Work& work, std::uint64_t n) {
  std::uint64_t part = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    CHECK(work.take(part));
  }
}

// Floats of which one part was BF16 before: in bins, and one by one.
std::vector<float> partly_upcast(std::size_t n) {
  std::vector<float> values = testing::normal_floats(n, 51);
  for (std::size_t i = 0; i < n / 2; ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &values[i], sizeof bits);
    bits &= 0xFFFF0000U;
    std::memcpy(&values[i], &bits, sizeof bits);
  }
  return values;
}

std::vector<double> beyond_bins(std::size_t n) {
  std::vector<double> values = testing::normal_doubles(n, 52);
  for (std::size_t i = 0; i < n; i += 1000) {
    values[i] *= 1e-99;
  }
  return values;
}

}  // namespace

TEST_SUITE("task_queue") {
  TEST_CASE("workers own slices, in the order of the file") {
    Queued queued({4 * chunk, 4 * chunk, 4 * chunk}, 2);
    CHECK(queued.next_slice(0) == 0);
    CHECK(queued.next_slice(1) == 1);
    CHECK(queued.next_slice(1) == 2);
  }

  TEST_CASE("whoever finds no slice joins where most is left for each") {
    Queued queued({8 * chunk, 18 * chunk}, 4);
    Work* const small = queued.queue.find_work(0);
    Work* const large = queued.queue.find_work(1);
    take_parts(*small, 1);
    take_parts(*large, 1);
    CHECK(queued.queue.find_work(2) == large);  // 17 parts for one, rather than 7
    CHECK(queued.queue.find_work(3) == large);  // 8 for each of two, rather than 7 for one
    CHECK(queued.queue.find_work(3) == small);  // 7 for one, rather than 5 for each of three
  }

  TEST_CASE("few parts are left to those who have begun") {
    for (const DType dtype : {DType::bf16, DType::f32}) {
      const std::uint64_t least =
          is_wide(dtype) ? TaskQueue::wide_parts_to_join : TaskQueue::parts_to_join;
      Queued queued({16 * chunk}, 3, chunk, dtype);
      Work* const work = queued.queue.find_work(0);
      take_parts(*work, 16 - least);
      CHECK(queued.queue.find_work(1) == work);
      CHECK(queued.queue.find_work(2) == nullptr);  // for two there would have to be twice as many
    }
  }

  TEST_CASE("no more workers are useful than can join") {
    const auto useful = [](DType dtype, std::uint64_t parts) {
      return Queued({parts * chunk}, 9, chunk, dtype).queue.useful_workers();
    };
    CHECK(useful(DType::bf16, 1) == 1);
    CHECK(useful(DType::bf16, 2) == 2);
    CHECK(useful(DType::bf16, 5) == 5);
    CHECK(useful(DType::f32, 16) == 1 + 15 / TaskQueue::wide_parts_to_join);
  }

  TEST_CASE("small slices are given out in groups, which nobody shares") {
    const std::uint64_t third = TaskQueue::group_bytes / 3;
    Queued queued(std::vector<std::uint64_t>(6, third), 3, third);
    CHECK(queued.queue.useful_workers() == 2);
    CHECK(queued.next_slice(0) == 0);
    CHECK(queued.next_slice(1) == 3);
    CHECK(queued.next_slice(2) == -1);
    CHECK(queued.next_slice(0) == 1);
    CHECK(queued.next_slice(1) == 4);
  }

  TEST_CASE("a slice of no items is work too") {
    Queued queued({0, 0}, 2);
    CHECK(queued.next_slice(0) == 0);
    CHECK(queued.next_slice(0) == 1);
    CHECK(queued.next_slice(0) == -1);
  }

  TEST_CASE("a later phase comes before slices that nobody has begun") {
    Queued queued({4 * chunk, 4 * chunk, 4 * chunk}, 2);
    CHECK(queued.next_slice(0) == 0);
    queued.queue.add_phase(queued.jobs[0]);
    CHECK(queued.next_slice(1) == 0);
    CHECK(queued.next_slice(1) == 1);
  }

  TEST_CASE("there are more workers for each slice when few slices are left") {
    Queued queued({chunk, chunk, chunk, chunk}, 6);
    CHECK(queued.queue.workers_for_each() == 1);
    queued.queue.finish_job();
    CHECK(queued.queue.workers_for_each() == 2);
    queued.queue.finish_job();
    queued.queue.finish_job();
    CHECK(queued.queue.workers_for_each() == 6);
  }

  TEST_CASE("wide formats merge to the same bits, however many workers share a slice") {
    struct Case {
      DType dtype;
      std::vector<std::byte> bytes;
    };
    const std::vector<Case> cases = {
        {DType::f32, testing::bytes_of(testing::normal_floats(600'000, 50))},
        {DType::f32, testing::bytes_of(partly_upcast(600'000))},
        {DType::f32, testing::random_bytes(2'400'000, 53)},  // more bins than a fit may have
        {DType::f64, testing::bytes_of(testing::normal_doubles(300'000, 54))},
        {DType::f64, testing::bytes_of(beyond_bins(300'000))},
        {DType::bf16, testing::random_bytes(2'400'000, 55)},
    };
    for (const Case& each : cases) {
      for (const bool exact : {false, true}) {
        ScanOptions options = testing::keeping(1, 1 << 14);
        options.exact = exact;
        options.keep_histogram = !exact;
        const std::uint64_t expected =
            testing::hash_of({testing::scan_bytes(each.dtype, each.bytes, options)});
        for (const int threads : testing::thread_counts({2, 3, 8, 17})) {
          CAPTURE(threads);
          options.threads = threads;
          const SliceResult found = testing::scan_bytes(each.dtype, each.bytes, options);
          CHECK(testing::hash_of({found}) == expected);
        }
      }
    }
  }

  TEST_CASE("64 workers merge one slice to the same bits") {
    const std::vector<std::byte> bytes = testing::bytes_of(testing::normal_floats(2'000'000, 56));
    ScanOptions options = testing::keeping(1, 1 << 14);
    const std::uint64_t expected =
        testing::hash_of({testing::scan_bytes(DType::f32, bytes, options)});
    options.threads = 64;
    for (int round = 0; round < 5; ++round) {
      CHECK(testing::hash_of({testing::scan_bytes(DType::f32, bytes, options)}) == expected);
    }
  }
}

}  // namespace weightgauge
