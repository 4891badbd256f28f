// SPDX-License-Identifier: GPL-2.0
/*
 * Where the window is, if the block leaves that to its reader: it is the BAR of
 * the brick's pool, which lies elsewhere in every machine.
 */
#include <linux/pci.h>

#include "sdmc.h"

/*
 * The only other ivshmem device with a BAR of that size.
 * Return: the address of the BAR as CPUs see it; 0 if there is none, or several.
 */
static u64 pool_base(struct device *registers, u64 size)
{
	struct pci_dev *pdev = NULL;
	u64 base = 0;

	while ((pdev = pci_get_device(SDMC_IVSHMEM_VENDOR, SDMC_IVSHMEM_DEVICE, pdev))) {
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

/**
 * sdmc_window_init() - put in the base of the window if it is left open
 * @block: the device
 */
void sdmc_window_init(struct sdmc_block *block)
{
	struct sdmc_header *header = &block->header;
	u64 base;

	block->base_open = sdmc_block_passive(block) && !header->window_base;
	if (!block->base_open || !dev_is_pci(block->dev))
		return;
	base = pool_base(block->dev, header->window_size);
	if (base && sdmc_window_fits(header, base))
		header->window_base = base;
	else
		dev_info(block->dev, "no pool of %#llx bytes, or several: write window_base\n",
			 header->window_size);
}
