#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Tests of sdmc inside a brick: TAP on stdout, exit status 0 if all passed.
#
#   sdmc.sh [MODULE [SDMTOOL [SDMCTOOL]]]
#
# MODULE is sdmc.ko and not inserted yet; the programs are built from the sources
# of their names. Needs root, a pool, and three ivshmem devices with registers:
#
#   FIRST   (0000:00:02.0)  profile generic, as a rack makes it, nothing set
#   SECOND  (0000:00:07.0)  profile zynq, nothing set
#   MIRROR  (0000:00:08.0)  the same memory as SECOND: the other side of it
#
# Numbers need no quotes, and patterns are meant:
# shellcheck disable=SC2086,SC2254

MODULE=${1:-./sdmc.ko}
TOOL=${2:-./sdmtool}
CTOOL=${3:-./sdmctool}
FIRST=${FIRST:-0000:00:02.0}
SECOND=${SECOND:-0000:00:07.0}
MIRROR=${MIRROR:-0000:00:08.0}

W=/sys/sdmc
PCI=/sys/bus/pci/devices
DRIVER=/sys/bus/pci/drivers/sdmc
PARAMETERS=/sys/module/sdmc/parameters
A=$W/devices/$FIRST
B=$W/devices/$SECOND
P0=$B/memport/memport0
P1=$B/memport/memport1
R=$PCI/$MIRROR/resource2
newline='
'

# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

# Writes at once; "ok" or an errno is expected.
puts() { # NAME EXPECTED FILE TEXT
	is "$1" "$2" "$("$TOOL" put "$3" "$4")"
}

peek() { "$CTOOL" peek "$R" "$1"; }
poke() { "$CTOOL" poke "$R" "$1" "$2"; }
bind() { "$TOOL" put $DRIVER/bind "$1"; }
unbind() { "$TOOL" put $DRIVER/unbind "$1"; }
one_line() { xargs <"$1"; }

# As hold(), with the other program.
hold_with() { # ARGS
	tool=$TOOL
	TOOL=$CTOOL
	hold "$@"
	TOOL=$tool
}

# Starts a program that reads a file and polls it; it sleeps in ppoll() (73) then.
polls() { # FILE
	hold_with poll "$1"
	tries=0
	until grep -q '^73 ' "/proc/$holder/syscall" || [ $tries -gt 1000 ]; do
		tries=$((tries + 1))
		sleep 0.01
	done
}

# All that user space can change of memport 0 of SECOND, as the memory has it.
memport0() { dd if=$B/registers bs=64 skip=64 count=1 2>/dev/null | md5sum; }

# Writes all fields of a memport; those that are not named are zero.
fields() { # DIR START END OFFSET [OUT [IN]]
	echo "$2" >"$1/startAddress" && echo "$3" >"$1/endAddress" && echo "$4" >"$1/offset" &&
		echo "${5:-0}" >"$1/outId" && echo "${6:-0}" >"$1/inId"
}

# --- What there is -----------------------------------------------------------

[ -x "$TOOL" ] && [ -x "$CTOOL" ] || bail "no program $TOOL or $CTOOL"
[ -d $W ] && bail "$W is there: rmmod sdmc"
for device in $FIRST $SECOND $MIRROR; do
	[ -d $PCI/$device ] || bail "no device $device"
done
insmod "$MODULE" || bail "cannot insert $MODULE"

is "it drives all blocks and no pool" "$FIRST $SECOND $MIRROR" "$(ls $W/devices | xargs)"
is "the first one is where D4.4 has it" "devices/$FIRST/memport devices/$FIRST/transceiver" \
	"$(readlink $W/memport) $(readlink $W/transceiver)"
is "32 memports" "32 memport0 memport31" \
	"$(ls $A/memport | wc -l) $(ls -v $A/memport | sed -n '1p;$p' | xargs)"
is "the parameters" "100 1000" "$(cat $PARAMETERS/link_poll_ms $PARAMETERS/set_timeout_ms | xargs)"
is "the mirror is let go" ok "$(unbind $MIRROR)"
[ -d $W/devices/$MIRROR ]
result $((!$?)) "and has no directory"

modes() { (cd "$1" && shift && stat -c %a "$@" | xargs); }
is "modes of what can only be written" "200 200 200 200 200 200 200 200" "$(modes $P0 \
	startAddress endAddress offset outId inId set clear ../../transceiver/reset)"
