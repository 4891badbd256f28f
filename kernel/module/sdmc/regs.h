/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registers of a block and what its header says: header.c and passive.c
 * work on them alone and know of no device.
 */
#ifndef SDMC_REGS_H
#define SDMC_REGS_H

#include <linux/bits.h>
#include <linux/io.h>
#include <linux/types.h>

#include "memport.h"

#ifndef readq
#error "The registers are accessed by single 64-bit loads and stores: a 64-bit kernel is needed"
#endif

/**
 * struct sdmc_header - the registers of a block that do not change
 * @id: magic number and version
 * @features: by bit, SDM_FEATURE_*
 * @nports: number of memports
 * @window_base: local physical address. The one field that can differ from the
 *	register: 0 in a passive block is replaced when the base is known
 * @window_size: bytes
 * @remote_size: remote addresses are below it
 * @granule: alignment of ranges, bytes
 * @ntransceivers: as the register says; see sdmc_ntransceivers()
 */
struct sdmc_header {
	u64 id;
	u64 features;
	u64 nports;
	u64 window_base;
	u64 window_size;
	u64 remote_size;
	u64 granule;
	u64 ntransceivers;
};

static inline bool sdmc_has(const struct sdmc_header *header, unsigned int feature)
{
	return header->features & BIT_ULL(feature);
}

/* How many transceivers there are. */
static inline unsigned int sdmc_ntransceivers(const struct sdmc_header *header)
{
	return sdmc_has(header, SDM_FEATURE_TRANSCEIVERS) ? header->ntransceivers : 0;
}

/* Whether a window at @base ends within the 64-bit space. */
static inline bool sdmc_window_fits(const struct sdmc_header *header, u64 base)
{
	return base + (header->window_size - 1) >= base;
}

/* Where memport @port has register @reg, from the start of the block. */
static inline unsigned int sdmc_memport_reg(unsigned int port, unsigned int reg)
{
	return SDM_MEMPORT_BASE + port * SDM_MEMPORT_STRIDE + reg;
}

static inline u64 sdmc_memport_read(void __iomem *regs, unsigned int port, unsigned int reg)
{
	return readq(regs + sdmc_memport_reg(port, reg));
}

static inline void sdmc_memport_write(void __iomem *regs, unsigned int port, unsigned int reg,
				      u64 value)
{
	writeq(value, regs + sdmc_memport_reg(port, reg));
}

/* header.c */
void sdmc_header_read(void __iomem *regs, struct sdmc_header *header);
const char *sdmc_header_problem(const struct sdmc_header *header, u64 size);

/* passive.c */
u64 sdmc_passive_set(void __iomem *regs, const struct sdmc_header *header, unsigned int port,
		     bool set, bool aligned);

#endif /* SDMC_REGS_H */
