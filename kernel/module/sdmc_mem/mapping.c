// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of /dev/sdm-window. On arm64 cached as the linear map is, so that no
 * two mappings of a page disagree about its memory type. On amd64 the kernel has
 * the last word, and gives pages that are nobody's RAM uncached (UC-): correct,
 * and slow. docs/kernel-build.md says so.
 *
 * Pages are mapped when they are touched, not by mmap(): a mapping can be found
 * and taken back only once mmap() is over. All files share one address space, of
 * an inode that is in no directory, so that a mapping is found through whichever
 * node of the device it was opened.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/rwsem.h>
#include <linux/slab.h>

#include "sdmc_mem.h"

#define SDMC_FS_MAGIC 0x53444d57	/* "SDMW" */

static struct vfsmount *mount;
static struct inode *inode;

/**
 * struct sdmc_exposure - what the mappings of a region share; outlives the region
 * @users: the region while it is exposed, and each mapping
 * @lock: held while pages are mapped; written to revoke
 * @revoked: no page is mapped any more; written under @lock and
 *	sdmc.regions_lock
 * @window: physical address that offsets count from
 */
struct sdmc_exposure {
	refcount_t users;
	struct rw_semaphore lock;
	bool revoked;
	u64 window;
};

/**
 * sdmc_exposure_new() - make what the mappings of a region share
 *
 * Return: it, with one use, which sdmc_exposure_put() ends; NULL without memory
 */
struct sdmc_exposure *sdmc_exposure_new(void)
{
	struct sdmc_exposure *exposure = kzalloc(sizeof(*exposure), GFP_KERNEL);

	if (!exposure)
		return NULL;
	refcount_set(&exposure->users, 1);
	init_rwsem(&exposure->lock);
	exposure->window = sdmc.window->start;
	return exposure;
}

/**
 * sdmc_exposure_put() - end a use
 * @exposure: freed with its last use
 */
void sdmc_exposure_put(struct sdmc_exposure *exposure)
{
	if (refcount_dec_and_test(&exposure->users))
		kfree(exposure);
}

/**
 * sdmc_exposure_mapped() - count the mappings through which memory is reached
 * @exposure: the region's
 *
 * It leaves 0 under sdmc.regions_lock only, which the caller holds.
 *
 * Return: how many there are; those that were revoked do not count
 */
unsigned int sdmc_exposure_mapped(const struct sdmc_exposure *exposure)
{
	return exposure->revoked ? 0 : refcount_read(&exposure->users) - 1;
}

/**
 * sdmc_exposure_revoked() - whether mappings were taken back
 * @exposure: the region's; the caller holds sdmc.regions_lock
 *
 * Return: true from sdmc_exposure_revoke() on
 */
bool sdmc_exposure_revoked(const struct sdmc_exposure *exposure)
{
	return exposure->revoked;
}

/**
 * sdmc_exposure_revoke() - take the mappings of a region back
 * @exposure: the region's
 * @range: the region
 *
 * When it returns nothing is mapped, and what touches a mapping gets SIGBUS.
 */
void sdmc_exposure_revoke(struct sdmc_exposure *exposure, const struct sdmc_range *range)
{
	/* Waits for pages that are being mapped, and no more will be. */
	down_write(&exposure->lock);
	spin_lock(&sdmc.regions_lock);
	exposure->revoked = true;
	spin_unlock(&sdmc.regions_lock);
	up_write(&exposure->lock);

	unmap_mapping_range(inode->i_mapping, range->start - exposure->window, range->size, 1);
}

/* A mapping was copied (fork) or split (munmap of a part). */
static void mapping_open(struct vm_area_struct *vma)
{
	struct sdmc_exposure *exposure = vma->vm_private_data;

	refcount_inc(&exposure->users);
}

static void mapping_close(struct vm_area_struct *vma)
{
	sdmc_exposure_put(vma->vm_private_data);
}

/* Maps the page that is touched, and those that share a page table with it. */
static vm_fault_t map_around(const struct vm_fault *vmf, u64 window)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned long first = max(vma->vm_start, ALIGN_DOWN(vmf->address, PMD_SIZE));
	unsigned long last = min(vma->vm_end - 1, vmf->address | ~PMD_MASK);
	unsigned long pfn = PHYS_PFN(window) + vmf->pgoff;
	vm_fault_t ret;

	ret = vmf_insert_pfn(vma, vmf->address, pfn);
	pfn -= PHYS_PFN(vmf->address - first);
	for (unsigned long addr = first; ret == VM_FAULT_NOPAGE && addr <= last; addr += PAGE_SIZE)
		ret = vmf_insert_pfn(vma, addr, pfn++);
	return ret;
}

