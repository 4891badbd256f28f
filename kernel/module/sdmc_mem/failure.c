// SPDX-License-Identifier: GPL-2.0
/*
 * Why a block would not go offline. The kernel says so in a debug message at
 * best; here the block is searched for the page that stood in the way.
 */
#include <linux/device.h>
#include <linux/memory.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/page-flags.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>

#include "sdmc_mem.h"

/**
 * struct culprit - a block that did not go offline, and why
 * @start: physical address of the block
 * @pfn: the first page in the way, or 0 if none was found
 * @count: its references
 * @mapcount: how often it is mapped
 * @flags: its page flags
 * @stuck: how many pages are in the way
 * @reason: one word, NULL if there is nothing to tell
 */
struct culprit {
	u64 start;
	unsigned long pfn;
	int count;
	int mapcount;
	unsigned long flags;
	unsigned long stuck;
	const char *reason;
};

static struct culprit last;
static DEFINE_SPINLOCK(last_lock);

static void set_last(const struct culprit *culprit)
{
	spin_lock(&last_lock);
	last = *culprit;
	spin_unlock(&last_lock);
}

/* The references that migration can account for. */
static int expected_refs(const struct folio *folio)
{
	int refs = folio_mapcount(folio);

	if (folio_test_anon(folio) ? folio_test_swapcache(folio) : !!READ_ONCE(folio->mapping))
		refs += folio_test_hugetlb(folio) ? 1 : folio_nr_pages(folio);
	if (folio_test_private(folio))
		refs++;
	return refs;
}

/* Why a page in use cannot be moved, or NULL. The caller holds a reference. */
static const char *why_stuck(const struct folio *folio, const struct page *page, int count)
{
	if (folio_test_hwpoison(folio))
		return NULL;	/* is left behind */
	if (PageReserved(page))
		return "reserved";
	if (folio_test_slab(folio))
		return "slab";
	if (PageTable(page))
		return "pagetable";
	if (PageOffline(page))
		return "balloon";
	if (page_has_movable_ops(&folio->page))
		return NULL;	/* its driver moves it */
	if (!folio_test_lru(folio) && !folio_test_hugetlb(folio) && !folio_mapped(folio) &&
	    !READ_ONCE(folio->mapping))
		return "unmovable";
	if (folio_test_writeback(folio))
		return "writeback";
	if (count > expected_refs(folio))
		return "pinned";
	return NULL;
}

/*
 * Looks at the page at @pfn and at what it is a part of.
 * Return: how many pages can be skipped to.
 */
static unsigned long look_at(unsigned long pfn, struct culprit *culprit)
{
	struct page *page = pfn_to_online_page(pfn);
	unsigned long pages = 1;
	const char *reason;
	struct folio *folio;
	int count = 0;
	bool held;

	if (!page)
		return 1;
	folio = page_folio(page);
	/* The block's own memory map stays in it. Others use the flag for pages of a mapping. */
	if (PageVmemmapSelfHosted(page) && !folio_test_lru(folio) && !READ_ONCE(folio->mapping))
		return 1;

	/* With a reference it is neither freed nor split under our eyes. */
	held = folio_try_get(folio);
	if (!held) {
		/* Slabs may have no references, and free huge pages be reserved. */
		if (folio_test_slab(folio))
			reason = "slab";
		else if (folio_test_hugetlb(folio))
			reason = "hugetlb";
		else
			return 1;
	} else {
		if (page_folio(page) != folio) {
			folio_put(folio);
			return 1;
		}
		pages = folio_pfn(folio) + folio_nr_pages(folio) - pfn;
		count = folio_ref_count(folio) - 1;
		reason = why_stuck(folio, page, count);
	}

	if (reason) {
		if (!culprit->reason) {
			culprit->pfn = pfn;
			culprit->count = count;
			culprit->mapcount = held ? folio_mapcount(folio) : 0;
			culprit->flags = *const_folio_flags(folio, 0);
			culprit->reason = reason;
		}
		culprit->stuck += pages;
	}
	if (held)
		folio_put(folio);
	return pages;
}

/* Searches one block. Its memory map exists: only sdmc_remove() takes it. */
static void search_block(u64 start, struct culprit *culprit)
{
	unsigned long pfn = PHYS_PFN(start);
	unsigned long end = pfn + PHYS_PFN(memory_block_size_bytes());

	*culprit = (struct culprit){ .start = start };
	while (pfn < end) {
		pfn += look_at(pfn, culprit);
		cond_resched();
	}
}

