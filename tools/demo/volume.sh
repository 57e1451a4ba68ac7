# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the guest's halves of the demo after story.sh: the volume of dedup mode
# over two further disks, and the files that are copied to it.

VOLUME=/dev/mapper/volume
VOLUME_FOLDER=/mnt/volume
VOLUME_MAIN=/dev/disk2
VOLUME_SPARE=/dev/disk3
# Of the volume, which is larger than its disk.
VOLUME_MIB=1024
# What is copied: some 160 headers of all sizes, which every guest has.
TREE=/usr/include/c++/14/bits

# An index is asked for by name, since main is too small to get one unasked.
create_volume() {
	show dmsetup create volume --table \
		"0 $((VOLUME_MIB << 11)) spare $VOLUME_MAIN $VOLUME_SPARE 4 mode dedup index_memory 16" ||
		give_up "dmsetup create failed"
	[ -b "$VOLUME" ] || give_up "$VOLUME is not a block device"
	[ "$(status_of index volume)" = open ] || give_up "the index of the volume is not open"
}

# Blocks of the volume that hold data, and blocks of main that they take, when all
# that was written has arrived.
count_blocks() {
	sync -f "$VOLUME_FOLDER"
	dmsetup message volume 0 commit || give_up "the volume cannot commit"
	logical=$(status_of mapped volume | cut -d/ -f1)
	physical=$(status_of used volume | cut -d/ -f1)
	tell "$logical logical blocks in $physical physical ones, saving $(status_of saving volume)"
}

# Compares both copies with what they were made from, byte for byte.
compare_trees() {
	local copy there=0
	for copy in first second; do
		diff -r --no-dereference "$TREE" "$VOLUME_FOLDER/$copy" >/tmp/differences 2>&1 || {
			head -n 10 /tmp/differences
			give_up "the $copy copy is not what was written"
		}
		there=$((there + $(find "$VOLUME_FOLDER/$copy" -type f | wc -l)))
	done
	[ "$there" -eq "$((2 * files))" ] || give_up "$there files are there, not $((2 * files))"
	tell "$there of $((2 * files)) files compared with their original: byte for byte the same"
}

files=$(find "$TREE" -type f | wc -l)
[ "$files" -gt 100 ] || give_up "$TREE has no files to copy"
