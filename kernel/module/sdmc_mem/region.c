// SPDX-License-Identifier: GPL-2.0
/*
 * Regions: the list of what was claimed of the window, and their directories.
 */
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "sdmc_mem.h"

static const char * const state_names[] = {
	[SDMC_ABSENT] = "absent",
	[SDMC_RAM] = "ram",
	[SDMC_HMEM] = "hmem",
	[SDMC_DEVICE] = "device",
};

/* What ends a state. */
static const char * const ways_back[] = {
	[SDMC_ABSENT] = "release",
	[SDMC_RAM] = "remove",
	[SDMC_HMEM] = "unhmem",
	[SDMC_DEVICE] = "conceal",
};

static struct sdmc_region *to_region(struct kobject *kobj)
{
	return container_of(kobj, struct sdmc_region, kobj);
}

/*
 * These run without sdmc.lock: removing the directory, which is done under it,
 * waits for them.
 */
static ssize_t state_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", sdmc_state_name(READ_ONCE(to_region(kobj)->state)));
}

static ssize_t node_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(to_region(kobj)->nid));
}

static ssize_t mapped_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_region *region = to_region(kobj);
	unsigned int mapped;

	spin_lock(&sdmc.regions_lock);
	mapped = region->exposure ? sdmc_exposure_mapped(region->exposure) : 0;
	spin_unlock(&sdmc.regions_lock);
	return sysfs_emit(buf, "%u\n", mapped);
}

static ssize_t revoked_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_region *region = to_region(kobj);
	bool revoked;

	spin_lock(&sdmc.regions_lock);
	revoked = region->exposure && sdmc_exposure_revoked(region->exposure);
	spin_unlock(&sdmc.regions_lock);
	return sysfs_emit(buf, "%d\n", revoked);
}

static ssize_t hmem_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct sdmc_region *region = to_region(kobj);
	ssize_t len;

	/* Its device cannot go away under the lock. */
	spin_lock(&sdmc.regions_lock);
	len = sysfs_emit(buf, "%s\n", region->pdev ? dev_name(&region->pdev->dev) : "none");
	spin_unlock(&sdmc.regions_lock);
	return len;
}

/* Readable as the other attributes are: see command.c. */
static struct kobj_attribute state_attr = __ATTR_RO_MODE(state, 0440);
static struct kobj_attribute node_attr = __ATTR_RO_MODE(node, 0440);
static struct kobj_attribute mapped_attr = __ATTR_RO_MODE(mapped, 0440);
static struct kobj_attribute revoked_attr = __ATTR_RO_MODE(revoked, 0440);
static struct kobj_attribute hmem_attr = __ATTR_RO_MODE(hmem, 0440);

static struct attribute *region_attrs[] = {
	&state_attr.attr,
	&node_attr.attr,
	&mapped_attr.attr,
	&revoked_attr.attr,
	&hmem_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(region);

static void region_freed(struct kobject *kobj)
{
	complete(to_region(kobj)->freed);
}

/*
 * An agent need not be root: a region is readable to whoever claimed it, in
 * whose name this runs.
 */
static void region_ownership(const struct kobject *kobj, kuid_t *uid, kgid_t *gid)
{
	*uid = current_fsuid();
}

static const struct kobj_type region_type = {
	.release = region_freed,
	.get_ownership = region_ownership,
	.sysfs_ops = &kobj_sysfs_ops,
	.default_groups = region_groups,
};

/* Takes the directory away and frees the region, which is in no list. */
static void region_free(struct sdmc_region *region)
{
	DECLARE_COMPLETION_ONSTACK(freed);

	/* The release function is in this module: it must not run later. */
	region->freed = &freed;
	kobject_put(&region->kobj);
	wait_for_completion(&freed);
	kfree(region);
}

const char *sdmc_state_name(enum sdmc_state state)
{
	return state_names[state];
}

/**
 * sdmc_region_overlapping() - find the region that a range touches
 * @start: physical address
 * @size: bytes
 *
 * The caller holds sdmc.lock or sdmc.regions_lock.
 *
 * Return: the first such region in order of claims, or NULL.
 */
struct sdmc_region *sdmc_region_overlapping(u64 start, u64 size)
{
	struct sdmc_range *range = sdmc_ranges_overlapping(&sdmc.regions, start, size);

