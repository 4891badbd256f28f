// SPDX-License-Identifier: GPL-2.0
/*
 * The checks of a passive block, on plain memory: each refusal at its boundary,
 * their order, and random memports against a model that does the arithmetic
 * with 128 bits, where nothing wraps around.
 */
#include <kunit/test.h>
#include <linux/prandom.h>

#include "../../module/sdmc/header.c"
#include "../../module/sdmc/passive.c"

#define BASE	0x400000000ULL
#define GRANULE	0x1000ULL
#define SIZE	0x100000ULL
#define REMOTE	0x800000ULL
#define NPORTS	8
#define SEED	0x5d3cULL

struct block {
	void __iomem *regs;
	struct sdmc_header header;
};

static void put(struct block *block, unsigned int reg, u64 value)
{
	writeq(value, block->regs + reg);
}

/* A block with translation and two links, of which transceiver 0's is up. */
static int block_init(struct kunit *test)
{
	struct block *block = kunit_kzalloc(test, sizeof(*block), GFP_KERNEL);
	void *memory = kunit_kzalloc(test, SDM_BLOCK_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, block);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	block->regs = (void __iomem __force *)memory;
	put(block, SDM_REG_ID, SDM_ID_MAGIC | 1ULL << SDM_ID_VERSION_SHIFT);
	put(block, SDM_REG_FEATURES, BIT(SDM_FEATURE_TRANSLATION) |
	    BIT(SDM_FEATURE_TRANSCEIVERS) | BIT(SDM_FEATURE_PASSIVE));
	put(block, SDM_REG_NPORTS, NPORTS);
	put(block, SDM_REG_WINDOW_BASE, BASE);
	put(block, SDM_REG_WINDOW_SIZE, SIZE);
	put(block, SDM_REG_REMOTE_SIZE, REMOTE);
	put(block, SDM_REG_GRANULE, GRANULE);
	put(block, SDM_REG_NTRANSCEIVERS, 2);
	put(block, SDM_REG_LINK_STATUS, BIT(0));
	sdmc_header_read(block->regs, &block->header);
	test->priv = block;
	return 0;
}

/* STATUS after memport @port was given these fields and SET. */
static u64 set(struct block *block, unsigned int port, u64 start, u64 end, u64 offset, u64 out_id,
	       bool aligned)
{
	sdmc_memport_write(block->regs, port, SDM_MEMPORT_START, start);
	sdmc_memport_write(block->regs, port, SDM_MEMPORT_END, end);
	sdmc_memport_write(block->regs, port, SDM_MEMPORT_OFFSET, offset);
	sdmc_memport_write(block->regs, port, SDM_MEMPORT_OUT_ID, out_id);
	return sdmc_passive_set(block->regs, &block->header, port, true, aligned);
}

/* The same with a link that is up, and what is in the registers then. */
static void expect_set(struct kunit *test, unsigned int port, u64 start, u64 end, u64 offset,
		       u64 expected)
{
	struct block *block = test->priv;
	u64 status = set(block, port, start, end, offset, 0, true);

	KUNIT_EXPECT_EQ_MSG(test, status, expected, "%#llx-%#llx, offset %#llx",
			    start, end, offset);
	KUNIT_EXPECT_EQ(test, sdmc_memport_read(block->regs, port, SDM_MEMPORT_STATUS), status);
	KUNIT_EXPECT_EQ(test, sdmc_memport_read(block->regs, port, SDM_MEMPORT_SET),
			(u64)(status == SDM_STATUS_ACTIVE));
}

static void clear_all(struct block *block)
{
	for (unsigned int port = 0; port < NPORTS; port++)
		sdmc_passive_set(block->regs, &block->header, port, false, true);
}

