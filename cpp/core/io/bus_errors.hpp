// Mappings of files that may shrink. Touching a page beyond the new end raises SIGBUS. While
// mappings are guarded, a signal handler puts zero pages at such addresses and notes the fault.
// Every other SIGBUS goes to the handlers that the process had before, or has got meanwhile. On
// Windows it is another event with the same end: see bus_errors_windows.cpp.
#pragma once

#include <cstddef>

#include "core/io/system_file.hpp"

namespace weightgauge {

struct GuardedMapping;

// The file stays open until the guarding ends, or is no_file where it is not kept. Null where too
// many mappings are guarded.
GuardedMapping* guard_mapping(const void* begin, std::size_t bytes, FileHandle file);
void end_guarding(GuardedMapping& mapping);
// Whether a page was missing when it was read.
bool has_faulted(const GuardedMapping& mapping);

// Takes the signal again where another handler has been set since mappings are guarded: Python's
// faulthandler may be enabled at any time. To be called after code of others has run.
void take_bus_errors_again();

}  // namespace weightgauge
