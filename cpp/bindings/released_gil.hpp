// Work without Python's lock, on threads that may outlive the interpreter.
//
// When the interpreter ends, threads that ask for its lock never get it: up to Python 3.13 they are
// made to exit on the spot, and the destructors on their stack run; later they are left waiting.
// Destructors that handle Python's objects would then do so without the lock, beside the main
// thread that takes the interpreter apart. So a thread that finds the interpreter ending cleans up
// what is the core's, up to here, and then stays for as long as the process does.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "core/base/thread_exit.hpp"

namespace weightgauge::bindings {

class ReleasedGil {
 public:
  // Releases the lock, which the calling thread holds.
  ReleasedGil();
  ~ReleasedGil() = default;
  ReleasedGil(const ReleasedGil&) = delete;
  ReleasedGil& operator=(const ReleasedGil&) = delete;

  // Runs `work` with the lock, on the thread that released it. It holds no object of Python's on
  // the stack while it calls into Python. Throws what the work throws, or Ending where the
  // interpreter ends.
  template <class Work>
  void with_gil(const Work& work) {
    if (is_ending()) {
      throw Ending();
    }
    PyEval_RestoreThread(thread_);
    std::exception_ptr thrown;
    try {
      work();
    } catch (...) {
      if (is_thread_exit()) {
        throw;  // Python ends this thread, which holds no lock any more
      }
      thrown = std::current_exception();
    }
    thread_ = PyEval_SaveThread();
    if (thrown != nullptr) {
      std::rethrow_exception(thrown);
    }
  }

  // Takes the lock back for good; does not return where the interpreter ends.
  void take_back();
  [[noreturn]] static void stay();

 private:
  struct Ending : std::exception {};
  bool is_ending() const;

  bool began_ending_;  // before the call: then this is the thread that ends the interpreter
  PyThreadState* thread_;
};

// Releases the lock, runs work(gil), takes the lock again, and returns or throws what the work did.
template <class Work>
auto without_gil(const Work& work) {
  using Result = std::invoke_result_t<const Work&, ReleasedGil&>;
  using Kept = std::conditional_t<std::is_void_v<Result>, bool, Result>;
  std::optional<Kept> result;
  std::exception_ptr thrown;
  ReleasedGil gil;
  try {
    if constexpr (std::is_void_v<Result>) {
      work(gil);
      result = true;
    } else {
      result.emplace(work(gil));
    }
  } catch (...) {
    if (is_thread_exit()) {
      ReleasedGil::stay();
    }
    thrown = std::current_exception();
  }
  gil.take_back();
  if (thrown != nullptr) {
    std::rethrow_exception(thrown);
  }
  if constexpr (!std::is_void_v<Result>) {
    return std::move(*result);
  }
}

}  // namespace weightgauge::bindings
