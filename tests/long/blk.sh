#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	blk.sh up | stop | cont | fail RULE | heal | down
#
# A disk that can hang, fail and be slow, under $BLK/mnt: a storage daemon of QEMU exports an
# image as a file by FUSE, a loop device makes a disk of it, ext4 lies on that. Stopping the
# storage daemon hangs every request of the disk; RULE is one of its blkdebug driver; at "up"
# BPS says how many bytes are written in a second, 0 or nothing for as many as it can. "up"
# exits with 77 where this cannot be had.

set -eu
: "${BLK:?}"
mkdir -p "$BLK/mnt"
cd "$BLK"

# One line of JSON after the other to the storage daemon.
qmp() {
	python3 -c 'import json, socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect("qmp")
lines = monitor.makefile("rw")
lines.readline()
for command in ["{\"execute\":\"qmp_capabilities\"}"] + sys.argv[1:]:
    lines.write(command + "\n")
    lines.flush()
    reply = json.loads(lines.readline())
    while "event" in reply:
        reply = json.loads(lines.readline())
    if "error" in reply:
        sys.exit(str(reply))' "$@"
}

reopen() {
	echo '{"execute":"blockdev-reopen","arguments":{"options":[{"driver":"raw","node-name":"top","file":"'"$1"'"}]}}'
}

case $1 in
up)
	[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 77; }
	for tool in qemu-storage-daemon losetup mkfs.ext4; do
		command -v $tool >/dev/null || { echo "needs $tool"; exit 77; }
	done
	[ -e /dev/fuse ] && [ -e /dev/loop-control ] || { echo "needs FUSE and loop devices"; exit 77; }
	rm -f d.img qmp
	truncate -s 1G d.img
	: >exp
	mkfs.ext4 -q -F -E lazy_itable_init=0,lazy_journal_init=0 d.img
	qemu-storage-daemon \
		--chardev socket,id=c,path="$BLK/qmp",server=on,wait=off --monitor chardev=c \
		--blockdev driver=file,node-name=f0,filename="$BLK/d.img",cache.no-flush=on \
		--object throttle-group,id=tg,x-bps-write="${BPS:-0}" \
		--blockdev driver=throttle,node-name=th,throttle-group=tg,file=f0 \
		--blockdev driver=raw,node-name=top,file=th \
		--export type=fuse,id=e,node-name=top,mountpoint="$BLK/exp",writable=on \
		--pidfile "$BLK/pid" --daemonize || exit 77
	losetup -f --show exp >loop || { kill "$(cat pid)"; exit 77; }
	mount "$(cat loop)" mnt || { losetup -d "$(cat loop)"; kill "$(cat pid)"; exit 77; }
	;;
stop) kill -STOP "$(cat pid)" ;;
fail)
	qmp '{"execute":"blockdev-add","arguments":{"driver":"blkdebug","node-name":"bd","image":"th","inject-error":['"$2"']}}' \
		"$(reopen bd)"
	;;
heal) qmp "$(reopen th)" '{"execute":"blockdev-del","arguments":{"node-name":"bd"}}' ;;
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
