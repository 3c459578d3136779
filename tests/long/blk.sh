#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	blk.sh up | stop | cont | down
#
# A disk that can hang, under $BLK/mnt: a storage daemon of QEMU exports an image as a file by
# FUSE, a loop device makes a disk of it, ext4 lies on that. Stopping the storage daemon hangs
# every request of the disk. "up" exits with 77 where this cannot be had.

set -eu
: "${BLK:?}"
mkdir -p "$BLK/mnt"
cd "$BLK"

case $1 in
up)
	[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
	for tool in qemu-storage-daemon losetup mkfs.ext4; do
		command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
	done
	[ -e /dev/fuse ] && [ -e /dev/loop-control ] || { echo "needs FUSE and loop devices"; exit 77; }
	rm -f d.img
	truncate -s 1G d.img
	: >exp
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 d.img
	qemu-storage-daemon \
		--blockdev driver=file,node-name=f0,filename="$BLK/d.img",cache.no-flush=on \
		--blockdev driver=raw,node-name=top,file=f0 \
		--export type=fuse,id=e,node-name=top,mountpoint="$BLK/exp",writable=on \
		--pidfile "$BLK/pid" --daemonize || exit 77
	losetup -f --show exp >loop || { kill "$(cat pid)"; exit 77; }
	mount "$(cat loop)" mnt || { losetup -d "$(cat loop)"; kill "$(cat pid)"; exit 77; }
	;;
stop) kill -STOP "$(cat pid)" ;;
cont) kill -CONT "$(cat pid)" ;;
down)
	pid=$(cat pid)
	kill -CONT "$pid"
	umount mnt
	losetup -d "$(cat loop)"
	# It takes its pid file away.
	kill "$pid"
	while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
	;;
esac
