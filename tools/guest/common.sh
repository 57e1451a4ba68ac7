# SPDX-License-Identifier: GPL-2.0-only
# Sourced by the scripts of tools/guest: where things are cached, how progress
# and failures are printed, and how a command is run inside the Debian 13 root.
#
# Everything that is made lives under $CACHE, outside the checkout:
#   root/KEY           the Debian 13 tree: toolchain and guests' root in one
#   root/KEY.boot-layer  packages that the boot test puts over it
#   sources/VERSION    unpacked kernel sources
#   stock/VERSION      Debian's own kernel image, modules and symbol versions
#   kernels/KIND-KEY   kernel build folders; each doubles as a KDIR
#   build/CHECKOUT     module builds, one folder for a kernel
#   modules/KERNEL-KEY modules, and whether they were built without warnings
#   workshop/CHECKOUT  where cargo builds: a copy of the sources, and its targets
#   passed             empty files named after builds that passed and what they read
#   logs               build logs
# Every entry is made under a temporary name and renamed when it is complete,
# so an interrupted run leaves nothing that looks finished.

set -euo pipefail

PROJECT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
GUEST_TOOLS=$PROJECT/tools/guest
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/dm-spare
mkdir -p "$CACHE"/{root,sources,stock,kernels,build,modules,workshop,passed,logs,locks}
CACHE=$(cd "$CACHE" && pwd -P)
export PROJECT GUEST_TOOLS CACHE

# Names what is kept for one checkout.
checkout_key() {
	printf '%s' "$PROJECT" | sha256sum | cut -c1-8
}

# content_key PATH...: names the content, names and modes of these files and
# folders of the checkout, and the toolchain.
content_key() {
	{
		root_key
		cd "$PROJECT"
		find "$@" -name __pycache__ -prune -o -printf '%y %m %p %l\n' | sort
		find "$@" -name __pycache__ -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
	} | sha256sum | cut -c1-12
}

# Progress goes to stderr: stdout is for the path a script was asked for.
say() {
	printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*" >&2
}

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

need_root_user() {
	[ "$(id -u)" -eq 0 ] || die "this must run as root (mounts and chroot); the user is $(id -un)"
}

# Asks that FOLDER's file system has GIB free.
need_space() {
	local folder=$1 gib=$2 free
	free=$(df --output=avail -B1G "$folder" | tail -n 1 | tr -d ' ')
	[ "$free" -ge "$gib" ] ||
		die "$folder has $free GiB free, $gib GiB are needed: free some space or point XDG_CACHE_HOME elsewhere"
}

# Installs on the host what is missing: COMMAND=PACKAGE pairs.
need_host() {
	[ -n "$(missing_packages "$@")" ] || return 0
	# Guests that start side by side want the same packages: one run installs them.
	(
		lock host-packages
		mapfile -t missing < <(missing_packages "$@")
		[ ${#missing[@]} -gt 0 ] || exit 0
		command -v apt-get >/dev/null ||
			die "commands of the Debian packages ${missing[*]} are missing and there is no apt-get: install them"
		need_root_user
		say "installing on this machine: ${missing[*]}"
		log=$CACHE/logs/host-packages.log
		apt_options=(-o DPkg::Lock::Timeout=300)
		{
			apt-get "${apt_options[@]}" update
			DEBIAN_FRONTEND=noninteractive \
				apt-get "${apt_options[@]}" install -y --no-install-recommends "${missing[@]}"
		} >"$log" 2>&1 9>&- || fail_with_log "$log" "installing ${missing[*]}"
	) || exit 1
}

# The packages, one a line, of those COMMAND=PACKAGE pairs whose command is missing.
missing_packages() {
	local pair
	for pair in "$@"; do
		command -v "${pair%%=*}" >/dev/null || echo "${pair#*=}"
	done
}

fail_with_log() {
	printf -- '---- the end of %s\n' "$1" >&2
	tail -n 40 "$1" >&2
	die "$2 failed; the whole log is $1"
}

# Holds the lock NAME until this shell ends. Children must not inherit it,
# or a process left behind would hold it for ever: fd 9 is closed for them
# where they outlive us; flock's own semantics do the rest.
lock() {
	exec 9>"$CACHE/locks/$1"
	if ! flock -n 9; then
		say "waiting for another run that is making $1"
		flock 9
	fi
}

unlock() {
	exec 9>&-
}

# Runs COMMAND with its output in LOG, printing every 15 s how long it has
# taken and what it did last.
run_logged() {
	local log=$1 title=$2 pid status=0 last ticks=0
	shift 2
	# A process group of its own, so that an interrupted run ends all of it.
	set -m
	"$@" >"$log" 2>&1 </dev/null 9>&- &
	pid=$!
	set +m
	# shellcheck disable=SC2064 # the process id of now is meant
	trap "kill -KILL -- -$pid 2>/dev/null; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 1
		ticks=$((ticks + 1))
		if [ $((ticks % 15)) -eq 0 ]; then
			last=$(tail -c 300 "$log" | tr '\r' '\n' | grep -v '^ *$' | tail -n 1 | tr -s ' ' | cut -c1-60)
			say "$title: $(wc -l <"$log") lines; ${last}"
		fi
	done
	wait "$pid" || status=$?
	trap - INT TERM
	[ "$status" -eq 0 ] || fail_with_log "$log" "$title"
}

# The root's folder, made by tools/guest/root and named after what is in it.
root_path() {
	printf '%s/root/%s\n' "$CACHE" "$(root_key)"
}

# The first word is the version of what tools/guest/root does beside installing
# the packages: raise it with every change there.
root_key() {
	{
		echo 1
		cat "$GUEST_TOOLS/packages"
	} | sha256sum | cut -c1-12
}

# Runs a command inside the root, in a mount namespace of its own, so that no
# mount can be left behind. The root is read-only; /tmp and /run are fresh; the
# cache is writable under its own path; the checkout is read-only at /project.
# The environment is cleared but for what is named here.
in_root() {
	local root
	root=$(root_path)
	[ -d "$root" ] || die "there is no Debian 13 root yet: run $GUEST_TOOLS/root"
	mkdir -p "$root$CACHE"
	unshare --mount --propagation private --pid --fork --kill-child \
		bash "$GUEST_TOOLS/enter" "$root" "$CACHE" "$PROJECT" "$@"
}
