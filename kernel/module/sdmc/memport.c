// SPDX-License-Identifier: GPL-2.0
/*
 * memport/memportN: the files of a memport.
 *
 * Names, and that they can only be written, are those of deliverable D4.4 of
 * the dReDBox project; what can be read is beside them.
 */
#include <linux/slab.h>

#include "parse.h"
#include "sdmc.h"

/**
 * struct sdmc_memport - the directory of a memport
 * @kobj: the directory; holds the memory of this struct
 * @block: held, so that who waits for the block has waited for this as well
 * @number: which memport
 */
struct sdmc_memport {
	struct kobject kobj;
	struct sdmc_block *block;
	unsigned int number;
};

/* A file that stands for one register. */
struct register_attribute {
	struct kobj_attribute attr;
	unsigned int reg;
	int (*parse)(const char *text, u64 *value);
};

static struct sdmc_memport *to_memport(struct kobject *kobj)
{
	return container_of(kobj, struct sdmc_memport, kobj);
}

static struct register_attribute *to_register(struct kobj_attribute *attr)
{
	return container_of(attr, struct register_attribute, attr);
}

static u64 read_register(struct kobject *kobj, struct kobj_attribute *attr)
{
	struct sdmc_memport *port = to_memport(kobj);

	return sdmc_memport_read(port->block->regs, port->number, to_register(attr)->reg);
}

static ssize_t number_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", read_register(kobj, attr));
}

static ssize_t hex_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%llx\n", read_register(kobj, attr));
}

static ssize_t field_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	const struct register_attribute *field = to_register(attr);
	struct sdmc_memport *port = to_memport(kobj);
	u64 value;
	int ret;

	ret = field->parse(buf, &value);
	if (ret)
		return ret;
	ret = sdmc_block_write_field(port->block, port->number, field->reg, value);
	return ret ?: count;
}

/* A memport is set and cleared by its own number and nothing else. */
static ssize_t own_id_store(struct kobject *kobj, const char *buf, size_t count, bool set)
{
	struct sdmc_memport *port = to_memport(kobj);
	unsigned int id;
	int ret;

	ret = sdmc_parse_id(buf, port->block->header.nports, &id);
	if (ret)
		return ret;
	if (id != port->number)
		return -EINVAL;
	ret = sdmc_block_set(port->block, port->number, set);
	return ret ?: count;
}

static ssize_t set_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			 size_t count)
{
	return own_id_store(kobj, buf, count, true);
}

static ssize_t clear_store(struct kobject *kobj, struct kobj_attribute *attr, const char *buf,
			   size_t count)
{
	return own_id_store(kobj, buf, count, false);
}

#define REGISTER(_name, _file, _mode, _show, _store, _reg, _parse)			\
	static struct register_attribute _name = {					\
		.attr = {								\
			.attr = { .name = _file, .mode = _mode },			\
			.show = _show,							\
			.store = _store,						\
		},									\
		.reg = _reg,								\
		.parse = _parse,							\
	}

#define FIELD(_name, _file, _reg, _parse)						\
	REGISTER(_name, _file, 0200, NULL, field_store, _reg, _parse)
#define CURRENT(_name, _file, _reg)							\
	REGISTER(_name, _file, 0440, hex_show, NULL, _reg, NULL)
#define COUNTER(_name, _file, _reg)							\
	REGISTER(_name, _file, 0440, number_show, NULL, _reg, NULL)

FIELD(start_field, "startAddress", SDM_MEMPORT_START, sdmc_parse_number);
FIELD(end_field, "endAddress", SDM_MEMPORT_END, sdmc_parse_number);
FIELD(offset_field, "offset", SDM_MEMPORT_OFFSET, sdmc_parse_offset);
FIELD(out_id_field, "outId", SDM_MEMPORT_OUT_ID, sdmc_parse_number);
FIELD(in_id_field, "inId", SDM_MEMPORT_IN_ID, sdmc_parse_number);
COUNTER(status_register, "status", SDM_MEMPORT_STATUS);
COUNTER(faults_register, "faults", SDM_MEMPORT_FAULTS);
static struct kobj_attribute set_attr = __ATTR(set, 0200, NULL, set_store);
static struct kobj_attribute clear_attr = __ATTR(clear, 0200, NULL, clear_store);

static struct attribute *memport_attrs[] = {
	&start_field.attr.attr,
	&end_field.attr.attr,
	&offset_field.attr.attr,
	&out_id_field.attr.attr,
	&in_id_field.attr.attr,
	&set_attr.attr,
	&clear_attr.attr,
	&status_register.attr.attr,
	&faults_register.attr.attr,
	NULL
};

static const struct attribute_group memport_group = {
	.attrs = memport_attrs,
};

CURRENT(current_start, "start_address", SDM_MEMPORT_START);
CURRENT(current_end, "end_address", SDM_MEMPORT_END);
CURRENT(current_offset, "offset", SDM_MEMPORT_OFFSET);
CURRENT(current_out_id, "out_id", SDM_MEMPORT_OUT_ID);
CURRENT(current_in_id, "in_id", SDM_MEMPORT_IN_ID);
CURRENT(current_set, "set", SDM_MEMPORT_SET);

static struct attribute *current_attrs[] = {
	&current_start.attr.attr,
	&current_end.attr.attr,
	&current_offset.attr.attr,
	&current_out_id.attr.attr,
	&current_in_id.attr.attr,
	&current_set.attr.attr,
	NULL
};

static const struct attribute_group current_group = {
	.name = "current",
	.attrs = current_attrs,
};

static const struct attribute_group *memport_groups[] = {
	&memport_group,
	&current_group,
	NULL
};

static void memport_release(struct kobject *kobj)
{
	struct sdmc_memport *port = to_memport(kobj);
	struct sdmc_block *block = port->block;

	kfree(port);
	kobject_put(&block->kobj);
}

static const struct kobj_type memport_type = {
	.release = memport_release,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = memport_groups,
};

static int memport_add(struct sdmc_block *block, unsigned int number)
{
	struct sdmc_memport *port;
	int ret;

	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	/* Not by the directory: kobject_del() ends that, and this can be released later. */
	kobject_get(&block->kobj);
	port->block = block;
	port->number = number;
	ret = kobject_init_and_add(&port->kobj, &memport_type, block->memports, "memport%u",
				   number);
	if (ret) {
		kobject_put(&port->kobj);
		return ret;
	}
	block->ports[number] = port;
	return 0;
}

/**
 * sdmc_memports_add() - make memport/ and what is in it
 * @block: the device
 *
 * Return: 0 or an error, and nothing is left of it then.
 */
int sdmc_memports_add(struct sdmc_block *block)
{
	int ret;

	block->memports = kobject_create_and_add("memport", &block->kobj);
	if (!block->memports)
		return -ENOMEM;
	for (unsigned int number = 0; number < block->header.nports; number++) {
		ret = memport_add(block, number);
		if (ret) {
			sdmc_memports_remove(block);
			return ret;
		}
	}
	return 0;
}

/**
 * sdmc_memports_remove() - take memport/ away
 * @block: the device
 *
 * Waits for reads and writes that run.
 */
void sdmc_memports_remove(struct sdmc_block *block)
{
	for (unsigned int number = 0; number < block->header.nports; number++) {
		struct sdmc_memport *port = block->ports[number];

		if (!port)
			break;
		kobject_del(&port->kobj);
		kobject_put(&port->kobj);
	}
	kobject_del(block->memports);
	kobject_put(block->memports);
}
