#include <doctest/doctest.h>

#include <algorithm>  // which tells which C library there is
#if defined(__GLIBC__)
#include <pthread.h>
#endif

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "core/base/parallel.hpp"
#include "support.hpp"

namespace weightgauge {

namespace {

using std::chrono::milliseconds;

constexpr Caller callers[] = {Caller::watches, Caller::works};

// Works until it is told to stop, and is counted while it does.
class Working {
 public:
  explicit Working(Control& control) : control_(control) {}
  void operator()(int /*index*/) {
    ++begun_;
    const Counted counted(now_);
    for (;;) {
      control_.check();
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  int begun() const { return begun_.load(); }
  int now() const { return now_.load(); }

 private:
  struct Counted {
    explicit Counted(std::atomic<int>& n) : number(n) { ++number; }
    ~Counted() { --number; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::atomic<int>& number;
  };
  Control& control_;
  std::atomic<int> begun_{0};
  std::atomic<int> now_{0};
};

#if defined(__GLIBC__)  // elsewhere nobody unwinds the stack of a thread that exits
// What a thread does that exits in the middle of it.
struct Leaving {
  int threads = 1;
  Caller caller = Caller::works;
  int begun = 0;
  int left_working = -1;
  bool returned = false;

  void run() {
    Control control;
    Working working(control);
    const NoteEnd note{*this, working};
    run_parallel(threads, caller, control, std::ref(working), [] { pthread_exit(nullptr); });
    returned = true;
  }

 private:
  // Its destructor sees who works when the stack is unwound as far as the caller.
  struct NoteEnd {
    NoteEnd(Leaving& of, const Working& seen) : leaving(of), working(seen) {}
    ~NoteEnd() {
      leaving.begun = working.begun();
      leaving.left_working = working.now();
    }
    NoteEnd(const NoteEnd&) = delete;
    NoteEnd& operator=(const NoteEnd&) = delete;
    Leaving& leaving;
    const Working& working;
  };
};

void* leave(void* given) {
  static_cast<Leaving*>(given)->run();
  return nullptr;
}
#endif

int workers_of(int threads, Caller caller) {
  Control control;
  std::atomic<int> workers{0};
  run_parallel(threads, caller, control, [&](int) { ++workers; }, testing::no_watch);
  return workers.load();
}

// Occupies all threads there are until it is destroyed.
class Occupied {
 public:
  Occupied() : working_(control_), thread_([this] { run(); }) {
    while (working_.begun() == 0) {
      std::this_thread::sleep_for(milliseconds(1));
    }
  }
  ~Occupied() {
    control_.cancelled.store(true);
    thread_.join();
  }
  Occupied(const Occupied&) = delete;
  Occupied& operator=(const Occupied&) = delete;

 private:
  void run() {
    try {
      run_parallel(processor_budget(), Caller::watches, control_, std::ref(working_),
                   testing::no_watch);
    } catch (const std::exception&) {
      return;  // it was cancelled
    }
  }
  Control control_;
  Working working_;
  std::thread thread_;
};

}  // namespace

TEST_SUITE("calls") {
#if defined(__GLIBC__)
  TEST_CASE("a calling thread that exits when it watches leaves no worker and no lease behind") {
    for (const Caller caller : callers) {
      for (const int threads : {1, 2, 5}) {
        CAPTURE(threads);
        Leaving leaving;
        leaving.threads = threads;
        leaving.caller = caller;
        pthread_t thread = {};
        REQUIRE(pthread_create(&thread, nullptr, leave, &leaving) == 0);
        REQUIRE(pthread_join(thread, nullptr) == 0);
        CHECK_FALSE(leaving.returned);
        CHECK(leaving.begun >= 1);
        CHECK(leaving.left_working == 0);
      }
    }
    // With a lease that was lost, this would wait for ever.
    CHECK(workers_of(processor_budget(), Caller::watches) >= 1);
  }

  TEST_CASE("a calling thread that exits while it waits for others leaves nothing behind") {
    {
      const Occupied occupied;
      Leaving leaving;
      leaving.caller = Caller::watches;
      pthread_t thread = {};
      REQUIRE(pthread_create(&thread, nullptr, leave, &leaving) == 0);
      REQUIRE(pthread_join(thread, nullptr) == 0);
      CHECK_FALSE(leaving.returned);
      CHECK(leaving.begun == 0);
    }
    CHECK(workers_of(processor_budget(), Caller::watches) >= 1);
  }

#endif
  TEST_CASE("a call that a watch makes is done by its own thread, and waits for nobody") {
    for (const Caller outer : callers) {
      for (const Caller inner : callers) {
        Control control;
        std::vector<std::thread::id> ids;
        std::atomic<bool> enough{false};
        run_parallel(
            4, outer, control,
            [&](int) {
              while (!enough.load()) {
                control.check();
                std::this_thread::sleep_for(milliseconds(1));
              }
            },
            [&] {
              Control own;
              run_parallel(
                  4, inner, own, [&](int) { ids.push_back(std::this_thread::get_id()); },
                  testing::no_watch);
              enough.store(true);
            });
        CHECK(ids == std::vector<std::thread::id>{std::this_thread::get_id()});
      }
    }
  }

  TEST_CASE("a watch may wait for a call of another thread") {
    for (const Caller caller : callers) {
      for (const int threads : {1, processor_budget()}) {
        Control control;
        std::atomic<int> workers{0};
        // The caller's share of the work lasts until it has watched; that of others does not.
        run_parallel(
            threads, caller, control,
            [&](int index) {
              while (index == 0 && caller == Caller::works && workers.load() == 0) {
                control.check();
                std::this_thread::sleep_for(milliseconds(1));
              }
              if (caller == Caller::watches) {
                std::this_thread::sleep_for(milliseconds(200));
              }
            },
            [&] {
              std::thread other([&] { workers += workers_of(2, Caller::watches); });
              other.join();
            });
        CHECK(workers.load() >= 1);
      }
    }
  }

  TEST_CASE("work of one thread waits for nobody where the caller works") {
    const Occupied occupied;
    CHECK(workers_of(1, Caller::works) == 1);
    const std::vector<std::byte> few(200, std::byte{0x3C});
    CHECK(testing::scan_bytes(DType::bf16, few, {}).n == 100);
  }
}

}  // namespace weightgauge
