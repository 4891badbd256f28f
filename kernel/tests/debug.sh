#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Both modules on a kernel that watches itself: KUnit, the modules' own tests,
# then random writes into all of their attributes. TAP, exit status 0 if all
# passed and the kernel saw nothing wrong. What it runs is indented.
#
#   debug.sh SEED [ROUNDS [WRITES]]
#
# In each of ROUNDS every attribute gets WRITES. Of kunit.sh, sdmc.sh, sdmc_mem.sh
# and sdmc_mem_ways.sh those are run that are there. Needs what they need, all in one
# directory, and a kernel of "build --debug".

SEED=${1:?a seed}
ROUNDS=${2:-10}
WRITES=${3:-1000}
PROCESSES=3

TOOL=./sdmtool
W=/sys/class/misc/sdm-window
# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Of what users wrote, anything may stand in the lines of refusals.
complaints() {
	dmesg | grep -v 'misc sdm-window: ' | grep -A 40 -E \
		'KASAN|BUG|WARNING|Oops|Call trace|possible .* detected|inconsistent lock|INFO: |Bad page|Unable to handle|page_table_check|refcount_t|sysfs: cannot'
}

# The log since the last time: nothing wrong in it, and nothing of it lost.
watch() { # NAME
	found=$(complaints | head -n 120)
	is "$1: the kernel has nothing to complain about" "" "$found"
	dmesg | grep -q "debug.sh: mark $mark\$"
	result $? "$1: its log is whole"
	is "$1: lockdep still looks" 1 "$(awk '$1 == "debug_locks:" { print $2 }' /proc/lockdep_stats)"
	mark_log
}

mark=0
mark_log() {
	mark=$((mark + 1))
	dmesg -c >/dev/null
	echo "debug.sh: mark $mark" >/dev/kmsg
}

suite() { # SCRIPT ARGS
	script=$1
	shift
	sh "./$script" "$@" >"$TMP/suite"
	status=$?
	sed 's/^/    /' "$TMP/suite"
	[ $status -eq 0 ] && grep -q '^1\.\.[1-9]' "$TMP/suite"
	result $? "$script"
	watch "$script"
}

[ -e /proc/lockdep_stats ] || bail "no lockdep: not a kernel for debugging"
found=$(complaints)
is "the kernel came up well" "" "$found"
mark_log

[ ! -e kunit.sh ] || suite kunit.sh ./sdmc_kunit.ko
[ ! -e sdmc.sh ] || suite sdmc.sh ./sdmc.ko $TOOL ./sdmctool
[ ! -e sdmc_mem.sh ] || suite sdmc_mem.sh ./sdmc_mem.ko $TOOL
# What it adds to sdmc_mem.sh, and once the usual way.
export PARTS="mappings ram" STORMS=5 CYCLES=1
[ ! -e sdmc_mem_ways.sh ] || suite sdmc_mem_ways.sh ./sdmc_mem.ko $TOOL

# --- Random writes -----------------------------------------------------------

[ -d /sys/sdmc ] || insmod ./sdmc.ko || bail "cannot insert sdmc.ko"
[ -d $W ] || insmod ./sdmc_mem.ko || bail "cannot insert sdmc_mem.ko"
pool=/sys/bus/pci/devices/0000:00:03.0
# shellcheck disable=SC2046 # three numbers
set -- $(sed -n 3p $pool/resource)
window="$1 $(hex $(($2 - $1 + 1)))"
is "park the window" ok "$("$TOOL" put $W/window "$window")"

round=0
while [ $round -lt "$ROUNDS" ]; do
	seed=$((SEED + round))
	round=$((round + 1))
	WINDOW=$window BLOCK=$block ./attrfuzz $seed "$WRITES" $PROCESSES \
		/sys/sdmc/devices "$(realpath $W)" >"$TMP/fuzz" 2>&1
	status=$?
	cat "$TMP/fuzz"
	result $status "round $round: random writes, seed $seed" "$(cat "$TMP/fuzz")"
	watch "round $round, seed $seed"
done

# --- All of it can be taken back ---------------------------------------------

for dir in "$W"/regions/*; do
	[ -d "$dir" ] || continue
	region=${dir##*/}
	first=${region%-*}
	size=$(hex $((${region#*-} - first + 1)))
	case $(cat "$dir/state") in
	ram) back=remove ;;
	device) back=conceal ;;
	hmem) back=unhmem ;;
	*) back= ;;
	esac
	if [ "$back" = unhmem ]; then
		for dax in /sys/bus/dax/devices/*; do
			[ -L "$dax/driver" ] && echo "${dax##*/}" >"$dax/driver/unbind"
		done
	fi
	[ -z "$back" ] || is "$back $region" ok "$("$TOOL" put $W/$back "$first $size")"
	is "release $region" ok "$("$TOOL" put $W/release "$first $size")"
done
[ "$(cat $W/window)" = none ] || is "unpark" ok "$("$TOOL" put $W/window none)"
rmmod sdmc_mem
result $? "rmmod sdmc_mem"
rmmod sdmc
result $? "rmmod sdmc"
watch "the end"
finish
