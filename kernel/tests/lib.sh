# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2086,SC2254
#
# What tests of the window module share: TAP, commands and refusals, programs
# that wait, memory blocks. Expects W (the sysfs directory) and TOOL (sdmtool).

MEMORY=/sys/devices/system/memory
TMP=$(mktemp -d)
mkfifo "$TMP/in" "$TMP/out"
trap 'rm -rf "$TMP"' EXIT

block=$((0x$(cat $MEMORY/block_size_bytes)))
page=4096
count=0
failed=0
holder=

bail() { echo "Bail out! $*"; exit 1; }

result() { # STATUS NAME [DETAIL]
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		failed=$((failed + 1))
		echo "not ok $count - $2"
		[ -z "$3" ] || echo "# $3"
	fi
}

is() { # NAME EXPECTED FOUND
	[ "$2" = "$3" ]
	result $? "$1" "expected '$2', found '$3'"
}

like() { # NAME PATTERN FOUND
	case $3 in
	$2) result 0 "$1" ;;
	*) result 1 "$1" "expected '$2', found '$3'" ;;
	esac
}

# Takes a SKIP directive: what is needed is not here.
skip() { # NAME WHY
	count=$((count + 1))
	echo "ok $count - $1 # SKIP $2"
}

# Inserts the module unless it is, and finds a pool for $pool, $start, $size and $window.
begin() { # MODULE BLOCKS
	[ -x "$TOOL" ] || bail "no program $TOOL"
	if ! [ -d $W ]; then
		insmod "$1" || bail "cannot insert $1"
	fi
	inserted=$([ -e /sys/module/sdmc_mem/refcnt ] && cat /sys/module/sdmc_mem/refcnt)
	[ "$inserted" = 0 ] || bail "the module is in use: is a window parked?"
	[ "$(cat $MEMORY/auto_online_blocks)" = offline ] || bail "auto_online_blocks is not offline"
	grep -q 'System RAM' /proc/iomem || bail "/proc/iomem shows no addresses: not root?"

	pool=
	blocks=$2
	for pci in /sys/bus/pci/devices/*; do
		[ "$(cat "$pci/vendor"):$(cat "$pci/device")" = 0x1af4:0x1110 ] || continue
		# shellcheck disable=SC2046 # three numbers
		set -- $(sed -n 3p "$pci/resource")
		if [ $(($2 - $1 + 1)) -ge $((blocks * block)) ]; then
			pool=$pci
			start=$(($1))
			size=$(($2 - $1 + 1))
		fi
	done
	[ "$pool" ] || bail "no ivshmem pool of $((blocks * block)) bytes"
	window="$(hex $start) $(hex $size)"
}

# The kernel has found nothing to complain about.
no_complaint() {
	trouble=$(dmesg | grep -E 'WARNING:|BUG:|Oops|Call trace:|refcount_t|Unable to handle')
	[ -z "$trouble" ]
	result $? "the kernel has nothing to complain about" "$trouble"
}

# The command works.
does() { # NAME COMMAND ARGS
	found=$("$TOOL" put "$W/$2" "$3")
	[ "$found" = ok ]
	result $? "$1" "$2 '$3': $found: $(cat $W/error)"
}

# The command is refused with an errno and a sentence, which is logged too.
refuses() { # NAME ERRNO PATTERN COMMAND ARGS
	found=$("$TOOL" put "$W/$4" "$5")
	sentence=$(cat $W/error)
	if [ "$found" != "$2" ]; then
		result 1 "$1" "expected $2, found $found"
		return
	fi
	case $sentence in
	"$4 "$3) ;;
	*) result 1 "$1" "expected '$3', found '$sentence'"; return ;;
	esac
	dmesg | tail -n 5 | grep -qF "$sentence"
	result $? "$1" "not in the log: $sentence"
}

# Runs the tool until released; what it says first is in $held.
hold() { # ARGS
	"$TOOL" "$@" <"$TMP/in" >"$TMP/out" &
	holder=$!
	exec 8>"$TMP/in" 9<"$TMP/out"
	read -r held <&9
}

# What it says last is in $held; returns its exit status.
let_go() {
	exec 8>&-
	read -r held <&9
	exec 9<&-
	{ wait "$holder"; } 2>/dev/null
}

# Waits until the tool, started in the background, has spent TICKS of 10 ms in
# the kernel: what it does before its one system call takes less.
in_kernel() { # PID TICKS
	tries=0
	from=
	while [ $tries -lt 1000 ]; do
		# shellcheck disable=SC2046 # the fields of a line: 2 is the name, 15 the time
		set -- "$1" "$2" $(cat "/proc/$1/stat" 2>/dev/null)
		[ $# -gt 17 ] || return 1
		if [ "$4" = "(${TOOL##*/})" ]; then
			[ "$from" ] || from=${17}
			[ $((${17} - from)) -lt "$2" ] || return 0
		fi
		tries=$((tries + 1))
		set -- "$1" "$2"
		sleep 0.01
	done
	return 1
}

