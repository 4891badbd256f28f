// SPDX-License-Identifier: GPL-2.0
/*
 * transceiver/: the links, whether they are up, and how to reset one.
 */
#include <linux/jiffies.h>

#include "parse.h"
#include "sdmc.h"

/* The directory is a plain one, in the block's. */
static struct sdmc_block *to_block(struct kobject *kobj)
{
	return container_of(kobj->parent, struct sdmc_block, kobj);
}

static u64 read_downs(struct sdmc_block *block, unsigned int transceiver)
{
	return readq(block->regs + SDM_REG_LINK_DOWNS + sizeof(u64) * transceiver);
}

static ssize_t link_status_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_block *block = to_block(kobj);
	u64 up = readq(block->regs + SDM_REG_LINK_STATUS);
	ssize_t len = 0;

	for (unsigned int t = 0; t < sdmc_ntransceivers(&block->header); t++)
		len += sysfs_emit_at(buf, len, "%u %s\n", t, up & BIT_ULL(t) ? "Up" : "Down");
	return len;
}

static ssize_t downs_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_block *block = to_block(kobj);
	ssize_t len = 0;

	for (unsigned int t = 0; t < sdmc_ntransceivers(&block->header); t++)
		len += sysfs_emit_at(buf, len, "%u %llu\n", t, read_downs(block, t));
	return len;
}

/* Asks for a reset. What comes of it can take seconds, and is seen in linkStatus. */
static ssize_t reset_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	struct sdmc_block *block = to_block(kobj);
	unsigned int transceiver;
	u64 pending;
	int ret;

	ret = sdmc_parse_id(buf, sdmc_ntransceivers(&block->header), &transceiver);
	if (ret)
		return ret;
	mutex_lock(&block->lock);
	/* A passive block is memory: it would forget the resets that are asked for. */
	pending = readq(block->regs + SDM_REG_LINK_RESET);
	writeq(pending | BIT_ULL(transceiver), block->regs + SDM_REG_LINK_RESET);
	mutex_unlock(&block->lock);
	return count;
}

static struct kobj_attribute link_status_attr = {
	.attr = { .name = "linkStatus", .mode = 0444 },
	.show = link_status_show,
};

static struct kobj_attribute downs_attr = __ATTR(downs, 0444, downs_show, NULL);
static struct kobj_attribute reset_attr = __ATTR(reset, 0200, NULL, reset_store);

static struct attribute *transceiver_attrs[] = {
	&link_status_attr.attr,
	&downs_attr.attr,
	&reset_attr.attr,
	NULL
};

static const struct attribute_group transceiver_group = {
	.attrs = transceiver_attrs,
};

static void wake_pollers(struct sdmc_block *block)
{
	sysfs_notify_dirent(block->link_status_file);
	sysfs_notify_dirent(block->link_downs_file);
}

/**
 * sdmc_links_check() - wake who polls if a link changed
 * @block: the device
 *
 * A link that went down and up again since the last look has changed as well.
 * Never runs twice at a time: there is either the thread of an interrupt or the work.
 */
void sdmc_links_check(struct sdmc_block *block)
{
	u64 up = readq(block->regs + SDM_REG_LINK_STATUS);
	bool changed = up != block->link_status;

	block->link_status = up;
	for (unsigned int t = 0; t < sdmc_ntransceivers(&block->header); t++) {
		u64 downs = read_downs(block, t);

		changed |= downs != block->link_downs[t];
		block->link_downs[t] = downs;
	}
	if (changed)
		wake_pollers(block);
}

static void again(struct sdmc_block *block)
{
	queue_delayed_work(system_power_efficient_wq, &block->link_work,
			   msecs_to_jiffies(sdmc_link_poll_ms));
}

static void link_work(struct work_struct *work)
{
	struct sdmc_block *block = container_of(to_delayed_work(work), struct sdmc_block,
						link_work);

	sdmc_links_check(block);
	again(block);
}

/**
 * sdmc_links_poll() - look at the links again and again
 * @block: the device, which has no interrupt for them
 */
void sdmc_links_poll(struct sdmc_block *block)
{
	if (sdmc_ntransceivers(&block->header) && sdmc_link_poll_ms)
		again(block);
}

/**
 * sdmc_transceivers_add() - make transceiver/ and what is in it
 * @block: the device
 *
 * Return: 0 or an error, and nothing is left of it then.
 */
int sdmc_transceivers_add(struct sdmc_block *block)
{
	int ret;

	INIT_DELAYED_WORK(&block->link_work, link_work);
	block->link_status = readq(block->regs + SDM_REG_LINK_STATUS);
	for (unsigned int t = 0; t < sdmc_ntransceivers(&block->header); t++)
		block->link_downs[t] = read_downs(block, t);

	block->transceivers = kobject_create_and_add("transceiver", &block->kobj);
	if (!block->transceivers)
		return -ENOMEM;
	ret = sysfs_create_group(block->transceivers, &transceiver_group);
	if (ret) {
		kobject_put(block->transceivers);
		return ret;
	}
	/* Just made: they are there. */
	block->link_status_file = sysfs_get_dirent(block->transceivers->sd, "linkStatus");
	block->link_downs_file = sysfs_get_dirent(block->transceivers->sd, "downs");
	return 0;
}

/**
 * sdmc_transceivers_remove() - take transceiver/ away
 * @block: the device
 *
 * Waits for reads and writes that run. Who polls is woken and finds ENODEV.
 */
void sdmc_transceivers_remove(struct sdmc_block *block)
{
	cancel_delayed_work_sync(&block->link_work);
	kobject_del(block->transceivers);
	/*
	 * That a file went away wakes nobody by itself: kernfs drains those that are
	 * mapped or want to be released, and who sleeps in poll() sleeps on, until its
	 * own timeout. Those whose file is dead find that when they are woken.
	 */
	wake_pollers(block);
	sysfs_put(block->link_downs_file);
	sysfs_put(block->link_status_file);
	kobject_put(block->transceivers);
}
