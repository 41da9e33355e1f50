/* How fast this processor can be at best. The benchmarks are measured against these numbers. */
#include <stdint.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Returns cycles per second, measured with a chain of operations each of which waits one cycle for
   the one before. It takes a few milliseconds. The fastest of several tries counts, because the
   machine may do other work. */
double measure_clock(void) {
  enum { links = 16, rounds = 1 << 15 };
  double fastest = 0;
  for (int trial = 0; trial < 8; ++trial) {
    uint64_t value = 1;
    uint64_t other = 2;
    const double begin = now();
    for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 16
      for (int link = 0; link < links; ++link) {
        value ^= other;
        __asm__ volatile("" : "+r"(value), "+r"(other)); /* hides both values from the compiler */
      }
    }
    const double speed = links * (double)rounds / (now() - begin);
    fastest = speed > fastest ? speed : fastest;
  }
  return fastest;
}

/* Does the least work that counting in a table takes: one increment for each of n elements. The
   cells stay in the first-level cache, and neighbouring increments go to different cache lines. */
void increment_cells(uint64_t n) {
  enum { cells = 1024, step = 17, together = 16 }; /* with 17 every line comes up */
  uint32_t table[cells + step * together] = {0};
  uint32_t* cell = table;
  for (uint64_t i = 0; i < n; i += together) {
#pragma GCC unroll 16
    for (uint32_t j = 0; j < together; ++j) {
      ++cell[j * step];
    }
    cell = table + (i * 29) % cells;
    __asm__ volatile("" : : "r"(cell) : "memory"); /* the compiler must store all counts */
  }
}
