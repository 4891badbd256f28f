// SPDX-License-Identifier: GPL-2.0
/*
 * Regions handed to the kernel's own way of making memory of a device into RAM:
 * a device "hmem", as firmware describes them, for which dax_hmem makes a dax
 * device, which kmem hot-adds. User space then drives /sys/bus/dax.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/ioport.h>
#include <linux/memory.h>
#include <linux/memregion.h>
#include <linux/numa.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "sdmc_mem.h"

/* Makes the device of a region, which dax_hmem probes if it is there. */
static struct platform_device *make_device(const struct sdmc_request *req)
{
	const struct memregion_info info = {
		.target_node = req->nid,
		.range = { .start = req->start, .end = req->start + req->size - 1 },
	};
	struct platform_device *pdev;
	int id, ret;

	/* Its number is the dax region's too, which all drivers share. */
	id = memregion_alloc(GFP_KERNEL);
	if (id < 0)
		return ERR_PTR(id);

	ret = -ENOMEM;
	pdev = platform_device_alloc("hmem", id);
	if (!pdev)
		goto out_id;
	ret = platform_device_add_data(pdev, &info, sizeof(info));
	if (!ret)
		ret = platform_device_add(pdev);
	if (!ret)
		return pdev;
	platform_device_put(pdev);
out_id:
	memregion_free(id);
	return ERR_PTR(ret);
}

/**
 * sdmc_hmem() - hand a region to dax_hmem and kmem
 * @req: the region, absent, whole memory blocks; its node and distance
 *
 * Return: 0; what sdmc_region_get(), sdmc_check_pluggable(), sdmc_tier_announce()
 * or sdmc_begin_use() says; -EOPNOTSUPP (the kernel has no dax_hmem or no kmem);
 * -ENOMEM.
 */
int sdmc_hmem(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);
	struct platform_device *pdev;
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	if (!IS_ENABLED(CONFIG_DEV_DAX_HMEM) || !IS_ENABLED(CONFIG_MEMREGION))
		return sdmc_refuse(-EOPNOTSUPP,
				   "the kernel was built without CONFIG_DEV_DAX_HMEM");
	if (!IS_ENABLED(CONFIG_DEV_DAX_KMEM))
		return sdmc_refuse(-EOPNOTSUPP,
				   "the kernel was built without CONFIG_DEV_DAX_KMEM");
	ret = sdmc_check_pluggable(req);
	if (ret)
		return ret;
	ret = sdmc_tier_announce(req->nid, req->distance);
	if (ret)
		return ret;
	ret = sdmc_begin_use(region);
	if (ret)
		goto out_tier;

	pdev = make_device(req);
	if (IS_ERR(pdev)) {
		ret = sdmc_refuse(PTR_ERR(pdev), "its device cannot be made");
		goto out_tier;
	}
	spin_lock(&sdmc.regions_lock);
	region->pdev = pdev;
	spin_unlock(&sdmc.regions_lock);
	sdmc_region_set(region, SDMC_HMEM, req->nid);
	return 0;

out_tier:
	sdmc_tier_withdraw(req->nid);
	return ret;
}

/* Says who has a region that is not free. */
static int refuse_in_use(const struct sdmc_region *region)
{
	unsigned long block = memory_block_size_bytes();
	struct device *dax;
	u64 start;
	int ret;

	if (sdmc_first_online_block(region, &start))
		return sdmc_refuse(-EBUSY, "memory%llu at %#llx is still online", start / block,
				   start);
	dax = device_find_any_child(&region->pdev->dev);
	if (dax && !dax->driver)
		ret = sdmc_refuse(-EBUSY,
				  "%s was unbound while a block was online: its memory stays until the next boot",
				  dev_name(dax));
	else
		ret = sdmc_refuse(-EBUSY,
				  "%s still has it: take it from its driver in /sys/bus/dax",
				  dax ? dev_name(dax) : "a driver");
	put_device(dax);
	return ret;
}

/**
 * sdmc_unhmem() - take a region back from dax_hmem
 * @req: the region, hmem, that no driver of dax devices has
 *
 * Taking the device from under kmem would leave its memory in the kernel until
 * the next boot if a block is online, and nothing would tell. So it is refused
 * while kmem has any of it, and meanwhile kmem is kept out.
 *
 * Return: 0; what sdmc_region_get() says; -EBUSY (a driver has the region).
 */
int sdmc_unhmem(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_HMEM);
	struct platform_device *pdev;
	struct resource *place;
	int id;

	if (IS_ERR(region))
		return PTR_ERR(region);

	/* Drivers of dax devices request what they use. */
	place = __request_region(sdmc.window, req->start, req->size, "sdm-window", 0);
	if (!place)
		return refuse_in_use(region);

	spin_lock(&sdmc.regions_lock);
	pdev = region->pdev;
	region->pdev = NULL;
	spin_unlock(&sdmc.regions_lock);

	id = pdev->id;
	platform_device_unregister(pdev);
	memregion_free(id);
	release_resource(place);
	kfree(place);

	sdmc_tier_withdraw(region->nid);
	sdmc_region_set(region, SDMC_ABSENT, NUMA_NO_NODE);
	return 0;
}
