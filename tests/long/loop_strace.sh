#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
#	loop_strace.sh [BYTES]	1 GiB if not said otherwise
#
# The thread of the event loop, watched by strace over a whole run, never writes, syncs,
# renames or opens a stored file. Needs strace; skipped elsewhere.

set -eu
source "$(dirname "$0")/../e2e/daemon.sh"

bytes=${1:-1073741824}
command -v strace >/dev/null || skip "needs strace"
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"

calls='write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,sync_file_range,syncfs,rename,renameat'
calls="$calls,renameat2,link,linkat,unlink,unlinkat,open,openat,openat2,creat,mkdir,mkdirat,fallocate"
calls="$calls,ftruncate,truncate,epoll_wait,epoll_pwait,epoll_pwait2"

watch_run() {
	local engine=$1 trace="$TMPDIR/trace.$1" tracer
	# No -f: only the thread whose id is the process id, which runs the loop.
	strace -q -y -s 0 -e trace="$calls" -o "$trace" -p "$DAEMON_PID" &
	tracer=$!
	# It is attached when the kernel says so.
	until grep -q "TracerPid:[[:space:]]*[1-9]" "/proc/$DAEMON_PID/status"; do
		kill -0 $tracer || return 1
	done
	head -c "$bytes" /dev/urandom | "$FOREBAYCTL" write "big-$engine" >/dev/null || return 1
	echo small | "$FOREBAYCTL" write "small-$engine" --open append --ack written >/dev/null || return 1
	"$FOREBAYCTL" store files >/dev/null || return 1
	"$FOREBAYCTL" read "small-$engine" >/dev/null || return 1
	"$FOREBAYCTL" store remove "small-$engine" >/dev/null || return 1
	kill -INT $tracer
	wait $tracer || true
	grep -q epoll "$trace" || { echo "nothing was traced"; return 1; }
	! grep -E "$DAEMON_STORE|\.forebay-|catalogue|\.db|\.sqlite|big-|small-" "$trace" | head -20 | grep .
}

for engine in ${FOREBAY_TEST_ENGINE:-${FOREBAY_ENGINE:-uring threads}}; do
	unset FOREBAY_TEST_ENGINE
	daemon_start --engine "$engine"
	check "the loop touches no stored file, $engine" watch_run "$engine"
	check "the file is whole, $engine" test "$(stat -c %s "$DAEMON_STORE/big-$engine")" -eq "$bytes"
	daemon_stop
done
finish
