#include "core/base/native_thread.hpp"

#include <sched.h>

#include <memory>
#include <system_error>
#include <utility>

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
  bool moved = false;
  cpu_set_t allowed = {};
};

void* run(void* given) {
  const std::unique_ptr<Start> start(static_cast<Start*>(given));
  if (start->moved) {
    sched_setaffinity(0, sizeof start->allowed, &start->allowed);
  }
  start->work();
  return nullptr;
}

}  // namespace

NativeThread::NativeThread(Begins begins, std::function<void()> work) {
  Attributes attributes;
  auto start = std::make_unique<Start>();
  start->work = std::move(work);
  if (begins == Begins::elsewhere &&
      sched_getaffinity(0, sizeof start->allowed, &start->allowed) == 0) {
    // The system may begin a thread on the processor of its maker even if another one is idle, and
    // move it only after some milliseconds.
    cpu_set_t others = start->allowed;
    const int here = sched_getcpu();
    if (here >= 0 && here < CPU_SETSIZE) {
      CPU_CLR(here, &others);
    }
    start->moved = CPU_COUNT(&others) > 0 &&
                   pthread_attr_setaffinity_np(attributes.get(), sizeof others, &others) == 0;
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
