#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The commands of README.md work as printed: each block that is fenced as ```sh and uses $SOCK
# is run against a private daemon, in an empty directory, in the order of the file, all of them
# in one shell. Other blocks (building, installing) are not for a test to run.

set -eu
source "$(dirname "$0")/daemon.sh"

readme="$FOREBAY_SOURCE_DIR/README.md"
[ -e "$readme" ] || skip "there is no README.md yet"
for tool in socat jq zstd; do
	command -v $tool >/dev/null || skip "needs $tool"
done

# One file for each block.
awk -v folder="$TMPDIR" '
	/^```sh$/ { inside = 1; file = sprintf("%s/block.%03d", folder, ++count); next }
	/^```/ { inside = 0 }
	inside { print > file }' "$readme"
blocks=$(grep -l 'SOCK' "$TMPDIR"/block.* 2>/dev/null) || { echo "no block with \$SOCK"; exit 1; }

daemon_start
mkdir "$TMPDIR/work" "$TMPDIR/bin"
ln -s "$FOREBAYCTL" "$TMPDIR/bin/forebayctl"
export PATH="$TMPDIR/bin:$PATH"
{
	echo 'set -euo pipefail'
	for block in $blocks; do
		echo "echo '--- ${block##*/}'"
		cat "$block"
	done
} >"$TMPDIR/all"
sed 's/^/| /' "$TMPDIR/all"

check "every line succeeds" bash -c "cd '$TMPDIR/work' && bash '$TMPDIR/all' >'$TMPDIR/output' 2>&1"
cat "$TMPDIR/output"
check "no line prints an error" bash -c "! grep -E '\"error\"|InvalidParameter|parse error' '$TMPDIR/output'"
check "jq had something to print" grep -q '[^[:space:]]' <(grep -v '^---' "$TMPDIR/output")
check "a file was stored" bash -c "find '$DAEMON_STORE' -type f -size +0c | grep -q ."
daemon_stop
finish
