// SPDX-License-Identifier: GPL-2.0
/*
 * A register block that is bound: its life, and how its memports are set.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/iopoll.h>
#include <linux/slab.h>

#include "sdmc.h"

/* How often STATUS is read while logic works. */
#define POLL_US		50

/* The one table of what a refusal is called; docs/sdmc.md tells it to people. */
static int refusal(u64 status)
{
	switch (status) {
	case SDM_STATUS_RANGE:
		return -ERANGE;
	case SDM_STATUS_WINDOW:
		return -EFAULT;
	case SDM_STATUS_OVERLAP:
		return -EEXIST;
	case SDM_STATUS_REMOTE:
		return -EADDRNOTAVAIL;
	case SDM_STATUS_ALIGNMENT:
		return -EDOM;
	case SDM_STATUS_LINK:
		return -ENOLINK;
	case SDM_STATUS_RESOURCES:
		return -ENOSPC;
	default:
		return -EIO;
	}
}

/* How long logic may take, us; not 0, which read_poll_timeout() takes for ever. */
static u64 timeout_us(void)
{
	return (u64)READ_ONCE(sdmc_set_timeout_ms) * USEC_PER_MSEC ?: 1;
}

/* Lets logic work until STATUS is @wanted or a refusal, and returns it, or BUSY. */
static u64 settle(struct sdmc_block *block, unsigned int port, u64 wanted)
{
	u64 status;

	if (read_poll_timeout(sdmc_memport_read, status,
			      status == wanted || status >= SDM_STATUS_RANGE,
			      POLL_US, timeout_us(), false, block->regs, port, SDM_MEMPORT_STATUS))
		return SDM_STATUS_BUSY;
	return status;
}

/* A write to SET while STATUS is busy would be ignored. */
static bool wait_while_busy(struct sdmc_block *block, unsigned int port)
{
	u64 status;

	return !read_poll_timeout(sdmc_memport_read, status, status != SDM_STATUS_BUSY,
				  POLL_US, timeout_us(), false, block->regs, port,
				  SDM_MEMPORT_STATUS);
}

static u64 set_active(struct sdmc_block *block, unsigned int port, bool set)
{
	if (!wait_while_busy(block, port))
		return SDM_STATUS_BUSY;
	/* The fields must have arrived when the logic looks at them. */
	wmb();
	sdmc_memport_write(block->regs, port, SDM_MEMPORT_SET, set);
	return settle(block, port, set ? SDM_STATUS_ACTIVE : SDM_STATUS_INACTIVE);
}

/**
 * sdmc_block_set() - activate or clear a memport
 * @block: the device
 * @port: below NPORTS
 * @set: activate, or else clear
 *
 * Return: 0; -ETIMEDOUT if logic does not come to an end; -EDESTADDRREQ if the
 * checks are ours and nobody said where the window is; or what refusal() makes
 * of the answer.
 */
int sdmc_block_set(struct sdmc_block *block, unsigned int port, bool set)
{
	u64 wanted = set ? SDM_STATUS_ACTIVE : SDM_STATUS_INACTIVE;
	u64 status;

	mutex_lock(&block->lock);
	if (set && sdmc_window_unknown(block)) {
		mutex_unlock(&block->lock);
		dev_dbg(block->dev, "memport %u: no window: write window_base\n", port);
		return -EDESTADDRREQ;
	}
	if (sdmc_block_passive(block))
		status = sdmc_passive_set(block->regs, &block->header, port, set,
					  block->check_alignment);
	else
		status = set_active(block, port, set);
	mutex_unlock(&block->lock);

	if (status == wanted)
		return 0;
	if (status == SDM_STATUS_BUSY) {
		dev_err_ratelimited(block->dev, "memport %u is still busy after %u ms\n", port,
				    READ_ONCE(sdmc_set_timeout_ms));
		return -ETIMEDOUT;
	}
	dev_dbg(block->dev, "memport %u was refused: STATUS is %llu\n", port, status);
	return refusal(status);
}

/**
 * sdmc_block_write_field() - write one of START to IN_ID
 * @block: the device
 * @port: below NPORTS
 * @reg: which of them
 * @value: what to write
 *
 * A device with logic would ignore the write while the memport is set, and a
 * passive block would keep it: here it is refused, and while logic still works.
 *
 * Return: 0 or -EBUSY.
 */
