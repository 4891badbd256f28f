/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * SDM register block, ABI version 1.
 *
 * Little-endian; aligned 64-bit single accesses only. The meaning of each
 * register is in docs/memport-abi.md. This file holds #defines only, so that
 * the addon, the kernel and QEMU can share it byte for byte.
 */
#ifndef SDM_ABI_MEMPORT_H
#define SDM_ABI_MEMPORT_H

#define SDM_ABI_VERSION			1

/* ID: the bytes "SDMP" in the low half, the version in the high half. */
#define SDM_ID_MAGIC			0x504d4453
#define SDM_ID_VERSION_SHIFT		32

/* A block is at most this long, in bytes. */
#define SDM_BLOCK_MAX			0x10000

/* Block registers, by byte offset. */
#define SDM_REG_ID			0x000
#define SDM_REG_FEATURES		0x008
#define SDM_REG_NPORTS			0x010
#define SDM_REG_WINDOW_BASE		0x018
#define SDM_REG_WINDOW_SIZE		0x020
#define SDM_REG_REMOTE_SIZE		0x028
#define SDM_REG_GRANULE			0x030
#define SDM_REG_EPOCH			0x038
#define SDM_REG_NTRANSCEIVERS		0x040
#define SDM_REG_LINK_STATUS		0x048
#define SDM_REG_LINK_RESET		0x050
#define SDM_REG_LINK_DOWNS		0x080	/* + 8 * transceiver */

/* 0x100-0x1ff: mailbox and interrupts. */
#define SDM_REG_MAILBOX			0x100
#define SDM_MAILBOX_SIZE		0x100

/* FEATURES, by bit. */
#define SDM_FEATURE_TRANSLATION		0
#define SDM_FEATURE_REQUESTS		1
#define SDM_FEATURE_TRANSCEIVERS	2
#define SDM_FEATURE_INTERRUPTS		3
#define SDM_FEATURE_PASSIVE		4

#define SDM_NPORTS_DEFAULT		32
#define SDM_NPORTS_MAX			512
#define SDM_NTRANSCEIVERS_MAX		16

/* Memport n starts at SDM_MEMPORT_BASE + n * SDM_MEMPORT_STRIDE. */
#define SDM_MEMPORT_BASE		0x1000
#define SDM_MEMPORT_STRIDE		0x40

/* Registers of a memport, by byte offset from its start. */
#define SDM_MEMPORT_START		0x00
#define SDM_MEMPORT_END			0x08	/* inclusive */
#define SDM_MEMPORT_OFFSET		0x10
#define SDM_MEMPORT_OUT_ID		0x18
#define SDM_MEMPORT_IN_ID		0x20
#define SDM_MEMPORT_SET			0x28
#define SDM_MEMPORT_STATUS		0x30
#define SDM_MEMPORT_FAULTS		0x38

/* OFFSET is sign and magnitude: this bit set subtracts the magnitude. */
#define SDM_OFFSET_SIGN_BIT		63

/* STATUS. */
#define SDM_STATUS_INACTIVE		0
#define SDM_STATUS_ACTIVE		1
#define SDM_STATUS_BUSY			2
#define SDM_STATUS_RANGE		16
#define SDM_STATUS_WINDOW		17
#define SDM_STATUS_OVERLAP		18
#define SDM_STATUS_REMOTE		19
#define SDM_STATUS_ALIGNMENT		20
#define SDM_STATUS_LINK			21
#define SDM_STATUS_RESOURCES		22

#endif /* SDM_ABI_MEMPORT_H */
