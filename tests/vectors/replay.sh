#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every file of Node's answers holds. First that the program can fail: a file that says
# something else, a file of another kind, an empty one, none at all.

set -u

replay=$FOREBAY_BUILD_DIR/tests/vectors/replay
vectors=$FOREBAY_SOURCE_DIR/tests/vectors
failed=0

# must_fail WHAT KIND [FILE...]
must_fail() {
	local what=$1
	shift
	if "$replay" "$@" >/dev/null 2>&1; then
		echo "passed, though it is $what"
		failed=1
	fi
}

# holds KIND FILE...
holds() {
	echo "$1"
	"$replay" "$@" || failed=1
}

sed 's/"ret":true/"ret":false/' "$vectors/writable_trace.json" >"$TMPDIR/changed.json"
sed 's/"errored":null/"errored":"E1"/' "$vectors/writable_trace.json" >"$TMPDIR/state.json"
echo '{"what":"nothing","count":0,"scenarios":[]}' >"$TMPDIR/empty.json"
echo '{"what":"other","count":1,"scenarios":[{"id":"a","opts":{},"turns":[]}]}' >"$TMPDIR/other.json"
head -c 5000 "$vectors/writable_trace.json" >"$TMPDIR/cut.json"

must_fail "changed" writable_trace "$TMPDIR/changed.json"
must_fail "changed in a state" writable_trace "$TMPDIR/state.json"
sed 's/"ev":"pause"/"ev":"resume"/' "$vectors/flow_trace.json" >"$TMPDIR/pause.json"
sed 's/"cb":"pipeline","err":"SRC"/"cb":"pipeline","err":null/' "$vectors/flow_trace.json" \
	>"$TMPDIR/outcome.json"

must_fail "changed in a pause" flow_trace "$TMPDIR/pause.json"
must_fail "changed in an outcome" flow_trace "$TMPDIR/outcome.json"
must_fail "without cases" writable_trace "$TMPDIR/empty.json"
must_fail "of another kind" writable_trace "$TMPDIR/other.json"
must_fail "cut off" writable_trace "$TMPDIR/cut.json"
must_fail "beside a good one" writable_trace "$vectors/writable_trace.json" "$TMPDIR/empty.json"
must_fail "not there" writable_trace "$TMPDIR/none.json"
must_fail "without a file" writable_trace
must_fail "of no known kind" unknown "$vectors/writable_trace.json"

holds writable_trace "$vectors/writable_trace.json"

# holds_all KIND FILE MAPPED TOTALS: as holds, and so many cases pass, of which so many meet a
# rule from which this project departs. Neither may drift.
holds_all() {
	local out
	echo "$1"
	out=$("$replay" "$1" "$2") || failed=1
	echo "$out"
	[ "$out" = "$3"$'\n'"$4" ] || {
		echo "expected: $3, $4"
		failed=1
	}
}

holds_all flow_trace "$vectors/flow_trace.json" \
	"27 mapped: W25 1, W27 4, W32 22" "202 passed, 0 failed"

exit $failed
