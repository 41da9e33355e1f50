/* Reads a file by several threads, in chunks that each takes the next of, in one of several ways,
   and tells what that took. The bytes are added up, which takes less time than counting them. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum way { faults, populate, huge, pread_, give_back, ahead };
enum { usual_chunk = 1 << 20, given_back = 1 << 24 };

struct pass {
  enum way way;
  uint64_t piece; /* bytes that are populated or read at a time */
  uint64_t chunk;
  int threads;
  int ending; /* pages are given back, and nothing is read */
  int file;
  const unsigned char* mapped;
  uint64_t size;
  atomic_uint_fast64_t next; /* chunk */
  atomic_uint_fast64_t sum;
  atomic_int error;
};

static double seconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static uint64_t add_up(const void* bytes, uint64_t n) {
  const uint64_t* const words = bytes;
  uint64_t sum = 0;
  for (uint64_t i = 0; i < n / sizeof *words; ++i) {
    sum += words[i];
  }
  return sum;
}

static uint64_t read_piece(struct pass* pass, uint64_t begin, uint64_t n, void* buffer) {
  if (pass->ending) {
    madvise((void*)(uintptr_t)(pass->mapped + begin), n, MADV_DONTNEED);
    return 0;
  }
  if (pass->way == pread_) {
    if (pread(pass->file, buffer, n, (off_t)begin) != (ssize_t)n) {
      pass->error = errno == 0 ? EIO : errno;
      return 0;
    }
    return add_up(buffer, n);
  }
  if (pass->way == populate &&
      madvise((void*)(uintptr_t)(pass->mapped + begin), n, MADV_POPULATE_READ) != 0) {
    pass->error = errno;
  }
  const uint64_t next = begin + (uint64_t)pass->threads * pass->chunk; /* that this thread may get */
  if (pass->way == ahead && next < pass->size) {
    madvise((void*)(uintptr_t)(pass->mapped + next), n < pass->size - next ? n : pass->size - next,
            MADV_WILLNEED);
  }
  return add_up(pass->mapped + begin, n);
}

static void* read_chunks(void* given) {
  struct pass* const pass = given;
  void* const buffer = aligned_alloc(4096, pass->piece);
  uint64_t sum = 0;
  for (;;) {
    const uint64_t begin = atomic_fetch_add(&pass->next, 1) * pass->chunk;
    if (begin >= pass->size || pass->error != 0) {
      break;
    }
    const uint64_t end = begin + pass->chunk < pass->size ? begin + pass->chunk : pass->size;
    for (uint64_t at = begin; at < end; at += pass->piece) {
      sum += read_piece(pass, at, at + pass->piece < end ? pass->piece : end - at, buffer);
    }
  }
  free(buffer);
  atomic_fetch_add(&pass->sum, sum);
  return NULL;
}

/* Seconds of the clock and of all processors. */
struct took {
  double wall, processor;
};

static struct took run_pass(struct pass* pass, int threads) {
  pthread_t ids[256];
  pass->threads = threads;
  pass->next = 0;
  pass->sum = 0;
  const struct took begin = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
  for (int i = 1; i < threads; ++i) {
    pthread_create(ids + i, NULL, read_chunks, pass);
  }
  read_chunks(pass);
  for (int i = 1; i < threads; ++i) {
    pthread_join(ids[i], NULL);
  }
  const struct took took = {seconds(CLOCK_MONOTONIC) - begin.wall,
                            seconds(CLOCK_PROCESS_CPUTIME_ID) - begin.processor};
  return took;
}

/* Two passes over a file, with a new mapping; from the disk if `cold`. `took` gets the seconds of
   the first pass, the second, and the end of the mapping. Returns an errno. */
int touch_file(const char* path, int way, uint64_t piece, int threads, int cold,
               struct took took[3], uint64_t* sum) {
  struct pass pass = {.way = (enum way)way, .piece = piece, .file = open(path, O_RDONLY)};
  struct stat status;
  if (pass.file < 0 || fstat(pass.file, &status) != 0) {
    return errno;
  }
  pass.size = (uint64_t)status.st_size;
  pass.chunk = piece > usual_chunk ? piece : usual_chunk;
  if (cold) {
    fdatasync(pass.file);
    posix_fadvise(pass.file, 0, 0, POSIX_FADV_DONTNEED);
  }
  void* mapped = NULL;
  if (way != pread_) {
    mapped = mmap(NULL, pass.size, PROT_READ, MAP_SHARED, pass.file, 0);
    if (mapped == MAP_FAILED) {
      return errno;
    }
    if (way == huge && madvise(mapped, pass.size, MADV_HUGEPAGE) != 0) {
      pass.error = errno;
    }
    pass.mapped = mapped;
  }
  took[0] = run_pass(&pass, threads);
  *sum = pass.sum;
  took[1] = run_pass(&pass, threads);
  *sum = *sum == pass.sum ? *sum : 0;
  const struct took begin = {seconds(CLOCK_MONOTONIC), seconds(CLOCK_PROCESS_CPUTIME_ID)};
  if (way == give_back) {
    pass.ending = 1;
    pass.piece = pass.chunk = given_back;
    run_pass(&pass, threads);
  }
  if (mapped != NULL) {
    munmap(mapped, pass.size);
  }
  took[2].wall = seconds(CLOCK_MONOTONIC) - begin.wall;
  took[2].processor = seconds(CLOCK_PROCESS_CPUTIME_ID) - begin.processor;
  close(pass.file);
  return pass.error;
}
