/* What starting a thread takes the one who starts it, as the core does it on Linux: first a trial
   on small stacks, after room for as many usual ones has been looked for, then the threads
   themselves, made here in the place of OpenMP's runtime. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { page = 4096, small_stack = 65536, usual_stack = 8 << 20 };

static atomic_int gate; /* 0: closed, until all threads exist at the same time */

static double spent(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void* wait_at_gate(void* nothing) {
  while (gate == 0) {
    syscall(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
  }
  return nothing;
}

static void* map_stacks(size_t bytes) {
  return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
}

static void look_for_room(int n) {
  const size_t each = usual_stack + page;
  char* const stacks = map_stacks((size_t)n * each);
  for (int i = 0; i < n; ++i) {
    mprotect(stacks + (size_t)i * each, page, PROT_NONE);
  }
  munmap(stacks, (size_t)n * each);
}

/* Returns the seconds in which n threads were made, on small stacks if there are any. */
static double make_threads(pthread_t* threads, int n, char* stacks) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  gate = 0;
  const double begin = spent();
  for (int i = 0; i < n; ++i) {
    if (stacks != NULL) {
      pthread_attr_setstack(&attributes, stacks + (size_t)i * small_stack, small_stack);
    }
    if (pthread_create(threads + i, &attributes, wait_at_gate, NULL) != 0) {
      abort();
    }
  }
  return spent() - begin;
}

static double end_threads(const pthread_t* threads, int n) {
  const double begin = spent();
  gate = 1;
  syscall(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
  for (int i = 0; i < n; ++i) {
    pthread_join(threads[i], NULL);
  }
  return spent() - begin;
}

/* Returns seconds for each of n threads, of processor time and of the thread that starts them. */
double start_threads(int n) {
  pthread_t* const threads = malloc((size_t)n * sizeof *threads);
  double begin = spent();
  look_for_room(n);
  char* const stacks = map_stacks((size_t)n * small_stack);
  double seconds = spent() - begin;
  seconds += make_threads(threads, n, stacks);
  seconds += end_threads(threads, n);
  begin = spent();
  munmap(stacks, (size_t)n * small_stack);
  seconds += spent() - begin;
  seconds += make_threads(threads, n, NULL);
  end_threads(threads, n); /* nobody waits for this */
  free(threads);
  return seconds / n;
}