is "modes of what can only be read" "440 440 440 440 440 440 440 440 440 444 444" "$(modes $P0 \
	status faults current/start_address current/end_address current/offset current/out_id \
	current/in_id current/set ../../registers ../../transceiver/linkStatus ../../transceiver/downs)"
is "modes of what can be both" "640 640 640" "$(modes $B epoch window_base check_alignment)"
for file in startAddress endAddress offset outId inId set clear ../../transceiver/reset; do
	like "${file##*/} cannot be read" "*Permission denied*" "$(cat $P0/$file 2>&1)"
done
for file in status faults current/set ../../registers ../../transceiver/linkStatus; do
	puts "${file##*/} cannot be written" EACCES $P0/$file 1
done
like "resource2 cannot be mapped while it is bound" EINVAL \
	"$("$TOOL" map $PCI/$SECOND/resource2 0 $page)"

# --- Numbers -----------------------------------------------------------------

number() { # TEXT VALUE
	puts "start address '$1'" ok $P0/startAddress "$1"
	is "is $2" "$2" "$(cat $P0/current/start_address)"
}
number 16 0x10
number 0x1f 0x1f
number 0X1F 0x1f
number "0x400000000$newline" 0x400000000
number 010 0xa
number 0 0x0
number 18446744073709551615 0xffffffffffffffff
number 0xffffffffffffffff 0xffffffffffffffff
number 0x0000000000000000000001 0x1

offset() { # TEXT VALUE
	puts "offset '$1'" ok $P0/offset "$1"
	is "is $2" "$2" "$(cat $P0/current/offset)"
}
offset 0x10 0x10
offset -0x10 0x8000000000000010
offset -16 0x8000000000000010
offset 0x8000000000000010 0x8000000000000010
offset 9223372036854775824 0x8000000000000010
offset -0x7fffffffffffffff 0xffffffffffffffff
offset -0 0x0

puts "end address" ok $P0/endAddress 0x102
puts "outgoing id" ok $P0/outId 0x104
puts "incoming id" ok $P0/inId 0x105
puts "start address" ok $P0/startAddress 0x101
puts "offset" ok $P0/offset 0x103
is "each in its register" "0x101 0x102 0x103 0x104 0x105 0x0 0x0" \
	"$(for reg in 0 8 16 24 32 40 48; do peek $((0x1000 + reg)); done | xargs)"
is "each in its file" "0x101 0x102 0x103 0x104 0x105 0x0" "$(cd $P0/current &&
	cat start_address end_address offset out_id in_id set | xargs)"
puts "another memport has its own" ok $B/memport/memport31/startAddress 0x1f
is "beside the first" "0x1f 0x101" "$(peek $((0x1000 + 31 * 64))) $(peek 0x1000)"

before=$(memport0)
for text in "$newline" " 1" "1 " "+1" 0x 0x0x1 0x+1 1x 1f ten 0x1g 18446744073709551616 \
	0x10000000000000000 "1${newline}2"; do
	for file in startAddress endAddress offset outId inId set clear; do
		found=$("$TOOL" put $P0/$file "$text")
		[ "$found" = EINVAL ] || break
	done
	is "'$text' is no number" EINVAL "$found"
done
for text in -1 -0x1; do
	puts "an address is not '$text'" EINVAL $P0/startAddress $text
	puts "an id is not '$text'" EINVAL $P0/outId $text
done
for text in - --1 "- 1" -0x8000000000000000 -9223372036854775808 -+1; do
	puts "an offset is not '$text'" EINVAL $P0/offset "$text"
done
for text in 1 32 0x100000000 -0; do
	puts "set wants its own id, not '$text'" EINVAL $P0/set $text
	puts "and so does clear" EINVAL $P0/clear $text
done
is "nothing of that changed anything" "$before" "$(memport0)"

# --- A memport's life --------------------------------------------------------

fields $P0 0x400000000 0x40fffffff 0x400000000 188440 188440
result $? "the fields of D4.4's first segment"
puts "set" ok $P0/set 0
is "it is active" "1 0x1" "$(cat $P0/status) $(cat $P0/current/set)"
is "and so are the registers" "0x1 0x1" "$(peek 0x1028) $(peek 0x1030)"
before=$(memport0)
for file in startAddress endAddress offset outId inId; do
	puts "$file is refused while it is set" EBUSY $P0/$file 0x500000000
