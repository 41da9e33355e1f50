#include "core/base/start_lock.hpp"

#include <pthread.h>

#include <new>

namespace weightgauge {

namespace {

std::mutex& starts() {
  static std::mutex instance;
  return instance;
}

}  // namespace

std::unique_lock<std::mutex> lock_starts() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { new (&starts()) std::mutex; });
  (void)registered;
  return std::unique_lock<std::mutex>(starts());
}

}  // namespace weightgauge
