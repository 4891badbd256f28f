# SPDX-License-Identifier: Apache-2.0
# Adds and removes memory as an operator would by hand, and prints each step's nanoseconds.
# Fed to `sh -s START SIZE NODE` in a brick whose agent holds the window and has nothing attached.
set -eu
readonly start=$1 size=$2 node=$3
readonly window=/sys/class/misc/sdm-window
readonly memory=/sys/devices/system/memory
block_size=$((0x$(cat $memory/block_size_bytes)))
first=$((start / block_size))
last=$(((start + size) / block_size - 1))

# The shell itself reads the kernel's clock: a process for that costs more than some steps.
now() {
	{
		read -r _
		read -r _
		read -r _ _ now _
	} </proc/timer_list
}

# step NAME: what was done since the step before is called that
step() {
	now
	printf '%s %s\n' "$1" $((now - before))
	now
	before=$now
}

set_blocks() {
	block=$first
	while [ $block -le $last ]; do
		echo "$1" >$memory/memory$block/state
		block=$((block + 1))
	done
}

range="$start $size"
now
before=$now
echo "$range" >$window/claim
step claimed
echo "$range $node" >$window/add
step present
set_blocks online_movable
step online
set_blocks offline
step offline
echo "$range" >$window/remove
step absent
echo "$range" >$window/scrub
echo "$range" >$window/verify
step scrubbed
echo "$range" >$window/flush
step flushed
echo "$range" >$window/release
step released
