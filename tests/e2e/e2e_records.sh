#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The example program of views and leases, built against the library as a user would, saves
# what it set.

set -eu
source "$(dirname "$0")/daemon.sh"

program="$FOREBAY_BUILD_DIR/client/examples/records"
[ -x "$program" ] || { echo "$program is not built"; exit 1; }

saved() {
	"$program" tables/first 1 -2.5 >"$TMPDIR/told" || return 1
	[ "$(cat "$TMPDIR/told")" = "$DAEMON_STORE/tables/first: 48 bytes" ] || return 1
	printf '%b' '\0\0\0\0' '1\0\0\0\0\0\0\0\0\0\0\0' '\x3f\xf0\0\0\0\0\0\0' \
		'\x01\0\0\0' '-2.5\0\0\0\0\0\0\0\0' '\xc0\x04\0\0\0\0\0\0' >"$TMPDIR/expected"
	cmp "$TMPDIR/expected" "$DAEMON_STORE/tables/first"
}

many() {
	# shellcheck disable=SC2046
	"$program" tables/many $(seq 1 5000) >"$TMPDIR/told" || return 1
	[ "$(stat -c %s "$DAEMON_STORE/tables/many")" -eq 120000 ]
}

too_many() {
	# shellcheck disable=SC2046
	"$program" tables/none $(seq 1 50000) >"$TMPDIR/told" 2>&1 && return 1
	grep -q 'No space left' "$TMPDIR/told" && [ ! -e "$DAEMON_STORE/tables/none" ]
}

nobody() {
	! FOREBAY_SOCKET="$TMPDIR/none" "$program" x 1 2>/dev/null
}

daemon_start
check "a table is saved as it was set" saved
check "so is one of many records" many
check "one that is larger than the lease is refused" too_many
daemon_stop
check "without a daemon it fails" nobody
finish
