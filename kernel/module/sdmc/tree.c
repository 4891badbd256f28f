// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/sdmc: a directory for each device, and links to what the first one has.
 *
 * Programs of old know of one device and find it at /sys/sdmc/memport and
 * /sys/sdmc/transceiver. When it goes, the one that was bound next takes its
 * place.
 */
#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "sdmc.h"

static struct kobject *root;
static struct kobject *devices;
static LIST_HEAD(blocks);		/* in the order in which they were bound */
static DEFINE_MUTEX(tree_lock);		/* blocks, and that the links fit to them */

/**
 * sdmc_tree_init() - make /sys/sdmc
 *
 * Return: 0 or -ENOMEM.
 */
int sdmc_tree_init(void)
{
	root = kobject_create_and_add("sdmc", NULL);
	if (!root)
		return -ENOMEM;
	devices = kobject_create_and_add("devices", root);
	if (!devices) {
		kobject_put(root);
		return -ENOMEM;
	}
	return 0;
}

/**
 * sdmc_tree_exit() - take /sys/sdmc away, once all devices are gone
 */
void sdmc_tree_exit(void)
{
	kobject_put(devices);
	kobject_put(root);
}

/**
 * sdmc_tree_devices() - where the directories of devices belong
 *
 * Return: the directory /sys/sdmc/devices.
 */
struct kobject *sdmc_tree_devices(void)
{
	return devices;
}

static int link_to(struct sdmc_block *block)
{
	int ret;

	ret = sysfs_create_link(root, block->memports, "memport");
	if (ret)
		return ret;
	ret = sysfs_create_link(root, block->transceivers, "transceiver");
	if (ret)
		sysfs_remove_link(root, "memport");
	return ret;
}

/* Both are there or none; taking away what is not there would warn. */
static void unlink_from(struct sdmc_block *block)
{
	if (!block->linked)
		return;
	sysfs_remove_link(root, "transceiver");
	sysfs_remove_link(root, "memport");
	block->linked = false;
}

static void link_first(void)
{
	struct sdmc_block *block = list_first_entry_or_null(&blocks, struct sdmc_block, link);
	int ret;

	if (!block || block->linked)
		return;
	ret = link_to(block);
	if (ret)
		dev_warn(block->dev, "no links to it in /sys/sdmc: error %d\n", ret);
	block->linked = !ret;
}

/**
 * sdmc_tree_add() - a device whose directory is complete joins
 * @block: the device
 */
void sdmc_tree_add(struct sdmc_block *block)
{
	mutex_lock(&tree_lock);
	list_add_tail(&block->link, &blocks);
	link_first();
	mutex_unlock(&tree_lock);
}

/**
 * sdmc_tree_remove() - a device leaves, before its directory goes
 * @block: the device
 */
void sdmc_tree_remove(struct sdmc_block *block)
{
	mutex_lock(&tree_lock);
	list_del(&block->link);
	unlink_from(block);
	link_first();
	mutex_unlock(&tree_lock);
}
