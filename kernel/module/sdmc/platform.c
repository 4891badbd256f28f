// SPDX-License-Identifier: GPL-2.0
/*
 * Register blocks of programmable logic, which the device tree names.
 */
#include <linux/clk.h>
#include <linux/ioport.h>
#include <linux/irq.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "sdmc.h"

/*
 * The window is the device's to answer in, as a BAR is that of a PCI device: it
 * goes into the tree of resources, so that nothing else is placed there and
 * sdmc_mem finds whose it is. Not as busy, since memory is added inside of it.
 * It stays when the driver goes, because memory may be there; the platform bus
 * takes it back together with the device.
 *
 * Return: the window if it was entered now, NULL if it was there or there is
 * none, or an error.
 */
static struct resource *sdmc_platform_window(struct platform_device *pdev)
{
	struct resource *window = platform_get_resource_byname(pdev, IORESOURCE_MEM, "window");
	int ret;

	if (!window || window->parent)
		return NULL;
	ret = request_resource(&iomem_resource, window);
	if (ret)
		return ERR_PTR(dev_err_probe(&pdev->dev, ret,
					     "something else is in the window %pR\n", window));
	return window;
}

/*
 * A device that is not driven has no window, unless sdmc_mem has put something
 * into it meanwhile. What comes between the look and the removal stays in the
 * tree: remove_resource() moves it up.
 */
static void sdmc_platform_no_window(struct resource *window)
{
	if (window && !window->child)
		remove_resource(window);
}

/* The interrupt that tells of links, or 0 if they are to be polled, or an error. */
static int sdmc_platform_irq(struct platform_device *pdev, const struct sdmc_block *block)
{
	int irq = platform_get_irq_optional(pdev, 0);

	if (irq == -ENXIO)
		return 0;
	if (irq < 0)
		return irq;
	/* The wire may be there before the logic that pulls it, and that is told by a register. */
	if (!sdmc_has(&block->header, SDM_FEATURE_INTERRUPTS)) {
		dev_info(&pdev->dev, "FEATURES promises no interrupts: links are polled\n");
		return 0;
	}
	return irq;
}

static int sdmc_platform_bind(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct sdmc_block *block;
	struct resource *res;
	void __iomem *regs;
	bool level;
	int irq, ret;

	regs = devm_platform_get_and_ioremap_resource(pdev, 0, &res);
	if (IS_ERR(regs))
		return PTR_ERR(regs);
	if (resource_size(res) > SDM_BLOCK_MAX)
		return dev_err_probe(dev, -EINVAL, "%pR is longer than a register block\n", res);

	block = sdmc_block_add(dev, regs, resource_size(res));
	if (IS_ERR(block))
		return PTR_ERR(block);
	platform_set_drvdata(pdev, block);
	irq = sdmc_platform_irq(pdev, block);
	if (irq < 0) {
		sdmc_block_remove(block);
		return irq;
	}
	if (!irq) {
		sdmc_links_poll(block);
		return 0;
	}

	level = irq_get_trigger_type(irq) & IRQ_TYPE_LEVEL_MASK;
	ret = sdmc_irq_request(block, irq, level, 0);
	if (ret) {
		sdmc_block_remove(block);
		return dev_err_probe(dev, ret, "no interrupt %d\n", irq);
	}
	return 0;
}

static int sdmc_platform_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct resource *window;
	struct clk *clk;
	int ret;

	window = sdmc_platform_window(pdev);
	if (IS_ERR(window))
		return PTR_ERR(window);
	clk = devm_clk_get_optional(dev, NULL);
	if (IS_ERR(clk)) {
		ret = dev_err_probe(dev, PTR_ERR(clk), "no clock\n");
		goto out_window;
	}
	/* Before the first access, which would never end while the logic stands still. */
	ret = clk_prepare_enable(clk);
	if (ret) {
		dev_err_probe(dev, ret, "the clock does not start\n");
		goto out_window;
	}
	ret = sdmc_platform_bind(pdev);
	if (ret)
		goto out_clk;
	return 0;

out_clk:
	clk_disable_unprepare(clk);
out_window:
	sdmc_platform_no_window(window);
	return ret;
}

/* The clock runs on: memports lead to memory that may be in use, driver or not. */
static void sdmc_platform_remove(struct platform_device *pdev)
{
	struct sdmc_block *block = platform_get_drvdata(pdev);

	sdmc_irq_free(block);
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
