# SPDX-License-Identifier: GPL-2.0-only
# Sourced after common.sh: the kernel kinds and where each one's folders are.

KINDS="stock-7.3 stock-7.2 uml-debug uml-plain qemu-debug"

know_kind() {
	local kind
	for kind in $KINDS; do
		[ "$kind" != "$1" ] || return 0
	done
	die "kernel kind '$1' is unknown: use one of $KINDS"
}

# The configuration fragments of KIND, in the order in which they are merged.
kind_fragments() {
	case $1 in
	uml-debug) echo common debug uml uml-debug ;;
	uml-plain) echo common uml uml-plain ;;
	qemu-debug) echo common debug qemu lockdep ;;
	*) ;;
	esac
}

# Options of make that every build for KIND takes, the kernel's and a module's,
# one a line.
kind_make_options() {
	case $1 in
	stock-*) printf '%s\n' CC=gcc-14 HOSTCC=gcc-14 ;;
	# kmemleak must find all static data: see the linker script.
	uml-debug)
		printf '%s\n' ARCH=um LLVM=-19 \
			'LDFLAGS_EXECSTACK=-z noexecstack -T /project/tools/guest/config/uml-large-data.lds' \
			'CFLAGS_stacktrace.o=-include /project/tools/guest/config/uml-stack-words.h' \
			'CFLAGS_vmalloc.o=-include /project/tools/guest/config/uml-shadow-span.h'
		;;
	uml-*) printf '%s\n' ARCH=um LLVM=-19 ;;
	*) echo LLVM=-19 ;;
	esac
}

# Options of make for a module alone. User-mode Linux loads modules far from
# its own text and knows no relocation through a global offset table.
kind_module_options() {
	case $1 in
	uml-*) echo 'KRUSTFLAGS=-Crelocation-model=static -Ccode-model=large' ;;
	*) ;;
	esac
}

# Sets kernel_source, kernel_stock, kernel_release, kernel_version and
# kernel_folder of KIND, fetching sources that are missing.
describe_kernel() {
	local kind=$1 series=7.3 described key
	[ "$kind" != stock-7.2 ] || series=7.2
	described=$("$GUEST_TOOLS/sources" "$series")
	{
		read -r kernel_source
		read -r kernel_stock
		read -r kernel_release
	} <<<"$described"
	kernel_version=$(basename "$kernel_source")
	key=$(
		{
			echo "$(root_key) $kernel_release"
			kind_make_options "$kind" | paste -sd ' '
			local file
			for file in $(kind_fragments "$kind"); do
				cat "$GUEST_TOOLS/config/$file"
			done
			# What its options name.
			for file in $(kind_make_options "$kind" | grep -o 'config/[^ ]*'); do
				cat "$GUEST_TOOLS/$file"
			done
		} | sha256sum | cut -c1-8
	)
	kernel_folder=$CACHE/kernels/$kind-$kernel_version-$key
	export kernel_source kernel_stock kernel_release kernel_version kernel_folder
}
