#include "core/base/spare_threads.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <limits>
#include <memory>
#include <new>

#include "core/base/spare_memory.hpp"
#include "core/base/thread_stacks.hpp"

namespace weightgauge {

namespace {

// Attributes of threads.
class Attributes {
 public:
  // Like those of OpenMP's threads.
  Attributes() {
    pthread_attr_init(&attributes_);
    const std::size_t size = openmp_stack_bytes();
    if (size > 0) {
      pthread_attr_setstacksize(&attributes_, size);  // one that is too small changes nothing
    }
  }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const pthread_attr_t* get() const { return &attributes_; }
  std::size_t stack_bytes() const {
    std::size_t size = 0;
    pthread_attr_getstacksize(&attributes_, &size);
    return size;
  }
  // From now on for threads on this stack.
  void use(std::byte* stack, std::size_t bytes) {
    pthread_attr_setstack(&attributes_, stack, bytes);
  }

 private:
  pthread_attr_t attributes_;
};

// No signal is handled on stacks that may have no room for it.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_ = {};
};

// Closed until all threads that can be had exist at the same time. It opens for all of them at
// once; through a mutex they would go one after the other.
class Gate {
 public:
  void pass() {
    while (open_.load(std::memory_order_acquire) == 0) {
      futex(FUTEX_WAIT_PRIVATE, 0);
    }
  }
  void open() {
    open_.store(1, std::memory_order_release);
    futex(FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max());
  }

 private:
  void futex(int operation, int value) {
    syscall(SYS_futex, &open_, operation, value, nullptr, nullptr, 0);
  }
  std::atomic<int> open_{0};
};

struct Trial {
  Gate* gate = nullptr;
  pthread_t thread = {};
  pid_t id = 0;
};

void* wait_at_gate(void* given) {
  auto& trial = *static_cast<Trial*>(given);
  trial.id = static_cast<pid_t>(syscall(SYS_gettid));
  trial.gate->pass();
  return nullptr;
}

// Starts threads until one of them is refused, on these stacks if there are any.
std::size_t start(Trial* trials, std::size_t wanted, Gate& gate, Attributes& attributes,
                  const SmallStacks* stacks) {
  const SignalsBlocked blocked;
  for (std::size_t i = 0; i < wanted; ++i) {
    trials[i].gate = &gate;
    if (stacks != nullptr) {
      attributes.use(stacks->at(i), stacks->bytes_of_each());
    }
    if (pthread_create(&trials[i].thread, attributes.get(), wait_at_gate, &trials[i]) != 0) {
      return i;
    }
  }
  return wanted;
}

void await_end(const Trial* trials, std::size_t started) {
  for (std::size_t i = 0; i < started; ++i) {
    pthread_join(trials[i].thread, nullptr);
  }
  // A thread that has been joined may count towards the system's limits for a moment longer, and
  // may need this very processor to end.
  for (std::size_t i = 0; i < started; ++i) {
    while (syscall(SYS_tgkill, getpid(), trials[i].id, 0) == 0) {
      usleep(1);
    }
  }
}

// How many threads can exist at the same time.
std::size_t try_threads(Trial* trials, std::size_t wanted, const SmallStacks* stacks) {
  Gate gate;
  Attributes attributes;
  const std::size_t started = start(trials, wanted, gate, attributes, stacks);
  gate.open();
  await_end(trials, started);
  return started;
}

// The same on small stacks: mapping, touching and giving back a usual one takes as long as making
// its thread. Few are faster as usual, because the C library keeps so many bytes of stacks.
// 0 where usual stacks may have no room, or small ones do not do.
std::size_t try_on_small_stacks(Trial* trials, std::size_t wanted) {
  constexpr std::size_t kept = std::size_t{40} << 20;
  const std::size_t stack_bytes = Attributes().stack_bytes();
  if (stack_bytes <= kept / wanted || !room_for_stacks(wanted, stack_bytes)) {
    return 0;
  }
  const SmallStacks stacks(wanted);
  return stacks.bytes_of_each() == 0 ? 0 : try_threads(trials, wanted, &stacks);
}

}  // namespace

int spare_threads(int wanted) {
  if (wanted <= 0) {
    return 0;
  }
  const auto most = static_cast<std::size_t>(wanted);
  if (!spare_memory(2 * most * sizeof(Trial))) {
    return 0;  // no memory for this is none for threads
  }
  const std::unique_ptr<Trial[]> trials(new (std::nothrow) Trial[most]);
  if (trials == nullptr) {
    return 0;
  }
  const std::size_t started = try_on_small_stacks(trials.get(), most);
  return static_cast<int>(started > 0 ? started : try_threads(trials.get(), most, nullptr));
}

}  // namespace weightgauge
