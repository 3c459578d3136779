#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A disk that takes 8 MiB a second: producers are held back by their marks and never by a call,
# the daemon answers all the while, and every file is right. Needs root, QEMU's storage
# daemon, FUSE and loop devices; skipped elsewhere.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

export BLK="$TMPDIR/blk" BPS=8388608
long="$FOREBAY_SOURCE_DIR/tests/long"
status=0
bash "$long/blk.sh" up || status=$?
[ $status -ne 77 ] || skip "no disk that can be slow"
[ $status -eq 0 ] || exit 1
on_exit "bash '$long/blk.sh' down"

for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
	check "a slow disk holds producers back and nothing else, $engine" \
		"$PYTHON3" -B "$long/throttled_disk_load.py" "$engine" "$BLK/mnt" "$BPS"
done
finish
