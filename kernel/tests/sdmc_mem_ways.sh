#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests of sdmc_mem's other ways inside a brick: mappings that are revoked, memory
# maps in the memory itself, memory through kmem. TAP on stdout, exit status 0 if
# all passed or were skipped.
#
#   sdmc_mem_ways.sh [MODULE [SDMTOOL]]
#
# As sdmc_mem.sh, of four blocks. PARTS names those to run; "ram", the usual way, is
# for where sdmc_mem.sh would take too long. To skip nothing it takes a kernel that was booted
# with memory_hotplug.memmap_on_memory=1 and has dax_hmem.ko and kmem.ko inserted.
#
# Numbers need no quotes, and patterns are meant:
# shellcheck disable=SC2017,SC2086,SC2254

MODULE=${1:-./sdmc_mem.ko}
TOOL=${2:-./sdmtool}
NODE=${NODE:-1}
CYCLES=${CYCLES:-3}
STORMS=${STORMS:-20}
PARTS=${PARTS:-mappings memmap kmem}

W=/sys/class/misc/sdm-window
DEV=/dev/sdm-window
DAX=/sys/bus/dax

# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

begin "$MODULE" 4
mem=$(hex $((start + block)))		# 2 blocks, RAM
mem_size=$(hex $((2 * block)))
A="$mem $mem_size"
A_dir="$mem-$(hex $((mem + mem_size - 1)))"
b=$(hex $((mem + mem_size)))		# one beside them
B="$b $(hex $block)"
D_off=$((2 << 20))			# 4 MiB, device
D_size=$((4 << 20))
D_start=$(hex $((start + D_off)))
D="$D_start $(hex $D_size)"
D_dir="$D_start-$(hex $((start + D_off + D_size - 1)))"

of_D() { cat "$W/regions/$D_dir/$1"; }
of_A() { cat "$W/regions/$A_dir/$1"; }
kib_of() { sed -n 's/^Node [0-9]* MemTotal: *\([0-9]*\) kB$/\1/p' \
	/sys/devices/system/node/node$1/meminfo; }

