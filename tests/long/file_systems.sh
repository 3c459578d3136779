#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	file_systems.sh [--short]
#
# What is stored equals what was written on tmpfs, ext4, XFS and btrfs: every size at which a
# block begins or ends and one of 3 GiB, new files, updates from odd places and appends after
# odd ends, by ring, by buffer and by calls, with both engines, with and without each step;
# file_systems_load.py lists the cells. --short: tmpfs and ext4, without the 3 GiB. Needs root
# and loop devices; a file system that cannot be made here is named and left out.
#
#	FOREBAY_FILE_SYSTEMS	say "xfs btrfs"
#	FOREBAY_BIG_DIR		where the images lie, sparse: TMPDIR

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

[ "$(id -u)" -eq 0 ] || skip "needs root"
[ -e /dev/loop-control ] || skip "needs loop devices"
long="$FOREBAY_SOURCE_DIR/tests/long"
kinds=${FOREBAY_FILE_SYSTEMS:-tmpfs ext4 xfs btrfs}
huge=3221225472
if [ "${1:-}" = --short ]; then
	kinds="tmpfs ext4"
	huge=0
fi
images=$(mktemp -d "${FOREBAY_BIG_DIR:-$TMPDIR}/images.XXXXXX")
place="$TMPDIR/place"
mkdir "$place"
on_exit "rm -rf '$images'"
on_exit "umount '$place' 2>/dev/null"

# free_for DIRECTORY BYTES
free_for() {
	[ $(($(stat -f -c '%a * %S' "$1"))) -gt "$2" ]
}

# Mounts a fresh one on $place; 77 where it cannot be had. What is 3 GiB long needs some more.
make_file_system() {
	local kind=$1 bytes=$2 device
	if [ "$kind" = tmpfs ]; then
		mount -t tmpfs -o size="$bytes" none "$place"
		return
	fi
	command -v "mkfs.$kind" >/dev/null || return 77
	rm -f "$images/disk"
	truncate -s "$bytes" "$images/disk"
	case $kind in
	ext4) mkfs.ext4 -q -F "$images/disk" ;;
	xfs) mkfs.xfs -q "$images/disk" ;;
	btrfs) mkfs.btrfs -q "$images/disk" >/dev/null ;;
	esac
	device=$(losetup -f --show "$images/disk") || return 77
	# The loop device goes when its file system is unmounted.
	if ! mount "$device" "$place"; then
		losetup -d "$device"
		return 77
	fi
	losetup -d "$device"
}

for kind in $kinds; do
	# XFS is made for 300 MiB and more.
	bytes=$((512 * 1024 * 1024))
	this_huge=$huge
	room=$images
	[ "$kind" != tmpfs ] || room=/dev/shm
	if [ "$huge" -gt 0 ]; then
		if free_for "$room" $((huge + huge / 2)); then
			bytes=$((huge + huge / 4))
		else
			echo "no room for 3 GiB on $kind: left out"
			this_huge=0
		fi
	fi
	status=0
	make_file_system "$kind" "$bytes" || status=$?
	if [ $status -eq 77 ]; then
		echo "no $kind here: left out"
		continue
	fi
	[ $status -eq 0 ] || exit 1
	for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
		check "equal on $kind, $engine" \
			"$PYTHON3" -B "$long/file_systems_load.py" "$engine" "$place" "$kind" "$this_huge"
	done
	umount "$place"
done
finish
