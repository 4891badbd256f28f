// SPDX-License-Identifier: GPL-2.0
/* The suites say of themselves what they are: kunit_test_suite() in each file. */
#include <linux/module.h>

MODULE_DESCRIPTION("KUnit tests of sdmc and sdmc_mem");
MODULE_AUTHOR("The SDM authors");
MODULE_LICENSE("GPL");
