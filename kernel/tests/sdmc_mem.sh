#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests of sdmc_mem inside a brick: TAP on stdout, exit status 0 if all passed.
#
#   sdmc_mem.sh [MODULE [SDMTOOL]]
#
# MODULE is sdmc_mem.ko and is inserted unless it already is, SDMTOOL the
# static program built from sdmtool.c. Needs root, an ivshmem pool of at least
# 1 GiB, possible nodes (NODE and FAR, by default 1 and 2), blocks that stay offline
# (memhp_default_state=offline), and a window that nobody has parked. It uses,
# and overwrites, the first eight memory blocks of the pool.
#
# Numbers need no quotes, and patterns are meant:
# shellcheck disable=SC2017,SC2086,SC2254

MODULE=${1:-./sdmc_mem.ko}
TOOL=${2:-./sdmtool}
NODE=${NODE:-1}
FAR=${FAR:-2}
CYCLES=${CYCLES:-10}

W=/sys/class/misc/sdm-window
DEV=/dev/sdm-window

# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# --- What there is -----------------------------------------------------------

begin "$MODULE" 8
ram=$(sed -n 's/^ *\([0-9a-f]*\)-.* : System RAM$/0x\1/p' /proc/iomem | head -n 1)

mem=$(hex $((start + 2 * block)))	# 2 blocks, RAM
mem_size=$(hex $((2 * block)))
A="$mem $mem_size"
A_dir="$mem-$(hex $((mem + mem_size - 1)))"
B="$(hex $((start + 4 * block))) $(hex $block)"	# beside it
C_off=$((4 * block))			# 4 blocks, to scrub
C_last=$((8 * block - page))
C="$(hex $((start + C_off))) $(hex $((4 * block)))"
C_dir="$(hex $((start + C_off)))-$(hex $((start + 8 * block - 1)))"
D_off=$((2 << 20))			# 4 MiB, device
D="$(hex $((start + D_off))) 0x400000"
D_dir="$(hex $((start + D_off)))-$(hex $((start + D_off + 0x3fffff)))"

# --- The window --------------------------------------------------------------

refuses "nothing works without a window" ENODEV '*no window*' claim "$A"
refuses "unparking nothing" ENODEV '*no window*' window none
refuses "a window needs two numbers" EINVAL '*expected*' window "$start"
refuses "numbers only" EINVAL '*expected*' window "$start lots"
refuses "0x alone is no number" EINVAL '*expected*' window "$start 0x"
refuses "not a plus" EINVAL '*expected*' window "$start +1"
refuses "what cannot be printed is not shown as it is" EINVAL '1\\e\[31m\\n2\\r.: *' \
	window "$(printf '1\033[31m\n2\r.')"
refuses "too long a text" EINVAL '*longer*' window "$(printf '%0120d %d' 1 1)"
refuses "whole pages" EINVAL '*whole pages*' window "$(hex $((start + 1))) $(hex $size)"
refuses "not empty" EINVAL '*whole pages*' window "$(hex $start) 0"
refuses "no wrap-around" EINVAL '*whole pages*' window "$(hex $start) 0xfffffffffffff000"
refuses "not over RAM" EEXIST '*RAM*' window "$ram $(hex $((16 * page)))"
refuses "not where nothing is" ENXIO '*no device*' window "0x3000000000 $(hex $block)"
refuses "not in bus space outside BARs" ENXIO '*no device*' \
	window "$(hex $((start + 64 * size))) $(hex $block)"
refuses "not across the end of a BAR" EBUSY '*one resource*' \
	window "$(hex $((start + size / 2))) $(hex $size)"
refuses "from the start of the BAR" EINVAL '*must start*' \
	window "$(hex $((start + block))) $(hex $block)"
bus=$(some_empty_bus)
if [ "$bus" ]; then
	refuses "nor in that of a bus without devices" ENXIO '*no device*' window "$bus"
else
	skip "a window on a bus without devices" "no bridge has such a bus"
fi
registers=$(some_registers)
if [ "$registers" ]; then
	refuses "not over device registers" EINVAL '*prefetchable*' window "$registers"
else
	skip "a window over device registers" "no device has any that no driver has"
