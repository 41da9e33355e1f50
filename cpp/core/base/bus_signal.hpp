// Whether a thread hears of bus errors.
#pragma once

#include <pthread.h>

#include <csignal>

namespace weightgauge {

// Lets SIGBUS through while it lives, on the calling thread and those that it starts. A thread that
// blocks the signal is killed where a fault raises it, and no handler can help.
class BusSignalHeard {
 public:
  BusSignalHeard() {
    sigset_t before;
    sigemptyset(&bus_);
    sigaddset(&bus_, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &bus_, &before);
    blocked_ = sigismember(&before, SIGBUS) == 1;
  }
  ~BusSignalHeard() {
    if (blocked_) {
      pthread_sigmask(SIG_BLOCK, &bus_, nullptr);
    }
  }
  BusSignalHeard(const BusSignalHeard&) = delete;
  BusSignalHeard& operator=(const BusSignalHeard&) = delete;

 private:
  sigset_t bus_;
  bool blocked_ = false;
};

}  // namespace weightgauge
