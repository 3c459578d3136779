#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	equal.sh [BYTES]	1 GiB if not said otherwise
#
# Random bytes from standard input through `forebayctl write` equal their source, in 54 cells:
# ack level x engine x ring x high mark. The producer's private memory stays within 8 MiB. With
# FOREBAY_TEST_ENGINE only the cells of that engine are run.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

bytes=${1:-${FOREBAY_EQUAL_BYTES:-1073741824}}
engines=${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}
source_file="$TMPDIR/source"
# In memory where it fits, so that the cells read no disk.
if [ "$bytes" -le "$(df --output=avail -B1 /dev/shm 2>/dev/null | tail -1 || echo 0)" ]; then
	memory=$(mktemp -d /dev/shm/fb.XXXXXX)
	source_file="$memory/source"
	on_exit "rm -rf '$memory'"
fi
head -c "$bytes" /dev/urandom >"$source_file"

# A sanitizer's own memory says nothing about the program's.
limit_kib=8192
case $FOREBAYCTL in
*/*) real="$(dirname "$FOREBAYCTL")/.libs/$(basename "$FOREBAYCTL")" ;;
*) real=$FOREBAYCTL ;;
esac
[ -e "$real" ] || real=$FOREBAYCTL
if grep -q __asan_init "$real"; then
	limit_kib=0
	echo "the private memory is not looked at: it is built with a sanitizer"
fi

cell() {
	local ack=$1 ring=$2 mark=$3 peak
	"$PYTHON3" -B "$FOREBAY_SOURCE_DIR/tests/long/peak.py" "$TMPDIR/peak" \
		"$FOREBAYCTL" write cell --ack "$ack" --ring "$ring" --high-water-mark "$mark" \
		<"$source_file" >"$TMPDIR/told" 2>&1 || { cat "$TMPDIR/told"; return 1; }
	cmp "$source_file" "$DAEMON_STORE/cell" || return 1
	peak=$(cat "$TMPDIR/peak")
	if [ $limit_kib -gt 0 ] && [ "$peak" -gt $limit_kib ]; then
		echo "private memory of the producer: $peak KiB"
		return 1
	fi
	rm "$DAEMON_STORE/cell"
}

for engine in $engines; do
	unset FOREBAY_TEST_ENGINE
	daemon_start --engine "$engine"
	for ack in written synced published; do
		for ring in 65536 1048576 67108864; do
			for mark in 1 16384 $((ring / 2)); do
				check "$engine $ack ring $ring mark $mark" cell "$ack" "$ring" "$mark"
			done
		done
	done
	daemon_stop
done
finish
