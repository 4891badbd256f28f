# SPDX-License-Identifier: GPL-2.0-or-later
#
# build --few-devices: what the series' own qtests need of QEMU's devices.
CONFIG_ARM_VIRT=y
CONFIG_PCIE_PORT=y
CONFIG_SDM_MEMPORT=y
