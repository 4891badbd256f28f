/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of a register block: copied once, then checked, so that a block that changes or lies
 * afterwards cannot lead an access out of bounds.
 */
#ifndef SDM_HEADER_H
#define SDM_HEADER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sdm_header {
  uint64_t id;
  uint64_t features;
  uint64_t nports;
  uint64_t window_base;
  uint64_t window_size;
  uint64_t remote_size;
  uint64_t granule;
  uint64_t ntransceivers;
};

enum sdm_header_problem {
  SDM_HEADER_OK,
  SDM_HEADER_UNFORMATTED,
  SDM_HEADER_FOREIGN,
  SDM_HEADER_VERSION,
  SDM_HEADER_NPORTS,        /* none, or more than the ABI allows */
  SDM_HEADER_NPORTS_LENGTH, /* more than fit the block */
  SDM_HEADER_NTRANSCEIVERS,
  SDM_HEADER_GRANULE,
  SDM_HEADER_WINDOW,
  SDM_HEADER_REMOTE,
};

/* `block` must be mapped for at least SDM_MEMPORT_BASE bytes. */
void sdm_header_read(const volatile void *block, struct sdm_header *header);

/* `length`: bytes that are mapped. With SDM_HEADER_OK every memport lies within them. */
enum sdm_header_problem sdm_header_check(const struct sdm_header *header, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif /* SDM_HEADER_H */
