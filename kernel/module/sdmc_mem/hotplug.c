// SPDX-License-Identifier: GPL-2.0
/*
 * Hot-adding regions as RAM and removing them. Onlining and offlining is user
 * space's: the kernel exports neither, and only user space can wait for a
 * block with a deadline.
 */
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/pageblock-flags.h>
#include <linux/range.h>
#include <linux/sizes.h>

#include "sdmc_mem.h"

/* What /proc/iomem shows; the format is add_memory_driver_managed()'s. */
#define SDMC_RAM_NAME "System RAM (sdmc_mem)"

/**
 * sdmc_check_pluggable() - whether a region can be memory of a node
 * @req: the region and its node
 *
 * Return: 0; -EINVAL (not whole memory blocks), -ENXIO (the node cannot exist
 * here), -E2BIG (beyond what the kernel can map).
 */
int sdmc_check_pluggable(const struct sdmc_request *req)
{
	unsigned long block = memory_block_size_bytes();
	struct range pluggable;

	if (!sdmc_range_aligned(req->start, req->size, block))
		return sdmc_refuse(-EINVAL,
				   "start and size must be multiples of the memory block, %#lx bytes, as this kernel has it with pages of %lu KiB",
				   block, PAGE_SIZE / SZ_1K);
	if (req->nid >= MAX_NUMNODES || !node_possible(req->nid))
		return sdmc_refuse(-ENXIO, "node %d is not possible on this machine, only %*pbl",
				   req->nid, nodemask_pr_args(&node_states[N_POSSIBLE]));
	pluggable = mhp_get_pluggable_range(true);
	if (!sdmc_range_within(req->start, req->size, pluggable.start, range_len(&pluggable)))
		return sdmc_refuse(-E2BIG, "the kernel can map RAM from %#llx to %#llx only",
				   pluggable.start, pluggable.end);
	return 0;
}

/* Whether memory maps can be in the memory: the kernel would not say that they are not. */
static int check_memmap(void)
{
	unsigned long pages = PHYS_PFN(memory_block_size_bytes());

	if (mhp_supports_memmap_on_memory())
		return 0;
	return sdmc_refuse(-EOPNOTSUPP,
			   "the kernel keeps no memory map in the range itself: that needs memory_hotplug.memmap_on_memory=1, and the map of a block, %lu KiB, must fill page blocks of %lu KiB",
			   pages * sizeof(struct page) / SZ_1K,
			   (PAGE_SIZE << pageblock_order) / SZ_1K);
}

/**
 * sdmc_add() - hot-add a region
 * @req: the region, absent, whole memory blocks; its node and distance, and
 *	where its memory map is to be
 *
 * Whether its blocks come online is the policy of the kernel.
 *
 * Return: 0; what sdmc_region_get(), sdmc_check_pluggable(), sdmc_tier_get() or
 * sdmc_begin_use() says; -EOPNOTSUPP (no memory map in the range itself), or
 * what add_memory_driver_managed() says.
 */
int sdmc_add(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);
	mhp_t flags = MHP_MERGE_RESOURCE;
	int tiered;
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	ret = sdmc_check_pluggable(req);
	if (ret)
		return ret;
	if (req->memmap) {
		ret = check_memmap();
		if (ret)
			return ret;
		flags |= MHP_MEMMAP_ON_MEMORY;
	}

	/* The node takes its tier when its first block comes online. */
	tiered = sdmc_tier_get(req->nid, req->distance);
	if (tiered < 0)
		return tiered;

	ret = sdmc_begin_use(region);
	if (ret)
		goto out_tier;

	ret = add_memory_driver_managed(req->nid, req->start, req->size, SDMC_RAM_NAME, flags);
	if (ret) {
		sdmc_refuse(ret, "the kernel does not take it as RAM of node %d", req->nid);
		goto out_tier;
	}
	region->tiered = tiered;
	sdmc_region_set(region, SDMC_RAM, req->nid);
	return 0;

out_tier:
	if (tiered)
		sdmc_tier_put(req->nid);
	return ret;
}

/**
 * sdmc_first_online_block() - find the first block of a region that is online
 * @region: whole memory blocks
 * @start: set to its physical address
 *
 * Return: false if there is none
 */
bool sdmc_first_online_block(const struct sdmc_region *region, u64 *start)
{
	unsigned long block = memory_block_size_bytes();

	for (u64 addr = region->range.start; addr < sdmc_range_last(&region->range);
	     addr += block) {
		if (pfn_to_online_page(PHYS_PFN(addr))) {
			*start = addr;
			return true;
		}
	}
	return false;
}

/**
 * sdmc_remove() - take a region back from the kernel
 * @req: the region, ram, all of its blocks offline
 *
 * Return: 0; what sdmc_region_get() says; -EBUSY (a block is online).
 */
int sdmc_remove(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_RAM);
	unsigned long block = memory_block_size_bytes();
	u64 start;
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	if (sdmc_first_online_block(region, &start))
		return sdmc_refuse(-EBUSY, "memory%llu at %#llx is still online", start / block,
				   start);

	/* Looks again, with blocks kept from coming online. */
	ret = remove_memory(region->range.start, region->range.size);
	if (ret)
		return sdmc_refuse(ret, "the kernel does not let go of it: is a block online?");

	if (region->tiered)
		sdmc_tier_put(region->nid);
	region->tiered = false;
	sdmc_region_set(region, SDMC_ABSENT, NUMA_NO_NODE);
	return 0;
}
