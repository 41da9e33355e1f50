#include "core/base/spare_threads.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <string>

#include "core/base/spare_memory.hpp"

namespace weightgauge {

namespace {

// The size of stacks that a variable of the environment asks of OpenMP, in bytes: a number, in
// kilobytes unless a letter follows. 0 where it asks for nothing that can be read.
std::size_t stack_size_of(const char* variable) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever changes the environment
  const char* const text = std::getenv(variable);
  if (text == nullptr) {
    return 0;
  }
  char* end = nullptr;
  const unsigned long long number = std::strtoull(text, &end, 10);
  while (std::isspace(static_cast<unsigned char>(*end)) != 0) {
    ++end;
  }
  constexpr const char* units = "BKMG";
  const std::string letters = units;
  const auto unit = static_cast<char>(std::toupper(static_cast<unsigned char>(*end)));
  const std::size_t place = unit == '\0' ? 1 : letters.find(unit);
  if (end == text || place == std::string::npos) {
    return 0;
  }
  const auto shift = static_cast<unsigned>(10 * place);
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  return number > most >> shift ? most : static_cast<std::size_t>(number) << shift;
}

// Attributes of threads like those of OpenMP.
class Attributes {
 public:
  Attributes() {
    pthread_attr_init(&attributes_);
    const std::size_t size =
        std::max(stack_size_of("OMP_STACKSIZE"), stack_size_of("GOMP_STACKSIZE"));
    if (size > 0) {
      pthread_attr_setstacksize(&attributes_, size);  // one that is too small changes nothing
    }
  }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  const pthread_attr_t* get() const { return &attributes_; }

 private:
  pthread_attr_t attributes_;
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

}  // namespace

int spare_threads(int wanted) {
  if (wanted <= 0) {
    return 0;
  }
  Gate gate;
  const auto most = static_cast<std::size_t>(wanted);
  if (!spare_memory(2 * most * sizeof(Trial))) {
    return 0;  // no memory for this is none for threads
  }
  const std::unique_ptr<Trial[]> trials(new (std::nothrow) Trial[most]);
  if (trials == nullptr) {
    return 0;
  }
  const Attributes attributes;
  std::size_t started = 0;
  for (; started < most; ++started) {
    Trial& trial = trials[started];
    trial.gate = &gate;
    if (pthread_create(&trial.thread, attributes.get(), wait_at_gate, &trial) != 0) {
      break;
    }
  }
  gate.open();
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
  return static_cast<int>(started);
}

}  // namespace weightgauge