static void a_header_is_held_to_its_limits(struct kunit *test)
{
	struct block *block = test->priv;
	struct sdmc_header good = block->header, bad;

	KUNIT_EXPECT_NULL(test, sdmc_header_problem(&good, SDM_BLOCK_MAX));
	/* Just long enough for its memports, and a byte less. */
	KUNIT_EXPECT_NULL(test, sdmc_header_problem(&good, 0x1000 + NPORTS * 0x40));
	KUNIT_EXPECT_NOT_NULL(test, sdmc_header_problem(&good, 0x1000 + NPORTS * 0x40 - 1));

#define REFUSED(field, value) do {							\
	bad = good;									\
	bad.field = (value);								\
	KUNIT_EXPECT_NOT_NULL_MSG(test, sdmc_header_problem(&bad, U64_MAX),		\
				  #field " = " #value);					\
} while (0)
	REFUSED(id, 0);
	REFUSED(id, U64_MAX);
	REFUSED(id, SDM_ID_MAGIC);
	REFUSED(id, SDM_ID_MAGIC | 2ULL << SDM_ID_VERSION_SHIFT);
	REFUSED(id, (u64)(SDM_ID_MAGIC ^ 1) | 1ULL << SDM_ID_VERSION_SHIFT);
	REFUSED(nports, 0);
	REFUSED(nports, SDM_NPORTS_MAX + 1);
	/* Times the stride it wraps around to something small. */
	REFUSED(nports, BIT_ULL(58) + 1);
	REFUSED(ntransceivers, SDM_NTRANSCEIVERS_MAX + 1);
	REFUSED(ntransceivers, BIT_ULL(32) + 1);
	REFUSED(granule, 0);
	REFUSED(granule, 3);
	REFUSED(granule, BIT_ULL(63) + 1);
	REFUSED(window_size, 0);
	REFUSED(window_base, U64_MAX - SIZE + 2);
	REFUSED(remote_size, 0);
#undef REFUSED
	bad = good;
	bad.window_base = U64_MAX - SIZE + 1;
	KUNIT_EXPECT_NULL(test, sdmc_header_problem(&bad, SDM_BLOCK_MAX));
}

static void ranges_stay_in_the_address_space(struct kunit *test)
{
	expect_set(test, 0, BASE + GRANULE, BASE, SIGN | BASE, SDM_STATUS_RANGE);
	expect_set(test, 0, BASE, BASE - 1, SIGN | BASE, SDM_STATUS_RANGE);
	expect_set(test, 0, BASE, U64_MAX, SIGN | BASE, SDM_STATUS_RANGE);
	expect_set(test, 0, 0, U64_MAX, 0, SDM_STATUS_RANGE);
	/* Below zero, and beyond 2^64. */
	expect_set(test, 0, BASE, BASE + GRANULE - 1, SIGN | (BASE + 1), SDM_STATUS_RANGE);
	expect_set(test, 0, BASE, BASE + GRANULE - 1, U64_MAX, SDM_STATUS_RANGE);
	expect_set(test, 0, 0xfffffffffffe0000, 0xfffffffffffeffff, 0x20000, SDM_STATUS_RANGE);
	expect_set(test, 0, 0xfffffffffffe0000, 0xfffffffffffeffff, 0x10000, SDM_STATUS_RANGE);
	/* The last address of all cannot be had, but the one before it is in range. */
	expect_set(test, 0, 0xfffffffffffe0000, 0xfffffffffffeffff, 0xf000, SDM_STATUS_WINDOW);
}

static void alignment_is_that_of_the_granule(struct kunit *test)
{
	struct block *block = test->priv;
	u64 status;

	expect_set(test, 0, BASE + 1, BASE + GRANULE, SIGN | (BASE + 1), SDM_STATUS_ALIGNMENT);
	expect_set(test, 0, BASE, BASE + GRANULE - 2, SIGN | BASE, SDM_STATUS_ALIGNMENT);
	expect_set(test, 0, BASE, BASE + GRANULE - 1, SIGN | (BASE - 8), SDM_STATUS_ALIGNMENT);
	expect_set(test, 0, BASE, BASE + GRANULE - 1, SIGN | BASE, SDM_STATUS_ACTIVE);
	clear_all(block);
	status = set(block, 0, BASE + 1, BASE + 2, SIGN | (BASE - 8), 0, false);
	KUNIT_EXPECT_EQ(test, status, (u64)SDM_STATUS_ACTIVE);
}

static void ranges_stay_in_the_window(struct kunit *test)
{
	u64 end = BASE + SIZE - 1;

	expect_set(test, 0, BASE - GRANULE, end, SIGN | (BASE - GRANULE), SDM_STATUS_WINDOW);
	expect_set(test, 0, BASE, end + GRANULE, SIGN | BASE, SDM_STATUS_WINDOW);
	expect_set(test, 0, end + 1, end + GRANULE, SIGN | BASE, SDM_STATUS_WINDOW);
	expect_set(test, 0, BASE, end, SIGN | BASE, SDM_STATUS_ACTIVE);
}

static void remote_ranges_end_before_the_limit(struct kunit *test)
{
	u64 end = BASE + GRANULE - 1;

	expect_set(test, 0, BASE, end, SIGN | (BASE - REMOTE), SDM_STATUS_REMOTE);
	expect_set(test, 0, BASE, end, 0, SDM_STATUS_REMOTE);
	expect_set(test, 0, BASE, end, SIGN | (BASE - REMOTE + GRANULE), SDM_STATUS_ACTIVE);
}

