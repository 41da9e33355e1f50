/* What this processor does at best: the yardsticks of the benchmarks. */
#include <stdint.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Cycles per second, from a chain of operations that each wait one cycle for the one before. A few
   milliseconds at most; the fastest of several tries, for what else the machine does. */
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
        __asm__ volatile("" : "+r"(value), "+r"(other)); /* nothing is known of either any more */
      }
    }
    const double speed = links * (double)rounds / (now() - begin);
    fastest = speed > fastest ? speed : fastest;
  }
  return fastest;
}

/* The least that a table of counts costs: one increment for each of n elements, in cells that stay
   in the first-level cache, the next one always in another line than those before it. */
void increment_cells(uint64_t n) {
  enum { cells = 1024, step = 17, together = 16 }; /* 17: of 64 lines every one once */
  uint32_t table[cells + step * together] = {0};
  uint32_t* cell = table;
  for (uint64_t i = 0; i < n; i += together) {
#pragma GCC unroll 16
    for (uint32_t j = 0; j < together; ++j) {
      ++cell[j * step];
    }
    cell = table + (i * 29) % cells;
    __asm__ volatile("" : : "r"(cell) : "memory"); /* what has been counted may be looked at */
  }
}
