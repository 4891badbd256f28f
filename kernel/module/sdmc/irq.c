// SPDX-License-Identifier: GPL-2.0
/*
 * The interrupt of a block that says when links change. INT_STATUS has the
 * cause, and is where it is acknowledged.
 */
#include <linux/device.h>
#include <linux/interrupt.h>

#include "sdmc.h"

/* The causes that are handled here; those of the mailbox are its user's. */
#define CAUSES	BIT_ULL(SDM_INT_LINK)

/*
 * Clears first: what changes after this rings again, what changed before it is
 * found by who looks now.
 */
static bool acknowledge(struct sdmc_block *block)
{
	u64 pending = readq(block->regs + SDM_REG_INT_STATUS) & CAUSES;

	if (!pending)
		return false;
	writeq(pending, block->regs + SDM_REG_INT_STATUS);
	/* Reading brings the write to the device before links are read. */
	readq(block->regs + SDM_REG_INT_STATUS);
	return true;
}

static irqreturn_t sdmc_interrupt(int irq, void *data)
{
	struct sdmc_block *block = data;

	/* A level can be another device's; an edge cannot, and a look does no harm. */
	if (!acknowledge(block) && block->irq_level)
		return IRQ_NONE;
	return IRQ_WAKE_THREAD;
}

static irqreturn_t sdmc_links_changed(int irq, void *data)
{
	sdmc_links_check(data);
	return IRQ_HANDLED;
}

/* Has arrived when this returns: nothing rings when nobody answers. */
static void silence(struct sdmc_block *block)
{
	writeq(0, block->regs + SDM_REG_INT_ENABLE);
	readq(block->regs + SDM_REG_INT_ENABLE);
}

/**
 * sdmc_irq_request() - be told of links
 * @block: the device, whose FEATURES promise interrupts; its links are not polled
 * @irq: the interrupt
 * @level: whether it is a level, which must not ring on when it was handled
 * @flags: IRQF_SHARED or 0
 *
 * Return: 0 or an error.
 */
int sdmc_irq_request(struct sdmc_block *block, unsigned int irq, bool level,
		     unsigned long flags)
{
	int ret;

	block->irq_level = level;
	snprintf(block->irq_name, sizeof(block->irq_name), "sdmc:%s", dev_name(block->dev));
	/*
	 * A kernel before this one may have left it enabled, with a cause that has
	 * rung there and does not ring again: what is enabled below is to be an edge.
	 */
	silence(block);
	ret = request_threaded_irq(irq, sdmc_interrupt, sdmc_links_changed, flags,
				   block->irq_name, block);
	if (ret)
		return ret;
	block->irq = irq;
	writeq(CAUSES, block->regs + SDM_REG_INT_ENABLE);
	/* A first look, for what changed before there was a handler. */
	acknowledge(block);
	irq_wake_thread(irq, block);
	return 0;
}

/**
 * sdmc_irq_free() - be told no more
 * @block: the device, with an interrupt or without
 */
void sdmc_irq_free(struct sdmc_block *block)
{
	if (!block->irq)
		return;
	silence(block);
	free_irq(block->irq, block);
	block->irq = 0;
}
