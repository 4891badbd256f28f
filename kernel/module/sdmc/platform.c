// SPDX-License-Identifier: GPL-2.0
/*
 * Register blocks of programmable logic, which the device tree names.
 */
#include <linux/interrupt.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "sdmc.h"

/* The interrupt is an edge: the block has no register that would acknowledge it. */
static irqreturn_t sdmc_links_changed(int irq, void *data)
{
	sdmc_links_check(data);
	return IRQ_HANDLED;
}

static int sdmc_platform_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct sdmc_block *block;
	struct resource *res;
	void __iomem *regs;
	int irq, ret;

	regs = devm_platform_get_and_ioremap_resource(pdev, 0, &res);
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	if (resource_size(res) > SDM_BLOCK_MAX)
		return dev_err_probe(dev, -EINVAL, "%pR is longer than a register block\n", res);
	irq = platform_get_irq_optional(pdev, 0);
	if (irq < 0 && irq != -ENXIO)
		return irq;

	block = sdmc_block_add(dev, regs, resource_size(res));
	if (IS_ERR(block))
		return PTR_ERR(block);
	platform_set_drvdata(pdev, block);
	if (irq < 0) {
		sdmc_links_poll(block);
		return 0;
	}

	ret = request_threaded_irq(irq, NULL, sdmc_links_changed, IRQF_ONESHOT, dev_name(dev),
				   block);
	if (ret) {
		sdmc_block_remove(block);
		return dev_err_probe(dev, ret, "no interrupt %d\n", irq);
	}
	/* What changed before there was a handler. */
	sdmc_links_check(block);
	return 0;
}

static void sdmc_platform_remove(struct platform_device *pdev)
{
	struct sdmc_block *block = platform_get_drvdata(pdev);
	int irq = platform_get_irq_optional(pdev, 0);

	if (irq >= 0)
		free_irq(irq, block);
	sdmc_block_remove(block);
}

static const struct of_device_id sdmc_of_ids[] = {
	{ .compatible = "dredbox,memport-v1" },
	{ }
};
MODULE_DEVICE_TABLE(of, sdmc_of_ids);

struct platform_driver sdmc_platform_driver = {
	.driver = {
		.name = "sdmc",
		.of_match_table = sdmc_of_ids,
	},
	.probe = sdmc_platform_probe,
	.remove = sdmc_platform_remove,
};
