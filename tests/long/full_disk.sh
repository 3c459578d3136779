#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Disks that are full: a small tmpfs, a small ext4, and a block device that says ENOSPC of its
# own. Under onError pause not a byte is lost and the stream goes on by itself when there is
# room again; under fail there is a named fault, the old file is whole and no temporary stays.
# Needs root and loop devices, the block device QEMU's storage daemon and FUSE too; what
# cannot be had is named and left out.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root"
long="$FOREBAY_SOURCE_DIR/tests/long"
engines=${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}
place="$TMPDIR/place"
mkdir "$place"
on_exit "umount '$place' 2>/dev/null"
load="$long/full_disk_load.py"

small_disk() {
	local device
	truncate -s 48M "$TMPDIR/disk"
	mkfs.ext4 -q -F -m 0 "$TMPDIR/disk" || return 1
	device=$(losetup -f --show "$TMPDIR/disk") || return 1
	mount "$device" "$place" && losetup -d "$device"
}

for engine in $engines; do
	mount -t tmpfs -o size=48m none "$place"
	check "a full tmpfs, $engine" "$PYTHON3" -B "$load" "$engine" "$place"
	umount "$place"
	if [ -e /dev/loop-control ] && command -v mkfs.ext4 >/dev/null && small_disk; then
		check "a full ext4, $engine" "$PYTHON3" -B "$load" "$engine" "$place"
		umount "$place"
	else
		echo "no loop devices or no ext4: left out"
	fi
	# Each on a disk of its own: the errors stay in a file system's memory.
	export BLK="$TMPDIR/blk"
	status=0
	bash "$long/blk.sh" up || status=$?
	if [ $status -eq 0 ]; then
		check "a device that says ENOSPC, $engine" \
			"$PYTHON3" -B "$load" "$engine" "$BLK/mnt" "$long/blk.sh"
		bash "$long/blk.sh" down
	elif [ $status -eq 77 ]; then
		echo "no device that can fail: left out"
	else
		check "the device that can fail comes up" false
	fi
done
finish