fi

echo 1 >"$pool/enable"
hold map "$pool/resource2" $block $page touch
is "before: resource2 can be mapped" ok "$held"
refuses "a window from the middle" EINVAL '*must start*' \
	window "$(hex $((start + block))) $(hex $block)"
let_go
is "a refusal revokes nothing" 0 $?
hold map "$pool/resource2" 0 $page touch
echo 0 >"$pool/enable"

does "park" window "$window"
let_go
is "what was mapped before is revoked: SIGBUS" $((128 + 7)) $?
is "the window reads back" "$window" "$(cat $W/window)"
like "parked twice" "EBUSY" "$("$TOOL" put $W/window "$window")"
is "resource2 cannot be mapped" EINVAL "$("$TOOL" map "$pool/resource2" 0 $page)"
is "nor in the middle" EINVAL "$("$TOOL" map "$pool/resource2" $((size / 2)) $page)"
is "nor resource2_wc" EINVAL "$("$TOOL" map "$pool/resource2_wc" 0 $page)"
is "nor /dev/mem" EPERM "$("$TOOL" map /dev/mem $((start + block)) $page)"
is "the device decodes" 1 "$(cat "$pool/enable")"
rmmod sdmc_mem 2>/dev/null
[ -d $W ]
result $? "rmmod is refused while a window is parked"

# --- Regions -----------------------------------------------------------------

refuses "claim outside" ERANGE '*window*' claim "$(hex $((start + size))) $(hex $block)"
refuses "claim beyond the end" ERANGE '*window*' claim "$(hex $start) $(hex $((2 * size)))"
refuses "claim with wrap-around" ERANGE '*window*' claim "$(hex $start) 0xfffffffffffff000"
refuses "claim half a page" EINVAL '*whole pages*' claim "$(hex $start) 0x800"
refuses "claim nothing" EINVAL '*whole pages*' claim "$(hex $start) 0"
refuses "one number too many" EINVAL '*expected*' claim "$A 1"
does "claim" claim "$A"
is "only root reads addresses" "440 440 440 440 440 440 440 640" "$(cd $W && stat -c %a error \
	failure regions/"$A_dir"/* window | xargs)"
is "an old refusal is forgotten" none "$(cat $W/error)"
is "it is absent" absent "$(state_of "$A_dir")"
is "it has no node" -1 "$(cat $W/regions/"$A_dir"/node)"
refuses "claim twice" EEXIST '*overlaps*' claim "$A"
refuses "claim a part" EEXIST '*overlaps*' claim "$mem $(hex $page)"
refuses "unpark with regions" EBUSY '*regions*' window none
refuses "not the exact size" ENOENT '*exact*' scrub "$mem $(hex $block)"
refuses "not the exact start" ENOENT '*exact*' release "$(hex $((mem + block))) $(hex $block)"
refuses "not a region" ENOENT '*no such region*' flush "$B"
refuses "remove what is absent" EINVAL '*absent*' remove "$A"
refuses "conceal what is absent" EINVAL '*absent*' conceal "$A"

# --- Device ------------------------------------------------------------------

