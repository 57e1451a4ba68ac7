# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the guest's halves of the demo: how they speak, and the failing disk
# that they have. Lines for the reader begin with "  "; facts for the closing table
# are printed as "@ name value" and picked up by tools/demo/run.

DEVICE=/dev/mapper/mended
FOLDER=/mnt/mended
MAIN=/dev/disk0
SPARE=/dev/disk1

# Blocks of 4 KiB on main that went bad: ten each. Unreadable ones have lost
# what was in them, unwritable ones still have it, the third kind is dead.
UNREADABLE="300 1100 2100 3333 4500 6000 7777 9000 11000 13000"
UNWRITABLE="640 1500 2600 3900 5200 6800 8100 9600 11500 14000"
DEAD="900 1700 3000 4200 5600 7200 8500 10200 12100 15000"

tell() {
	printf '  %s\n' "$*"
}

chapter() {
	printf '\n  \e[1m%s\e[0m\n' "$*"
}

fact() {
	printf '@ %s %s\n' "$1" "$2"
}

# Prints a command as it would be typed, then runs it.
show() {
	printf '    \e[36m# %s\e[0m\n' "$*"
	"$@" 2>&1 | sed 's/^/    /'
	return "${PIPESTATUS[0]}"
}

give_up() {
	printf '\n  The demo failed: %s\n' "$*"
	dmesg | tail -n 25
	exit 1
}

# The disk's faults live in the kernel's error injection rules: they must be
# made again after each boot, as the real ones are there after each boot.
make_blocks_bad() {
	local rules block
	rules=/sys/kernel/debug/block/$(basename "$(readlink -f "$MAIN")")/error_injection
	[ -w "$rules" ] || give_up "this kernel has no block error injection ($rules)"
	for block in $UNREADABLE $DEAD; do
		echo "add,op=READ,status=MEDIUM,start=$((block * 8)),nr_sectors=8" >"$rules"
	done
	for block in $UNWRITABLE $DEAD; do
		echo "add,op=WRITE,status=MEDIUM,start=$((block * 8)),nr_sectors=8" >"$rules"
	done
}

load_module() {
	insmod /modules/dm-spare.ko || give_up "the module does not load"
}

create_device() {
	local sectors
	sectors=$(blockdev --getsz "$MAIN")
	show dmsetup create mended --table "0 $sectors spare $MAIN $SPARE" ||
		give_up "dmsetup create failed"
	[ -b "$DEVICE" ] || give_up "$DEVICE is not a block device"
}

# status_of KEY [DEVICE]: the value of KEY=VALUE in the status line.
status_of() {
	dmsetup status "${2:-mended}" | tr ' ' '\n' | sed -n "s/^$1=//p"
}

show_status() {
	show dmsetup status "${1:-mended}"
}

# Compares every file with its checksum; COUNT of them must be there.
compare_files() {
	local good
	good=$(cd "$FOLDER" && sha256sum -c SUMS 2>/dev/null | grep -c ': OK$')
	[ "$good" -eq "$1" ] || give_up "only $good of $1 files are what they were"
	tell "$good of $1 files compared: every byte as it was written"
}