# Goes through STEPS, of which "command:words" is a command, CYCLES times.
cycles() { # NAME STEPS
	name=$1
	shift
	n=0
	bad=
	while [ $n -lt "$CYCLES" ]; do
		n=$((n + 1))
		for step in "$@"; do
			case $step in
			online) online $mem $mem_size ;;
			use) [ "$("$TOOL" node "$NODE" $block)" = ok ] ;;
			offline) offline $mem $mem_size ;;
			unbind) echo "dax$(of_A hmem | sed 's/hmem\.//').0" >$DAX/drivers/kmem/unbind ;;
			*) [ "$("$TOOL" put "$W/${step%%:*}" "${step#*:}")" = ok ] ;;
			esac || bad="$bad $n/$step"
		done
	done
	[ -z "$bad" ]
	result $? "$CYCLES $name" "failed:$bad; $(cat $W/error)"
}

# --- Mappings that are revoked -----------------------------------------------

part_mappings() {
	does "claim for programs" claim "$D"
	refuses "revoke what is absent" EINVAL '*absent*' revoke "$D"
	does "expose" expose "$D"
	hold map $DEV $D_off $D_size dead
	is "a program and its child map it" "ok 2" "$held $(of_D mapped)"
	refuses "conceal is refused" EBUSY '*mapped 2 times*' conceal "$D"
	is "not revoked" 0 "$(of_D revoked)"
	does "revoke" revoke "$D"
	is "revoked" "device 1 0" "$(of_D state) $(of_D revoked) $(of_D mapped)"
	is "no new mapping" ENXIO "$("$TOOL" map $DEV $D_off $page)"
	like "the log says why" '*revoked*' "$(dmesg | tail -n 1)"
	does "revoke again" revoke "$D"
	does "conceal, though programs hold what is dead" conceal "$D"
	is "absent, not revoked" "absent 0 0" "$(of_D state) $(of_D revoked) $(of_D mapped)"
	does "scrub" scrub "$D"
	does "expose again" expose "$D"
	is "new mappings work" ok "$("$TOOL" map $DEV $D_off $D_size fill=3)"
	let_go
	is "what touches a dead one gets SIGBUS, a system call EFAULT" "SIGBUS 0 SIGBUS EFAULT" "$held"
	is "and changes nothing of the new owner's" ok "$("$TOOL" map $DEV $D_off $D_size check=3)"
	is "none is left" 0 "$(of_D mapped)"

	mknod "$TMP/node" c $(sed 's/:/ /' $W/dev)
	hold map "$TMP/node" $D_off $D_size dead
	does "revoke what was opened through another node" revoke "$D"
	let_go
	is "it is dead too" "SIGBUS 0 SIGBUS EFAULT" "$held"
	does "conceal" conceal "$D"

	# Nobody reaches memory that was revoked and scrubbed, whatever he was just doing.
	hold map $DEV $D_off $D_size storm
	n=0
	bad=
	while [ $n -lt "$STORMS" ]; do
		n=$((n + 1))
		# With one processor the storm must get its turn.
		for step in expose wait revoke conceal scrub verify; do
			if [ $step = wait ]; then
				tries=0
				while [ "$(of_D mapped)" = 0 ] && [ $tries -lt 1000 ]; do
					tries=$((tries + 1))
				done
			else
				[ "$("$TOOL" put $W/$step "$D")" = ok ] || bad="$bad $n/$step"
			fi
		done
	done
	[ -z "$bad" ]
	result $? "no write comes after a revoke" "failed:$bad; $(cat $W/error)"
	let_go
	is "though some were on the way" "touched SIGBUS" "$held"

	does "release" release "$D"
}

# --- The memory map in the memory --------------------------------------------

part_memmap() {
	refuses "no word after memmap" EINVAL '*expected*' add "$A $NODE memmap 20"
	refuses "not twice" EINVAL '*expected*' add "$A $NODE 20 memmap memmap"
	refuses "a node is needed" EINVAL '*expected*' add "$A memmap"

	map_kib=$((block / page * 64 / 1024))	# a struct page is 64 bytes
	if [ "$(cat /sys/module/memory_hotplug/parameters/memmap_on_memory)" = N ]; then
		refuses "not asked for at boot" EOPNOTSUPP \
			"*memory_hotplug.memmap_on_memory=1*$map_kib KiB*" add "$A $NODE memmap"
		is "nothing was changed" absent "$(of_A state)"
		skip "a memory map in the memory" "not booted with memory_hotplug.memmap_on_memory=1"
	else
		does "add with its memory map in it" add "$A $NODE 30 memmap"
		does "the next one without" add "$B $NODE"
		online $mem $mem_size && online "$b" $block
		result $? "online"
		is "the maps are in the first one only" $((3 * block / 1024 - 2 * map_kib)) "$(kib_of "$NODE")"
		is "use it" ok "$("$TOOL" node "$NODE" $((2 * block)))"
		is "the maps cannot be mapped from behind" "EINVAL EPERM" "$("$TOOL" map "$pool/resource2" \
			$((mem - start)) $page) $("$TOOL" map /dev/mem $((mem)) $page)"
		offline "$b" $block
		hold pin "$NODE"
		pinned=$held
		pinned_block=$(block_of "$pinned")
		is "a pinned page stops an offline" EINTR "$("$TOOL" put "$pinned_block/state" offline 3000)"
		like "failure names the block, and no page of the map" "block=$((pinned / block)) start=$(
			hex $((pinned / block * block))) pfn=$(hex $((pinned / page))) * reason=pinned stuck=1" \
			"$(cat $W/failure)"
		let_go
		refuses "remove while online" EBUSY '*still online*' remove "$A"
		is "it is kept" "ram $NODE" "$(of_A state) $(of_A node)"
		offline $mem $mem_size
		result $? "offline"
		is "failure is forgotten" none "$(cat $W/failure)"
		does "remove" remove "$A"
		refuses "the map is left in the memory" ENOTEMPTY '*not zero*' verify "$A"
		does "scrub" scrub "$A"
		does "verify" verify "$A"
		does "remove the next one" remove "$B"
		cycles "cycles with the map in it" "add:$A $NODE memmap" online use offline \
			"remove:$A" "scrub:$A" "verify:$A"
	fi
}

# --- Memory through kmem -----------------------------------------------------

