#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	./autogen.sh			makes ./configure
#	./autogen.sh demo		builds and shows the main job on real data
#	./autogen.sh check [--long]	builds and tests
#
# demo and check take a fresh Debian 12 to their end: they install what is missing when they
# may (root, or sudo that asks nothing), and otherwise say what to install. They build in
# build/ and use again what is there.

set -eu
cd "$(dirname "$0")"

build_packages="autoconf automake gcc libc6-dev libcjson-dev libevent-dev libinih-dev
	libncurses-dev libsqlite3-dev libssl-dev libsystemd-dev libtool liburing-dev libxxhash-dev
	libzstd-dev make pkg-config zlib1g-dev"
# The unit tests, the tools that watch or attack the daemon, and foreign clients.
test_packages="check clang clang-format golang-github-varlink-go-dev golang-go gzip jq
	libclang-rt-14-dev procps python3 socat strace systemd tzdata util-linux valgrind varlink-go
	xz-utils zstd"
long_packages="btrfs-progs e2fsprogs fio fuse3 mount qemu-system-x86 qemu-utils xfsprogs"

usage() {
	echo "usage: $0 [demo | check [--long]]" >&2
	exit 2
}

# Prints those of the given packages that are not installed.
missing_packages() {
	for package in "$@"; do
		dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null |
			grep -qx installed || printf ' %s' "$package"
	done
}

# Calls apt-get with the right to install; fails if we have none.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
		sudo -n env DEBIAN_FRONTEND=noninteractive "$@"
	else
		return 1
	fi
}

# Mirrors fail now and then: once more before giving up.
install_packages() {
	export DEBIAN_FRONTEND=noninteractive
	for attempt in 1 2; do
		# One source of several that fails need not be the one we want something from.
		as_root apt-get -q update </dev/null >&2 || true
		if as_root apt-get -qy install --no-install-recommends "$@" </dev/null >&2; then
			return 0
		fi
		[ "$attempt" -eq 2 ] || sleep 5
	done
	return 1
}

need_packages() {
	if ! command -v dpkg-query >/dev/null 2>&1; then
		echo "$0: not a Debian system; going on with what is installed" >&2
		return 0
	fi
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if ! as_root true; then
		echo "$0: packages are missing and only root can install them. Please run" >&2
		echo "	apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
	# Package names are words.
	# shellcheck disable=SC2086
	if ! install_packages $missing; then
		echo "$0: this did not work:" >&2
		echo "	apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
}

make_configure() {
	mkdir -p build-aux/m4
	autoreconf -fi
}

need_configure() {
	[ -x configure ] || make_configure >&2
}

# shellcheck disable=SC2086
case "${1:-}" in
"")
	make_configure
	;;
demo)
	[ $# -eq 1 ] || usage
	need_packages $build_packages
	need_configure
	. tests/support/build.sh
	echo "building in build/demo"
	mkdir -p build
	if ! build_in demo "" >build/demo.log 2>&1; then
		tail -n 50 build/demo.log >&2
		exit 1
	fi
	FOREBAY_SOURCE_DIR=$PWD FOREBAY_BUILD_DIR=$PWD/build/demo exec ./client/examples/demo.sh
	;;
check)
	[ $# -eq 1 ] || { [ $# -eq 2 ] && [ "$2" = --long ]; } || usage
	[ $# -eq 1 ] || test_packages="$test_packages $long_packages"
	need_packages $build_packages $test_packages
	need_configure
	exec sh tests/support/check.sh "${2:-}"
	;;
*)
	usage
	;;
esac
