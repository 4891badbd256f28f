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

#define SDM_ABI_VERSION                 1

/* ID: the bytes "SDMP" in the low half, the version in the high half. */
#define SDM_ID_MAGIC                    0x504d4453
#define SDM_ID_VERSION_SHIFT            32

/* A block is at most this long, in bytes. */
#define SDM_BLOCK_MAX                   0x10000

/* Block registers, by byte offset. */
#define SDM_REG_ID                      0x000
#define SDM_REG_FEATURES                0x008
#define SDM_REG_NPORTS                  0x010
#define SDM_REG_WINDOW_BASE             0x018
#define SDM_REG_WINDOW_SIZE             0x020
#define SDM_REG_REMOTE_SIZE             0x028
#define SDM_REG_GRANULE                 0x030
#define SDM_REG_EPOCH                   0x038
#define SDM_REG_NTRANSCEIVERS           0x040
#define SDM_REG_LINK_STATUS             0x048
#define SDM_REG_LINK_RESET              0x050
#define SDM_REG_LINK_DOWNS              0x080  /* + 8 * transceiver */

/*
 * 0x100-0x1ff: the mailbox. What the guest asks of its hypervisor; it writes
 * SEQ last. The answer is there when ANSWER_SEQ equals it.
 */
#define SDM_REG_MAILBOX                 0x100
#define SDM_MAILBOX_SIZE                0x100
#define SDM_REG_REQUEST_SEQ             0x100
#define SDM_REG_REQUEST_COMMAND         0x108
#define SDM_REG_REQUEST_COOKIE          0x110
#define SDM_REG_REQUEST_ARGUMENT        0x118  /* ADD: bytes; LIST: index */
#define SDM_REG_ANSWER_SEQ              0x120
#define SDM_REG_ANSWER_CODE             0x128
#define SDM_REG_ANSWER_COOKIE           0x130
#define SDM_REG_ANSWER_START            0x138
#define SDM_REG_ANSWER_SIZE             0x140
#define SDM_REG_ANSWER_DISTANCE         0x148  /* as in a SLIT, or 0 */
#define SDM_REG_REQUEST_GRANULE         0x150  /* sizes are rounded up to it */
#define SDM_REG_REQUEST_TIMEOUT         0x158  /* ms that an ADD can wait */

/* What the hypervisor asks of its guest; the guest writes REPLY_SEQ last. */
#define SDM_REG_CALL_SEQ                0x180
#define SDM_REG_CALL_COMMAND            0x188
#define SDM_REG_CALL_COOKIE             0x190
#define SDM_REG_CALL_TIMEOUT            0x198  /* ms that the guest has */
#define SDM_REG_REPLY_SEQ               0x1a0
#define SDM_REG_REPLY_CODE              0x1a8

/* Interrupts: a bit per cause. STATUS is cleared by writing ones to it. */
#define SDM_REG_INT_STATUS              0x1e0
#define SDM_REG_INT_ENABLE              0x1e8

/* INT_STATUS and INT_ENABLE, by bit. */
#define SDM_INT_LINK                    0
#define SDM_INT_ANSWER                  1
#define SDM_INT_CALL                    2

/* REQUEST_COMMAND. */
#define SDM_REQUEST_ADD                 1
#define SDM_REQUEST_REMOVE              2
#define SDM_REQUEST_LIST                3

/* ANSWER_CODE. */
#define SDM_ANSWER_OK                   1
#define SDM_ANSWER_BAD_COMMAND          16
#define SDM_ANSWER_BAD_SIZE             17
#define SDM_ANSWER_BAD_COOKIE           18
#define SDM_ANSWER_NO_ROOM              19
#define SDM_ANSWER_REFUSED              20
#define SDM_ANSWER_TIMEOUT              21
#define SDM_ANSWER_LIMIT                22
#define SDM_ANSWER_END                  23

/* CALL_COMMAND; 0: the hypervisor asks nothing. */
#define SDM_CALL_RECLAIM                1

/* REPLY_CODE. */
#define SDM_REPLY_ACCEPTED              1
#define SDM_REPLY_REFUSED               16

/* Requests and grants that a guest can have at once. */
#define SDM_GRANTS_MAX                  64

/* FEATURES, by bit. */
#define SDM_FEATURE_TRANSLATION         0
#define SDM_FEATURE_REQUESTS            1
#define SDM_FEATURE_TRANSCEIVERS        2
#define SDM_FEATURE_INTERRUPTS          3
#define SDM_FEATURE_PASSIVE             4

#define SDM_NPORTS_DEFAULT              32
#define SDM_NPORTS_MAX                  512
#define SDM_NTRANSCEIVERS_MAX           16

/* Memport n starts at SDM_MEMPORT_BASE + n * SDM_MEMPORT_STRIDE. */
#define SDM_MEMPORT_BASE                0x1000
#define SDM_MEMPORT_STRIDE              0x40

/* Registers of a memport, by byte offset from its start. */
#define SDM_MEMPORT_START               0x00
#define SDM_MEMPORT_END                 0x08  /* inclusive */
#define SDM_MEMPORT_OFFSET              0x10
#define SDM_MEMPORT_OUT_ID              0x18
#define SDM_MEMPORT_IN_ID               0x20
#define SDM_MEMPORT_SET                 0x28
#define SDM_MEMPORT_STATUS              0x30
#define SDM_MEMPORT_FAULTS              0x38

/* OFFSET is sign and magnitude: this bit set subtracts the magnitude. */
#define SDM_OFFSET_SIGN_BIT             63

/* STATUS. */
#define SDM_STATUS_INACTIVE             0
#define SDM_STATUS_ACTIVE               1
#define SDM_STATUS_BUSY                 2
#define SDM_STATUS_RANGE                16
#define SDM_STATUS_WINDOW               17
#define SDM_STATUS_OVERLAP              18
#define SDM_STATUS_REMOTE               19
#define SDM_STATUS_ALIGNMENT            20
#define SDM_STATUS_LINK                 21
#define SDM_STATUS_RESOURCES            22

#endif /* SDM_ABI_MEMPORT_H */
