// Stacks of threads of OpenMP.
#pragma once

#include <cstddef>

namespace weightgauge {

// What the environment asks of OpenMP for the stack of each thread, in bytes; 0 where it asks for
// nothing that can be read, and threads get what the system gives.
std::size_t openmp_stack_bytes();

// Whether there is room for so many stacks of this size, each with a page below it that guards it:
// the address space, the number of mappings, and what the system lets a process promise itself.
// Nothing of them is touched.
bool room_for_stacks(std::size_t count, std::size_t stack_bytes);

// Whether the system limits what memory a process may reserve, be it used or not.
bool memory_is_limited();

// Memory for small stacks, one after the other.
class SmallStacks {
 public:
  // Memory that is not had has no size.
  explicit SmallStacks(std::size_t count);
  ~SmallStacks();
  SmallStacks(const SmallStacks&) = delete;
  SmallStacks& operator=(const SmallStacks&) = delete;
  std::size_t bytes_of_each() const { return each_; }
  std::byte* at(std::size_t index) const { return begin_ + index * each_; }

 private:
  std::size_t count_;
  std::size_t each_ = 0;
  std::byte* begin_ = nullptr;
};

}  // namespace weightgauge
