// Whether the system would give more threads.
#pragma once

namespace weightgauge {

// How many of `wanted` more threads, with stacks like those of OpenMP, the system gives just now:
// it is tried, and they have ended when this returns.
int spare_threads(int wanted);

}  // namespace weightgauge