static void without_translation_the_pool_is_the_window(struct kunit *test)
{
	struct block *block = test->priv;
	u64 second = BASE + GRANULE;

	block->header.features &= ~BIT_ULL(SDM_FEATURE_TRANSLATION);
	/* The header at its start. */
	expect_set(test, 0, BASE, BASE + GRANULE - 1, SIGN | BASE, SDM_STATUS_REMOTE);
	/* Elsewhere than it lies. */
	expect_set(test, 0, second, second + GRANULE - 1, SIGN | (BASE - GRANULE),
		   SDM_STATUS_REMOTE);
	expect_set(test, 0, second, second + GRANULE - 1, SIGN | BASE, SDM_STATUS_ACTIVE);
}

static void ranges_that_are_set_do_not_overlap(struct kunit *test)
{
	struct block *block = test->priv;
	u64 start = BASE + 4 * GRANULE, end = start + 4 * GRANULE - 1;
	u64 off = SIGN | BASE;

	expect_set(test, 3, start, end, off, SDM_STATUS_ACTIVE);
	/* The same, inside, around, and a granule at each end. */
	expect_set(test, 0, start, end, off, SDM_STATUS_OVERLAP);
	expect_set(test, 0, start + GRANULE, end - GRANULE, off, SDM_STATUS_OVERLAP);
	expect_set(test, 0, start - GRANULE, end + GRANULE, off, SDM_STATUS_OVERLAP);
	expect_set(test, 0, start - GRANULE, start + GRANULE - 1, off, SDM_STATUS_OVERLAP);
	expect_set(test, NPORTS - 1, end + 1 - GRANULE, end + GRANULE, off, SDM_STATUS_OVERLAP);
	/* Beside it, on both sides. */
	expect_set(test, 0, start - GRANULE, start - 1, off, SDM_STATUS_ACTIVE);
	expect_set(test, 1, end + 1, end + GRANULE, off, SDM_STATUS_ACTIVE);
	/* Remote ranges may be shared. */
	expect_set(test, 2, BASE, BASE + GRANULE - 1, off, SDM_STATUS_ACTIVE);
	/* What is no longer set is in nobody's way, nor is what was refused. */
	sdmc_passive_set(block->regs, &block->header, 3, false, true);
	KUNIT_EXPECT_EQ(test, sdmc_memport_read(block->regs, 3, SDM_MEMPORT_STATUS), 0ULL);
	expect_set(test, 4, start, end, off, SDM_STATUS_ACTIVE);
}

static void a_memport_that_is_set_stays_as_it_is(struct kunit *test)
{
	expect_set(test, 0, BASE, BASE + GRANULE - 1, SIGN | BASE, SDM_STATUS_ACTIVE);
	/* Fields that would be refused: they were not looked at. */
	expect_set(test, 0, BASE + 1, BASE, SIGN | BASE, SDM_STATUS_ACTIVE);
}

static void the_link_is_the_one_of_the_route(struct kunit *test)
{
	struct block *block = test->priv;
	u64 end = BASE + GRANULE - 1, off = SIGN | BASE;

	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, end, off, 1, true), (u64)SDM_STATUS_LINK);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, end, off, U64_MAX, true), (u64)SDM_STATUS_LINK);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, end, off, 2, true), (u64)SDM_STATUS_ACTIVE);
	clear_all(block);
	/* Without transceivers there is no link that could be down. */
	block->header.features &= ~BIT_ULL(SDM_FEATURE_TRANSCEIVERS);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, end, off, 1, true), (u64)SDM_STATUS_ACTIVE);
}

/* Each row is wrong in all that its row and the ones below it are wrong in. */
static void the_first_of_several_is_reported(struct kunit *test)
{
	struct block *block = test->priv;
	u64 off = SIGN | BASE;

	KUNIT_EXPECT_EQ(test, set(block, 7, BASE, BASE + GRANULE - 1, off, 0, true),
			(u64)SDM_STATUS_ACTIVE);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE + 8, 7, 0, 1, true), (u64)SDM_STATUS_RANGE);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE - 8, BASE + 7, 0, 1, true),
			(u64)SDM_STATUS_ALIGNMENT);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE - GRANULE, BASE + GRANULE - 1, 0, 1, true),
			(u64)SDM_STATUS_WINDOW);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, BASE + GRANULE - 1, 0, 1, true),
			(u64)SDM_STATUS_REMOTE);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE, BASE + GRANULE - 1, off, 1, true),
			(u64)SDM_STATUS_OVERLAP);
	KUNIT_EXPECT_EQ(test, set(block, 0, BASE + GRANULE, BASE + 2 * GRANULE - 1, off, 1, true),
			(u64)SDM_STATUS_LINK);
}

struct model {
	u64 start[NPORTS];
	u64 end[NPORTS];
	bool set[NPORTS];
};

