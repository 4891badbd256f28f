// SPDX-License-Identifier: GPL-2.0
/*
 * Where the window is, if the block leaves that to its reader: in the BAR of the
 * brick's pool, which lies elsewhere in every machine, or where the device tree
 * has it. And whether it is where the device has it, if the block says so itself.
 */
#include <linux/ioport.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "sdmc.h"

/*
 * The only other ivshmem device with a BAR of that size.
 * Return: the address of the BAR as CPUs see it; 0 if there is none, or several.
 */
static u64 pool_base(struct device *registers, u64 size)
{
	struct pci_dev *pdev = NULL;
	u64 base = 0;

	while ((pdev = pci_get_device(SDMC_PCI_VENDOR, SDMC_IVSHMEM_DEVICE, pdev))) {
		if (&pdev->dev == registers || pci_resource_len(pdev, SDMC_IVSHMEM_BAR) != size)
			continue;
		if (base) {
			pci_dev_put(pdev);
			return 0;
		}
		base = pci_resource_start(pdev, SDMC_IVSHMEM_BAR);
	}
	return base;
}

/* The pool of a PCI device. */
static void find_pool(struct sdmc_block *block)
{
	struct sdmc_header *header = &block->header;
	u64 base = pool_base(block->dev, header->window_size);

	if (base && sdmc_window_fits(header, base))
		header->window_base = base;
	else
		dev_info(block->dev, "no pool of %#llx bytes, or several: write window_base\n",
			 header->window_size);
}

/*
 * Of a platform device the window is where the device tree has it, by who knows
 * what the logic decodes; of logic in a PCI device it is a BAR of its own. NULL:
 * nobody says.
 */
static const struct resource *device_window(struct device *dev)
{
	if (!dev_is_pci(dev))
		return platform_get_resource_byname(to_platform_device(dev), IORESOURCE_MEM,
						    "window");
	if (to_pci_dev(dev)->device != SDMC_LOGIC_DEVICE)
		return NULL;
	return pci_resource_n(to_pci_dev(dev), SDMC_LOGIC_WINDOW_BAR);
}

/* Memory is added by that and memports are set by the registers: they must not mean two places. */
static int compare(struct sdmc_block *block, const struct resource *window)
{
	struct sdmc_header *header = &block->header;
	u64 last;

	/* Firmware had no room for the BAR, or the device has none. */
	if (window->flags & IORESOURCE_UNSET || !resource_size(window))
		return -EINVAL;
	if (block->base_open)
		header->window_base = window->start;
	if (!sdmc_window_fits(header, header->window_base))
		return -EINVAL;
	last = header->window_base + (header->window_size - 1);
	return header->window_base < window->start || last > window->end ? -EINVAL : 0;
}

/**
 * sdmc_window_init() - see to it that the base of the window is known
 * @block: the device
 *
 * Return: 0, also if the base stays open; -EINVAL if the window is not where the
 * device has one.
 */
int sdmc_window_init(struct sdmc_block *block)
{
	struct sdmc_header *header = &block->header;
	const struct resource *window = device_window(block->dev);
	int ret;

	block->base_open = sdmc_block_passive(block) && !header->window_base;
	if (!window) {
		if (block->base_open && dev_is_pci(block->dev))
			find_pool(block);
		return 0;
	}
	ret = compare(block, window);
	if (ret)
		dev_err(block->dev,
			"not driven: the window of its registers, %#llx bytes at %#llx, is not inside of %pR\n",
			header->window_size, header->window_base, window);
	return ret;
}