static vm_fault_t mapping_fault(struct vm_fault *vmf)
{
	struct sdmc_exposure *exposure = vmf->vma->vm_private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	down_read(&exposure->lock);
	if (!exposure->revoked)
		ret = map_around(vmf, exposure->window);
	up_read(&exposure->lock);
	return ret;
}

static const struct vm_operations_struct mapping_ops = {
	.open = mapping_open,
	.close = mapping_close,
	.fault = mapping_fault,
};

/*
 * Finds what [offset, offset + len) of the window is mapped with, and counts the
 * mapping in.
 * Return: it, or an ERR_PTR(): -ENODEV (no window), -ENXIO (not within one
 * region that is exposed, or revoked); *@why says so.
 */
static struct sdmc_exposure *find_exposure(u64 offset, u64 len, const char **why)
{
	struct sdmc_exposure *exposure = ERR_PTR(-ENODEV);
	struct sdmc_region *region;
	u64 phys;

	spin_lock(&sdmc.regions_lock);
	*why = "no window is parked";
	if (!sdmc.window)
		goto out;

	exposure = ERR_PTR(-ENXIO);
	*why = "not within one exposed region";
	if (sdmc_range_at(sdmc.window->start, resource_size(sdmc.window), offset, len, &phys))
		goto out;
	region = sdmc_region_overlapping(phys, len);
	if (!region || region->state != SDMC_DEVICE ||
	    !sdmc_range_within(phys, len, region->range.start, region->range.size))
		goto out;
	*why = "the region was revoked";
	if (region->exposure->revoked)
		goto out;

	exposure = region->exposure;
	refcount_inc(&exposure->users);
out:
	spin_unlock(&sdmc.regions_lock);
	return exposure;
}

/**
 * sdmc_open() - open the window
 * @node: one of the device's
 * @file: gets the address space that all share
 *
 * Return: 0
 */
int sdmc_open(struct inode *node, struct file *file)
{
	file->f_mapping = inode->i_mapping;
	return 0;
}

/**
 * sdmc_mmap() - map a part of a region that is exposed
 * @file: /dev/sdm-window
 * @vma: its offset counts from the start of the window
 *
 * Return: 0; -EINVAL (not shared), -EACCES (executable), -ENODEV (no window),
 * -ENXIO (not within one region that is exposed, or revoked).
 */
int sdmc_mmap(struct file *file, struct vm_area_struct *vma)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	u64 len = vma->vm_end - vma->vm_start;
	struct sdmc_exposure *exposure;
	const char *why;

	/*
	 * A private copy of remote memory is never what was meant. Of a file that
	 * was opened to be read only, a shared mapping has no VM_SHARED.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE)) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: not MAP_SHARED\n");
		return -EINVAL;
	}
	if (vma->vm_flags & VM_EXEC) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: PROT_EXEC, but this is data\n");
		return -EACCES;
	}

	exposure = find_exposure(offset, len, &why);
	if (IS_ERR(exposure)) {
		dev_warn_ratelimited(sdmc.dev, "mmap refused: %#llx bytes at %#llx of the window: %s\n",
				     len, offset, why);
		return PTR_ERR(exposure);
	}

	/* No struct page is behind it: nobody may pin one, and none is dumped. */
	vm_flags_mod(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	vma->vm_private_data = exposure;
	vma->vm_ops = &mapping_ops;
	return 0;
}

static int init_context(struct fs_context *context)
{
	return init_pseudo(context, SDMC_FS_MAGIC) ? 0 : -ENOMEM;
}

/* Never registered, so nobody else can mount it and hold the module. */
static struct file_system_type file_system = {
	.name = "sdm-window",
	.init_fs_context = init_context,
	.kill_sb = kill_anon_super,
};

/** sdmc_mapping_init() - make the address space of all mappings */
int sdmc_mapping_init(void)
{
	mount = kern_mount(&file_system);
	if (IS_ERR(mount))
		return PTR_ERR(mount);
	inode = alloc_anon_inode(mount->mnt_sb);
	if (IS_ERR(inode)) {
		kern_unmount(mount);
		return PTR_ERR(inode);
	}
	return 0;
}

/** sdmc_mapping_exit() - undo sdmc_mapping_init(); no file is open any more */
void sdmc_mapping_exit(void)
{
	iput(inode);
	kern_unmount(mount);
}
