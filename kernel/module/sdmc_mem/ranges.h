/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ranges of addresses and lists of them: no locks and no hardware, so that
 * KUnit can compile ranges.c alone.
 */
#ifndef SDMC_MEM_RANGES_H
#define SDMC_MEM_RANGES_H

#include <linux/list.h>
#include <linux/types.h>

/**
 * struct sdmc_range - a range of addresses, which can be in a list
 * @start: first address
 * @size: bytes
 * @link: in a list of ranges that do not overlap
 */
struct sdmc_range {
	u64 start;
	u64 size;
	struct list_head link;
};

bool sdmc_range_valid(u64 start, u64 size);
bool sdmc_range_aligned(u64 start, u64 size, u64 unit);
bool sdmc_range_within(u64 start, u64 size, u64 outer_start, u64 outer_size);
u64 sdmc_range_last(const struct sdmc_range *range);
int sdmc_range_at(u64 outer_start, u64 outer_size, u64 offset, u64 size, u64 *start);
struct sdmc_range *sdmc_ranges_overlapping(const struct list_head *ranges, u64 start, u64 size);

#endif /* SDMC_MEM_RANGES_H */