does "claim for programs" claim "$D"
is "an absent region cannot be mapped" ENXIO "$("$TOOL" map $DEV $D_off $page)"
does "expose" expose "$D"
is "it is device" device "$(state_of "$D_dir")"
is "fill" ok "$("$TOOL" map $DEV $D_off $((4 << 20)) fill=5)"
is "read back" ok "$("$TOOL" map $DEV $D_off $((4 << 20)) check=5)"
is "read what may not be written" ok "$("$TOOL" map $DEV $D_off $((4 << 20)) readonly=5)"
is "private is refused" EINVAL "$("$TOOL" map $DEV $D_off $page private)"
is "executable is refused" EACCES "$("$TOOL" map $DEV $D_off $page exec)"
is "before it" ENXIO "$("$TOOL" map $DEV $((D_off - page)) $((2 * page)))"
is "beyond it" ENXIO "$("$TOOL" map $DEV $D_off $((8 << 20)))"
is "beyond the window" ENXIO "$("$TOOL" map $DEV $size $page)"
is "not page-aligned" EINVAL "$("$TOOL" map $DEV $((D_off + 8)) $page)"
refuses "add while device" EBUSY '*conceal*' add "$D $NODE"
refuses "scrub while device" EBUSY '*conceal*' scrub "$D"
is "none of them is counted" 0 "$(cat $W/regions/"$D_dir"/mapped)"
hold map $DEV $D_off $((4 << 20)) hold
is "mapped once" 1 "$(cat $W/regions/"$D_dir"/mapped)"
refuses "conceal while mapped" EBUSY '*mapped*' conceal "$D"
let_go
hold map $DEV $D_off $((4 << 20)) fork
is "a child counts" 2 "$(cat $W/regions/"$D_dir"/mapped)"
let_go
hold map $DEV $D_off $((4 << 20)) split
is "mlock, munmap and mremap" ok "$held"
is "both parts count" 2 "$(cat $W/regions/"$D_dir"/mapped)"
let_go
is "all are gone" 0 "$(cat $W/regions/"$D_dir"/mapped)"
does "conceal" conceal "$D"
refuses "verify finds what is there" ENOTEMPTY "*not zero at $(hex $((start + D_off)))*" \
	verify "$D"
does "scrub" scrub "$D"
does "verify" verify "$D"
does "release" release "$D"
! [ -e "$W/regions/$D_dir" ]
result $? "its directory is gone"

# --- Several at once ---------------------------------------------------------