# The tier of a node, if it is alone there.
tier_of() { basename "$(dirname "$(grep -lx "$1" /sys/devices/virtual/memory_tiering/*/nodelist)")"; }
# The tier of a distance. The number is the abstract distance / 128: 576 is DRAM's.
tier_at() { echo memory_tier$(($1 * 576 / 10 / 128)); }

# The nodes of one of the kernel's lists, such as "0,2-3", one a line.
nodes() { # LIST
	tr , '\n' </sys/devices/system/node/$1 | while IFS=- read -r first last; do
		seq "$first" "${last:-$first}"
	done
}

# How far a node that is online is from the nearest one with processors, as the
# kernel has it: a column for each node that is online.
distance_of() { # NODE
	nearest=255
	with_cpu=$(nodes has_cpu)
	# shellcheck disable=SC2046 # columns
	set -- $(cat "/sys/devices/system/node/node$1/distance")
	for node in $(nodes online); do
		if echo "$with_cpu" | grep -qx "$node" && [ "$1" -lt $nearest ]; then
			nearest=$1
		fi
		shift
	done
	echo $nearest
}

hex() { printf '0x%x' "$1"; }
block_of() { echo "$MEMORY/memory$(($1 / block))"; }
state_of() { cat "$W/regions/$1/state" 2>&1; }

blocks() { # START SIZE: their directories, one a line
	b=$(($1))
	while [ $b -lt $(($1 + $2)) ]; do
		block_of $b
		b=$((b + block))
	done
}

online() { # START SIZE
	for dir in $(blocks "$1" "$2"); do
		[ "$(cat "$dir/state")" = online ] && continue
		[ "$("$TOOL" put "$dir/state" online_movable)" = ok ] || return 1
	done
}

offline() { # START SIZE
	for dir in $(blocks "$1" "$2"); do
		[ "$(cat "$dir/state")" = offline ] && continue
		[ "$("$TOOL" put "$dir/state" offline 30000)" = ok ] || return 1
	done
}

# "<start> <size>" of registers of a PCI device that has no driver, if there are.
some_registers() {
	for pci in /sys/bus/pci/devices/*; do
		[ -e "$pci/driver" ] && continue
		while read -r first last flags; do
			# Memory (0x200) that is not prefetchable (0x2000), of a page or more.
			[ $((flags & 0x2200)) -eq $((0x200)) ] || continue
			[ $((last - first + 1)) -ge $page ] || continue
			echo "$first $(hex $((last - first + 1)))"
			return
		done <"$pci/resource"
	done
}

# A page of the space of a PCI bus that has no devices, "<start> <size>", if there is one.
some_empty_bus() {
	for bridge in /sys/bus/pci/devices/*; do
		case $(cat "$bridge/class") in 0x0604*) ;; *) continue ;; esac
		set -- "$bridge"/*/vendor
		[ ! -e "$1" ] || continue
		# After the BARs, the ROM and perhaps those of SR-IOV: what its bus has.
		sed 1,7d "$bridge/resource" | while read -r first last flags; do
			[ $((flags & 0x200)) -ne 0 ] && [ $((last - first)) -ge $page ] || continue
			echo "$first $(hex $page)"
			break
		done
		return
	done
}

# Prints the plan; the exit status is the script's.
finish() {
	echo "1..$count"
	[ $failed -eq 0 ]
}
