#include <utility>

#include "core/base/native_thread.hpp"

namespace weightgauge {

// Windows begins a thread on an idle processor by itself.
NativeThread::NativeThread(Begins /*begins*/, std::function<void()> work)
    : thread_(std::move(work)) {}

NativeThread::~NativeThread() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void NativeThread::leave() { thread_.detach(); }

}  // namespace weightgauge
