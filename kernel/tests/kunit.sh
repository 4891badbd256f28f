#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Inserts a module of KUnit suites, which run them, and repeats what they found
# as TAP: one line for each case, exit status 0 if all passed.
#
#   kunit.sh [MODULE]
#
# Needs a kernel with KUNIT and KUNIT_DEBUGFS, and debugfs.

MODULE=${1:-./sdmc_kunit.ko}
RESULTS=/sys/kernel/debug/kunit

# shellcheck source=lib.sh
. "${0%/*}/lib.sh"

[ -d $RESULTS ] || bail "no $RESULTS: a kernel without KUnit, or debugfs is not mounted"
insmod "$MODULE" || bail "cannot insert $MODULE"

for file in $RESULTS/*/results; do
	suite=${file%/results}
	suite=${suite##*/}
	# What a case says of itself stands before its result; the result of the
	# suite is at the start of its line, and its plan before its first case.
	cases=0
	plan=
	said=
	ended=
	while IFS= read -r line; do
		case $line in
		"    1.."*) plan=${line#"    1.."} ;;
		"    ok "*) cases=$((cases + 1)); result 0 "$suite: ${line#"    ok "}"; said= ;;
		"    not ok "*) cases=$((cases + 1)); result 1 "$suite: ${line#"    not ok "}" "$said"; said= ;;
		"    "*) said="$said${said:+
# }${line#"    "}" ;;
		"ok "*) ended=ok ;;
		"not ok "*) ended=failed ;;
		esac
	done <"$file"
	is "$suite: ran to its end" "${plan:-a plan} ok" "$cases $ended"
done
[ $count -gt 0 ] || bail "$MODULE has no suite"

complaints=$(dmesg | grep -cE "KASAN|Oops|BUG:|WARNING:")
is "no complaint of the kernel" 0 "$complaints"
finish
