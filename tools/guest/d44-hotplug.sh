#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Hot-add and hot-remove by hand, as D4.4 §3.3.2 shows it in its steps 3 to 5, and what a user of
# D4.4 sees there: /proc/iomem and free before and after, and hptest.
#
#   d44-hotplug [OPTION...] [STEP...]
#
# STEPs, all of them in this order by default:
#   probe     sets a memport and makes the kernel aware of the memory   (step 3; D4.4: "probe")
#   online    makes it ready to use                                     (step 3; D4.4: "online")
#   test      runs hptest in it                                         (step 4)
#   offline   takes it out of use                                       (step 5)
#   remove    detaches it and clears the memport                        (step 5)
#
# OPTIONs, of probe but for --test:
#   --size MIB     1024 by default, as in D4.4
#   --node N       the NUMA node that it becomes, 1 by default
#   --memport N    0 by default
#   --net ID       outId and inId, 1 by default
#   --remote ADDR  remote address, where the logic translates; START less the window by default
#   --test MIB     how much hptest takes; by default all but 50 MiB
#
# Needs root, the modules sdmc and sdmc_mem, and a window that no agent holds: in a brick that was
# started with "sdm rack up --append sdm.agent=no". The numbers of what was made are kept in
# /run/d44-hotplug, so that steps can be taken one by one. Exit: 0 done; 1 a step failed, what it left
# is taken back by "d44-hotplug offline remove"; 2 wrong usage.

SDMC=/sys/sdmc
WINDOW=/sys/class/misc/sdm-window
MEMORY=/sys/devices/system/memory
STATE=/run/d44-hotplug
MODULES=/opt/sdm

size_mib=1024 node=1 port=0 net=1 remote='' test_mib='' begun=''

# From the moment on that there may be something to undo, failures say how.
fail() {
	echo "d44-hotplug: $*" >&2
	[ ! "$begun" ] || echo "to undo: d44-hotplug offline remove" >&2
	exit 1
}
help() { sed -n '4,28s/^# \{0,1\}//p' "$0"; }
usage() { # SENTENCE
	{ echo "d44-hotplug: $*"; help; } >&2
	exit 2
}
hex() { printf '0x%x' "$1"; }
title() { printf '\n=== %s\n' "$*"; }

# A command as one would type it, then its output.
show() {
	echo "# $*"
	"$@"
}

# Writes TEXT to FILE. The kernel's refusal of a write is told by the shell, the module's by a file.
put() { # TEXT FILE
	echo "# echo $1 > $2"
	(echo "$1" >"$2") && return
	case $2 in
	"$WINDOW"/*) fail "$(cat "$WINDOW/error")" ;;
	# Why it was refused: docs/sdmc.md
	*/set) fail "'$1' was refused by $2 (status $(cat "${2%/set}/status"))" ;;
	*) fail "'$1' was refused by $2" ;;
	esac
}

