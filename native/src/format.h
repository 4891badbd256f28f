/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDM_FORMAT_H
#define SDM_FORMAT_H

#include "header.h"

#ifdef __cplusplus
extern "C" {
#endif

enum sdm_profile { SDM_PROFILE_GENERIC, SDM_PROFILE_ZYNQ };

/* What the profile says, ID included. `generic` leaves WINDOW_SIZE and REMOTE_SIZE 0: they are the
 * size of the pool, which only the caller knows. */
void sdm_profile_header(enum sdm_profile profile, struct sdm_header *header);

/*
 * Formats memory as a register block: ID is taken away first and written last, so that whoever
 * looks meanwhile, or after a crash, sees a block that is not formatted. All links are up, no
 * memport is set. `header` has passed sdm_header_check() for this block.
 */
void sdm_format(volatile void *block, const struct sdm_header *header);

#ifdef __cplusplus
}
#endif

#endif /* SDM_FORMAT_H */
