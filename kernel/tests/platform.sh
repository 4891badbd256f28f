#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests of both modules on a device that only the device tree names: TAP on
# stdout, exit status 0 if all passed.
#
#   platform.sh MODULES
#
# MODULES is the directory of the .ko files; sdmtool, sdmctool and lib.sh are
# beside this script. The machine is as platform.dtso describes it, booted with
# mem=512M and memhp_default_state=offline. Lines "host: …" ask the other side of
# the registers for something; it answers with a line.
#
# shellcheck disable=SC2086

MODULES=${1:-.}
HERE=${0%/*}
TOOL=$HERE/sdmtool
CTOOL=$HERE/sdmctool
W=/sys/class/misc/sdm-window
S=/sys/sdmc
DEVICE=7fff0000.memport
LEVEL=7ffc0000.memport
DRIVER=/sys/bus/platform/drivers/sdmc
NODE=1

# shellcheck source=lib.sh
. "$HERE/lib.sh"

window=0x60000000
window_size=0x18000000
start=$window
size=0x10000000
last=0x6fffffff
offset=0x3a0000000	# to 0x400000000
region="$start $size"

ask() { # WHAT
	echo "host: $*"
	read -r -t 60 answer || bail "the host does not answer '$*'"
	[ "$answer" = done ] || bail "the host says '$answer' to '$*'"
}

port() { # N START END OFFSET OUT: writes the fields, prints what set answers
	put "$1/startAddress" $2
	put "$1/endAddress" $3
	put "$1/offset" $4
	put "$1/outId" $5
	put "$1/inId" $5
	put "$1/set" $1
}
put() {
	answer=$("$TOOL" put "$S/memport/memport$1" "$2")
	case $1 in
	*/set | */clear) echo "$answer" ;;
	*) [ "$answer" = ok ] || echo "$1: $answer" ;;
	esac
}
status() { cat $S/memport/memport"$1"/status; }
links() { xargs <$S/transceiver/linkStatus; }
register() { # OFFSET: the low half of a register of the device
	dd if=$S/devices/$DEVICE/registers bs=4 skip=$(($1 / 4)) count=1 2>/dev/null |
		hexdump -e '1/4 "0x%x\n"'
}
interrupts_of() { awk -v d=sdmc:$1 '$NF == d { print $2 }' /proc/interrupts; }
interrupts() { interrupts_of $DEVICE; }

# A program waits for links; what it is told is in $said.
waits() {
	"$CTOOL" poll $S/transceiver/linkStatus <"$TMP/in" >"$TMP/out" &
	poller=$!
	exec 8>"$TMP/in" 9<"$TMP/out"
	read -r said <&9
	is "a program waits for links" polling "$said"
}
is_told() { # NAME PATTERN
	read -r -t 30 said <&9
	like "$1" "$2" "$said"
	wait $poller
	exec 8>&- 9<&-
}

# The alarm of the real-time clock, whose interrupt is the device's here: a
# match with the time that it is raises it.
interrupt() {
	devmem 0x0901001c 32 1			# RTCICR: forget the one before
	devmem 0x09010010 32 1			# RTCIMSC: let it out
	devmem 0x09010004 32 "$(devmem 0x09010000 32)"	# RTCMR = RTCDR
}

# --- The device --------------------------------------------------------------

is "the device tree has the device" dredbox,memport-v1 \
	"$(tr '\0' '\n' </sys/bus/platform/devices/$DEVICE/of_node/compatible)"
insmod "$MODULES/sdmc_mem.ko" || bail "cannot insert sdmc_mem"
refuses "without the driver nothing is known to be there" ENXIO '*no device*' \
	window "$window $window_size"
insmod "$MODULES/sdmc.ko" || bail "cannot insert sdmc"
is "sdmc binds to it" sdmc "$(basename "$(readlink /sys/bus/platform/devices/$DEVICE/driver)")"
is "and to the other good one" "$LEVEL $DEVICE" "$(ls $S/devices | xargs)"
is "whose interrupt, a level, has a handler and does not ring" 0 "$(interrupts_of $LEVEL)"
is "its window is where the device tree has it" 0x79000000 \
	"$(cat $S/devices/$LEVEL/window_base)"
is "it is let go" ok "$("$TOOL" put $DRIVER/unbind $LEVEL)"
like "not to what is not formatted, which it says" '*7ffe0000.memport: *not formatted*' "$(dmesg)"
like "nor to what claims RAM for its window" \
	'*7ffd0000.memport: *something else is in the window*0x50000000-0x5fffffff*' "$(dmesg)"
