// SPDX-License-Identifier: GPL-2.0
/*
 * Register blocks in BAR 2 of an ivshmem device. The pool of a brick is an
 * ivshmem device as well: this one is told from it by size and by what is in it.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include "sdmc.h"

static int sdmc_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	resource_size_t size = pci_resource_len(pdev, SDMC_IVSHMEM_BAR);
	struct sdmc_block *block;
	void __iomem *regs;
	int ret;

	if (!size || size > SDM_BLOCK_MAX) {
		dev_dbg(&pdev->dev, "no register block: BAR %d has %pa bytes\n", SDMC_IVSHMEM_BAR,
			&size);
		return -ENODEV;
	}

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	/* Exclusive: nobody maps them from behind, through resource2 or /dev/mem. */
	ret = pci_request_selected_regions_exclusive(pdev, BIT(SDMC_IVSHMEM_BAR), "sdmc");
	if (ret)
		goto out_disable;
	regs = pci_ioremap_bar(pdev, SDMC_IVSHMEM_BAR);
	if (!regs) {
		ret = -ENOMEM;
		goto out_release;
	}

	block = sdmc_block_add(&pdev->dev, regs, size);
	if (IS_ERR(block)) {
		ret = PTR_ERR(block);
		goto out_unmap;
	}
	pci_set_drvdata(pdev, block);
	/* ivshmem-plain has no interrupts. */
	sdmc_links_poll(block);
	return 0;

out_unmap:
	iounmap(regs);
out_release:
	pci_release_selected_regions(pdev, BIT(SDMC_IVSHMEM_BAR));
out_disable:
	pci_disable_device(pdev);
	return ret;
}

static void sdmc_pci_remove(struct pci_dev *pdev)
{
	struct sdmc_block *block = pci_get_drvdata(pdev);
	void __iomem *regs = block->regs;

	sdmc_block_remove(block);
	iounmap(regs);
	pci_release_selected_regions(pdev, BIT(SDMC_IVSHMEM_BAR));
	pci_disable_device(pdev);
}

static const struct pci_device_id sdmc_pci_ids[] = {
	{ PCI_DEVICE(SDMC_IVSHMEM_VENDOR, SDMC_IVSHMEM_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, sdmc_pci_ids);

struct pci_driver sdmc_pci_driver = {
	.name = "sdmc",
	.id_table = sdmc_pci_ids,
	.probe = sdmc_pci_probe,
	.remove = sdmc_pci_remove,
};