# A register of the block, which /sys/sdmc/memport belongs to.
register() { # OFFSET
	# shellcheck disable=SC2046 # two halves, the low one first
	set -- $(dd if="$SDMC/memport/../registers" bs=8 skip=$(($1 / 8)) count=1 2>/dev/null |
		hexdump -e '2/4 "%08x "')
	[ $# -eq 2 ] || fail "the registers cannot be read: not root?"
	echo "0x$2$1"
}

block_size() { echo $((0x$(cat $MEMORY/block_size_bytes))); }

# The directories of the memory blocks, one a line.
blocks() {
	block=$(block_size)
	at=$((start))
	while [ $at -lt $((start + size)) ]; do
		echo "$MEMORY/memory$((at / block))"
		at=$((at + block))
	done
}

show_memory() {
	show cat /proc/iomem
	show free -m
}

need_modules() {
	[ -d $SDMC ] || show insmod $MODULES/sdmc.ko || fail "the module sdmc cannot be inserted"
	[ -d $WINDOW ] || show insmod $MODULES/sdmc_mem.ko ||
		fail "the module sdmc_mem cannot be inserted"
	[ -d $SDMC/memport ] || fail "sdmc drives no register block: see dmesg"
}

# What probe has made: start, size, node, port, policy.
recall() {
	[ -r $STATE ] || fail "nothing was probed: run 'd44-hotplug probe' first"
	# shellcheck source=/dev/null
	. $STATE
	begun=yes
	region="$start $size"
	memport=$SDMC/memport/memport$port
	state=$WINDOW/regions/$start-$(hex $((start + size - 1)))/state
}

probe() {
	title "Step 3: logical hot-add: the kernel learns of the memory (probe)"
	need_modules
	[ ! -e $STATE ] || fail "there is memory from before: run 'd44-hotplug offline remove'"
	[ "$(cat $WINDOW/window)" = none ] || fail "the window is in use: does an agent run?"
	[ -d $SDMC/memport/memport"$port" ] || fail "there is no memport $port"

	base=$(cat $SDMC/memport/../window_base) || exit 1
	window_size=$(register 0x20) || exit 1
	granule=$(register 0x30) || exit 1
	# Whole blocks of memory and whole granules of the logic, behind the pool's header.
	step=$(block_size)
	[ $((granule)) -le "$step" ] || step=$((granule))
	start=$(hex $(((base + granule + step - 1) / step * step)))
	size=$(hex $((size_mib << 20)))
	[ $((size % step)) -eq 0 ] || fail "--size must be a multiple of $((step >> 20)) MiB"
	[ $((start + size)) -le $((base + window_size)) ] ||
		fail "the window $base has $((window_size >> 20)) MiB, less than $((start + size - base >> 20))"
	[ "$remote" ] || remote=$((start - base))
	offset=$(hex $((remote - start)))
	[ $((remote)) -ge $((start)) ] || offset=-$(hex $((start - remote)))
	# New memory must wait until it is said to be movable, or it never goes away.
	policy=$(cat $MEMORY/auto_online_blocks)
	echo "start=$start size=$size node=$node port=$port policy=$policy" >$STATE
	recall

	show_memory
	put "$start" "$memport/startAddress"
	put "$(hex $((start + size - 1)))" "$memport/endAddress"
	put "$offset" "$memport/offset"
	put "$net" "$memport/outId"
	put "$net" "$memport/inId"
	put "$port" "$memport/set"
	put "$base $(hex $((window_size)))" $WINDOW/window
	put "$region" $WINDOW/claim
	[ "$policy" = offline ] || put offline $MEMORY/auto_online_blocks
	put "$region $node" $WINDOW/add
	show cat /proc/iomem
}

online() {
	title "Step 3: logical hot-add: the memory becomes ready to use (online)"
	recall
	for dir in $(blocks); do
		[ "$(cat "$dir/state")" = online ] || put online_movable "$dir/state"
	done
	show free -m
}

test_memory() {
	title "Step 4: testing new memory"
	recall
	# shellcheck disable=SC2086 # no argument if empty
	show hptest --node "$node" $test_mib || fail "the memory does not hold what was written"
}

offline() {
	title "Step 5: logical hot-remove: the memory goes out of use (offline)"
	recall
	for dir in $(blocks); do
		[ ! -e "$dir" ] || [ "$(cat "$dir/state")" = offline ] || put offline "$dir/state"
	done
	show free -m
}

# Takes back what is there of what probe makes, so that it also cleans up after a failure.
remove() {
	title "Step 5: logical hot-remove: the memory is detached"
	recall
	[ "$(cat "$state" 2>/dev/null)" != ram ] || put "$region" $WINDOW/remove
	if [ -e "$state" ]; then
		# What is in the caches must not reach whoever has the memory next.
		put "$region" $WINDOW/flush
		put "$region" $WINDOW/release
	fi
	[ "$(cat $WINDOW/window)" = none ] || put none $WINDOW/window
	put "$port" "$memport/clear"
	[ "$policy" = offline ] || put "$policy" $MEMORY/auto_online_blocks
	rm $STATE
	show_memory
}

while [ $# -gt 0 ]; do
	case $1 in
	--size | --node | --memport | --net | --remote | --test)
		case $2 in
		'' | 0x | *[!0-9a-fA-Fx]*) usage "$1 wants a number, not '$2'" ;;
		esac
		;;
	esac
	case $1 in
	--size) size_mib=$2; shift ;;
	--node) node=$2; shift ;;
	--memport) port=$2; shift ;;
	--net) net=$2; shift ;;
	--remote) remote=$2; shift ;;
	--test) test_mib=$2; shift ;;
	probe | online | test | offline | remove) steps="$steps $1" ;;
	-h | --help) help; exit 0 ;;
	*) usage "'$1' is no step and no option" ;;
	esac
	shift
done

for step_name in ${steps:-probe online test offline remove}; do
	case $step_name in
	test) test_memory ;;
	*) $step_name ;;
	esac
done
