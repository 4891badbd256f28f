#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boots a small machine under QEMU and runs a test in it: its TAP on stdout, exit
# status 0 if all passed.
#
#   boot.sh IMAGE BUSYBOX SCRIPT [FILE...]
#
# IMAGE is a kernel, BUSYBOX a static one for arm64. SCRIPT runs as root in /,
# where lib.sh and the FILEs lie beside it: modules built for IMAGE, programs
# linked static for arm64. The machine has an ivshmem pool of 1 GiB, registers
# and two nodes without memory. No root is needed here. From the environment:
#
#   ARGS       arguments of SCRIPT
#   POOL_DIR   where the pool lies meanwhile, by default /dev/shm
#   REGISTERS  a file with the register block, 64 KiB; it is written. Zeros if unset
#   DEVICES    more words for QEMU's command line
#   CYCLES     as the scripts have it
#   MEMORY     MiB, by default 512
#   APPEND     more words for the kernel's command line
#   DEADLINE   seconds until all is ended, by default 600
#   DMESG      if set, the kernel's messages follow even if all passed

set -o errexit -o nounset -o pipefail

if (($# < 3)); then
	sed -n '4,23s/^# \{0,1\}//p' "$0" >&2
	exit 2
fi
readonly image=$1 busybox=$2 script=$3
readonly files=("${@:3}")
readonly here=${BASH_SOURCE[0]%/*}
readonly memory=${MEMORY:-512}
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

work=$(mktemp -d "${TMPDIR:-/tmp}/sdmc-boot.XXXXXX")
pool=$(mktemp "${POOL_DIR:-/dev/shm}/sdmc-pool.XXXXXX")
trap 'rm -rf "$work" "$pool"' EXIT

mkdir -p "$work"/root/{bin,dev,proc,sys,tmp}
cp "$busybox" "$work/root/bin/busybox"
cp "$here/lib.sh" "${files[@]}" "$work/root/"
cat >"$work/root/init" <<INIT
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t debugfs debug /sys/kernel/debug
mount -t tmpfs tmp /tmp
echo 4 >/proc/sys/kernel/printk
cd /
${CYCLES:+CYCLES=$CYCLES} sh ./${script##*/} ${ARGS:-}
status=\$?
if [ \$status -ne 0 ] || [ "${DMESG:+yes}" ]; then
	dmesg | sed 's/^/# /'
fi
echo "# exit status \$status"
poweroff -f
INIT
chmod +x "$work/root/init"
(cd "$work/root" && find . -mindepth 1 -printf '%P\n' | archive) >"$work/initrd"

truncate -s 1G "$pool"
registers=${REGISTERS:-$work/registers}
[[ -e $registers ]] || truncate -s 64K "$registers"

# Words, not one word:
# shellcheck disable=SC2086
timeout "$deadline" qemu-system-aarch64 \
	-M virt -cpu max,pauth-impdef=on -smp 1 -m "$memory"M -nodefaults -no-reboot -display none \
	-object memory-backend-ram,id=ram,size="$memory"M \
	-numa node,nodeid=0,memdev=ram -numa node,nodeid=1 -numa node,nodeid=2 \
	-numa dist,src=0,dst=1,val=20 -numa dist,src=0,dst=2,val=30 -numa dist,src=1,dst=2,val=40 \
	-object memory-backend-file,id=registers,mem-path="$registers",size=64K,share=on \
	-device ivshmem-plain,memdev=registers,addr=2 \
	-object memory-backend-file,id=pool,mem-path="$pool",size=1G,share=on \
	-device ivshmem-plain,memdev=pool,addr=3 \
	-device pci-testdev,addr=4 -device pcie-root-port,addr=a,chassis=1 ${DEVICES:-} \
	-kernel "$image" -initrd "$work/initrd" \
	-append 'console=ttyAMA0 memhp_default_state=offline panic=-1 quiet'" ${APPEND:-}" \
	-serial stdio </dev/null |
	stdbuf -oL tr -d '\r' | tee "$work/tap"

grep -qx '# exit status 0' "$work/tap"
