// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges of addresses and lists of them. Everything here is safe against what
 * a writer may ask for: sizes of 0, and ends beyond the last address.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/list.h>

#include "ranges.h"

/**
 * sdmc_range_valid() - whether a range is one
 * @start: first address
 * @size: bytes
 *
 * Return: true if it is not empty and does not run over the last address
 */
bool sdmc_range_valid(u64 start, u64 size)
{
	return size && start + size - 1 >= start;
}

/**
 * sdmc_range_aligned() - whether a range is made of whole units
 * @start: first address
 * @size: bytes
 * @unit: a power of two
 *
 * Return: true if it is valid, starts at a unit and is a number of them
 */
bool sdmc_range_aligned(u64 start, u64 size, u64 unit)
{
	return sdmc_range_valid(start, size) && IS_ALIGNED(start, unit) && IS_ALIGNED(size, unit);
}

/**
 * sdmc_range_within() - whether a range lies in another one
 * @start: first address
 * @size: bytes
 * @outer_start: first address of the other one
 * @outer_size: its bytes
 *
 * Return: true if both are valid and all of the first is in the second
 */
bool sdmc_range_within(u64 start, u64 size, u64 outer_start, u64 outer_size)
{
	return sdmc_range_valid(start, size) && sdmc_range_valid(outer_start, outer_size) &&
	       start >= outer_start && start + size - 1 <= outer_start + outer_size - 1;
}

/**
 * sdmc_range_last() - the last address of a range
 * @range: valid
 *
 * Return: the address
 */
u64 sdmc_range_last(const struct sdmc_range *range)
{
	return range->start + range->size - 1;
}

/**
 * sdmc_range_at() - find the addresses of a part that an offset tells
 * @outer_start: first address of the whole
 * @outer_size: its bytes
 * @offset: of the part, from @outer_start
 * @size: bytes of the part
 * @start: set to the first address of the part
 *
 * Return: 0, or -ENXIO if the part is empty or not within the whole
 */
int sdmc_range_at(u64 outer_start, u64 outer_size, u64 offset, u64 size, u64 *start)
{
	if (!size || size > outer_size || offset > outer_size - size)
		return -ENXIO;
	*start = outer_start + offset;
	return 0;
}

/**
 * sdmc_ranges_overlapping() - find the range of a list that a range touches
 * @ranges: list of struct sdmc_range, by their links
 * @start: first address
 * @size: bytes
 *
 * Return: the first such range in the order of the list; NULL if there is none
 * or if what is asked for is not valid
 */
struct sdmc_range *sdmc_ranges_overlapping(const struct list_head *ranges, u64 start, u64 size)
{
	struct sdmc_range *range;

	if (!sdmc_range_valid(start, size))
		return NULL;
	list_for_each_entry(range, ranges, link) {
		if (start <= sdmc_range_last(range) && range->start <= start + size - 1)
			return range;
	}
	return NULL;
}
