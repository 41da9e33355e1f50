// Memory that the system and the runtime of threads take for themselves. Where they get none, they
// end the process, so it is tried before.
#pragma once

#include <cstdlib>
#include <exception>

namespace weightgauge {

// Whether so many bytes could be had just now. Nothing is thrown, not even for a moment as in
// operator new: see can_throw().
inline bool spare_memory(std::size_t bytes) {
  // Volatile, or the compiler would see that nobody uses it, and take it for had.
  // NOLINTBEGIN(cppcoreguidelines-no-malloc,hicpp-no-malloc)
  void* volatile const room = std::malloc(bytes);
  void* const tried = room;
  std::free(tried);
  // NOLINTEND(cppcoreguidelines-no-malloc,hicpp-no-malloc)
  return tried != nullptr;
}

// Whether a thread that has just started may throw. Its first exception takes some memory of the
// system's own, which is taken here.
inline bool can_throw() {
  constexpr std::size_t enough = 8192;
  return spare_memory(enough) && std::uncaught_exceptions() == 0;
}

}  // namespace weightgauge
