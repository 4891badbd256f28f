/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs memports in a plain C loop: what the addon is held against.
 *
 * usage: memport_loop FILE PORTS COUNT logic|passive
 *
 * `logic`: the block answers at once; a memport costs six stores, a barrier and the read of STATUS.
 * `passive`: sets all ports, then clears them, with the device's own checks.
 * Prints the nanoseconds per memport (passive: per set and clear) as JSON: the median over slices,
 * as bench/harness/time.ts takes it.
 */
#include <stdbool.h>
#include <string.h>

#include "../../native/abi/memport.h"
#include "../../native/src/header.h"
#include "../../native/src/mmio.h"
#include "../../native/src/passive.h"
#include "loop.h"

/* As in the addon's staging buffer. */
struct entry {
  uint64_t port, start, end, offset, out_id, in_id, set, status;
};

static volatile uint8_t *block;
static struct sdm_header header;

static volatile uint8_t *write_fields(const struct entry *e) {
  volatile uint8_t *p = block + SDM_MEMPORT_BASE + e->port * SDM_MEMPORT_STRIDE;

  sdm_store64(p + SDM_MEMPORT_START, e->start);
  sdm_store64(p + SDM_MEMPORT_END, e->end);
  sdm_store64(p + SDM_MEMPORT_OFFSET, e->offset);
  sdm_store64(p + SDM_MEMPORT_OUT_ID, e->out_id);
  sdm_store64(p + SDM_MEMPORT_IN_ID, e->in_id);
  sdm_barrier();
  return p;
}

static void logic_batch(struct entry *entries, uint64_t ports) {
  for (uint64_t i = 0; i < ports; i++) {
    volatile uint8_t *p = write_fields(&entries[i]);

    sdm_store64(p + SDM_MEMPORT_SET, 1);
    do
      entries[i].status = sdm_load64(p + SDM_MEMPORT_STATUS);
    while (entries[i].status == SDM_STATUS_BUSY);
  }
}

static void passive_batch(struct entry *entries, uint64_t ports) {
  for (uint64_t i = 0; i < ports; i++) {
    write_fields(&entries[i]);
    entries[i].status = (uint64_t)sdm_passive_set(block, &header, (uint32_t)entries[i].port, 1, 1);
  }
  for (uint64_t i = 0; i < ports; i++)
    sdm_passive_set(block, &header, (uint32_t)entries[i].port, 0, 1);
}

/* Nanoseconds per memport of `batches` batches. */
static double slice(struct entry *entries, uint64_t ports, uint64_t batches, bool passive) {
  double start = now_ns();

  if (passive)
    for (uint64_t i = 0; i < batches; i++)
      passive_batch(entries, ports);
  else
    for (uint64_t i = 0; i < batches; i++)
      logic_batch(entries, ports);
  return (now_ns() - start) / (double)(batches * ports);
}

int main(int argc, char **argv) {
  struct entry *entries;
  uint64_t length, ports, count, batches;
  double slices[SLICES];

  if (argc != 5) {
    fprintf(stderr, "usage: %s FILE PORTS COUNT logic|passive\n", argv[0]);
    return 2;
  }
  block = map_file(argv[1], &length);
  ports = number(argv[2]);
  count = number(argv[3]);
  sdm_header_read(block, &header);
  if (sdm_header_check(&header, length) != SDM_HEADER_OK || ports == 0 || ports > header.nports) {
    fprintf(stderr, "%s is no register block with %s memports\n", argv[1], argv[2]);
    return 1;
  }
  entries = calloc(ports, sizeof(*entries));
  if (entries == NULL)
    die("calloc");
  for (uint64_t i = 0; i < ports; i++)
    entries[i] = (struct entry){
        .port = i,
        .start = header.window_base + i * header.granule,
        .end = header.window_base + (i + 1) * header.granule - 1,
        .offset = header.window_base,
        .out_id = i,
        .in_id = i,
        .set = 1,
    };
  batches = (count / ports + SLICES - 1) / SLICES;
  for (int i = 0; i < SLICES; i++)
    slices[i] = slice(entries, ports, batches, strcmp(argv[4], "passive") == 0);
  for (uint64_t i = 0; i < ports; i++) {
    if (entries[i].status != SDM_STATUS_ACTIVE) {
      fprintf(stderr, "memport %llu: STATUS %llu instead of 1\n", (unsigned long long)i,
              (unsigned long long)entries[i].status);
      return 1;
    }
  }
  printf("{\"ns\": %.3f}\n", median(slices, SLICES));
  return 0;
}