done
puts "to set it again" ok $P0/set 0x0
is "changes nothing" "$before" "$(memport0)"
poke 0x1030 0
puts "who died before STATUS was written" ok $P0/set 0
is "is made up for" 1 "$(cat $P0/status)"
poke 0x1038 77
is "faults are told" 77 "$(cat $P0/faults)"

refused() { # NAME ERRNO STATUS DIR
	puts "$1" "$2" "$4/set" "${4##*memport}"
	is "STATUS says why, and it is not set" "$3 0x0" "$(cat $4/status) $(cat $4/current/set)"
}
fields $P1 0x410000000 0x40fffffff 0x400000000
refused "the end before the start" ERANGE 16 $P1
fields $P1 0x410000000 0xffffffffffffffff 0x400000000
refused "an end behind which is nothing" ERANGE 16 $P1
fields $P1 0x410000000 0x41fffffff -0x420000000
refused "a remote address below 0" ERANGE 16 $P1
fields $P1 0x410000000 0x41fffffff 0x7fffffffffffffff
refused "a remote address that is no multiple" EDOM 20 $P1
fields $P1 0x410000001 0x41fffffff 0x400000000
refused "a start that is no multiple" EDOM 20 $P1
fields $P1 0x3f0000000 0x3ffffffff 0x400000000
refused "below the window" EFAULT 17 $P1
fields $P1 0x4f0000000 0x50fffffff 0x400000000
refused "beyond the window" EFAULT 17 $P1
fields $P1 0x410000000 0x41fffffff 0x1000000000
refused "beyond the remote memory" EADDRNOTAVAIL 19 $P1
fields $P1 0x400000000 0x41fffffff 0x400000000
refused "over another one" EEXIST 18 $P1
poke 0x48 0xd
fields $P1 0x410000000 0x41fffffff 0x400000000 5
refused "its link is down" ENOLINK 21 $P1
puts "clear forgets the refusal" ok $P1/clear 1
is "it is inactive" "0 0x0" "$(cat $P1/status) $(cat $P1/current/set)"
poke 0x48 0xf
puts "its link is up" ok $P1/set 1
is "nothing else was wrong" 1 "$(cat $P1/status)"
poke 0x48 0
is "it stays when the link goes" 1 "$(cat $P1/status)"
poke 0x48 0xf
puts "clear" ok $P1/clear 1
is "clears" "0 0x0" "$(cat $P1/status) $(cat $P1/current/set)"
puts "fields can be written again" ok $P1/startAddress 0x410000001

is "alignment is checked" 1 "$(cat $B/check_alignment)"
for text in 2 -1 "" yes; do
	puts "check_alignment is not '$text'" EINVAL $B/check_alignment "$text$newline"
done
puts "unless the check is off" ok $B/check_alignment 0
is "as it says" 0 "$(cat $B/check_alignment)"
puts "what is no multiple is let through" ok $P1/set 1
is "and active" 1 "$(cat $P1/status)"
puts "the check is on again" ok $B/check_alignment 1
is "for this device; the other never changed" "1 1" \
	"$(cat $B/check_alignment $A/check_alignment | xargs)"
puts "cleared" ok $P1/clear 1

# --- The window --------------------------------------------------------------

