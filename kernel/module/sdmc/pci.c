// SPDX-License-Identifier: GPL-2.0
/*
 * Register blocks in a BAR of a PCI device: of an ivshmem device, or of QEMU's
 * memport logic. The pool of a brick is an ivshmem device as well: registers are
 * told from it by size and by what is in them.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "sdmc.h"

static int registers_bar(const struct pci_dev *pdev)
{
	return pdev->device == SDMC_LOGIC_DEVICE ? SDMC_LOGIC_BAR : SDMC_IVSHMEM_BAR;
}

/* Links tell of themselves, or else they are polled: that is no reason not to drive the device. */
static void watch_links(struct pci_dev *pdev, struct sdmc_block *block)
{
	int ret;

	/* ivshmem-plain has no interrupts. */
	if (!sdmc_has(&block->header, SDM_FEATURE_INTERRUPTS)) {
		sdmc_links_poll(block);
		return;
	}
	/* A message is a write by the device. */
	pci_set_master(pdev);
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (ret < 0)
		goto poll;
	ret = sdmc_irq_request(block, pci_irq_vector(pdev, 0), !pdev->msi_enabled,
			       pdev->msi_enabled ? 0 : IRQF_SHARED);
	if (!ret)
		return;
	pci_free_irq_vectors(pdev);
poll:
	pci_clear_master(pdev);
	dev_info(&pdev->dev, "no interrupt (error %d): links are polled\n", ret);
	sdmc_links_poll(block);
}

static void watch_links_no_more(struct pci_dev *pdev, struct sdmc_block *block)
{
	if (!block->irq)
		return;
	sdmc_irq_free(block);
	pci_free_irq_vectors(pdev);
	pci_clear_master(pdev);
}

static int sdmc_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int bar = registers_bar(pdev);
	resource_size_t size = pci_resource_len(pdev, bar);
	struct sdmc_block *block;
	void __iomem *regs;
	int ret;

	if (!size || size > SDM_BLOCK_MAX) {
		dev_dbg(&pdev->dev, "no register block: BAR %d has %pa bytes\n", bar, &size);
		return -ENODEV;
	}

	ret = pci_enable_device_mem(pdev);
	if (ret)
		return ret;
	/*
	 * Exclusive: nobody maps them from behind, through resourceN or /dev/mem. And
	 * nothing else of the device: the window is for sdmc_mem to park.
	 */
	ret = pci_request_selected_regions_exclusive(pdev, BIT(bar), "sdmc");
	if (ret)
		goto out_disable;
	regs = pci_ioremap_bar(pdev, bar);
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
	watch_links(pdev, block);
	return 0;

out_unmap:
	iounmap(regs);
out_release:
	pci_release_selected_regions(pdev, BIT(bar));
out_disable:
	pci_disable_device(pdev);
	return ret;
}

static void sdmc_pci_remove(struct pci_dev *pdev)
{
	struct sdmc_block *block = pci_get_drvdata(pdev);
	void __iomem *regs = block->regs;

	watch_links_no_more(pdev, block);
	sdmc_block_remove(block);
	iounmap(regs);
	pci_release_selected_regions(pdev, BIT(registers_bar(pdev)));
	pci_disable_device(pdev);
}

static const struct pci_device_id sdmc_pci_ids[] = {
	{ PCI_DEVICE(SDMC_PCI_VENDOR, SDMC_IVSHMEM_DEVICE) },
	{ PCI_DEVICE(SDMC_PCI_VENDOR, SDMC_LOGIC_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, sdmc_pci_ids);

struct pci_driver sdmc_pci_driver = {
	.name = "sdmc",
	.id_table = sdmc_pci_ids,
	.probe = sdmc_pci_probe,
	.remove = sdmc_pci_remove,
};