static ssize_t emit(char *buf, size_t size, const struct culprit *culprit)
{
	return scnprintf(buf, size,
			 "block=%llu start=%#llx pfn=%#lx count=%d mapcount=%d flags=%#lx reason=%s stuck=%lu",
			 culprit->start / memory_block_size_bytes(), culprit->start, culprit->pfn,
			 culprit->count, culprit->mapcount, culprit->flags, culprit->reason,
			 culprit->stuck);
}

/**
 * sdmc_failure_emit() - print why the last offline failed
 * @buf: a page
 *
 * Return: bytes printed
 */
ssize_t sdmc_failure_emit(char *buf)
{
	struct culprit culprit;
	ssize_t len;

	spin_lock(&last_lock);
	culprit = last;
	spin_unlock(&last_lock);

	if (!culprit.reason)
		return sysfs_emit(buf, "none\n");
	len = emit(buf, PAGE_SIZE - 1, &culprit);
	return len + sysfs_emit_at(buf, len, "\n");
}

/**
 * sdmc_explain() - search a region for a page that cannot be moved
 * @req: the region, ram
 *
 * For an offline that fails before notifiers hear of it, as it does for memory
 * in a kernel zone, or that is still trying. The answer is in failure.
 *
 * Unlike a notification it comes without the kernel's lock of hot-plug, which an
 * offline that is still trying holds. So a block that goes offline just after it
 * was searched leaves an answer that is no longer true; and if one goes offline
 * and comes online again between the two steps of look_at(), from the look
 * whether it is online to the reference, that takes a page which is being set up.
 * No more than a few instructions lie between them, and both changes are root's.
 *
 * Return: 0; what sdmc_region_get() says; -EINTR.
 */
int sdmc_explain(const struct sdmc_request *req)
{
	struct sdmc_region *region = sdmc_region_get(req, SDMC_RAM);
	unsigned long block = memory_block_size_bytes();
	struct culprit culprit = { };
	u64 start;

	if (IS_ERR(region))
		return PTR_ERR(region);

	for (start = region->range.start; start < sdmc_range_last(&region->range);
	     start += block) {
		if (signal_pending(current))
			return sdmc_refuse(-EINTR, "stopped by a signal at %#llx", start);
		search_block(start, &culprit);
		if (culprit.reason)
			break;
	}
	set_last(&culprit);
	return 0;
}

/* The block of a notification, which leaves out a memory map at its start. */
static u64 block_start(const struct memory_notify *arg)
{
	return ALIGN_DOWN(PFN_PHYS(arg->start_pfn), memory_block_size_bytes());
}

static bool is_ours(const struct memory_notify *arg)
{
	bool ours;

	spin_lock(&sdmc.regions_lock);
	ours = sdmc_region_overlapping(PFN_PHYS(arg->start_pfn), PFN_PHYS(arg->nr_pages));
	spin_unlock(&sdmc.regions_lock);
	return ours;
}

static int memory_changed(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct memory_notify *arg = data;
	struct culprit culprit = { };
	char text[192];

	if ((action != MEM_CANCEL_OFFLINE && action != MEM_OFFLINE) || !is_ours(arg))
		return NOTIFY_DONE;

	if (action == MEM_OFFLINE) {
		/* It worked after all. */
		spin_lock(&last_lock);
		if (last.start == block_start(arg))
			last = culprit;
		spin_unlock(&last_lock);
		return NOTIFY_OK;
	}

	search_block(block_start(arg), &culprit);
	if (!culprit.reason)
		culprit.reason = signal_pending(current) ? "interrupted" : "unknown";
	set_last(&culprit);
	emit(text, sizeof(text), &culprit);
	dev_warn(sdmc.dev, "offline failed: %s\n", text);
	return NOTIFY_OK;
}

static struct notifier_block memory_nb = {
	.notifier_call = memory_changed,
};

/** sdmc_failure_init() - listen to memory blocks that fail to go offline */
int sdmc_failure_init(void)
{
	return register_memory_notifier(&memory_nb);
}

/** sdmc_failure_exit() - listen no more */
void sdmc_failure_exit(void)
{
	unregister_memory_notifier(&memory_nb);
}
