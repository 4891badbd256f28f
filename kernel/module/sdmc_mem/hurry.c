// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that come and go sooner.
 *
 * When the first block of a node has come online, and when the last one has
 * gone offline, the kernel puts its memory tiers in order and waits for that
 * until nobody looks at the old order any more: for one RCU grace period, and
 * for two. On an idle machine each of them takes longer than all else that is
 * to be done for a block. To take a block offline the kernel hurries a grace
 * period anyway, that of the LRU caches. Here those of the tiers are hurried as
 * well: from the first listener that hears of a change to the last, for blocks
 * that this module has added.
 */
#include <linux/limits.h>
#include <linux/memory.h>
#include <linux/notifier.h>
#include <linux/pfn.h>

#include "sdmc_mem.h"

/* Listeners run one after another, under the kernel's lock of hot-plug. */
static bool hurrying;

static bool is_ours(const struct memory_notify *arg)
{
	const struct sdmc_region *region;
	bool ours;

	spin_lock(&sdmc.regions_lock);
	region = sdmc_region_overlapping(PFN_PHYS(arg->start_pfn), PFN_PHYS(arg->nr_pages));
	ours = region && region->state == SDMC_RAM;
	spin_unlock(&sdmc.regions_lock);
	return ours;
}

static int hurry(struct notifier_block *nb, unsigned long action, void *data)
{
	if ((action != MEM_ONLINE && action != MEM_OFFLINE) || hurrying || !is_ours(data))
		return NOTIFY_DONE;
	rcu_expedite_gp();
	hurrying = true;
	return NOTIFY_OK;
}

static int relax(struct notifier_block *nb, unsigned long action, void *data)
{
	if (!hurrying)
		return NOTIFY_DONE;
	rcu_unexpedite_gp();
	hurrying = false;
	return NOTIFY_OK;
}

static struct notifier_block hurry_nb = {
	.notifier_call = hurry,
	.priority = INT_MAX,
};

static struct notifier_block relax_nb = {
	.notifier_call = relax,
	.priority = INT_MIN,
};

/** sdmc_hurry_init() - hurry changes of blocks that this module adds */
int sdmc_hurry_init(void)
{
	int ret = register_memory_notifier(&relax_nb);

	if (ret)
		return ret;
	ret = register_memory_notifier(&hurry_nb);
	if (ret)
		unregister_memory_notifier(&relax_nb);
	return ret;
}

/** sdmc_hurry_exit() - hurry no more */
void sdmc_hurry_exit(void)
{
	unregister_memory_notifier(&hurry_nb);
	unregister_memory_notifier(&relax_nb);
	/* A listener in between may have ended the round before relax() heard of it. */
	if (hurrying)
		rcu_unexpedite_gp();
	hurrying = false;
}
