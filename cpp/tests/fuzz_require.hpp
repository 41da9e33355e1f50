// What must hold of every input of a fuzzer.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace weightgauge::testing {

// Ends the process, so that the fuzzer keeps the input.
inline void require(bool condition, const char* what, const char* file, int line) {
  if (!condition) {
    std::fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
    std::abort();
  }
}

// A number that is printed when the program ends. Where it is 0, little was tested.
class Told {
 public:
  explicit Told(const char* what) : what_(what) {}
  ~Told() { std::fprintf(stderr, "%s: %llu\n", what_, number_); }
  Told(const Told&) = delete;
  Told& operator=(const Told&) = delete;
  void add(std::size_t number) { number_ += number; }

 private:
  const char* what_;
  unsigned long long number_ = 0;
};

}  // namespace weightgauge::testing

#define REQUIRE(condition) \
  ::weightgauge::testing::require(condition, #condition, __FILE__, __LINE__)