int sdmc_block_write_field(struct sdmc_block *block, unsigned int port, unsigned int reg,
			   u64 value)
{
	int ret = 0;

	mutex_lock(&block->lock);
	if (sdmc_memport_read(block->regs, port, SDM_MEMPORT_SET) == 1 ||
	    sdmc_memport_read(block->regs, port, SDM_MEMPORT_STATUS) == SDM_STATUS_BUSY)
		ret = -EBUSY;
	else
		sdmc_memport_write(block->regs, port, reg, value);
	mutex_unlock(&block->lock);
	return ret;
}

/**
 * sdmc_block_in_use() - whether a memport is set
 * @block: the device, locked
 *
 * Return: true if there is one.
 */
bool sdmc_block_in_use(struct sdmc_block *block)
{
	lockdep_assert_held(&block->lock);
	for (unsigned int port = 0; port < block->header.nports; port++) {
		if (sdmc_memport_read(block->regs, port, SDM_MEMPORT_SET) == 1)
			return true;
	}
	return false;
}

static void block_release(struct kobject *kobj)
{
	struct sdmc_block *block = container_of(kobj, struct sdmc_block, kobj);
	struct completion *freed = block->freed;

	mutex_destroy(&block->lock);
	kfree(block);
	complete(freed);
}

static const struct kobj_type block_type = {
	.release = block_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = sdmc_device_groups,
};

/* Gives up what is left of the block, and waits until nobody holds anything of it. */
static void block_free(struct sdmc_block *block)
{
	DECLARE_COMPLETION_ONSTACK(freed);

	block->freed = &freed;
	kobject_put(&block->kobj);
	wait_for_completion(&freed);
}

/**
 * sdmc_block_add() - make the files of a register block
 * @dev: the device
 * @regs: its registers
 * @size: bytes
 *
 * The block and its memports stay as they are.
 *
 * Return: the block, for sdmc_block_remove(); or an error: -ENODEV if there is
 * no block that this driver knows, -EINVAL: its window is not the device's.
 */
struct sdmc_block *sdmc_block_add(struct device *dev, void __iomem *regs, size_t size)
{
	struct sdmc_header header;
	struct sdmc_block *block;
	const char *problem;
	int ret;

	if (size < SDM_MEMPORT_BASE + SDM_MEMPORT_STRIDE) {
		dev_info(dev, "not driven: %zu bytes are too few for a register block\n", size);
		return ERR_PTR(-ENODEV);
	}
	sdmc_header_read(regs, &header);
	problem = sdmc_header_problem(&header, size);
	if (problem) {
		dev_info(dev, "not driven: %s\n", problem);
		return ERR_PTR(-ENODEV);
	}

	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return ERR_PTR(-ENOMEM);
	block->dev = dev;
	block->regs = regs;
	block->size = size;
	block->header = header;
	block->check_alignment = true;
	ret = sdmc_window_init(block);
	if (ret) {
		kfree(block);
		return ERR_PTR(ret);
	}
	mutex_init(&block->lock);

	ret = kobject_init_and_add(&block->kobj, &block_type, sdmc_tree_devices(), "%s",
				   dev_name(dev));
	if (ret)
		goto out_block;
	ret = sdmc_registers_add(block);
	if (ret)
		goto out_block;
	ret = sdmc_memports_add(block);
	if (ret)
		goto out_registers;
	ret = sdmc_transceivers_add(block);
	if (ret)
		goto out_memports;
	sdmc_tree_add(block);
	dev_dbg(dev, "%llu memports, %u transceivers%s\n", header.nports,
		sdmc_ntransceivers(&header), sdmc_block_passive(block) ? ", passive" : "");
	return block;

out_memports:
	sdmc_memports_remove(block);
out_registers:
	sdmc_registers_remove(block);
out_block:
	block_free(block);
	return ERR_PTR(ret);
}

/**
 * sdmc_block_remove() - take the files away
 * @block: from sdmc_block_add(); gone when this returns
 *
 * Waits for reads and writes that run; later ones of files that are still open
 * fail with ENODEV. Memports stay as they are. No interrupt may tell of links
 * any more.
 */
void sdmc_block_remove(struct sdmc_block *block)
{
	sdmc_tree_remove(block);
	sdmc_transceivers_remove(block);
	sdmc_memports_remove(block);
	sdmc_registers_remove(block);
	kobject_del(&block->kobj);
	block_free(block);
}
