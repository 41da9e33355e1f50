#include "core/base/start_lock.hpp"

#include <new>

#include "core/base/platform.hpp"

namespace weightgauge {

namespace {

std::mutex& starts() {
  static std::mutex instance;
  return instance;
}

}  // namespace

std::unique_lock<std::mutex> lock_starts() {
  static const bool registered = (in_forked_children([] { new (&starts()) std::mutex; }), true);
  (void)registered;
  return std::unique_lock<std::mutex>(starts());
}

}  // namespace weightgauge
