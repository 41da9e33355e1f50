#include "bindings/released_gil.hpp"

#include "core/base/platform.hpp"

namespace weightgauge::bindings {

namespace {

bool interpreter_is_ending() {
#if PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

}  // namespace

ReleasedGil::ReleasedGil() : began_ending_(interpreter_is_ending()), thread_(PyEval_SaveThread()) {}

void ReleasedGil::take_back() {
  if (is_ending()) {
    stay();
  }
  try {
    PyEval_RestoreThread(thread_);
  } catch (...) {  // it has begun to end just now, and with it this thread
    stay();
  }
}

void ReleasedGil::stay() { stay_for_ever(); }

bool ReleasedGil::is_ending() const { return !began_ending_ && interpreter_is_ending(); }

}  // namespace weightgauge::bindings
