// SPDX-License-Identifier: GPL-2.0
/*
 * The header of a register block: whether it is one, and one we can drive.
 */
#include <linux/kernel.h>
#include <linux/log2.h>

#include "regs.h"

/**
 * sdmc_header_read() - take the header from the registers
 * @regs: the block, of SDM_MEMPORT_BASE bytes at least
 * @header: where it goes
 */
void sdmc_header_read(void __iomem *regs, struct sdmc_header *header)
{
	header->id = readq(regs + SDM_REG_ID);
	header->features = readq(regs + SDM_REG_FEATURES);
	header->nports = readq(regs + SDM_REG_NPORTS);
	header->window_base = readq(regs + SDM_REG_WINDOW_BASE);
	header->window_size = readq(regs + SDM_REG_WINDOW_SIZE);
	header->remote_size = readq(regs + SDM_REG_REMOTE_SIZE);
	header->granule = readq(regs + SDM_REG_GRANULE);
	header->ntransceivers = readq(regs + SDM_REG_NTRANSCEIVERS);
}

/**
 * sdmc_header_problem() - what is wrong with a header
 * @header: as read
 * @size: of the block, bytes
 *
 * Return: a part of a sentence, or NULL: all that depends on the header may
 * rely on it.
 */
const char *sdmc_header_problem(const struct sdmc_header *header, u64 size)
{
	if (!header->id)
		return "it is not formatted (ID is 0)";
	if (lower_32_bits(header->id) != SDM_ID_MAGIC)
		return "it is no register block (ID does not begin with SDMP)";
	if (header->id >> SDM_ID_VERSION_SHIFT != SDM_ABI_VERSION)
		return "its version is not 1";
	if (!header->nports || header->nports > SDM_NPORTS_MAX)
		return "NPORTS is not within 1 to 512";
	if (size < SDM_MEMPORT_BASE + header->nports * SDM_MEMPORT_STRIDE)
		return "it is too short for NPORTS";
	if (header->ntransceivers > SDM_NTRANSCEIVERS_MAX)
		return "NTRANSCEIVERS is above 16";
	if (!is_power_of_2(header->granule))
		return "GRANULE is no power of two";
	if (!header->window_size || !sdmc_window_fits(header, header->window_base))
		return "the window is empty or leaves the 64-bit space";
	if (!header->remote_size)
		return "REMOTE_SIZE is 0";
	return NULL;
}
