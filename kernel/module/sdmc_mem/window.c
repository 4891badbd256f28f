// SPDX-License-Identifier: GPL-2.0
/*
 * The window: the physical range in which remote memory can appear, parked as
 * an exclusive parent resource.
 *
 * A BAR's resourceN file and /dev/mem could otherwise be mapped over memory
 * that the kernel uses. Being SYSTEM_RAM and EXCLUSIVE refuses both (see
 * resource_is_exclusive()); not being BUSY lets memory be added inside.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "sdmc_mem.h"

/*
 * Finds the PCI device one of whose BARs holds a range.
 * Return: the device, with a reference that the caller puts, and *@bar; or NULL.
 */
static struct pci_dev *bar_around(u64 start, u64 size, const struct resource **bar)
{
	struct resource range = DEFINE_RES_MEM(start, size);
	struct pci_dev *pdev = NULL;

	for_each_pci_dev(pdev) {
		for (int i = 0; i < PCI_STD_NUM_BARS; i++) {
			struct resource *res = &pdev->resource[i];

			/* One without a parent has no place in the address space. */
			if (res->parent && resource_contains(res, &range)) {
				*bar = res;
				return pdev;
			}
		}
	}
	return NULL;
}

/*
 * Whether @res is what a PCI bus hands out to BARs: nothing answers there. Both
 * ends are looked at: a bus may have no device, and a host no bridge to it.
 */
static bool is_bus_space(const struct resource *res)
{
	struct pci_dev *pdev = NULL;
	struct resource *space;

	for_each_pci_dev(pdev) {
		for (int i = PCI_BRIDGE_RESOURCES; i <= PCI_BRIDGE_RESOURCE_END; i++) {
			if (res == &pdev->resource[i]) {
				pci_dev_put(pdev);
				return true;
			}
		}
		pci_bus_for_each_resource(pdev->bus, space) {
			if (space == res) {
				pci_dev_put(pdev);
				return true;
			}
		}
	}
	return false;
}

/*
 * Checks that the BAR around a range, if there is one, can be a window, and
 * takes hold of its device: *@holder, or NULL.
 */
static int hold_device(u64 start, u64 size, struct pci_dev **holder)
{
	const struct resource *bar;
	struct pci_dev *pdev = bar_around(start, size, &bar);
	int ret;

	*holder = NULL;
	if (!pdev)
		return 0;

	/*
	 * Mapping resourceN tests the first page of the BAR only. A window
	 * that leaves it out would leave the way to its memory open.
	 */
	if (start != bar->start) {
		ret = sdmc_refuse(-EINVAL, "must start where the BAR of %s does, at %pa",
				  pci_name(pdev), &bar->start);
		goto out_put;
	}
	if (!(bar->flags & IORESOURCE_PREFETCH)) {
		ret = sdmc_refuse(-EINVAL,
				  "the BAR of %s is not prefetchable: registers, not memory",
				  pci_name(pdev));
		goto out_put;
	}

	/* Nobody may switch decoding off under memory in use. */
	ret = pci_enable_device_mem(pdev);
	if (ret) {
		sdmc_refuse(ret, "%s cannot be enabled", pci_name(pdev));
		goto out_put;
	}
	*holder = pdev;
	return 0;

out_put:
	pci_dev_put(pdev);
	return ret;
}

/* Lets go of what hold_device() took hold of. */
static void let_go_device(struct pci_dev *pdev)
{
	if (!pdev)
		return;
	/* User space may have taken our count away: echo 0 > enable. */
	if (pci_is_enabled(pdev))
		pci_disable_device(pdev);
	pci_dev_put(pdev);
}

/**
 * sdmc_window_park() - make a range the window
 * @start: physical address
 * @size: bytes
 *
 * Return: 0, or an errno: -EINVAL (not whole pages, not the start of a BAR,
 * registers), -EBUSY (there is a window, or a driver has the range), -EEXIST
 * (system RAM), -ENXIO (no device there).
 */
int sdmc_window_park(u64 start, u64 size)
{
	struct resource *window;
	struct pci_dev *pdev;
	int ret;

	if (sdmc.window)
		return sdmc_refuse(-EBUSY, "a window is parked already: %pR", sdmc.window);
	if (!sdmc_range_aligned(start, size, PAGE_SIZE))
		return sdmc_refuse(-EINVAL, "start and size must be whole pages of %#lx bytes",
				   PAGE_SIZE);
	if (region_intersects(start, size, IORESOURCE_SYSTEM_RAM, IORES_DESC_NONE) !=
	    REGION_DISJOINT)
		return sdmc_refuse(-EEXIST, "system RAM lies in the range: see /proc/iomem");

	/* While there is a window, this code is needed. */
	if (!try_module_get(THIS_MODULE))
		return sdmc_refuse(-ENODEV, "the module is being removed");

	/* Before the request, which revokes the mappings that others have. */
	ret = hold_device(start, size, &pdev);
	if (ret)
		goto out_module;

	window = __request_region(&iomem_resource, start, size, "sdm-window",
				  IORESOURCE_SYSTEM_RAM | IORESOURCE_EXCLUSIVE);
	if (!window) {
		ret = sdmc_refuse(-EBUSY,
				  "a driver has the range, or it is not within one resource: see /proc/iomem");
		goto out_device;
	}
	if (window->parent == &iomem_resource || is_bus_space(window->parent)) {
		ret = sdmc_refuse(-ENXIO, "no device decodes the range: see /proc/iomem");
		goto out_resource;
	}

	sdmc.pdev = pdev;
	window->flags &= ~IORESOURCE_BUSY;
	spin_lock(&sdmc.regions_lock);
	sdmc.window = window;
	spin_unlock(&sdmc.regions_lock);
	return 0;

out_resource:
	release_resource(window);
	kfree(window);
out_device:
	let_go_device(pdev);
out_module:
	module_put(THIS_MODULE);
	return ret;
}

/**
 * sdmc_window_unpark() - give the window back
 *
 * Return: 0, -ENODEV if there is none, -EBUSY while there are regions.
 */
int sdmc_window_unpark(void)
{
	struct resource *window = sdmc.window;

	if (!window)
		return sdmc_refuse(-ENODEV, "no window is parked");
	if (!list_empty(&sdmc.regions))
		return sdmc_refuse(-EBUSY, "release the regions first: see regions/");

	spin_lock(&sdmc.regions_lock);
	sdmc.window = NULL;
	spin_unlock(&sdmc.regions_lock);

	/* release_mem_region() looks for busy resources only and would fail. */
	release_resource(window);
	kfree(window);
	let_go_device(sdmc.pdev);
	sdmc.pdev = NULL;
	/* Not the last instructions: removal waits for this write to end. */
	module_put(THIS_MODULE);
	return 0;
}
