#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The disk itself refuses writes, once and for a while: no byte is lost, and the disk holds
# what the page cache believes. Needs root, QEMU's storage daemon, FUSE and loop devices;
# skipped elsewhere.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

export BLK="$TMPDIR/blk"
long="$FOREBAY_SOURCE_DIR/tests/long"
for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
	# Each on a disk of its own: the errors stay in a file system's memory.
	status=0
	bash "$long/blk.sh" up || status=$?
	[ $status -ne 77 ] || skip "no disk that can fail"
	[ $status -eq 0 ] || exit 1
	check "what the disk refuses is written again, $engine" \
		"$PYTHON3" -B "$long/device_errors_load.py" "$engine" "$BLK/mnt" "$long/blk.sh"
	bash "$long/blk.sh" down
done
finish
