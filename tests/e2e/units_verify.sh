#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What make install puts down for the service manager is what the service manager
# understands. systemd-analyze succeeds in spite of keys that it does not know, so success
# here is an empty stderr.

set -eu
command -v systemd-analyze >/dev/null || exit 77

root=$TMPDIR/root
if ! "$MAKE" -s -C "$FOREBAY_BUILD_DIR" install-data DESTDIR="$root" >"$TMPDIR/log" 2>&1; then
	cat "$TMPDIR/log"
	exit 1
fi

# A build with --with-systemdsystemunitdir=no has nothing to verify.
system_units=$(find "$root" -name forebay.service -printf '%h\n')
user_units=$(find "$root" -name forebay-user.service -printf '%h\n')
[ -n "$system_units" ] && [ -n "$user_units" ] || exit 77

# verify DIRECTORY [OPTION...]: the units of a directory, with a program that is there in
# place of the daemon, which is not installed yet.
verify() {
	local units output
	units=$(mktemp -d "$TMPDIR/units.XXXX")
	cp "$1"/*.service "$1"/*.socket "$units"
	shift
	sed -i "s|^ExecStart=[^ ]*/forebayd|ExecStart=$(type -P true)|" "$units"/*.service
	output=$(SYSTEMD_UNIT_PATH="$units:" systemd-analyze verify --man=no --recursive-errors=no \
		"$@" "$units"/*.service "$units"/*.socket 2>&1) || output="$output (failed)"
	[ -z "$output" ] || { echo "$output"; return 1; }
}

expect_line() {
	grep -qx "$2" "$1" || { echo "$1: no line $2"; exit 1; }
}

mkdir "$TMPDIR/planted"
cp "$system_units"/* "$TMPDIR/planted"
echo 'PlantedKey=yes' >>"$TMPDIR/planted/forebay.socket"
if verify "$TMPDIR/planted" >/dev/null; then
	echo "an unknown key was not noticed"
	exit 1
fi

verify "$system_units"
XDG_RUNTIME_DIR=$TMPDIR verify "$user_units" --user

expect_line "$system_units/forebay.service" 'Type=notify'
expect_line "$system_units/forebay.service" 'StartLimitIntervalSec=0'
expect_line "$system_units/forebay.service" 'FileDescriptorStoreMax=4096'
expect_line "$system_units/forebay.socket" 'FileDescriptorName=varlink'
if grep -H '@[a-z]*@' "$system_units"/* "$user_units"/*; then
	echo "a placeholder was left"
	exit 1
fi

mkdir -p "$TMPDIR/etc"
systemd-sysusers --root="$TMPDIR" "$(find "$root" -path '*/sysusers.d/forebay.conf')"
grep -q '^forebay:' "$TMPDIR/etc/passwd"
systemd-tmpfiles --create --root="$TMPDIR" "$(find "$root" -path '*/tmpfiles.d/forebay.conf')"
[ "$(stat -c %a "$TMPDIR/var/lib/forebay")" = 750 ]
find "$root" -path '*/forebay/forebayd.conf' | grep -q .
