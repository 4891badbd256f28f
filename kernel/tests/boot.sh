#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots a brick under QEMU and runs sdmc_mem.sh in it: TAP on stdout, exit
# status 0 if all passed.
#
#   boot.sh IMAGE BUSYBOX MODULE SDMTOOL
#
# IMAGE is a kernel, BUSYBOX a static one for arm64, MODULE sdmc_mem.ko built
# for IMAGE, SDMTOOL sdmtool.c built static for arm64. No root is needed. The
# kernel's messages follow if a test failed or DMESG is set.

set -o errexit -o nounset -o pipefail

if (($# != 4)); then
	sed -n '4,12s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
readonly image=$1 busybox=$2 module=$3 tool=$4
readonly here=${BASH_SOURCE[0]%/*}
readonly deadline=${DEADLINE:-600}

# One member of a cpio archive (newc): a header of hex fields, the name, the data,
# each padded to 4 bytes. There is no cpio on a minimal Debian.
member() { # NAME MODE SIZE
	local name=$1 mode=$2 size=$3
	printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
		0 "$mode" 0 0 1 0 "$size" 0 0 0 0 $((${#name} + 1)) 0 "$name"
	pad $((110 + ${#name} + 1))
	if ((size)); then
		cat "$name"
		pad "$size"
	fi
}

pad() { # LENGTH SO FAR
	head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

# Archives the files and directories that stdin names.
archive() {
	local name
	while read -r name; do
		if [[ -d $name ]]; then
			member "$name" 0x41ed 0
		else
			member "$name" 0x81ed "$(stat -c %s "$name")"
		fi
	done
	member TRAILER!!! 0 0
}

work=$(mktemp -d "${TMPDIR:-/tmp}/sdmc_mem.XXXXXX")
pool=$(mktemp "/dev/shm/sdmc_mem.XXXXXX")
trap 'rm -rf "$work" "$pool"' EXIT

mkdir -p "$work"/root/{bin,dev,proc,sys,tmp}
cp "$busybox" "$work/root/bin/busybox"
cp "$module" "$work/root/sdmc_mem.ko"
cp "$tool" "$work/root/sdmtool"
cp "$here/sdmc_mem.sh" "$here/lib.sh" "$work/root/"
cat >"$work/root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
echo 4 >/proc/sys/kernel/printk
cd /
sh ./sdmc_mem.sh ./sdmc_mem.ko ./sdmtool
status=$?
if [ $status -ne 0 ] || grep -qw sdmc.dmesg /proc/cmdline; then
	dmesg | sed 's/^/# /'
fi
echo "# exit status $status"
poweroff -f
INIT
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 -printf '%P\n' | archive) >"$work/initrd"

truncate -s 1G "$pool"
truncate -s 64K "$work/registers"

timeout "$deadline" qemu-system-aarch64 \
	-M virt -cpu max,pauth-impdef=on -smp 1 -m 512M -nodefaults -no-reboot -display none \
	-object memory-backend-ram,id=ram,size=512M \
	-numa node,nodeid=0,memdev=ram -numa node,nodeid=1 -numa node,nodeid=2 \
	-numa dist,src=0,dst=1,val=20 -numa dist,src=0,dst=2,val=30 -numa dist,src=1,dst=2,val=40 \
	-object memory-backend-file,id=registers,mem-path="$work/registers",size=64K,share=on \
	-device ivshmem-plain,memdev=registers,addr=2 \
	-object memory-backend-file,id=pool,mem-path="$pool",size=1G,share=on \
	-device ivshmem-plain,memdev=pool,addr=3 \
	-device pci-testdev,addr=4 \
	-kernel "$image" -initrd "$work/initrd" \
	-append 'console=ttyAMA0 memhp_default_state=offline panic=-1 quiet'"${DMESG:+ sdmc.dmesg}" \
	-serial stdio </dev/null |
	tr -d '\r' | tee "$work/tap"

grep -qx '# exit status 0' "$work/tap"
