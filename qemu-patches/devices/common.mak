# What machines of any architecture get besides what QEMU cannot do without:
# the devices of bricks and of their tests. "build --all-devices" has all.

# Bridges and ports, to have devices behind them
CONFIG_PCIE_PORT=y
CONFIG_PCIE_PCI_BRIDGE=y
CONFIG_PXB=y

# Bricks on a QEMU without the series, which the patched one runs, too
CONFIG_IVSHMEM_DEVICE=y

# Memory that is plugged in, to compare with
CONFIG_NVDIMM=y
CONFIG_VIRTIO_BALLOON=y
CONFIG_VIRTIO_MEM=y

# Disks, networks and the rest of a machine
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_IOMMU=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_SCSI=y
CONFIG_VIRTIO_SERIAL=y

# For tests of accesses and DMA
CONFIG_EDU=y
CONFIG_PCI_TESTDEV=y
