/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk work over a mapped file in plain C loops: what the addon is held against.
 *
 * usage: bulk_loop FILE fill|copy|memcpy|checksum
 *
 * copy and memcpy copy the lower half to the upper one. Prints GiB per second as JSON.
 */
#include <string.h>

#include "loop.h"

#define WORD 0x0123456789abcdefULL

/* Keeps a result alive that nothing else looks at. */
static volatile uint64_t sink;

static void fill(uint64_t *words, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    words[i] = WORD;
}

static void copy(uint64_t *restrict to, const uint64_t *restrict from, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    to[i] = from[i];
}

static uint64_t rotate(uint64_t value, int by) {
  return value << by | value >> (64 - by);
}

static uint64_t mix(uint64_t lane, uint64_t word) {
  return rotate(lane + word * 0xC2B2AE3D27D4EB4F, 31) * 0x9E3779B185EBCA87;
}

/* The four lanes of XXH64, which docs/addon.md names; the few cycles after them do not matter. */
static uint64_t checksum(const uint64_t *words, uint64_t count) {
  uint64_t a = 0x60EA27EEADC0B5D6, b = 0xC2B2AE3D27D4EB4F, c = 0, d = 0x61C8864E7A143579;

  for (uint64_t i = 0; i + 4 <= count; i += 4) {
    a = mix(a, words[i]);
    b = mix(b, words[i + 1]);
    c = mix(c, words[i + 2]);
    d = mix(d, words[i + 3]);
  }
  return rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
}

int main(int argc, char **argv) {
  const char *what = argc == 3 ? argv[2] : "";
  uint64_t *words;
  uint64_t length, half, bytes;
  double start, elapsed;

  if (argc != 3) {
    fprintf(stderr, "usage: %s FILE fill|copy|memcpy|checksum\n", argv[0]);
    return 2;
  }
  words = map_file(argv[1], &length);
  half = length / 2;
  bytes = length;
  start = now_ns();
  if (strcmp(what, "fill") == 0) {
    fill(words, length / 8);
  } else if (strcmp(what, "checksum") == 0) {
    sink = checksum(words, length / 8);
  } else {
    bytes = half;
    if (strcmp(what, "memcpy") == 0)
      memcpy(words + half / 8, words, half);
    else
      copy(words + half / 8, words, half / 8);
  }
  elapsed = now_ns() - start;
  printf("{\"gib_per_s\": %.4f}\n", (double)bytes / (1 << 30) / (elapsed / 1e9));
  return 0;
}
