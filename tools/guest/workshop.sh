# SPDX-License-Identifier: GPL-2.0-only
# Sourced after common.sh: where cargo builds.
#
# Cargo goes by the times of files, and those of a fresh clone say nothing. So it
# builds a copy of the checkout, in which only files whose content has changed
# are replaced; a new checkout begins with the copy, and with what was built, of
# the one that was used last. In the root both have the same paths for all
# checkouts: /project and /tmp/target.

# Sets `workshop`, the folder with `source`, `target` and `checkout`, and makes it fit.
open_workshop() {
	local donor
	workshop=$CACHE/workshop/$(checkout_key)
	lock workshops
	if [ ! -d "$workshop" ]; then
		rm -rf "$workshop".*
		while read -r donor; do
			if [ -d "$(cat "$donor/checkout")" ]; then
				copy_workshop "$donor" "$workshop.new" || { rm -rf "$workshop.new"; continue; }
			else
				mv "$donor" "$workshop.new"
			fi
			break
		done < <(find "$CACHE/workshop" -mindepth 2 -maxdepth 2 -name checkout -printf '%T@ %h\n' |
			sort -rn | sed 's/^[^ ]* //')
		mkdir -p "$workshop.new/source" "$workshop.new/target"
		mv "$workshop.new" "$workshop"
		forget_workshops
	fi
	rsync -r --checksum --links --perms --delete --exclude=/.git --exclude=/build --exclude=/tools/target --exclude=/tools/fuzz/target \
		--exclude=__pycache__ "$PROJECT/" "$workshop/source/"
	printf '%s\n' "$PROJECT" >"$workshop/checkout"
	unlock
}

# Copies a workshop, unless cargo is building there.
copy_workshop() (
	shopt -s nullglob
	for file in "$1"/target/*/.cargo-lock "$1"/target/fuzz/*/*/.cargo-lock; do
		exec {descriptor}<"$file"
		flock -s -n "$descriptor" || exit 1
	done
	cp -a --reflink=auto "$1" "$2"
)

# Removes what checkouts that are no more have left.
forget_workshops() {
	local file
	for file in "$CACHE"/workshop/*/checkout; do
		[ ! -e "$file" ] || [ -d "$(cat "$file")" ] || rm -rf "${file%/checkout}"
	done
}

# in_workshop COMMAND...: runs it in the root, with the copy as the project.
in_workshop() {
	PROJECT=$workshop/source WORKSHOP=$workshop in_root \
		env CARGO_TARGET_DIR=/tmp/target CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0 "$@"
}
