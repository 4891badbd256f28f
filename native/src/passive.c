/* SPDX-License-Identifier: Apache-2.0 */
#include "passive.h"

#include <stdbool.h>

#include "../abi/memport.h"
#include "mmio.h"

struct fields {
  uint64_t start;
  uint64_t end;
  uint64_t offset;
  uint64_t out_id;
};

static volatile uint8_t *memport(volatile void *block, uint32_t port) {
  return (volatile uint8_t *)block + SDM_MEMPORT_BASE + (uint64_t)port * SDM_MEMPORT_STRIDE;
}

static bool has(const struct sdm_header *header, unsigned feature) {
  return (header->features >> feature & 1) != 0;
}

/* Where START leads; false if that, or the end of the range, leaves the 64-bit space. */
static bool remote_of(const struct fields *f, uint64_t *remote) {
  const uint64_t sign = (uint64_t)1 << SDM_OFFSET_SIGN_BIT;
  const uint64_t magnitude = f->offset & ~sign;
  uint64_t past_end;

  if ((f->offset & sign) != 0) {
    if (magnitude > f->start)
      return false;
    *remote = f->start - magnitude;
  } else if (__builtin_add_overflow(f->start, magnitude, remote)) {
    return false;
  }
  return !__builtin_add_overflow(*remote, f->end - f->start + 1, &past_end);
}

static bool overlaps(volatile void *block, const struct sdm_header *header, uint32_t port,
                     const struct fields *f) {
  for (uint32_t other = 0; other < header->nports; other++) {
    volatile uint8_t *p = memport(block, other);

    if (other == port || sdm_load64(p + SDM_MEMPORT_SET) != 1)
      continue;
    if (sdm_load64(p + SDM_MEMPORT_START) <= f->end && f->start <= sdm_load64(p + SDM_MEMPORT_END))
      return true;
  }
  return false;
}

/* The emulated route: a memport goes through transceiver OUT_ID mod NTRANSCEIVERS. */
static bool link_is_down(volatile void *block, const struct sdm_header *header,
                         const struct fields *f) {
  uint64_t up;

  if (!has(header, SDM_FEATURE_TRANSCEIVERS) || header->ntransceivers == 0)
    return false;
  up = sdm_load64((volatile uint8_t *)block + SDM_REG_LINK_STATUS);
  return (up >> (f->out_id % header->ntransceivers) & 1) == 0;
}

static int check(volatile void *block, const struct sdm_header *header, uint32_t port,
                 const struct fields *f, int aligned) {
  const uint64_t unaligned = aligned ? header->granule - 1 : 0;
  uint64_t remote;

  if (f->end < f->start || f->end == UINT64_MAX || !remote_of(f, &remote))
    return SDM_STATUS_RANGE;
  if (((f->start | (f->end + 1) | remote) & unaligned) != 0)
    return SDM_STATUS_ALIGNMENT;
  if (f->start < header->window_base ||
      f->end > header->window_base + (header->window_size - 1))
    return SDM_STATUS_WINDOW;
  if (remote + (f->end - f->start) >= header->remote_size)
    return SDM_STATUS_REMOTE;
  if (!has(header, SDM_FEATURE_TRANSLATION) &&
      (remote != f->start - header->window_base || remote < header->granule))
    return SDM_STATUS_REMOTE;
  if (overlaps(block, header, port, f))
    return SDM_STATUS_OVERLAP;
  if (link_is_down(block, header, f))
    return SDM_STATUS_LINK;
  return SDM_STATUS_ACTIVE;
}

int sdm_passive_set(volatile void *block, const struct sdm_header *header, uint32_t port, int set,
                    int aligned) {
  volatile uint8_t *p = memport(block, port);
  struct fields f;
  int status;

  if (!set) {
    sdm_store64(p + SDM_MEMPORT_SET, 0);
    sdm_barrier();
    sdm_store64(p + SDM_MEMPORT_STATUS, SDM_STATUS_INACTIVE);
    return SDM_STATUS_INACTIVE;
  }
  if (sdm_load64(p + SDM_MEMPORT_SET) == 1) {
    /* It stays active. Whoever died between SET and STATUS left STATUS behind. */
    sdm_store64(p + SDM_MEMPORT_STATUS, SDM_STATUS_ACTIVE);
    return SDM_STATUS_ACTIVE;
  }
  f.start = sdm_load64(p + SDM_MEMPORT_START);
  f.end = sdm_load64(p + SDM_MEMPORT_END);
  f.offset = sdm_load64(p + SDM_MEMPORT_OFFSET);
  f.out_id = sdm_load64(p + SDM_MEMPORT_OUT_ID);
  status = check(block, header, port, &f, aligned);
  sdm_barrier();
  sdm_store64(p + SDM_MEMPORT_SET, status == SDM_STATUS_ACTIVE);
  sdm_store64(p + SDM_MEMPORT_STATUS, (uint64_t)status);
  return status;
}
