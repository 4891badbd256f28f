// SPDX-License-Identifier: GPL-2.0
/*
 * Regions that programs map through /dev/sdm-window.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/numa.h>

#include "sdmc_mem.h"

/**
 * sdmc_expose() - let programs map a region
 * @req: the region, absent
 *
 * Return: 0; what sdmc_region_get() or sdmc_begin_use() says; -ENOMEM.
 */
int sdmc_expose(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);
	struct sdmc_exposure *exposure;
	int ret;

	if (IS_ERR(region))
		return PTR_ERR(region);
	exposure = sdmc_exposure_new();
	if (!exposure)
		return sdmc_refuse(-ENOMEM, "no memory to count its mappings");
	ret = sdmc_begin_use(region);
	if (ret) {
		sdmc_exposure_put(exposure);
		return ret;
	}

	spin_lock(&sdmc.regions_lock);
	region->exposure = exposure;
	WRITE_ONCE(region->state, SDMC_DEVICE);
	spin_unlock(&sdmc.regions_lock);
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
	struct sdmc_exposure *exposure;
	unsigned int mapped;

	if (IS_ERR(region))
		return PTR_ERR(region);

	spin_lock(&sdmc.regions_lock);
	exposure = region->exposure;
	mapped = sdmc_exposure_mapped(exposure);
	if (!mapped) {
		WRITE_ONCE(region->state, SDMC_ABSENT);
		region->exposure = NULL;
	}
	spin_unlock(&sdmc.regions_lock);

	if (mapped)
		return sdmc_refuse(-EBUSY, "mapped %u times by programs", mapped);
	sdmc_exposure_put(exposure);
	return 0;
}

/**
 * sdmc_revoke() - take a region away from the programs that map it
 * @req: the region, device
 *
 * Return: 0, also if it was revoked before; what sdmc_region_get() says.
 */
int sdmc_revoke(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_DEVICE);

	if (IS_ERR(region))
		return PTR_ERR(region);
	sdmc_exposure_revoke(region->exposure, &region->range);
	return 0;
}
