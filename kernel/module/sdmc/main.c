// SPDX-License-Identifier: GPL-2.0
/*
 * The glue-logic driver: memports and transceivers as files in /sys/sdmc.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "sdmc.h"

/* Who writes to SET cannot be killed while it waits, and others wait for the lock. */
#define SET_TIMEOUT_MAX_MS	60000

unsigned int sdmc_set_timeout_ms = 1000;

static int set_timeout(const char *text, const struct kernel_param *param)
{
	return param_set_uint_minmax(text, param, 0, SET_TIMEOUT_MAX_MS);
}

static const struct kernel_param_ops timeout_ops = {
	.set = set_timeout,
	.get = param_get_uint,
};

module_param_cb(set_timeout_ms, &timeout_ops, &sdmc_set_timeout_ms, 0644);
__MODULE_PARM_TYPE(set_timeout_ms, "uint");
MODULE_PARM_DESC(set_timeout_ms,
		 "How long logic may take to activate or clear a memport, ms; 60000 at most");

unsigned int sdmc_link_poll_ms = 100;
module_param_named(link_poll_ms, sdmc_link_poll_ms, uint, 0444);
MODULE_PARM_DESC(link_poll_ms,
		 "How often to look at the links of a device without an interrupt, ms; 0: never");

static int __init sdmc_init(void)
{
	int ret;

	ret = sdmc_tree_init();
	if (ret)
		return ret;
	ret = pci_register_driver(&sdmc_pci_driver);
	if (ret)
		goto out_tree;
	ret = platform_driver_register(&sdmc_platform_driver);
	if (ret)
		goto out_pci;
	return 0;

out_pci:
	pci_unregister_driver(&sdmc_pci_driver);
out_tree:
	sdmc_tree_exit();
	return ret;
}

static void __exit sdmc_exit(void)
{
	platform_driver_unregister(&sdmc_platform_driver);
	pci_unregister_driver(&sdmc_pci_driver);
	sdmc_tree_exit();
}

module_init(sdmc_init);
module_exit(sdmc_exit);

MODULE_DESCRIPTION("Glue logic of a brick: memports and transceivers");
MODULE_AUTHOR("The SDM authors");
MODULE_LICENSE("GPL");
/*
 * The version of the attributes. User space looks at the first number: it
 * changes when what worked before would not any more. sdmc_mem has the same, and
 * so has dkms.conf: they come together.
 */
MODULE_VERSION("1.2");
