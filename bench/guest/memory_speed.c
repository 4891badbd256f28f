/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast memory of several kinds is, one against the other in one process: copies and random loads,
 * in turn, all of it in 4K pages that were written before.
 *
 * usage: memory_speed CHASE COPY LOADS SLICES AREA...
 *
 * AREA: node:N, memory of a NUMA node; file:PATH:OFFSET, a mapping. Each needs CHASE + COPY bytes.
 * Prints medians over SLICES as JSON, by area: "copy AREA", GiB/s of memcpy() of COPY bytes within it;
 * "load AREA", ns per load where each load's address comes from the load before, over lines of CHASE
 * bytes in an order that is random and the same for all areas.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>

#include "../native/loop.h"

#define LINE 64
#define PAGE 4096
#define AREAS_MAX 8

struct area {
  const char *name;
  char *bytes;
  uint64_t at; /* of the last load */
  double *copy, *load;
};

static uint64_t chase, copy, loads, slices;

/* What the kernel gave is where it was asked for: on another node another memory would be measured. */
static void check_node(const struct area *area, uint64_t length, int node) {
  for (uint64_t i = 0; i < length; i += length / 16 / PAGE * PAGE + PAGE) {
    void *page = area->bytes + i;
    int found = -1;

    if (syscall(SYS_move_pages, 0, 1ul, &page, NULL, &found, 0) != 0)
      die("move_pages");
    if (found != node) {
      fprintf(stderr, "memory_speed: %s: the page at %#llx is on node %d\n", area->name,
              (unsigned long long)i, found);
      exit(1);
    }
  }
}

static void map_node(struct area *area, uint64_t length, uint64_t node) {
  unsigned long mask = 1ul << node;

  area->bytes = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area->bytes == MAP_FAILED)
    die(area->name);
  /* EINVAL: this kernel has no huge pages at all. */
  if (madvise(area->bytes, length, MADV_NOHUGEPAGE) != 0 && errno != EINVAL)
    die("madvise");
  if (syscall(SYS_mbind, area->bytes, length, MPOL_BIND, &mask, 8 * sizeof(mask), 0) != 0)
    die(area->name);
  memset(area->bytes, 1, length);
  check_node(area, length, (int)node);
}

static void map_range(struct area *area, uint64_t length, char *path) {
  char *colon = strrchr(path, ':');
  int fd;

  if (colon == NULL) {
    fprintf(stderr, "%s: expected file:PATH:OFFSET\n", area->name);
    exit(2);
  }
  *colon = '\0';
  fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    die(path);
  area->bytes =
      mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)number(colon + 1));
  if (area->bytes == MAP_FAILED)
    die(path);
  close(fd);
  memset(area->bytes, 1, length);
}

static void map_area(struct area *area, const char *name) {
  char *text = strdup(name);

  area->name = name;
  area->copy = calloc(slices, sizeof(double));
  area->load = calloc(slices, sizeof(double));
  if (text == NULL || area->copy == NULL || area->load == NULL)
    die("calloc");
  if (strncmp(text, "node:", 5) == 0) {
    map_node(area, chase + copy, number(text + 5));
  } else if (strncmp(text, "file:", 5) == 0) {
    map_range(area, chase + copy, text + 5);
  } else {
    fprintf(stderr, "%s: expected node:N or file:PATH:OFFSET\n", name);
    exit(2);
  }
  free(text);
}

static uint64_t random_below(uint64_t limit) {
  static uint64_t state = 0x9e3779b97f4a7c15u;

  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state % limit;
}

/* Sattolo's way: one circle through all lines, so that none of them is left out. */
static uint32_t *make_circle(uint64_t lines) {
  uint32_t *next = malloc(lines * sizeof(*next));

  if (next == NULL)
    die("malloc");
  for (uint64_t i = 0; i < lines; i++)
    next[i] = (uint32_t)i;
  for (uint64_t i = lines - 1; i > 0; i--) {
    uint64_t j = random_below(i);
    uint32_t swap = next[i];

    next[i] = next[j];
    next[j] = swap;
  }
  return next;
}

static uint64_t *line_of(const struct area *area, uint64_t i) {
  return (uint64_t *)(void *)(area->bytes + i * LINE);
}

static double time_copy(struct area *area) {
  double start = now_ns();

  memcpy(area->bytes + chase, area->bytes, copy);
  return (double)copy / (double)(1 << 30) / ((now_ns() - start) / 1e9);
}

static double time_loads(struct area *area) {
  double start = now_ns();
  uint64_t at = area->at;

  for (uint64_t i = 0; i < loads; i++)
    at = *line_of(area, at);
  area->at = at;
  return (now_ns() - start) / (double)loads;
}

int main(int argc, char **argv) {
  struct area areas[AREAS_MAX];
  uint64_t count = (uint64_t)argc - 5, lines, at = 0;
  uint32_t *next;

  if (argc < 6 || count > AREAS_MAX) {
    fprintf(stderr, "usage: %s CHASE COPY LOADS SLICES AREA... (at most %d)\n", argv[0], AREAS_MAX);
    return 2;
  }
  chase = number(argv[1]);
  copy = number(argv[2]);
  loads = number(argv[3]);
  slices = number(argv[4]);
  lines = chase / LINE;
  if (chase % PAGE || copy % PAGE || copy == 0 || copy > chase || lines > UINT32_MAX ||
      loads == 0 || slices == 0) {
    fprintf(stderr, "%s: whole pages, COPY at most CHASE, and something to do\n", argv[0]);
    return 2;
  }
  memset(areas, 0, sizeof(areas));
  for (uint64_t a = 0; a < count; a++)
    map_area(&areas[a], argv[5 + a]);
  next = make_circle(lines);
  for (uint64_t a = 0; a < count; a++)
    for (uint64_t i = 0; i < lines; i++)
      *line_of(&areas[a], i) = next[i];

  for (uint64_t slice = 0; slice < slices; slice++)
    for (uint64_t i = 0; i < count; i++) {
      struct area *area = &areas[(slice + i) % count];

      area->copy[slice] = time_copy(area);
      area->load[slice] = time_loads(area);
    }

  for (uint64_t i = 0; i < loads * slices % lines; i++)
    at = next[at];
  for (uint64_t a = 0; a < count; a++) {
    if (areas[a].at != at || memcmp(areas[a].bytes, areas[a].bytes + chase, copy) != 0) {
      fprintf(stderr, "memory_speed: %s does not hold what was written to it\n", areas[a].name);
      return 1;
    }
    printf("%s\"copy %s\": %.4f, \"load %s\": %.3f", a == 0 ? "{" : ", ", areas[a].name,
           median(areas[a].copy, slices), areas[a].name, median(areas[a].load, slices));
  }
  printf("}\n");
  return 0;
}