does "claim for races" claim "$D"
(n=0; while [ $n -lt 100 ]; do n=$((n + 1)); "$TOOL" put $W/expose "$D"; done) >"$TMP/expose" &
one=$!
(n=0; while [ $n -lt 100 ]; do n=$((n + 1)); "$TOOL" put $W/conceal "$D"; done) >"$TMP/conceal" &
two=$!
(n=0; while [ $n -lt 100 ]; do n=$((n + 1)); "$TOOL" map $DEV $D_off $page; done) >"$TMP/map" &
three=$!
(n=0; while [ $n -lt 100 ]; do n=$((n + 1)); cat $W/regions/*/* $W/window; done) >/dev/null 2>&1 &
wait $one $two $three $!
is "they only find what they may" "" \
	"$(cat "$TMP/expose" "$TMP/conceal" "$TMP/map" | grep -vxE 'ok|EBUSY|EINVAL|ENXIO')"
is "no mapping is left" 0 "$(cat $W/regions/"$D_dir"/mapped)"
"$TOOL" put $W/conceal "$D" >/dev/null
does "release after races" release "$D"

# Four blocks take long enough to be killed between their first and last page.
does "claim what takes long to scrub" claim "$C"
does "expose it" expose "$C"
is "fill its first page" ok "$("$TOOL" map $DEV $C_off $page fill=7)"
is "and its last one" ok "$("$TOOL" map $DEV $C_last $page fill=7)"
does "conceal it" conceal "$C"
"$TOOL" put $W/scrub "$C" >/dev/null &
scrubber=$!
in_kernel $scrubber 2
result $? "the scrub runs"
kill -KILL $scrubber
{ wait $scrubber; } 2>/dev/null
is "a scrub can be killed" $((128 + 9)) $?
is "what it was killed at is absent" absent "$(state_of "$C_dir")"
does "and can be exposed" expose "$C"
is "its first page was scrubbed" "differs at 0" "$("$TOOL" map $DEV $C_off $page check=7)"
is "its last one was not: it ended early" ok "$("$TOOL" map $DEV $C_last $page check=7)"
does "conceal it again" conceal "$C"
does "release it" release "$C"
is "a signal stops it" EINTR "$("$TOOL" put $W/scrub "$A" 1)"
like "at an address" "scrub $A: stopped by a signal at 0x*" "$(cat $W/error)"
is "the region is as it was" absent "$(state_of "$A_dir")"
does "and can be scrubbed" scrub "$A"

"$TOOL" put $W/scrub "$A" >/dev/null &
scrubber=$!
in_kernel $scrubber 2
is "a signal ends the wait for another command" EINTR "$("$TOOL" put $W/verify "$A" 1)"
like "and no other refusal is told" "verify $A: stopped by a signal *" "$(cat $W/error)"
wait $scrubber

# --- RAM ---------------------------------------------------------------------

refuses "unknown node" ENXIO '*not possible*' add "$A 99"
refuses "huge node number" EINVAL '*range*' add "$A 0xffffffff"
refuses "no node" EINVAL '*expected*' add "$A"
refuses "no such word" EINVAL '*expected*' add "$A $NODE 20 elsewhere"
refuses "not a distance" EINVAL '*distance*' add "$A $NODE 10"
refuses "too far" EINVAL '*distance*' add "$A $NODE 255"
page_region="$(hex $((start + 6 * block))) $(hex $page)"
does "claim a page" claim "$page_region"
refuses "whole blocks" EINVAL "*memory block, $(hex $block) bytes*pages of $((page >> 10)) KiB" \
	add "$page_region $NODE"
does "release the page" release "$page_region"

does "add" add "$A $NODE"
is "it is ram" ram "$(state_of "$A_dir")"
is "of its node" "$NODE" "$(cat $W/regions/"$A_dir"/node)"
like "in /proc/iomem" '*System RAM (sdmc_mem)*' "$(cat /proc/iomem)"
is "its blocks are offline" offline "$(cat "$(block_of $mem)/state")"
refuses "add twice" EBUSY '*remove*' add "$A $NODE"
refuses "flush ram" EBUSY '*remove*' flush "$A"
refuses "scrub ram" EBUSY '*remove*' scrub "$A"
refuses "verify ram" EBUSY '*remove*' verify "$A"
refuses "expose ram" EBUSY '*remove*' expose "$A"
refuses "release ram" EBUSY '*remove*' release "$A"
is "ram cannot be mapped" ENXIO "$("$TOOL" map $DEV $((mem - start)) $page)"
is "nor through resource2" EINVAL "$("$TOOL" map "$pool/resource2" $((mem - start)) $page)"

online $mem $mem_size
result $? "online_movable"
is "in the movable zone" Movable "$(cat "$(block_of $mem)/valid_zones")"
distance=$(distance_of "$NODE")
echo "# node $NODE is at distance $distance"
is "its tier is that of its distance" "$(tier_at "$distance")" "$(tier_of "$NODE")"
is "use it" ok "$("$TOOL" node "$NODE" $((mem_size / 2)))"
refuses "remove while online" EBUSY "*memory$((mem / block)) at $mem is still online*" remove "$A"

does "claim the next block" claim "$B"
refuses "another distance" EINVAL "*distance $distance*" add "$B $NODE $((distance + 1))"
does "add it to the node" add "$B $NODE"

hold node "$NODE" $((mem_size / 4)) hold
is "a program uses it" ok "$held"
offline $mem $block
result $? "a block in use goes offline"
refuses "remove half online" EBUSY "*memory$((mem / block + 1)) at*" remove "$A"
online $mem $block
result $? "and online again"
let_go
is "no byte of the program was lost" ok "$held"

hold pin "$NODE"
pinned=$held
pinned_block=$(block_of "$pinned")
is "a pinned page stops it" EINTR "$("$TOOL" put "$pinned_block/state" offline 3000)"
is "the block is online again" online "$(cat "$pinned_block/state")"
like "failure names the block, the page and the reason" \
	"block=$((pinned / block)) start=* pfn=$(hex $((pinned / page))) count=* reason=pinned *" \
	"$(cat $W/failure)"
like "and so does the log" "*reason=pinned*" "$(dmesg | grep 'offline failed' | tail -n 1)"
let_go
offline $mem $mem_size
result $? "offline once it is let go"
is "failure is forgotten" none "$(cat $W/failure)"

online $mem $mem_size
# Three quarters of two blocks: some are on the first, and cannot all have been
# moved after a millisecond.
hold node "$NODE" $((mem_size / 4 * 3)) hold
is "pages enough to be busy with" ok "$held"
is "a deadline ends an offline" EINTR "$("$TOOL" put "$(block_of $mem)/state" offline 1)"
like "failure says that nothing was in the way" "block=* reason=interrupted *" "$(cat $W/failure)"
let_go
is "and nothing was lost" ok "$held"

huge=/sys/devices/system/node/node$NODE/hugepages/hugepages-2048kB/nr_hugepages
if [ -e "$huge" ]; then
	echo 8 >"$huge"
	hold huge $(($(cat "$huge") << 21))
	is "huge pages are reserved" ok "$held"
	offline $mem $mem_size && offline "${B% *}" "${B#* }"
	result $((!$?)) "they keep a block online"
	like "failure says so" "block=* reason=hugetlb *" "$(cat $W/failure)"
	let_go
	echo 0 >"$huge"
else
	skip "huge pages" "the kernel has none"
fi
offline $mem $mem_size
result $? "offline"

does "remove" remove "$A"
is "it is absent again" absent "$(state_of "$A_dir")"
! [ -e "$(block_of $mem)" ]
result $? "its blocks are gone"
refuses "verify finds used memory" ENOTEMPTY '*not zero at*' verify "$A"
does "flush" flush "$A"
does "scrub" scrub "$A"
does "verify" verify "$A"
does "remove the other one, never online" remove "$B"

does "another distance once the node is empty" add "$A $NODE 60"
online $mem $block
is "is another tier" "$(tier_at 60)" "$(tier_of "$NODE")"
offline $mem $block
does "remove from there" remove "$A"

if nodes possible | grep -qx "$FAR"; then
	does "add to another node" add "$A $FAR"
	online $mem $block
	distance=$(distance_of "$FAR")
	echo "# node $FAR is at distance $distance"
	is "it has a tier of its own" "$(tier_at "$distance")" "$(tier_of "$FAR")"
	offline $mem $block
	does "remove from the other node" remove "$A"
else
	skip "a tier for another node" "node $FAR is not possible"
fi

# Memory in a kernel zone: the kernel refuses before notifiers hear of it.
b=${B% *}
does "add for the kernel" add "$B $NODE"
is "online" ok "$("$TOOL" put "$(block_of "$b")/state" online_kernel)"
hold kernel "$NODE"
is "the kernel uses it" ok "$held"
is "it cannot be offlined" EBUSY "$("$TOOL" put "$(block_of "$b")/state" offline 30000)"
does "explain" explain "$B"
like "the answer is in failure" "block=$((b / block)) start=$b pfn=0x* reason=* stuck=*" \
	"$(cat $W/failure)"
echo "# $(cat $W/failure)"
let_go
if offline "$b" "$block"; then
	does "explain finds nothing any more" explain "$B"
	is "and says so" none "$(cat $W/failure)"
	does "remove it" remove "$B"
else
	skip "taking back what the kernel used" "it still does, as can be: $(cat $W/failure)"
	kept=1
fi

for node in "$NODE" 0; do
	n=0
	bad=
	while [ $n -lt "$CYCLES" ]; do
		n=$((n + 1))
		for step in "add:$A $node" online use offline "remove:$A" "scrub:$A" "verify:$A"; do
			case $step in
			online) online $mem $mem_size ;;
			use) [ "$("$TOOL" node "$node" $block)" = ok ] ;;
			offline) offline $mem $mem_size ;;
			*) [ "$("$TOOL" put "$W/${step%%:*}" "${step#*:}")" = ok ] ;;
			esac || bad="$bad $n/$step"
		done
	done
	[ -z "$bad" ]
	result $? "$CYCLES cycles in node $node" "failed:$bad; $(cat $W/error)"
done

# --- The end -----------------------------------------------------------------

does "release A" release "$A"
if [ -z "$kept" ]; then
	does "release B" release "$B"
	does "unpark" window none
	is "no window" none "$(cat $W/window)"
	echo 1 >"$pool/enable"
	is "resource2 can be mapped again" ok "$("$TOOL" map "$pool/resource2" 0 $page)"
	does "park again" window "$window"
	while [ "$(cat "$pool/enable")" -gt 0 ]; do echo 0 >"$pool/enable"; done
	does "unpark what was disabled meanwhile" window none
	is "it is not disabled twice" 0 "$(cat "$pool/enable")"
	rmmod sdmc_mem
	result $? "rmmod"
else
	skip "unpark and rmmod" "the kernel still uses B"
fi
no_complaint
finish
