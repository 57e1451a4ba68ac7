# SPDX-License-Identifier: GPL-2.0-only
# Sourced: Debian's archive as this machine's apt knows it, without touching
# the machine's own apt configuration.

# The archive's address, as configured for this machine. None is written down
# in the project.
mirror() {
	local site
	site=$(configured_mirror)
	if [ -z "$site" ]; then
		# Lists that were never read do not say whose they are.
		apt-get update >"$CACHE/logs/host-update.log" 2>&1 || fail_with_log "$CACHE/logs/host-update.log" "apt-get update"
		site=$(configured_mirror)
	fi
	[ -n "$site" ] || die "apt knows no Debian archive on this machine: configure one in /etc/apt and run this again"
	printf '%s\n' "${site%/}"
}

configured_mirror() {
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL) $(COMPONENT)' 2>/dev/null |
		awk '$2 == "Debian" && $3 == "Debian" && $4 == "main" && !found { print $1; found = 1 }'
}

# apt-get and apt-cache with lists, cache and status of their own that know
# Debian 13 and its backports.
private_apt() {
	local program=$1 base=$CACHE/apt
	shift
	"$program" -o Dir::Etc::SourceList="$base/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$base/lists" -o Dir::Cache="$base/cache" -o Dir::State::status="$base/status" \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::Languages=none "$@"
}

private_apt_update() {
	local base=$CACHE/apt site suite
	site=$(mirror)
	mkdir -p "$base"/{lists/partial,cache/archives/partial}
	: >"$base/status"
	for suite in trixie trixie-updates trixie-backports; do
		printf 'deb %s %s main\n' "$site" "$suite"
	done >"$base/sources.list"
	private_apt apt-get update >"$CACHE/logs/apt-update.log" 2>&1 ||
		fail_with_log "$CACHE/logs/apt-update.log" "reading Debian's package lists"
}
