/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels. The sources are written for the newest one that
 * they were built for; here it is made up for in older ones. Kbuild includes this
 * before all else, so that the sources know nothing of versions. It includes no
 * other header but the version's: names are replaced, and looked up where used.
 *
 * docs/kernel-build.md lists the kernels that were tried.
 */
#ifndef SDMC_COMPAT_H
#define SDMC_COMPAT_H

#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "SDM needs Linux 6.12 or newer; docs/kernel-build.md says what older ones lack"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
/* 6.17 gave it a name that says what it is: its driver can move it. */
#define page_has_movable_ops(page) __folio_test_movable(page_folio(page))
#endif

/* Since 6.16 functions of a binary attribute may not change it. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define sdmc_bin_attribute struct bin_attribute
#else
#define sdmc_bin_attribute const struct bin_attribute
#endif

#endif /* SDMC_COMPAT_H */
