#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What larger pages mean for sdmc_mem: memory blocks are larger, and less than a
# block is refused with the size that it has. TAP, exit status 0 if all passed.
#
#   pages.sh PAGE_KIB BLOCK_MIB
#
# Needs sdmc_mem.ko and sdmtool beside it, and a pool of two blocks.

PAGE_KIB=${1:?KiB of a page}
BLOCK_MIB=${2:?MiB of a memory block}
TOOL=./sdmtool
W=/sys/class/misc/sdm-window

# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

kernel_page=$(awk '/^KernelPageSize:/ { print $2; exit }' /proc/self/smaps)
is "pages of $PAGE_KIB KiB" "$PAGE_KIB" "$kernel_page"
is "blocks of $BLOCK_MIB MiB" "$BLOCK_MIB" $((block >> 20))
insmod ./sdmc_mem.ko || bail "cannot insert sdmc_mem.ko"

# shellcheck disable=SC2046 # three numbers
set -- $(sed -n 3p /sys/bus/pci/devices/0000:00:03.0/resource)
start=$(($1))
does "park the window" window "$(hex $start) $(hex $(($2 - $1 + 1)))"
A="$(hex $start) $(hex $block)"
does "claim a block" claim "$A"
does "add it" add "$A 1"
is "there is one memory block of it" offline "$(cat "$(block_of $start)/state")"
does "remove it" remove "$A"
does "release it" release "$A"

why="*memory block, $(hex $block) bytes,*pages of $PAGE_KIB KiB"
# What is a block on other kernels, is none on this one, if it is smaller.
for part in $((128 << 20)) $((block / 2)) $((block - PAGE_KIB * 1024)) $((PAGE_KIB * 1024)); do
	[ $((part % block)) -ne 0 ] || continue
	B="$(hex $start) $(hex $part)"
	does "claim $((part >> 10)) KiB" claim "$B"
	refuses "they cannot be added, and why" EINVAL "$why" add "$B 1"
	does "release them" release "$B"
done
B="$(hex $((start + block / 2))) $(hex $block)"
does "claim a block's bytes across two" claim "$B"
refuses "they cannot be added either" EINVAL "$why" add "$B 1"
does "release them" release "$B"
does "unpark" window none
rmmod sdmc_mem
result $? "rmmod"
no_complaint
finish