	return range ? container_of(range, struct sdmc_region, range) : NULL;
}

/**
 * sdmc_region_get() - find the region that a command names
 * @req: must match it exactly
 * @state: must be its state
 *
 * Return: the region, or an ERR_PTR(): -ENOENT (no such region), -EBUSY (to be
 * absent, but in use), -EINVAL (to be in use, but is not).
 */
struct sdmc_region *sdmc_region_get(const struct sdmc_request *req, enum sdmc_state state)
{
	struct sdmc_region *region = sdmc_region_overlapping(req->start, req->size);
	int err;

	if (!region) {
		err = sdmc_refuse(-ENOENT, "no such region: claim it first");
		return ERR_PTR(err);
	}
	if (region->range.start != req->start || region->range.size != req->size) {
		err = sdmc_refuse(-ENOENT, "only exact matches are accepted: the region is %s",
				  kobject_name(&region->kobj));
		return ERR_PTR(err);
	}
	if (region->state == state)
		return region;

	if (state == SDMC_ABSENT)
		err = sdmc_refuse(-EBUSY, "the region is in use as %s: %s it first",
				  state_names[region->state], ways_back[region->state]);
	else
		err = sdmc_refuse(-EINVAL, "the region is %s, not %s",
				  state_names[region->state], state_names[state]);
	return ERR_PTR(err);
}

/**
 * sdmc_region_set() - set the state of a region
 * @region: the region
 * @state: its new state
 * @nid: its node, or NUMA_NO_NODE
 */
void sdmc_region_set(struct sdmc_region *region, enum sdmc_state state, int nid)
{
	spin_lock(&sdmc.regions_lock);
	WRITE_ONCE(region->state, state);
	WRITE_ONCE(region->nid, nid);
	spin_unlock(&sdmc.regions_lock);
}

/**
 * sdmc_claim() - make a range of the window a region
 * @req: whole pages
 *
 * Return: 0, -EINVAL (not whole pages), -ERANGE (not within the window),
 * -EEXIST (overlaps a region), -ENOMEM.
 */
int sdmc_claim(const struct sdmc_request *req)
{
	struct sdmc_region *region;
	int ret;

	if (!req->size || !PAGE_ALIGNED(req->start) || !PAGE_ALIGNED(req->size))
		return sdmc_refuse(-EINVAL, "start and size must be whole pages of %#lx bytes",
				   PAGE_SIZE);
	if (!sdmc_range_within(req->start, req->size, sdmc.window->start,
			       resource_size(sdmc.window)))
		return sdmc_refuse(-ERANGE, "not within the window %pR", sdmc.window);
	region = sdmc_region_overlapping(req->start, req->size);
	if (region)
		return sdmc_refuse(-EEXIST, "overlaps the region %s", kobject_name(&region->kobj));

	region = kzalloc(sizeof(*region), GFP_KERNEL);
	if (!region)
		return sdmc_refuse(-ENOMEM, "no memory for the region");
	region->range.start = req->start;
	region->range.size = req->size;
	region->state = SDMC_ABSENT;
	region->nid = NUMA_NO_NODE;

	ret = kobject_init_and_add(&region->kobj, &region_type, sdmc.regions_dir, "%#llx-%#llx",
				   region->range.start, sdmc_range_last(&region->range));
	if (ret) {
		region_free(region);
		return sdmc_refuse(ret, "its directory cannot be made");
	}

	spin_lock(&sdmc.regions_lock);
	list_add_tail(&region->range.link, &sdmc.regions);
	spin_unlock(&sdmc.regions_lock);
	return 0;
}

/**
 * sdmc_release() - forget a region
 * @req: the region, absent
 *
 * Return: 0 or what sdmc_region_get() says.
 */
int sdmc_release(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_ABSENT);

	if (IS_ERR(region))
		return PTR_ERR(region);

	spin_lock(&sdmc.regions_lock);
	list_del(&region->range.link);
	spin_unlock(&sdmc.regions_lock);
	region_free(region);
	return 0;
}
