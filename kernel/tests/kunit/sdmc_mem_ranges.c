// SPDX-License-Identifier: GPL-2.0
/*
 * Ranges and lists of them: the ends, what wraps around, and random lists against
 * a bitmap, in which a range is nothing but the units that it covers.
 */
#include <kunit/test.h>
#include <linux/bitmap.h>
#include <linux/prandom.h>

#include "../../module/sdmc_mem/ranges.c"

#define SEED	0x7a11ULL
#define UNITS	96
#define UNIT	0x8000000ULL

static void a_range_is_neither_empty_nor_wraps_around(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, sdmc_range_valid(0, 1));
	KUNIT_EXPECT_TRUE(test, sdmc_range_valid(0, U64_MAX));
	KUNIT_EXPECT_TRUE(test, sdmc_range_valid(1, U64_MAX));
	KUNIT_EXPECT_TRUE(test, sdmc_range_valid(U64_MAX, 1));
	KUNIT_EXPECT_TRUE(test, sdmc_range_valid(U64_MAX - 0xfff, 0x1000));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(0, 0));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(U64_MAX, 0));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(U64_MAX, 2));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(2, U64_MAX));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(U64_MAX - 0xfff, 0x1001));
	KUNIT_EXPECT_FALSE(test, sdmc_range_valid(U64_MAX, U64_MAX));
}

static void aligned_are_both_its_ends(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, sdmc_range_aligned(0, UNIT, UNIT));
	KUNIT_EXPECT_TRUE(test, sdmc_range_aligned(UNIT, 3 * UNIT, UNIT));
	KUNIT_EXPECT_TRUE(test, sdmc_range_aligned(0 - UNIT, UNIT, UNIT));
	KUNIT_EXPECT_TRUE(test, sdmc_range_aligned(5, 7, 1));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(0, 0, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(UNIT / 2, UNIT, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(0, UNIT / 2, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(UNIT / 2, UNIT / 2, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(0, UNIT + 1, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(1, UNIT, UNIT));
	KUNIT_EXPECT_FALSE(test, sdmc_range_aligned(0 - UNIT, 2 * UNIT, UNIT));
}

static void within_is_up_to_both_ends(struct kunit *test)
{
	u64 start = 10 * UNIT, size = 4 * UNIT;

	KUNIT_EXPECT_TRUE(test, sdmc_range_within(start, size, start, size));
	KUNIT_EXPECT_TRUE(test, sdmc_range_within(start, 1, start, size));
	KUNIT_EXPECT_TRUE(test, sdmc_range_within(start + size - 1, 1, start, size));
	KUNIT_EXPECT_TRUE(test, sdmc_range_within(U64_MAX, 1, 1, U64_MAX));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start - 1, 1, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start - 1, size, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start + 1, size, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start + size, 1, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start - 1, size + 2, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start, 0, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start, 1, start, 0));
	/* Its end, wrapped around, would lie within. */
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(start + UNIT, U64_MAX, start, size));
	KUNIT_EXPECT_FALSE(test, sdmc_range_within(0, 1, U64_MAX, 2));
}

static void a_part_is_found_by_its_offset(struct kunit *test)
{
	u64 start = 77;

	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 0, 50, &start), 0);
	KUNIT_EXPECT_EQ(test, start, 100ULL);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 49, 1, &start), 0);
	KUNIT_EXPECT_EQ(test, start, 149ULL);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(1, U64_MAX, U64_MAX - 1, 1, &start), 0);
	KUNIT_EXPECT_EQ(test, start, U64_MAX);

	start = 77;
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 0, 0, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 0, 51, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 50, 1, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 49, 2, &start), -ENXIO);
	/* Added up these are small. */
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, U64_MAX, 2, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 50, 2, U64_MAX, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, sdmc_range_at(100, 0, 0, 1, &start), -ENXIO);
	KUNIT_EXPECT_EQ(test, start, 77ULL);
}