pool=
for pci in "$PCI"/*; do
	[ "$(cat $pci/vendor):$(cat $pci/device)" = 0x1af4:0x1110 ] || continue
	# shellcheck disable=SC2046 # three numbers
	set -- $(sed -n 3p $pci/resource)
	[ $(($2 - $1)) -lt $((0x10000)) ] || pool=$(hex $(($1)))
done
is "the window is the pool's BAR" "$pool" "$(cat $A/window_base)"
is "the second block says where its own is" 0x400000000 "$(cat $B/window_base)"
puts "and nobody else does" EPERM $B/window_base 0x400000000
Q0=$A/memport/memport0
fields $Q0 $(hex $((pool + 0x200000))) $(hex $((pool + 0x3fffff))) -$pool
puts "identity is accepted" ok $W/memport/memport0/set 0
puts "the base stays while a memport is set" EBUSY $A/window_base 0x10000000000
puts "clear" ok $Q0/clear 0
fields $Q0 $pool $(hex $((pool + 0x1fffff))) -$pool
refused "the pool's header" EADDRNOTAVAIL 19 $Q0
fields $Q0 $(hex $((pool + 0x200000))) $(hex $((pool + 0x3fffff))) -$(hex $((pool - 0x200000)))
refused "no identity" EADDRNOTAVAIL 19 $Q0
for text in 0x10000000800 0xfffffffffffff000 ten; do
	puts "the base is not $text" EINVAL $A/window_base $text
done
is "it is as before" "$pool" "$(cat $A/window_base)"
puts "another base" ok $A/window_base 0x10000000000
is "reads back" 0x10000000000 "$(cat $A/window_base)"
fields $Q0 0x10000200000 0x100003fffff -0x10000000000
puts "and is what is checked" ok $Q0/set 0
puts "clear" ok $Q0/clear 0
puts "the base of before" ok $A/window_base $pool

# A block that leaves its base open, and no pool is as long as its window.
before=$(memport0)
is "unbind the second" ok "$(unbind $SECOND)"
poke 0x18 0
is "bind it, with an open base" ok "$(bind $SECOND)"
is "which is not known" 0x0 "$(cat $B/window_base)"
fields $P1 0x410000000 0x41fffffff 0x400000000
puts "nothing can be set until it is" EDESTADDRREQ $P1/set 1
is "nothing was" "0 0x0" "$(cat $P1/status) $(cat $P1/current/set)"
is "what is set was left alone" "$before" "$(memport0)"
puts "the base can be told though something is set" ok $B/window_base 0x400000000
puts "and that is where it is" EBUSY $B/window_base 0x410000000
puts "set" ok $P1/set 1
is "it is active" "1 0x1" "$(cat $P1/status) $(cat $P1/current/set)"
puts "clear" ok $P1/clear 1
is "unbind it again" ok "$(unbind $SECOND)"
poke 0x18 0x400000000
is "the base is as it was" ok "$(bind $SECOND)"

# --- Registers and epoch -----------------------------------------------------

is "registers is as long as the block" "65536 65536" \
	"$(stat -c %s $B/registers) $(wc -c <$B/registers)"
is "it begins with SDMP" "SDMP" "$(head -c 4 $B/registers)"
is "parts of it are parts of it" "$(dd if=$B/registers bs=64k 2>/dev/null | head -c 4203 | md5sum)" \
	"$(dd if=$B/registers bs=3 count=1401 2>/dev/null | md5sum)"
is "and of words" "4d50 0100" \
	"$(dd if=$B/registers bs=1 skip=2 count=4 2>/dev/null | hexdump -e '2/1 "%02x" " "' | xargs)"
hold_with lock $B/registers
is "it can be locked" ok "$held"
is "once" EWOULDBLOCK "$("$CTOOL" lock $B/registers </dev/null | sed s/EAGAIN/EWOULDBLOCK/)"
let_go
puts "an epoch" ok $B/epoch 0xfedcba9876543210
is "reads back" 0xfedcba9876543210 "$(cat $B/epoch)"
is "and is in the register" 0xfedcba9876543210 "$(peek 0x38)"
puts "no epoch" EINVAL $B/epoch "soon"
is "changes nothing" 0xfedcba9876543210 "$(cat $B/epoch)"

# --- Links -------------------------------------------------------------------

T=$B/transceiver
is "all links are up" "0 Up 1 Up 2 Up 3 Up" "$(one_line $T/linkStatus)"
is "none was down" "0 0 1 0 2 0 3 0" "$(one_line $T/downs)"
polls $T/linkStatus
is "a program polls" polling "$held"
poke 0x48 0xb
let_go
is "it learns that a link is down" "0 Up 1 Up 2 Down 3 Up" "$held"
polls $T/linkStatus
poke 0x48 0xf
let_go
is "and that it is up again" "0 Up 1 Up 2 Up 3 Up" "$held"
polls $T/linkStatus
poke 0x98 18446744073709551615
let_go
is "and of one that was down for a moment" "0 Up 1 Up 2 Up 3 Up" "$held"
polls $T/downs
poke 0x98 7
let_go
is "which is counted" "0 0 1 0 2 0 3 7" "$held"
puts "reset" ok $T/reset 2
is "asks for one" 0x4 "$(peek 0x50)"
puts "and another" ok $T/reset 0x0
is "without forgetting the first" 0x5 "$(peek 0x50)"
for text in 4 -1 0x10 all 4294967296; do
	puts "there is no transceiver '$text'" EINVAL $T/reset $text
done
is "none was reset for it" 0x5 "$(peek 0x50)"
poke 0x50 0

# --- Logic -------------------------------------------------------------------

# What the block was before the driver looked stays as it is.
before=$(memport0)
is "unbind" ok "$(unbind $SECOND)"
is "memports stay set" 0x1 "$(peek 0x1028)"
poke 0x8 0x5
is "bind a block with logic" ok "$(bind $SECOND)"
is "memports stay as they are" "$before" "$(memport0)"
puts "logic checks by itself" EOPNOTSUPP $B/check_alignment 0
like "nor does it say what it checks" "*not supported*" "$(cat $B/check_alignment 2>&1)"
puts "it says where its window is" EPERM $B/window_base 0
fields $P1 0x410000000 0x41fffffff 0x400000000

answers() { # NAME ERRNO STATUS
	# As a write to SET would: who acts as logic here sees it only afterwards.
	poke 0x1070 0
	hold_with logic $R 1 $3
	found=$("$TOOL" put $P1/set 1)
	let_go
	is "logic answers $3: $1" "$2 $3 ok" "$found $(cat $P1/status) $held"
}
answers range ERANGE 16
answers window EFAULT 17
answers overlap EEXIST 18
answers remote EADDRNOTAVAIL 19
answers alignment EDOM 20
answers link ENOLINK 21
answers resources ENOSPC 22
answers "what has no name" EIO 23
answers "what has no name" EIO 65535
answers active ok 1
hold_with logic $R 1 0
puts "logic clears" ok $P1/clear 1
let_go
is "in its time" ok "$held"

echo 200 >$PARAMETERS/set_timeout_ms
puts "no logic answers" ETIMEDOUT $P1/set 1
is "SET was written" 0x1 "$(peek 0x1068)"
poke 0x1068 0
poke 0x1070 2
puts "logic is busy for ever" ETIMEDOUT $P1/set 1
is "SET was not written" 0x0 "$(peek 0x1068)"
puts "nor can fields be" EBUSY $P1/startAddress 0
for text in 60001 4294967295 -1 ever; do
	puts "nobody waits for $text ms" EINVAL $PARAMETERS/set_timeout_ms $text
done
is "the deadline is as before" 200 "$(cat $PARAMETERS/set_timeout_ms)"
puts "a minute is the longest" ok $PARAMETERS/set_timeout_ms 60000
echo 0 >$PARAMETERS/set_timeout_ms
puts "no time to wait for it" ETIMEDOUT $P1/clear 1
is "it reads busy" 2 "$(cat $P1/status)"
poke 0x1070 0

# --- Coming and going --------------------------------------------------------

echo 3000 >$PARAMETERS/set_timeout_ms
"$TOOL" put $P1/set 1 >"$TMP/set" &
setter=$!
tries=0
until [ "$(peek 0x1068)" = 0x1 ] || [ $tries -gt 1000 ]; do tries=$((tries + 1)); done
is "unbind waits for a write that runs" ok "$(unbind $SECOND)"
wait $setter
is "which comes to its end" ETIMEDOUT "$(cat "$TMP/set")"
[ -d $B ]
result $((!$?)) "the directory is gone"
like "resource2 can be mapped again" ok "$("$TOOL" map $PCI/$SECOND/resource2 0 $page)"
echo 1000 >$PARAMETERS/set_timeout_ms
poke 0x1068 0
poke 0x8 0x15

driven() { # NAME REGISTER VALUE RESTORE WORDS
	poke "$2" "$3"
	is "not driven: $1" ENODEV "$(bind $SECOND)"
	dmesg | tail -n 3 | grep -q "sdmc $SECOND: not driven: .*$5"
	result $? "which the log says" "$(dmesg | tail -n 3)"
	poke "$2" "$4"
}
driven "not formatted" 0x0 0 0x1504d4453 "not formatted"
driven "foreign" 0x0 0x1504d4454 0x1504d4453 "SDMP"
driven "version 2" 0x0 0x2504d4453 0x1504d4453 "version"
driven "no memports" 0x10 0 32 "NPORTS"
driven "too many memports" 0x10 513 32 "NPORTS"
driven "too many transceivers" 0x40 17 4 "NTRANSCEIVERS"
driven "no window" 0x20 0 0x100000000 "window"
driven "a window without an end" 0x18 0xffffffffffffffff 0x400000000 "window"
driven "no remote memory" 0x28 0 0x1000000000 "REMOTE_SIZE"
driven "granule 3" 0x30 3 0x10000000 "GRANULE"
driven "granule 0" 0x30 0 0x10000000 "GRANULE"
is "all is well again" ok "$(bind $SECOND)"

poke 0x40 16
poke 0x10 512
is "unbind" ok "$(unbind $SECOND)"
is "the greatest block" ok "$(bind $SECOND)"
is "has all its memports and transceivers" "512 16" \
	"$(ls $B/memport | wc -l) $(wc -l <$T/linkStatus)"
puts "and the last one works" ok $B/memport/memport511/outId 0x1ff
is "where it is" 0x1ff "$(peek $((0x1000 + 511 * 64 + 0x18)))"
poke $((0x1000 + 511 * 64 + 0x18)) 0
is "unbind it" ok "$(unbind $SECOND)"
poke 0x8 0x11
is "a block without transceivers" ok "$(bind $SECOND)"
is "has none, whatever it says" "0 0" "$(wc -l <$T/linkStatus) $(wc -l <$T/downs)"
puts "nor can one be reset" EINVAL $T/reset 0
is "unbind that, too" ok "$(unbind $SECOND)"
poke 0x8 0x15
poke 0x10 32
poke 0x40 4
is "as it was" ok "$(bind $SECOND)"

polls $T/linkStatus
exec 7<$P0/status
is "unbind while a program polls" ok "$(unbind $SECOND)"
let_go
is "wakes it" ENODEV "$held"
like "a file that is still open is dead" "*No such device*" "$(cat <&7 2>&1)"
exec 7<&-
is "unbind the first" ok "$(unbind $FIRST)"
[ -e $W/memport ] || [ -L $W/memport ]
result $((!$?)) "without a device there are no links"
is "the second comes back" ok "$(bind $SECOND)"
is "and then the first" ok "$(bind $FIRST)"
is "the one bound first has the links" "devices/$SECOND/memport devices/$SECOND/transceiver" \
	"$(readlink $W/memport) $(readlink $W/transceiver)"
is "it goes" ok "$(unbind $SECOND)"
is "and the next takes its place" "devices/$FIRST/memport devices/$FIRST/transceiver" \
	"$(readlink $W/memport) $(readlink $W/transceiver)"

# Whoever reads or writes while devices come and go finds a file or does not.
is "bind" ok "$(bind $SECOND)"
(while [ -e "$TMP" ] && ! [ -e "$TMP/stop" ]; do cat $B/*/* $B/registers $P0/*/* $W/*/*/status; done) \
	>/dev/null 2>&1 &