like "nor to what means another window than the device tree" \
	'*7ffb0000.memport: *0x1000000 bytes at 0x60000000*0x7a000000-0x7affffff*' "$(dmesg)"
is "what is not driven has no window" "" "$(grep -E '7[8a]000000-7[8a]ffffff' /proc/iomem)"
like "its registers are in use" '*7fff0000-7fffffff : *registers*' "$(cat /proc/iomem)"
like "its window is known" '*60000000-77ffffff : window*' "$(cat /proc/iomem)"
is "D4.4's tree has its memports" 32 "$(ls $S/memport | wc -l)"
is "the block names its window" $window "$(cat $S/devices/$DEVICE/window_base)"
is "which cannot be written" EPERM "$("$TOOL" put $S/devices/$DEVICE/window_base 0x0)"
is "the driver has itself told of links" 0x1 "$(register $((0x1e8)))"
is "the registers are the host's" 53444d5001000000 \
	"$(dd if=$S/devices/$DEVICE/registers bs=8 count=1 2>/dev/null | hexdump -e '8/1 "%02x"')"

# --- Links -------------------------------------------------------------------

is "all links are up" "0 Up 1 Up 2 Up 3 Up" "$(links)"
waits
before=$(interrupts)
ask link 2 down
is "linkStatus says what the registers say" "0 Up 1 Up 2 Down 3 Up" "$(links)"
is "there was no interrupt" "$before" "$(interrupts)"
interrupt
is_told "the interrupt wakes it" "*2 Down*"
is "one edge is one interrupt" $((before + 1)) "$(interrupts)"
is "how often it went down" "0 0 1 0 2 1 3 0" "$(xargs <$S/transceiver/downs)"

# --- Memports ----------------------------------------------------------------

is "not through a link that is down" ENOLINK "$(port 0 $start $last $offset 2)"
is "STATUS says why" 21 "$(status 0)"
ask link 2 up
is "not outside of the window" EFAULT "$(port 0 0x78000000 0x87ffffff $offset 2)"
is "set" ok "$(port 0 $start $last $offset 2)"
is "it is active" 1 "$(status 0)"
is "not twice over the same" EEXIST "$(port 1 $start $last $offset 0)"
ask look programmed

# --- Memory ------------------------------------------------------------------

like "node 1 is as far as the device tree says" "10 40*" \
	"$(cat /sys/devices/system/node/node0/distance)"
refuses "not beyond the window" EBUSY '*one resource*' window "$window 0x18001000"
does "park the window" window "$window $window_size"
is "/dev/mem cannot be mapped there" EPERM "$("$TOOL" map /dev/mem $((start)) $page)"
does "claim" claim "$region"
does "add" add "$region $NODE"
like "it is System RAM within the window" \
	"*60000000-77ffffff : window*60000000-77ffffff : sdm-window*60000000-6fffffff : System RAM*" \
	"$(cat /proc/iomem)"
online $start $size
result $? "online_movable"
like "in the tier of that distance" "*memory_tier18*" "$(tier_of $NODE)"
hold node $NODE $((size / 2)) hold
is "a program uses it" ok "$held"
ask look used

# --- The driver goes, the memory stays ---------------------------------------

rmmod sdmc
result $? "sdmc can be removed"
! [ -e $S ]
result $? "its tree goes"
like "the window stays where it was" '*60000000-77ffffff : window*System RAM*' "$(cat /proc/iomem)"
ask interrupts off
insmod "$MODULES/sdmc.ko"
is "the other device is let go again" ok "$("$TOOL" put $DRIVER/unbind $LEVEL)"
is "it binds again" $DEVICE "$(ls $S/devices)"
is "and finds the memport set" 0x1 "$(cat $S/memport/memport0/current/set)"
let_go
is "no byte of the program was lost" ok "$held"

# --- Logic that promises no interrupts ---------------------------------------

is "there is no handler" "" "$(interrupts)"
waits
ask link 1 down
is_told "the links are polled then" "*1 Down*"

# --- The end -----------------------------------------------------------------

offline $start $size
result $? "offline"
does "remove" remove "$region"
does "flush" flush "$region"
does "release" release "$region"
does "unpark" window none
is "clear" ok "$(put 0/clear 0)"
ask look cleared
rmmod sdmc && rmmod sdmc_mem
result $? "both modules can be removed"
trouble=$(dmesg | grep -E 'WARNING:|BUG:|Oops|Call trace:|refcount_t|Unable to handle')
[ -z "$trouble" ]
result $? "the kernel has nothing to complain about" "$trouble"

finish
