// A thread of the system.
#pragma once

#include <functional>

#if defined(_WIN32)
#include <thread>
#else
#include <pthread.h>
#endif

namespace weightgauge {

// Where a thread begins. Afterwards it may run wherever its maker may.
enum class Begins : unsigned char {
  anywhere,
  elsewhere,  // not on the processor of its maker, who goes on working there
};

class NativeThread {
 public:
  // The work must not throw. Throws std::system_error where the system gives no thread.
  NativeThread(Begins begins, std::function<void()> work);
  // Waits for it, unless it was left.
  ~NativeThread();
  NativeThread(const NativeThread&) = delete;
  NativeThread& operator=(const NativeThread&) = delete;
  // From now on it runs by itself.
  void leave();

 private:
#if defined(_WIN32)
  std::thread thread_;
#else
  bool left_ = false;
  pthread_t thread_ = {};
#endif
};

}  // namespace weightgauge