static void what_touches_is_found(struct kunit *test)
{
	struct sdmc_range low = { .start = 4 * UNIT, .size = 2 * UNIT };
	struct sdmc_range high = { .start = 0 - UNIT, .size = UNIT };
	LIST_HEAD(ranges);

	KUNIT_EXPECT_NULL(test, sdmc_ranges_overlapping(&ranges, 0, U64_MAX));
	list_add_tail(&low.link, &ranges);
	list_add_tail(&high.link, &ranges);
	KUNIT_EXPECT_EQ(test, sdmc_range_last(&low), 6 * UNIT - 1);
	KUNIT_EXPECT_EQ(test, sdmc_range_last(&high), U64_MAX);

#define FOUND(start, size, expected) \
	KUNIT_EXPECT_PTR_EQ(test, sdmc_ranges_overlapping(&ranges, start, size), expected)
	/* The same, within, around, and a byte at each end. */
	FOUND(4 * UNIT, 2 * UNIT, &low);
	FOUND(5 * UNIT, 1, &low);
	FOUND(3 * UNIT, 4 * UNIT, &low);
	FOUND(3 * UNIT, UNIT + 1, &low);
	FOUND(6 * UNIT - 1, 1, &low);
	FOUND(0 - UNIT, UNIT, &high);
	FOUND(U64_MAX, 1, &high);
	/* Both: the first of the list. */
	FOUND(0, U64_MAX, &low);
	FOUND(6 * UNIT, 0 - 6 * UNIT, &high);
	/* Beside them. */
	FOUND(3 * UNIT, UNIT, NULL);
	FOUND(6 * UNIT, UNIT, NULL);
	FOUND(0 - 2 * UNIT, UNIT, NULL);
	/* No ranges. */
	FOUND(4 * UNIT, 0, NULL);
	FOUND(5 * UNIT, U64_MAX, NULL);
	FOUND(U64_MAX, 2, NULL);
#undef FOUND
}

/* A list in which ranges come and go, at the top of all addresses so that ends count. */
static void random_lists_are_as_a_bitmap(struct kunit *test)
{
	const u64 base = 0 - UNITS * UNIT;
	struct sdmc_range *ranges, *range;
	DECLARE_BITMAP(map, UNITS) = {};
	unsigned int added = 0, refused = 0, removed = 0;
	struct rnd_state rnd;
	LIST_HEAD(list);

	ranges = kunit_kcalloc(test, UNITS, sizeof(*ranges), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ranges);
	prandom_seed_state(&rnd, SEED);
	for (unsigned int i = 0; i < 50000; i++) {
		unsigned int first = prandom_u32_state(&rnd) % UNITS;
		unsigned int count = prandom_u32_state(&rnd) % 6 + 1;
		u64 start = base + first * UNIT;

		if (first + count > UNITS) {
			KUNIT_ASSERT_NULL(test, sdmc_ranges_overlapping(&list, start,
									count * UNIT));
			continue;
		}
		range = sdmc_ranges_overlapping(&list, start, count * UNIT);
		KUNIT_ASSERT_EQ_MSG(test, !!range,
				    find_next_bit(map, first + count, first) < first + count,
				    "step %u: units %u+%u", i, first, count);
		if (!range) {
			/* A range has its struct by its first unit: there can be one only. */
			range = &ranges[first];
			range->start = start;
			range->size = count * UNIT;
			if (prandom_u32_state(&rnd) % 2)
				list_add(&range->link, &list);
			else
				list_add_tail(&range->link, &list);
			bitmap_set(map, first, count);
			added++;
		} else if (prandom_u32_state(&rnd) % 3) {
			refused++;
		} else {
			list_del(&range->link);
			bitmap_clear(map, (range->start - base) / UNIT, range->size / UNIT);
			removed++;
		}
	}
	KUNIT_EXPECT_GT(test, added, 1000U);
	KUNIT_EXPECT_GT(test, refused, 1000U);
	KUNIT_EXPECT_GT(test, removed, 1000U);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_range_is_neither_empty_nor_wraps_around),
	KUNIT_CASE(aligned_are_both_its_ends),
	KUNIT_CASE(within_is_up_to_both_ends),
	KUNIT_CASE(a_part_is_found_by_its_offset),
	KUNIT_CASE(what_touches_is_found),
	KUNIT_CASE(random_lists_are_as_a_bitmap),
	{}
};

static struct kunit_suite suite = {
	.name = "sdmc_mem_ranges",
	.test_cases = cases,
};

kunit_test_suite(suite);
