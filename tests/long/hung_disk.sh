#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The disk hangs for two seconds under 50 streams: the daemon's loop is never away for 20 ms,
# `forebayctl ping` is answered all the while (50 ms is the aim, ten times that is the limit),
# and every file is right in the end. Then the daemon is told to stop while the disk hangs and
# a pipe is full: what goes to another disk is finished, and what is lost is named at the
# deadline. Needs root, QEMU's storage daemon, FUSE and loop devices; skipped elsewhere.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

export BLK="$TMPDIR/blk"
long="$FOREBAY_SOURCE_DIR/tests/long"
status=0
bash "$long/blk.sh" up || status=$?
[ $status -ne 77 ] || skip "no disk that can hang"
[ $status -eq 0 ] || exit 1
on_exit "bash '$long/blk.sh' down"

for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
	check "the loop runs on over a hung disk, $engine" \
		"$PYTHON3" -B "$long/hung_disk_load.py" "$engine" "$BLK/mnt" "$long/blk.sh"
	check "a hung disk and a full pipe do not keep others from ending, $engine" \
		"$PYTHON3" -B "$long/hung_disk_stop.py" "$engine" "$BLK/mnt" "$long/blk.sh"
done
finish
