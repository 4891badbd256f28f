// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/sdm-window: regions that programs map. Cached as the linear map is, so
 * that no two mappings of a page disagree about its memory type.
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/numa.h>

#include "sdmc_mem.h"

/**
 * sdmc_expose() - let programs map a region
 * @req: the region, absent
 *
 * Return: 0 or what sdmc_region_get() or sdmc_begin_use() says.
 */
int sdmc_expose(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	ret = sdmc_begin_use(region);
	if (ret)
		return ret;
	sdmc_region_set(region, SDMC_DEVICE, NUMA_NO_NODE);
	return 0;
}

/**
 * sdmc_conceal() - let no program map a region any more
 * @req: the region, device
 *
 * Return: 0; what sdmc_region_get() says; -EBUSY while it is mapped.
 */
int sdmc_conceal(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_DEVICE);
	int mapped;

	if (IS_ERR(region))
		return PTR_ERR(region);

	spin_lock(&sdmc.regions_lock);
	mapped = atomic_read(&region->mapped);
	if (!mapped)
		WRITE_ONCE(region->state, SDMC_ABSENT);
	spin_unlock(&sdmc.regions_lock);

	if (mapped)
		return sdmc_refuse(-EBUSY, "mapped %d times by programs", mapped);
	return 0;
}

/* A mapping was copied (fork) or split (munmap of a part). */
static void mapping_open(struct vm_area_struct *vma)
{
	struct sdmc_region *region = vma->vm_private_data;

	atomic_inc(&region->mapped);
}

static void mapping_close(struct vm_area_struct *vma)
{
	struct sdmc_region *region = vma->vm_private_data;

	/* The region may go away right after. */
	atomic_dec(&region->mapped);
}

static const struct vm_operations_struct mapping_ops = {
	.open = mapping_open,
	.close = mapping_close,
};

/*
 * Counts a mapping of [offset, offset + len) of the window in.
 * Return: the region that it lies in and *phys, or an ERR_PTR(): -ENODEV (no
 * window), -ENXIO (not within one region that is exposed).
 */
static struct sdmc_region *map_region(u64 offset, u64 len, u64 *phys)
{
	struct sdmc_region *region = ERR_PTR(-ENODEV);

	spin_lock(&sdmc.regions_lock);
	if (!sdmc.window)
		goto out;

	region = ERR_PTR(-ENXIO);
	if (sdmc_range_at(sdmc.window->start, resource_size(sdmc.window), offset, len, phys))
		goto out;

	region = sdmc_region_overlapping(*phys, len);
	if (!region || region->state != SDMC_DEVICE ||
	    !sdmc_range_within(*phys, len, region->range.start, region->range.size))
		region = ERR_PTR(-ENXIO);
	else
		atomic_inc(&region->mapped);
out:
	spin_unlock(&sdmc.regions_lock);
	return region;
}

/**
 * sdmc_mmap() - map a part of a region that is exposed
 * @file: /dev/sdm-window
 * @vma: its offset counts from the start of the window
 *
 * Return: 0; -EINVAL (not shared), -EACCES (executable), -ENODEV (no window),
 * -ENXIO (not within one region that is exposed), -ENOMEM.
 */
int sdmc_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;
	struct sdmc_region *region;
	u64 phys;
	int ret;

	/* A private copy of remote memory is never what was meant. */
	if (!(vma->vm_flags & VM_SHARED)) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: not MAP_SHARED\n");
		return -EINVAL;
	}
	if (vma->vm_flags & VM_EXEC) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: PROT_EXEC, but this is data\n");
		return -EACCES;
	}

	region = map_region(offset, len, &phys);
	if (IS_ERR(region)) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: %#llx bytes at %#llx of the window: %s\n",
				     len, offset, PTR_ERR(region) == -ENODEV ?
				     "no window is parked" : "not within one exposed region");
		return PTR_ERR(region);
	}

	vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	ret = remap_pfn_range(vma, vma->vm_start, PHYS_PFN(phys), len, vma->vm_page_prot);
	if (ret) {
		atomic_dec(&region->mapped);
		dev_warn_ratelimited(sdmc.dev, "mmap refused: the page tables cannot be made\n");
		return ret;
	}
	vma->vm_private_data = region;
	vma->vm_ops = &mapping_ops;
	return 0;
}
