#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The example program of libforebay, built against the library as a user would, writes files.

set -eu
source "$(dirname "$0")/daemon.sh"

program="$FOREBAY_BUILD_DIR/client/examples/write_file"
[ -x "$program" ] || { echo "$program is not built"; exit 1; }

one() {
	head -c "$1" /dev/urandom >"$TMPDIR/source"
	"$program" "sub/$1" <"$TMPDIR/source" >"$TMPDIR/told" || return 1
	cmp "$TMPDIR/source" "$DAEMON_STORE/sub/$1" || return 1
	[ "$(cat "$TMPDIR/told")" = "$DAEMON_STORE/sub/$1" ]
}

refused() {
	"$program" ../outside </dev/null >"$TMPDIR/told" 2>&1 && return 1
	grep -q PathRefused "$TMPDIR/told"
}

nobody() {
	local status=0
	FOREBAY_SOCKET="$TMPDIR/none" "$program" x </dev/null 2>/dev/null || status=$?
	[ $status -eq 3 ]
}

for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
	unset FOREBAY_TEST_ENGINE
	daemon_start --engine "$engine"
	for bytes in 0 1 65536 5000011; do
		check "$bytes bytes, $engine" one $bytes
	done
	check "a path that leads elsewhere is refused, $engine" refused
	daemon_stop
done
check "without a daemon it says so" nobody
finish
