// SPDX-License-Identifier: Apache-2.0
//
// What opening and formatting a register block have in common.
#ifndef SDM_BLOCK_MAP_H
#define SDM_BLOCK_MAP_H

#include <stddef.h>

#include "errors.h"
#include "header.h"
#include "source.h"

namespace sdm {

// Opens, locks (if writable), checks the size and maps. Fills in `opened` and `length`.
volatile uint8_t *MapBlock(const Source &source, bool writable, OpenSource *opened, size_t *length,
                           Error *error);
void UnmapBlock(volatile uint8_t *base, size_t length);

// What is wrong with the values of a header, for the problems from SDM_HEADER_NPORTS on.
std::string DescribeHeader(sdm_header_problem problem, const sdm_header &header, size_t length);

// Says in words what sdm_header_check() found, and what to do about it.
bool FailHeader(sdm_header_problem problem, const sdm_header &header, size_t length,
                const OpenSource &opened, Error *error);

}  // namespace sdm

#endif  // SDM_BLOCK_MAP_H
