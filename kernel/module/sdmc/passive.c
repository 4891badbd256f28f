// SPDX-License-Identifier: GPL-2.0
/*
 * A passive block: memory with no logic behind it, for which who writes SET
 * makes the logic's checks.
 *
 * Of several things that are wrong the first of a fixed order is reported, and
 * it must be the same for every implementation: range, alignment, window,
 * remote, overlap, link.
 */
#include <linux/kernel.h>
#include <linux/overflow.h>

#include "regs.h"

#define SIGN	BIT_ULL(SDM_OFFSET_SIGN_BIT)

/* The fields of a memport on which the checks depend. */
struct fields {
	u64 start;
	u64 end;	/* inclusive */
	u64 offset;
	u64 out_id;
};

/* Where @f->start leads; false if that leaves the 64-bit space. */
static bool remote_of(const struct fields *f, u64 *remote)
{
	u64 magnitude = f->offset & ~SIGN;

	if (f->offset & SIGN)
		return !check_sub_overflow(f->start, magnitude, remote);
	return !check_add_overflow(f->start, magnitude, remote);
}

/*
 * Whether both ranges are in the 64-bit space, with the address behind them;
 * @f->end is not before @f->start then. Gives *@remote and *@past, the address
 * behind the remote range.
 */
static bool ranges_fit(const struct fields *f, u64 *remote, u64 *past)
{
	if (f->end < f->start || f->end == U64_MAX)
		return false;
	return remote_of(f, remote) && !check_add_overflow(*remote, f->end - f->start + 1, past);
}

/* Whether another memport that is set has a local range in common with @f. */
static bool overlaps(void __iomem *regs, const struct sdmc_header *header, unsigned int port,
		     const struct fields *f)
{
	for (unsigned int other = 0; other < header->nports; other++) {
		if (other == port || sdmc_memport_read(regs, other, SDM_MEMPORT_SET) != 1)
			continue;
		if (sdmc_memport_read(regs, other, SDM_MEMPORT_START) <= f->end &&
		    sdmc_memport_read(regs, other, SDM_MEMPORT_END) >= f->start)
			return true;
	}
	return false;
}

/* Whether the transceiver is up that the emulated route leads through. */
static bool link_up(void __iomem *regs, const struct sdmc_header *header, u64 out_id)
{
	unsigned int count = sdmc_ntransceivers(header);

	return !count || readq(regs + SDM_REG_LINK_STATUS) & BIT_ULL(out_id % count);
}

static u64 check(void __iomem *regs, const struct sdmc_header *header, unsigned int port,
		 const struct fields *f, bool aligned)
{
	u64 remote, past;

	if (!ranges_fit(f, &remote, &past))
		return SDM_STATUS_RANGE;
	if (aligned && (f->start | (f->end + 1) | remote) & (header->granule - 1))
		return SDM_STATUS_ALIGNMENT;
	if (f->start < header->window_base ||
	    f->end > header->window_base + (header->window_size - 1))
		return SDM_STATUS_WINDOW;
	if (past > header->remote_size)
		return SDM_STATUS_REMOTE;
	/* The window is the pool itself then, and its first granule is a header. */
	if (!sdmc_has(header, SDM_FEATURE_TRANSLATION) &&
	    (remote != f->start - header->window_base || remote < header->granule))
		return SDM_STATUS_REMOTE;
	if (overlaps(regs, header, port, f))
		return SDM_STATUS_OVERLAP;
	if (!link_up(regs, header, f->out_id))
		return SDM_STATUS_LINK;
	return SDM_STATUS_ACTIVE;
}

/**
 * sdmc_passive_set() - what logic does at a write to SET
 * @regs: the block
 * @header: without a problem, and with the window's base put in
 * @port: below @header->nports
 * @set: activate, or else clear
 * @aligned: check the alignment
 *
 * The fields are in the registers already. Writes SET and STATUS.
 *
 * Return: STATUS.
 */
u64 sdmc_passive_set(void __iomem *regs, const struct sdmc_header *header, unsigned int port,
		     bool set, bool aligned)
{
	struct fields f;
	u64 status;

	if (!set) {
		sdmc_memport_write(regs, port, SDM_MEMPORT_SET, 0);
		status = SDM_STATUS_INACTIVE;
	} else if (sdmc_memport_read(regs, port, SDM_MEMPORT_SET) == 1) {
		/* Nothing changes, but who died before STATUS was written left it behind. */
		status = SDM_STATUS_ACTIVE;
	} else {
		f.start = sdmc_memport_read(regs, port, SDM_MEMPORT_START);
		f.end = sdmc_memport_read(regs, port, SDM_MEMPORT_END);
		f.offset = sdmc_memport_read(regs, port, SDM_MEMPORT_OFFSET);
		f.out_id = sdmc_memport_read(regs, port, SDM_MEMPORT_OUT_ID);
		status = check(regs, header, port, &f, aligned);
		sdmc_memport_write(regs, port, SDM_MEMPORT_SET, status == SDM_STATUS_ACTIVE);
	}
	sdmc_memport_write(regs, port, SDM_MEMPORT_STATUS, status);
	return status;
}