reader=$!
(while [ -e "$TMP" ] && ! [ -e "$TMP/stop" ]; do
	for file in startAddress set clear; do "$TOOL" put $P0/$file 0; done
	"$TOOL" put $T/reset 1
done) >"$TMP/writes" 2>&1 &
writer=$!
n=0
bad=
while [ $n -lt ${CYCLES:-20} ]; do
	n=$((n + 1))
	[ "$(unbind $SECOND)$(bind $SECOND)" = okok ] || bad="$bad $n"
done
touch "$TMP/stop"
wait $reader $writer
is "$n times unbound and bound" "" "$bad"
is "nobody met anything else" "" \
	"$(grep -vxE 'ok|ENOENT|ENODEV|EDOM|ERANGE|EFAULT|EADDRNOTAVAIL|EBUSY' "$TMP/writes")"

# --- The end -----------------------------------------------------------------

polls $A/transceiver/linkStatus
rmmod sdmc
result $? "rmmod while a program polls"
let_go
is "wakes it as well" ENODEV "$held"
[ -e $W ]
result $((!$?)) "$W is gone"
insmod "$MODULE" link_poll_ms=10
result $? "insmod once more"
is "the mirror is driven, too" "$FIRST $SECOND $MIRROR" "$(ls $W/devices | xargs)"
unbind $MIRROR >/dev/null
trouble=$(dmesg | grep -E 'WARNING:|BUG:|Oops|Call trace:|refcount_t|Unable to handle|sysfs: cannot')
[ -z "$trouble" ]
result $? "the kernel has nothing to complain about" "$trouble"

finish
