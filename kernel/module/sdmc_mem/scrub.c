// SPDX-License-Identifier: GPL-2.0
/*
 * Flushing, zeroing and checking absent regions, and dropping stale lines when
 * their use begins, through a cached mapping of a part at a time.
 */
#include <linux/io.h>
#include <linux/libnvdimm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "sdmc_mem.h"

/*
 * How much is mapped and worked on before others may run: a few milliseconds
 * of slow memory, and big enough that mapping it costs nothing beside.
 */
#define SDMC_CHUNK SZ_4M

typedef int (*chunk_fn)(void *addr, size_t len, u64 phys);

/*
 * Removing memory leaves its lines in the caches. One that is written back
 * after the memport was cleared would hit the next owner, and one that is
 * kept would be read instead of what the next owner wrote.
 */
static void clean_and_invalidate(void *addr, size_t len)
{
	arch_wb_cache_pmem(addr, len);
	arch_invalidate_pmem(addr, len);
}

/*
 * On the way in: a line that is there belongs to an earlier use of the range.
 * It may have been fetched, by speculation, after that use was flushed.
 * Writing it back would hit whoever has the memory now.
 */
static int invalidate_chunk(void *addr, size_t len, u64 phys)
{
	arch_invalidate_pmem(addr, len);
	return 0;
}

static int flush_chunk(void *addr, size_t len, u64 phys)
{
	clean_and_invalidate(addr, len);
	return 0;
}

static int scrub_chunk(void *addr, size_t len, u64 phys)
{
	memset(addr, 0, len);
	clean_and_invalidate(addr, len);
	return 0;
}

static int verify_chunk(void *addr, size_t len, u64 phys)
{
	const void *found;

	/* What counts is in memory, not in a cache. */
	clean_and_invalidate(addr, len);
	found = memchr_inv(addr, 0, len);
	/* Nor may what was read stay: a later owner's data would not be seen. */
	arch_invalidate_pmem(addr, len);
	if (found)
		return sdmc_refuse(-ENOTEMPTY, "not zero at %#llx", phys + (found - addr));
	return 0;
}

static int in_chunks(const struct sdmc_region *region, chunk_fn work)
{
	u64 end = region->range.start + region->range.size;
	int ret = 0;

	if (!IS_ENABLED(CONFIG_ARCH_HAS_PMEM_API))
		return sdmc_refuse(-EOPNOTSUPP,
				   "the kernel cannot write caches back: CONFIG_ARCH_HAS_PMEM_API is off");

	for (u64 phys = region->range.start; phys < end && !ret; phys += SDMC_CHUNK) {
		size_t len = min_t(u64, end - phys, SDMC_CHUNK);
		void *addr;

		/* Any signal, so that a caller can set a deadline. */
		if (signal_pending(current)) {
			ret = sdmc_refuse(-EINTR, "stopped by a signal at %#llx", phys);
			break;
		}
		addr = memremap(phys, len, MEMREMAP_WB);
		if (!addr) {
			ret = sdmc_refuse(-ENOMEM, "cannot map %#zx bytes at %#llx", len, phys);
			break;
		}
		ret = work(addr, len, phys);
		memunmap(addr);
		cond_resched();
	}
	/* Unmapping is lazy: until now lines could be fetched through old TLB entries. */
	vm_unmap_aliases();
	return ret;
}

static int clean_absent(const struct sdmc_request *req, chunk_fn work)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	ret = in_chunks(region, work);
	if (!ret)
		region->used = false;
	return ret;
}

/**
 * sdmc_begin_use() - see to it that a region's memory is read, not old lines
 * @region: absent, and about to be mapped
 *
 * Lines of earlier uses of the range are dropped. Those of the region's own use
 * are written back too, if it was not flushed since.
 *
 * Return: 0, -EOPNOTSUPP, -EINTR, -ENOMEM.
 */
int sdmc_begin_use(struct sdmc_region *region)
{
	int ret = in_chunks(region, region->used ? flush_chunk : invalidate_chunk);

	if (!ret)
		region->used = true;
	return ret;
}

/**
 * sdmc_flush() - write the caches back and drop them
 * @req: the region, absent
 *
 * Return: 0; what sdmc_region_get() says; -EOPNOTSUPP, -EINTR, -ENOMEM.
 */
int sdmc_flush(const struct sdmc_request *req)
{
	return clean_absent(req, flush_chunk);
}

/**
 * sdmc_scrub() - fill with zeros, in memory and not only in caches
 * @req: the region, absent
 *
 * Return: as sdmc_flush().
 */
int sdmc_scrub(const struct sdmc_request *req)
{
	return clean_absent(req, scrub_chunk);
}

/**
 * sdmc_verify() - check that all of a region is zero
 * @req: the region, absent
 *
 * Return: as sdmc_flush(); -ENOTEMPTY and the first address that is not zero.
 */
int sdmc_verify(const struct sdmc_request *req)
{
	return clean_absent(req, verify_chunk);
}