static u64 model_check(const struct model *model, unsigned int port, u64 start, u64 end,
		       u64 offset, u64 out_id, bool aligned)
{
	const s128 top = (s128)1 << 64;
	s128 magnitude = offset & S64_MAX;
	s128 remote = offset & SIGN ? start - magnitude : start + magnitude;
	s128 past = (s128)end + 1;
	s128 remote_past = remote + (past - start);

	if (start > end || past == top || remote < 0 || remote >= top || remote_past >= top)
		return SDM_STATUS_RANGE;
	if (aligned && (start % GRANULE || past % GRANULE || remote % GRANULE))
		return SDM_STATUS_ALIGNMENT;
	if (start < BASE || past > BASE + SIZE)
		return SDM_STATUS_WINDOW;
	if (remote_past > REMOTE)
		return SDM_STATUS_REMOTE;
	for (unsigned int other = 0; other < NPORTS; other++) {
		if (other == port || !model->set[other])
			continue;
		if (start <= model->end[other] && end >= model->start[other])
			return SDM_STATUS_OVERLAP;
	}
	return out_id % 2 ? SDM_STATUS_LINK : SDM_STATUS_ACTIVE;
}

/* Mostly near what counts: the window's ends, 0, 2^63 and 2^64, aligned or not. */
static u64 near(struct rnd_state *rnd)
{
	static const u64 corners[] = { 0, BASE, BASE, BASE, BASE + SIZE, REMOTE, BIT_ULL(63) };
	u64 value = corners[prandom_u32_state(rnd) % ARRAY_SIZE(corners)];
	u64 distance = prandom_u32_state(rnd) % 12 * GRANULE;

	if (!(prandom_u32_state(rnd) % 16))
		distance += prandom_u32_state(rnd) % 3;
	return prandom_u32_state(rnd) % 4 ? value + distance : value - distance;
}

static void random_memports_are_judged_as_by_the_model(struct kunit *test)
{
	struct block *block = test->priv;
	struct model model = {};
	struct rnd_state rnd;
	unsigned int seen[SDM_STATUS_LINK + 1] = {};

	prandom_seed_state(&rnd, SEED);
	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int port = prandom_u32_state(&rnd) % NPORTS;
		u64 start = near(&rnd);
		u64 end = prandom_u32_state(&rnd) % 8 ?
			start + (prandom_u32_state(&rnd) % 4 + 1) * GRANULE - 1 : near(&rnd);
		u64 offset = prandom_u32_state(&rnd) % 4 ? SIGN | BASE : near(&rnd);
		u64 out_id = !(prandom_u32_state(&rnd) % 8);
		bool aligned = prandom_u32_state(&rnd) % 4;
		u64 expected, found;

		if (model.set[port]) {
			sdmc_passive_set(block->regs, &block->header, port, false, aligned);
			model.set[port] = false;
		}
		expected = model_check(&model, port, start, end, offset, out_id, aligned);
		found = set(block, port, start, end, offset, out_id, aligned);
		KUNIT_ASSERT_EQ_MSG(test, found, expected,
				    "step %u: port %u, %#llx-%#llx, offset %#llx, out %llu, %d",
				    i, port, start, end, offset, out_id, aligned);
		seen[found]++;
		model.set[port] = found == SDM_STATUS_ACTIVE;
		model.start[port] = start;
		model.end[port] = end;
	}
	/* What was never reached was not tested. */
	for (unsigned int status = SDM_STATUS_RANGE; status <= SDM_STATUS_LINK; status++)
		KUNIT_EXPECT_GT_MSG(test, seen[status], 50U, "STATUS %u", status);
	KUNIT_EXPECT_GT(test, seen[SDM_STATUS_ACTIVE], 500U);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_header_is_held_to_its_limits),
	KUNIT_CASE(ranges_stay_in_the_address_space),
	KUNIT_CASE(alignment_is_that_of_the_granule),
	KUNIT_CASE(ranges_stay_in_the_window),
	KUNIT_CASE(remote_ranges_end_before_the_limit),
	KUNIT_CASE(without_translation_the_pool_is_the_window),
	KUNIT_CASE(ranges_that_are_set_do_not_overlap),
	KUNIT_CASE(a_memport_that_is_set_stays_as_it_is),
	KUNIT_CASE(the_link_is_the_one_of_the_route),
	KUNIT_CASE(the_first_of_several_is_reported),
	KUNIT_CASE(random_memports_are_judged_as_by_the_model),
	{}
};

static struct kunit_suite suite = {
	.name = "sdmc_passive",
	.init = block_init,
	.test_cases = cases,
};

kunit_test_suite(suite);
