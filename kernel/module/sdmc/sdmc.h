/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sdmc: the glue-logic driver, which gives the memports and transceivers of a
 * register block to user space as files.
 *
 * What the parts of the driver share. The user's view is in sysfs-sdmc.
 */
#ifndef SDMC_H
#define SDMC_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sysfs.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "regs.h"

#define SDMC_PCI_VENDOR		0x1af4
/* Both the registers and the pool of a brick with a stock QEMU are ivshmem devices. */
#define SDMC_IVSHMEM_DEVICE	0x1110
#define SDMC_IVSHMEM_BAR	2
/* QEMU's memport logic: registers, and beside them the window that they map into. */
#define SDMC_LOGIC_DEVICE	0x10f0
#define SDMC_LOGIC_BAR		0
#define SDMC_LOGIC_WINDOW_BAR	2

struct completion;
struct device;
struct pci_driver;
struct platform_driver;

/**
 * struct sdmc_block - a register block that is bound
 * @kobj: its directory in /sys/sdmc/devices; holds the memory of this struct
 * @freed: completed when the last reference to @kobj is gone; memports have one each
 * @link: in the list of tree.c
 * @linked: the links in /sys/sdmc lead to it; tree.c's
 * @dev: the device whose registers they are
 * @regs: the registers
 * @size: of @regs, bytes
 * @irq: says that links changed; 0 without one
 * @irq_level: it is a level, not an edge
 * @irq_name: what /proc/interrupts calls it; longer ones are cut
 * @header: what they said when the device was bound; window_base under @lock
 * @base_open: the block leaves the window's base to the reader
 * @check_alignment: passive blocks only; under @lock
 * @lock: held while registers are written and while what follows from several
 *	of them is decided. Attributes take it, so it is never held while they
 *	are removed.
 * @registers: the attribute of that name, which has the size of the block
 * @memports: the directory memport/
 * @ports: the directories in it
 * @transceivers: the directory transceiver/
 * @link_status_file: its file linkStatus, for who polls
 * @link_downs_file: its file downs
 * @link_work: looks at the links where no interrupt tells
 * @link_status: when it was last looked
 * @link_downs: when it was last looked
 */
struct sdmc_block {
	struct kobject kobj;
	struct completion *freed;
	struct list_head link;
	bool linked;
	struct device *dev;
	void __iomem *regs;
	size_t size;
	unsigned int irq;
	bool irq_level;
	char irq_name[48];
	struct sdmc_header header;
	bool base_open;
	bool check_alignment;
	struct mutex lock;	/* writes to the registers */
	struct bin_attribute registers;
	struct kobject *memports;
	struct sdmc_memport *ports[SDM_NPORTS_MAX];
	struct kobject *transceivers;
	struct kernfs_node *link_status_file;
	struct kernfs_node *link_downs_file;
	struct delayed_work link_work;
	u64 link_status;
	u64 link_downs[SDM_NTRANSCEIVERS_MAX];
};

/* main.c: parameters of the module */
extern unsigned int sdmc_set_timeout_ms;
extern unsigned int sdmc_link_poll_ms;

/* pci.c, platform.c */
extern struct pci_driver sdmc_pci_driver;
extern struct platform_driver sdmc_platform_driver;

/* tree.c */
int sdmc_tree_init(void);
void sdmc_tree_exit(void);
struct kobject *sdmc_tree_devices(void);
void sdmc_tree_add(struct sdmc_block *block);
void sdmc_tree_remove(struct sdmc_block *block);

/* block.c */
struct sdmc_block *sdmc_block_add(struct device *dev, void __iomem *regs, size_t size);
void sdmc_block_remove(struct sdmc_block *block);
int sdmc_block_set(struct sdmc_block *block, unsigned int port, bool set);
int sdmc_block_write_field(struct sdmc_block *block, unsigned int port, unsigned int reg,
			   u64 value);
bool sdmc_block_in_use(struct sdmc_block *block);

static inline bool sdmc_block_passive(const struct sdmc_block *block)
{
	return sdmc_has(&block->header, SDM_FEATURE_PASSIVE);
}

/* Whether the base of the window is for the user to say, who has not; under @lock. */
static inline bool sdmc_window_unknown(const struct sdmc_block *block)
{
	return block->base_open && !block->header.window_base;
}

/* device.c */
extern const struct attribute_group *sdmc_device_groups[];
int sdmc_registers_add(struct sdmc_block *block);
void sdmc_registers_remove(struct sdmc_block *block);

/* memport.c */
int sdmc_memports_add(struct sdmc_block *block);
void sdmc_memports_remove(struct sdmc_block *block);

/* transceiver.c */
int sdmc_transceivers_add(struct sdmc_block *block);
void sdmc_transceivers_remove(struct sdmc_block *block);
void sdmc_links_poll(struct sdmc_block *block);
void sdmc_links_check(struct sdmc_block *block);

/* irq.c */
int sdmc_irq_request(struct sdmc_block *block, unsigned int irq, bool level,
		     unsigned long flags);
void sdmc_irq_free(struct sdmc_block *block);

/* window.c */
int sdmc_window_init(struct sdmc_block *block);

#endif /* SDMC_H */
