// SPDX-License-Identifier: GPL-2.0
/*
 * The files of the device itself: its registers as they are, and what its user
 * can set that belongs to no memport.
 */
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "parse.h"
#include "sdmc.h"

static struct sdmc_block *to_block(struct kobject *kobj)
{
	return container_of(kobj, struct sdmc_block, kobj);
}

static ssize_t epoch_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%llx\n", readq(to_block(kobj)->regs + SDM_REG_EPOCH));
}

static ssize_t epoch_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	struct sdmc_block *block = to_block(kobj);
	u64 epoch;
	int ret;

	ret = sdmc_parse_number(buf, &epoch);
	if (ret)
		return ret;
	mutex_lock(&block->lock);
	writeq(epoch, block->regs + SDM_REG_EPOCH);
	mutex_unlock(&block->lock);
	return count;
}

static struct kobj_attribute epoch_attr = __ATTR_RW_MODE(epoch, 0640);

static ssize_t window_base_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_block *block = to_block(kobj);
	u64 base;

	mutex_lock(&block->lock);
	base = block->header.window_base;
	mutex_unlock(&block->lock);
	return sysfs_emit(buf, "0x%llx\n", base);
}

static ssize_t window_base_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t count)
{
	struct sdmc_block *block = to_block(kobj);
	u64 base;
	int ret;

	ret = sdmc_parse_number(buf, &base);
	if (ret)
		return ret;
	if (!block->base_open)
		return -EPERM;
	if (!PAGE_ALIGNED(base) || !sdmc_window_fits(&block->header, base))
		return -EINVAL;
	mutex_lock(&block->lock);
	/* What is set was checked against the base of before, if there was one. */
	if (!sdmc_window_unknown(block) && sdmc_block_in_use(block))
		ret = -EBUSY;
	else
		block->header.window_base = base;
	mutex_unlock(&block->lock);
	return ret ?: count;
}

static struct kobj_attribute window_base_attr = __ATTR_RW_MODE(window_base, 0640);

static ssize_t check_alignment_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_block *block = to_block(kobj);

	if (!sdmc_block_passive(block))
		return -EOPNOTSUPP;
	return sysfs_emit(buf, "%d\n", READ_ONCE(block->check_alignment));
}

static ssize_t check_alignment_store(struct kobject *kobj, struct kobj_attribute *attr,
				     const char *buf, size_t count)
{
	struct sdmc_block *block = to_block(kobj);
	unsigned int check;
	int ret;

	/* Logic makes its checks itself. */
	if (!sdmc_block_passive(block))
		return -EOPNOTSUPP;
	ret = sdmc_parse_id(buf, 2, &check);
	if (ret)
		return ret;
	mutex_lock(&block->lock);
	WRITE_ONCE(block->check_alignment, check);
	mutex_unlock(&block->lock);
	return count;
}

static struct kobj_attribute check_alignment_attr = __ATTR_RW_MODE(check_alignment, 0640);

static struct attribute *device_attrs[] = {
	&epoch_attr.attr,
	&window_base_attr.attr,
	&check_alignment_attr.attr,
	NULL
};

static const struct attribute_group device_group = {
	.attrs = device_attrs,
};

const struct attribute_group *sdmc_device_groups[] = {
	&device_group,
	NULL
};

/*
 * Any part of the block, which is made of whole registers. Takes no lock: what
 * the registers say is there for all at any time, and most when logic hangs.
 */
static ssize_t registers_read(struct file *file, struct kobject *kobj, sdmc_bin_attribute *attr,
			      char *buf, loff_t pos, size_t count)
{
	struct sdmc_block *block = to_block(kobj);
	size_t done = 0;

	while (done < count) {
		size_t from = (pos + done) % sizeof(u64);
		size_t part = min(sizeof(u64) - from, count - done);
		__le64 value = cpu_to_le64(readq(block->regs + pos + done - from));

		memcpy(buf + done, (char *)&value + from, part);
		done += part;
	}
	return done;
}

/**
 * sdmc_registers_add() - make the file with all registers
 * @block: the device
 *
 * Return: 0 or an error.
 */
int sdmc_registers_add(struct sdmc_block *block)
{
	struct bin_attribute *attr = &block->registers;

	sysfs_bin_attr_init(attr);
	attr->attr.name = "registers";
	attr->attr.mode = 0440;
	/* Whole registers; a device tree may say anything. */
	attr->size = round_down(block->size, sizeof(u64));
	attr->read = registers_read;
	return sysfs_create_bin_file(&block->kobj, attr);
}

/**
 * sdmc_registers_remove() - take it away
 * @block: the device
 */
void sdmc_registers_remove(struct sdmc_block *block)
{
	sysfs_remove_bin_file(&block->kobj, &block->registers);
}
