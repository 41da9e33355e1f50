// A thread that is made to exit in the middle of its work.
#pragma once

#include <cxxabi.h>

namespace weightgauge {

// Caught where pthread_exit() unwinds a thread's stack: Python ends threads so that ask for its
// lock while the interpreter ends, and a calling thread may do so whenever it watches. Whoever
// catches it must throw it on; `catch (...)` that does not would end the process.
#if defined(__GLIBCXX__)
using ThreadExit = abi::__forced_unwind;
#else
class ThreadExit {};  // no other library shows it
#endif

}  // namespace weightgauge
