/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDM_PASSIVE_H
#define SDM_PASSIVE_H

#include <stdint.h>

#include "header.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * What a device does at a write to SET of memport `port`, for a block that is only memory.
 *
 * The fields are in the memport's registers already. Makes the checks in the order of
 * docs/memport-abi.md, writes SET and STATUS, and returns STATUS. It is the reference for devices
 * with logic as well.
 *
 * `header` was checked by sdm_header_check() and has the effective window base; port < nports.
 * `set`: 1 activates, 0 clears. `aligned`: 0 leaves out the check for alignment, and that one alone:
 * for commands that hardware lets pass, by the operator's word.
 */
int sdm_passive_set(volatile void *block, const struct sdm_header *header, uint32_t port, int set,
                    int aligned);

#ifdef __cplusplus
}
#endif

#endif /* SDM_PASSIVE_H */
