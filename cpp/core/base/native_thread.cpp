#include "core/base/native_thread.hpp"

#include <sched.h>

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

}  // namespace

NativeThread::NativeThread(Begins begins, std::function<void()> work) : work_(std::move(work)) {
  Attributes attributes;
  CPU_ZERO(&allowed_);
  if (begins == Begins::elsewhere && sched_getaffinity(0, sizeof allowed_, &allowed_) == 0) {
    // The system may begin a thread on the processor of its maker even if another one is idle, and
    // move it only after some milliseconds.
    cpu_set_t others = allowed_;
    const int here = sched_getcpu();
    if (here >= 0 && here < CPU_SETSIZE) {
      CPU_CLR(here, &others);
    }
    moved_ = CPU_COUNT(&others) > 0 &&
             pthread_attr_setaffinity_np(attributes.get(), sizeof others, &others) == 0;
  }
  const int failed = pthread_create(&thread_, attributes.get(), run, this);
  if (failed != 0) {
    throw std::system_error(failed, std::generic_category());
  }
}

NativeThread::~NativeThread() { pthread_join(thread_, nullptr); }

void* NativeThread::run(void* self) {
  NativeThread& thread = *static_cast<NativeThread*>(self);
  if (thread.moved_) {
    sched_setaffinity(0, sizeof thread.allowed_, &thread.allowed_);
  }
  thread.work_();
  return nullptr;
}

}  // namespace weightgauge