part_kmem() {
	refuses "hmem takes no memmap" EINVAL '*expected*' hmem "$A $NODE memmap"
	refuses "hmem of no node" ENXIO '*not possible*' hmem "$A 99"
	refuses "hmem, not a distance" EINVAL '*distance*' hmem "$A $NODE 10"
	refuses "hmem where other memory is" EBUSY '*tier*' hmem "$A 0"
	refuses "unhmem what is absent" EINVAL '*absent*' unhmem "$A"
	page_region="$(hex $((start))) $(hex $page)"
	does "claim a page" claim "$page_region"
	refuses "hmem of whole blocks" EINVAL "*memory block, $(hex $block) bytes*" hmem "$page_region $NODE"
	does "release the page" release "$page_region"
	does "add to the node" add "$B $NODE"
	refuses "hmem beside what was added" EBUSY '*tier*' hmem "$A $NODE"
	does "take it from there" remove "$B"

	does "hmem" hmem "$A $NODE 40"
	hmem=$(of_A hmem)
	is "it is hmem" "hmem $NODE" "$(of_A state) $(of_A node)"
	[ -d "/sys/bus/platform/devices/$hmem" ]
	result $? "it has a device, $hmem"
	refuses "add while hmem" EBUSY '*unhmem it first*' add "$A $NODE"
	refuses "release while hmem" EBUSY '*unhmem it first*' release "$A"
	refuses "remove while hmem" EINVAL '*is hmem*' remove "$A"
	refuses "add beside it" EBUSY '*hmem*' add "$B $NODE"
	if ! [ -d $DAX/drivers/kmem ] || ! [ -d /sys/bus/platform/drivers/hmem ]; then
		skip "memory through kmem" "dax_hmem.ko and kmem.ko are not inserted"
	else
		dax=dax${hmem#hmem.}.0
		is "kmem has it" kmem "$(basename "$(readlink $DAX/devices/$dax/driver)")"
		like "and its memory is in the window" '* : sdm-window*: '$dax'*System RAM (kmem)*' \
			"$(cat /proc/iomem)"
		is "it cannot be mapped from behind" "EINVAL EPERM" "$("$TOOL" map "$pool/resource2" \
			$((mem - start)) $page) $("$TOOL" map /dev/mem $((mem)) $page)"
		refuses "unhmem while kmem has it" EBUSY "*$dax still has it*" unhmem "$A"
		refuses "another distance beside it" EINVAL '*distance 40*' hmem "$B $NODE 30"
		does "the same distance" hmem "$B $NODE"
		online $mem $mem_size && online "$b" $block
		result $? "online"
		is "in a tier by its distance" "$(tier_at 40)" "$(tier_of "$NODE")"
		is "use it" ok "$("$TOOL" node "$NODE" $mem_size)"
		refuses "unhmem while online" EBUSY "*memory$((mem / block)) at $mem is still online*" unhmem "$A"
		is "nothing was lost by that" "hmem kmem" \
			"$(of_A state) $(basename "$(readlink $DAX/devices/$dax/driver)")"
		offline $mem $mem_size
		result $? "offline"
		is "unbind kmem" ok "$("$TOOL" put $DAX/drivers/kmem/unbind "$dax")"
		! [ -e "$(block_of $mem)" ]
		result $? "its blocks are gone"
		is "the other one's are not" online "$(cat "$(block_of "$b")/state")"
		is "and work" ok "$("$TOOL" node "$NODE" $((block / 2)))"
		is "bind kmem again" ok "$("$TOOL" put $DAX/drivers/kmem/bind "$dax")"
		is "memory comes back" offline "$(cat "$(block_of $mem)/state")"
		is "unbind it again" ok "$("$TOOL" put $DAX/drivers/kmem/unbind "$dax")"
		does "unhmem" unhmem "$A"
		is "it is absent" "absent -1 none" "$(of_A state) $(of_A node) $(of_A hmem)"
		! [ -e $DAX/devices/$dax ]
		result $? "its dax device is gone"
		refuses "verify finds used memory" ENOTEMPTY '*not zero*' verify "$A"
		does "scrub" scrub "$A"
		does "verify" verify "$A"
		offline "$b" $block
		other=dax$(sed 's/hmem\.//' "$W/regions/$b-$(hex $((b + block - 1)))/hmem").0
		is "unbind the other one" ok "$("$TOOL" put $DAX/drivers/kmem/unbind "$other")"
		does "unhmem the other one" unhmem "$B"

		cycles "cycles by both ways" "hmem:$A $NODE" online use offline unbind "unhmem:$A" \
			"add:$A $NODE" online use offline "remove:$A"
		does "hmem once more" hmem "$A $NODE"
		echo "dax$(of_A hmem | sed 's/hmem\.//').0" >$DAX/drivers/kmem/unbind
	fi
	does "unhmem at the end" unhmem "$A"
}

# --- As RAM ------------------------------------------------------------------

part_ram() {
	cycles "cycles as RAM" "add:$A $NODE" online use offline "remove:$A" "scrub:$A" "verify:$A"
}

# --- All of it ---------------------------------------------------------------

is "its version" 1.2 "$(cat /sys/module/sdmc_mem/version)"
does "park" window "$window"
does "claim" claim "$A"
does "claim beside it" claim "$B"
for part in $PARTS; do
	part_"$part"
done

# --- The end -----------------------------------------------------------------

does "release A" release "$A"
does "release B" release "$B"
does "claim for programs again" claim "$D"
does "expose to the end" expose "$D"
hold map $DEV $D_off $D_size dead
does "revoke at the end" revoke "$D"
does "conceal at the end" conceal "$D"
does "release, though what is dead is held" release "$D"
does "unpark" window none
rmmod sdmc_mem 2>/dev/null
[ -d $W ]
result $? "rmmod is refused while a dead mapping is held"
let_go
is "which stays dead" "SIGBUS 0 SIGBUS EFAULT" "$held"
rmmod sdmc_mem
result $? "rmmod"
no_complaint
finish
