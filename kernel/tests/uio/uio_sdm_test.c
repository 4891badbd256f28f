// SPDX-License-Identifier: GPL-2.0
/*
 * Gives the register block of an ivshmem device to user space as a UIO device,
 * the way a driver for programmable logic would: range 0 is the block, mapped
 * uncached. For tests of the agent's backend "uio" alone; sdmc is the driver.
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/uio_driver.h>

#define IVSHMEM_VENDOR	0x1af4
#define IVSHMEM_DEVICE	0x1110
#define REGISTERS_BAR	2

/* As in native/abi/memport.h: the low half of the first register, and the most there is. */
#define BLOCK_MAGIC	0x504d4453
#define BLOCK_MAX	0x10000

/* The pool of a brick is an ivshmem device, too: larger, and with other bytes in it. */
static int check_magic(struct pci_dev *pdev)
{
	void __iomem *regs = pci_ioremap_bar(pdev, REGISTERS_BAR);
	u32 magic;

	if (!regs)
		return -ENOMEM;
	magic = lower_32_bits(readq(regs));
	iounmap(regs);
	return magic == BLOCK_MAGIC ? 0 : -ENODEV;
}

static int uio_sdm_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct uio_info *info;
	int ret;

	if (pci_resource_len(pdev, REGISTERS_BAR) == 0 ||
	    pci_resource_len(pdev, REGISTERS_BAR) > BLOCK_MAX)
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	ret = pci_request_selected_regions(pdev, BIT(REGISTERS_BAR), "uio_sdm_test");
	if (ret)
		return ret;
	ret = check_magic(pdev);
	if (ret)
		goto out_release;

	ret = -ENOMEM;
	info = devm_kzalloc(&pdev->dev, sizeof(*info), GFP_KERNEL);
	if (!info)
		goto out_release;
	info->name = "memport";
	info->version = "test";
	info->irq = UIO_IRQ_NONE;
	info->mem[0].name = "registers";
	info->mem[0].addr = pci_resource_start(pdev, REGISTERS_BAR);
	info->mem[0].size = pci_resource_len(pdev, REGISTERS_BAR);
	/* Mapped with pgprot_noncached(). */
	info->mem[0].memtype = UIO_MEM_PHYS;
	ret = uio_register_device(&pdev->dev, info);
	if (ret)
		goto out_release;
	pci_set_drvdata(pdev, info);
	return 0;

out_release:
	pci_release_selected_regions(pdev, BIT(REGISTERS_BAR));
	return ret;
}

static void uio_sdm_remove(struct pci_dev *pdev)
{
	uio_unregister_device(pci_get_drvdata(pdev));
	pci_release_selected_regions(pdev, BIT(REGISTERS_BAR));
}

static const struct pci_device_id uio_sdm_ids[] = {
	{ PCI_DEVICE(IVSHMEM_VENDOR, IVSHMEM_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, uio_sdm_ids);

static struct pci_driver uio_sdm_driver = {
	.name = "uio_sdm_test",
	.id_table = uio_sdm_ids,
	.probe = uio_sdm_probe,
	.remove = uio_sdm_remove,
};
module_pci_driver(uio_sdm_driver);

MODULE_DESCRIPTION("Register block of an ivshmem device as a UIO device, for tests");
MODULE_LICENSE("GPL");
