// SPDX-License-Identifier: GPL-2.0
/*
 * sdmc_mem: remote memory that a brick sees through a window of its physical
 * address space. This is the one place that touches the window: it keeps
 * others from mapping it, hot-adds parts of it as RAM, removes them, cleans
 * them, and lets programs map other parts through /dev/sdm-window.
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "sdmc_mem.h"

struct sdmc sdmc = {
	.lock = __MUTEX_INITIALIZER(sdmc.lock),
	.regions_lock = __SPIN_LOCK_UNLOCKED(sdmc.regions_lock),
	.regions = LIST_HEAD_INIT(sdmc.regions),
};

static const struct file_operations sdmc_fops = {
	.owner = THIS_MODULE,
	.open = sdmc_open,
	.mmap = sdmc_mmap,
};

static struct miscdevice sdmc_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sdm-window",
	.mode = 0660,
	.fops = &sdmc_fops,
	.groups = sdmc_groups,
};

static int __init sdmc_mem_init(void)
{
	int ret;

	ret = sdmc_mapping_init();
	if (ret)
		return ret;

	/* Whoever writes a command at once waits until regions/ is there. */
	mutex_lock(&sdmc.lock);
	ret = misc_register(&sdmc_misc);
	if (ret)
		goto out_unlock;
	sdmc.dev = sdmc_misc.this_device;

	sdmc.regions_dir = kobject_create_and_add("regions", &sdmc.dev->kobj);
	if (!sdmc.regions_dir) {
		ret = -ENOMEM;
		goto out_misc;
	}

	ret = sdmc_hurry_init();
	if (ret)
		goto out_dir;
	ret = sdmc_failure_init();
	if (ret)
		goto out_hurry;
	ret = sdmc_tier_init();
	if (ret)
		goto out_failure;
	sdmc.ready = true;
	mutex_unlock(&sdmc.lock);
	return 0;

out_failure:
	sdmc_failure_exit();
out_hurry:
	sdmc_hurry_exit();
out_dir:
	kobject_put(sdmc.regions_dir);
	sdmc.regions_dir = NULL;
out_misc:
	/*
	 * Deregistering waits for commands, which wait for the lock and then
	 * find that the module is not ready: nothing may be parked any more.
	 */
	mutex_unlock(&sdmc.lock);
	misc_deregister(&sdmc_misc);
	goto out_mapping;
out_unlock:
	mutex_unlock(&sdmc.lock);
out_mapping:
	sdmc_mapping_exit();
	return ret;
}

static void __exit sdmc_mem_exit(void)
{
	/* A parked window holds the module: there are no regions here. */
	mutex_lock(&sdmc.lock);
	sdmc.ready = false;
	mutex_unlock(&sdmc.lock);
	sdmc_failure_exit();
	sdmc_hurry_exit();
	kobject_put(sdmc.regions_dir);
	misc_deregister(&sdmc_misc);
	sdmc_tier_exit();
	sdmc_mapping_exit();
}

module_init(sdmc_mem_init);
module_exit(sdmc_mem_exit);

MODULE_DESCRIPTION("Memory window of a brick with remote memory");
MODULE_AUTHOR("The SDM authors");
MODULE_LICENSE("GPL");
/*
 * The version of the attributes. The first number changes when what worked
 * before would not any more, the second when there is more than before.
 */
MODULE_VERSION("1.2");
