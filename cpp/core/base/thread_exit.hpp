// A thread that is made to exit in the middle of its work.
#pragma once

#include <exception>

namespace weightgauge {

// Asked within `catch (...)`: whether pthread_exit() unwinds the thread's stack. Python ends
// threads so that ask for its lock while the interpreter ends, and a calling thread may do so
// whenever it watches. Whoever catches it must throw it on, or never leave the handler; else the
// process ends.
inline bool is_thread_exit() {
  return std::current_exception() == nullptr;  // it is no exception of C++
}

}  // namespace weightgauge
