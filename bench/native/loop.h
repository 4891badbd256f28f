/* SPDX-License-Identifier: Apache-2.0 */
/* What the C loops share: mapping a file, the clock, numbers from the command line. */
#ifndef SDM_BENCH_LOOP_H
#define SDM_BENCH_LOOP_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char *what) {
  perror(what);
  exit(1);
}

static inline double now_ns(void) {
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline uint64_t number(const char *text) {
  char *end;
  uint64_t value = strtoull(text, &end, 0);

  if (*text == '\0' || *end != '\0') {
    fprintf(stderr, "\"%s\" is not a number\n", text);
    exit(2);
  }
  return value;
}

/* As in bench/harness/time.ts. */
#define SLICES 21

static inline int compare_doubles(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Middle value of an odd number of them. */
static inline double median(double *values, size_t count) {
  qsort(values, count, sizeof(*values), compare_doubles);
  return values[count / 2];
}

/* Maps a whole file with its pages in place, so that no loop pays for first touches. */
static inline void *map_file(const char *path, uint64_t *length) {
  struct stat st;
  void *mapping;
  int fd = open(path, O_RDWR | O_CLOEXEC);

  if (fd < 0 || fstat(fd, &st) != 0)
    die(path);
  *length = (uint64_t)st.st_size;
  mapping = mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (mapping == MAP_FAILED)
    die(path);
  close(fd);
  return mapping;
}

#endif /* SDM_BENCH_LOOP_H */
