/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sdmc_mem: the memory window of a brick.
 *
 * What the parts of the module share. The user's view of all this is in
 * sysfs-sdm-window.
 */
#ifndef SDMC_MEM_H
#define SDMC_MEM_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "parse.h"
#include "ranges.h"

struct completion;
struct device;
struct file;
struct inode;
struct pci_dev;
struct platform_device;
struct resource;
struct sdmc_exposure;
struct vm_area_struct;

/* What a region is used as. */
enum sdmc_state {
	SDMC_ABSENT,	/* claimed; nothing maps it */
	SDMC_RAM,	/* hot-added: memory blocks exist */
	SDMC_HMEM,	/* a device of dax_hmem's */
	SDMC_DEVICE,	/* programs may map it through /dev/sdm-window */
};

/**
 * struct sdmc_region - a range of the window with one use
 * @kobj: its directory in regions/
 * @range: what it is of, linked into sdmc.regions under sdmc.lock and
 *	sdmc.regions_lock
 * @freed: completed when the last reference to @kobj is gone
 * @state: changed under sdmc.lock and sdmc.regions_lock
 * @nid: the node it is memory of, NUMA_NO_NODE unless @state is SDMC_RAM or
 *	SDMC_HMEM
 * @tiered: it holds a use of the node's memory type
 * @used: was ram or device since it was last flushed; under sdmc.lock
 * @exposure: what its mappings share if @state is SDMC_DEVICE, or NULL; changed
 *	under sdmc.lock and sdmc.regions_lock
 * @pdev: its device if @state is SDMC_HMEM, or NULL; changed under the same
 */
struct sdmc_region {
	struct kobject kobj;
	struct sdmc_range range;
	struct completion *freed;
	enum sdmc_state state;
	int nid;
	bool tiered;
	bool used;
	struct sdmc_exposure *exposure;
	struct platform_device *pdev;
};

/**
 * struct sdmc - the one window of this machine
 * @dev: the misc device
 * @lock: held by a command from start to end, so commands are serialised
 * @ready: commands may run: false until the module is set up, and after that
 *	failed; under @lock
 * @regions_lock: what mmap() and the memory notifier look at. They must not
 *	take @lock: mmap() holds the mmap lock and a scrub can be long; the
 *	notifier runs under the hotplug lock, which add and remove take
 *	under @lock.
 * @regions: the ranges of all regions
 * @regions_dir: the directory regions/
 * @window: the parked parent resource or NULL; changed under both locks
 * @pdev: the PCI device whose BAR the window is, or NULL
 */
struct sdmc {
	struct device *dev;
	struct mutex lock;		/* one command at a time */
	bool ready;
	spinlock_t regions_lock;	/* the list, states and the window */
	struct list_head regions;
	struct kobject *regions_dir;
	struct resource *window;
	struct pci_dev *pdev;
};

extern struct sdmc sdmc;

/* command.c */
extern const struct attribute_group *sdmc_groups[];
__printf(2, 3) int sdmc_refuse(int err, const char *fmt, ...);

/* window.c */
int sdmc_window_park(u64 start, u64 size);
int sdmc_window_unpark(void);

/* region.c */
const char *sdmc_state_name(enum sdmc_state state);
struct sdmc_region *sdmc_region_overlapping(u64 start, u64 size);
struct sdmc_region *sdmc_region_get(const struct sdmc_request *req, enum sdmc_state state);
void sdmc_region_set(struct sdmc_region *region, enum sdmc_state state, int nid);
int sdmc_claim(const struct sdmc_request *req);
int sdmc_release(const struct sdmc_request *req);

/* hotplug.c */
int sdmc_check_pluggable(const struct sdmc_request *req);
bool sdmc_first_online_block(const struct sdmc_region *region, u64 *start);
int sdmc_add(const struct sdmc_request *req);
int sdmc_remove(const struct sdmc_request *req);

/* hmem.c */
int sdmc_hmem(const struct sdmc_request *req);
int sdmc_unhmem(const struct sdmc_request *req);

/* tier.c */
int sdmc_tier_get(int nid, int distance);
void sdmc_tier_put(int nid);
int sdmc_tier_announce(int nid, int distance);
void sdmc_tier_withdraw(int nid);
int sdmc_tier_init(void);
void sdmc_tier_exit(void);

/* scrub.c */
int sdmc_flush(const struct sdmc_request *req);
int sdmc_scrub(const struct sdmc_request *req);
int sdmc_verify(const struct sdmc_request *req);
int sdmc_begin_use(struct sdmc_region *region);

/* device.c */
int sdmc_expose(const struct sdmc_request *req);
int sdmc_conceal(const struct sdmc_request *req);
int sdmc_revoke(const struct sdmc_request *req);

/* mapping.c */
struct sdmc_exposure *sdmc_exposure_new(void);
void sdmc_exposure_put(struct sdmc_exposure *exposure);
unsigned int sdmc_exposure_mapped(const struct sdmc_exposure *exposure);
bool sdmc_exposure_revoked(const struct sdmc_exposure *exposure);
void sdmc_exposure_revoke(struct sdmc_exposure *exposure, const struct sdmc_range *range);
int sdmc_mapping_init(void);
void sdmc_mapping_exit(void);
int sdmc_open(struct inode *node, struct file *file);
int sdmc_mmap(struct file *file, struct vm_area_struct *vma);

/* failure.c */
int sdmc_explain(const struct sdmc_request *req);
ssize_t sdmc_failure_emit(char *buf);
int sdmc_failure_init(void);
void sdmc_failure_exit(void);

/* hurry.c */
int sdmc_hurry_init(void);
void sdmc_hurry_exit(void);

/* The kernel exports these to modules, and declares them in a header of RCU's own. */
void rcu_expedite_gp(void);
void rcu_unexpedite_gp(void);

#endif /* SDMC_MEM_H */
