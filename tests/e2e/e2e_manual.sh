#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The examples of forebayctl(1) work as printed: all of them in one shell, in a directory that
# has what they name, against a private daemon.

set -eu
source "$(dirname "$0")/daemon.sh"

command -v tar >/dev/null || skip "needs tar"

# Without the escapes of troff.
awk '/^\.SH/ { inside = ($2 == "EXAMPLES") } inside && !/^\./ { gsub(/\\-/, "-"); print }' \
	"$FOREBAY_SOURCE_DIR/client/forebayctl.1" >"$TMPDIR/examples"

daemon_start
mkdir -p "$TMPDIR/work/site" "$TMPDIR/bin"
ln -s "$FOREBAYCTL" "$TMPDIR/bin/forebayctl"
export PATH="$TMPDIR/bin:$PATH"
echo 'the state of the world' >"$TMPDIR/work/world.txt"
echo page >"$TMPDIR/work/site/page"
head -c 3000000 /dev/urandom >"$TMPDIR/work/disk.img"

run_all() {
	(cd "$TMPDIR/work" && bash -euo pipefail -x "$TMPDIR/examples") >"$TMPDIR/output" 2>&1
}

check "there are examples" grep -q '^forebayctl' "$TMPDIR/examples"
check "every line succeeds" run_all
cat "$TMPDIR/output"
check "the archive holds the page" grep -qx site/page "$TMPDIR/output"
check "the image was copied" cmp "$TMPDIR/work/disk.img" "$TMPDIR/work/copy.img"
check "the job has run" cmp "$TMPDIR/work/world.txt" "$DAEMON_STORE/world/1"
daemon_stop
finish
