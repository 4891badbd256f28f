
CONFIG_ARM_VIRT=y
# Without it QEMU 10.0 does not link.
CONFIG_ARM_V7M=y
