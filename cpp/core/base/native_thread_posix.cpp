#include <sched.h>

#include <memory>
#include <system_error>
#include <utility>

#include "core/base/native_thread.hpp"

namespace weightgauge {

namespace {

class Attributes {
 public:
  Attributes() { pthread_attr_init(&attributes_); }
  ~Attributes() { pthread_attr_destroy(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  pthread_attr_t* get() { return &attributes_; }

 private:
  pthread_attr_t attributes_;
};

// What a thread is given, and owns.
struct Start {
  std::function<void()> work;
#if defined(__GLIBC__)
  bool moved = false;
  cpu_set_t allowed = {};
#endif
};

#if defined(__GLIBC__)
// The system may begin a thread on the processor of its maker even if another one is idle, and move
// it only after some milliseconds.
void begin_elsewhere(Start& start, pthread_attr_t& attributes) {
  if (sched_getaffinity(0, sizeof start.allowed, &start.allowed) != 0) {
    return;
  }
  cpu_set_t others = start.allowed;
  const int here = sched_getcpu();
  if (here >= 0 && here < CPU_SETSIZE) {
    CPU_CLR(here, &others);
  }
  start.moved = CPU_COUNT(&others) > 0 &&
                pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0;
}

// Afterwards it may run wherever its maker may.
void move_back(const Start& start) {
  if (start.moved) {
    sched_setaffinity(0, sizeof start.allowed, &start.allowed);
  }
}
#else  // neither musl nor macOS can say where a thread begins
void begin_elsewhere(Start& /*start*/, pthread_attr_t& /*attributes*/) {}
void move_back(const Start& /*start*/) {}
#endif

void* run(void* given) {
  const std::unique_ptr<Start> start(static_cast<Start*>(given));
  move_back(*start);
  start->work();
  return nullptr;
}

}  // namespace

NativeThread::NativeThread(Begins begins, std::function<void()> work) {
  Attributes attributes;
  auto start = std::make_unique<Start>();
  start->work = std::move(work);
  if (begins == Begins::elsewhere) {
    begin_elsewhere(*start, *attributes.get());
  }
  Start* const given = start.release();
  const int failed = pthread_create(&thread_, attributes.get(), run, given);
  if (failed != 0) {
    start.reset(given);
    throw std::system_error(failed, std::generic_category());
  }
}

NativeThread::~NativeThread() {
  if (!left_) {
    pthread_join(thread_, nullptr);
  }
}

void NativeThread::leave() {
  pthread_detach(thread_);
  left_ = true;
}

}  // namespace weightgauge
