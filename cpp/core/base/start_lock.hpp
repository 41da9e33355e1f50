// One start of threads at a time.
#pragma once

#include <mutex>

namespace weightgauge {

// Held from asking how many threads the system gives until they have started, so that nobody else
// in this library takes them in between. A forked child finds it free.
std::unique_lock<std::mutex> lock_starts();

}  // namespace weightgauge
