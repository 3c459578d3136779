# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For tests written in shell: a private forebayd, and counting.
#
#	daemon_start [OPTION...]	FOREBAY_SOCKET, SOCK, DAEMON_PID, DAEMON_STORE, DAEMON_LOG
#	daemon_stop			SIGTERM; must end with 0 and without a word of a sanitizer
#	check NAME COMMAND...		counts, and goes on
#	on_exit COMMAND			run at the end, however it comes, before what was said earlier
#	finish				prints "N passed, N failed" and exits

: "${FOREBAY_SOURCE_DIR:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${FOREBAY_BUILD_DIR:=$FOREBAY_SOURCE_DIR}"
: "${FOREBAYD:=$FOREBAY_BUILD_DIR/daemon/forebayd}"
: "${FOREBAYCTL:=$FOREBAY_BUILD_DIR/client/forebayctl}"
: "${PYTHON3:=python3}"
export FOREBAY_SOURCE_DIR FOREBAY_BUILD_DIR FOREBAYD FOREBAYCTL PYTHONDONTWRITEBYTECODE=1

passed=0
failed=0
DAEMON_PID=

if [ -z "${TMPDIR:-}" ] || [ "$TMPDIR" = /tmp ]; then
	TMPDIR=$(mktemp -d /tmp/fb.XXXXXX)
	own_directory=$TMPDIR
fi
export TMPDIR

at_exit=

on_exit() {
	at_exit="$1; $at_exit"
}

leave() {
	local status=$?
	[ -z "$DAEMON_PID" ] || kill -KILL "$DAEMON_PID" 2>/dev/null || true
	eval "$at_exit" || true
	[ -z "${own_directory:-}" ] || rm -rf "$own_directory"
	exit $status
}
trap leave EXIT

skip() {
	echo "skipped: $1"
	echo "0 passed, 0 failed"
	exit 77
}

check() {
	local name=$1
	shift
	if "$@"; then
		echo "ok: $name"
		passed=$((passed + 1))
	else
		echo "FAILED: $name"
		failed=$((failed + 1))
	fi
}

finish() {
	echo "$passed passed, $failed failed"
	if [ "$failed" -gt 0 ] || [ "$passed" -eq 0 ]; then
		exit 1
	fi
	exit 0
}

daemon_start() {
	local directory
	directory=$(mktemp -d "$TMPDIR/d.XXXX")
	export FOREBAY_SOCKET="$directory/s" SOCK="$directory/s"
	DAEMON_STORE=${DAEMON_STORE:-$directory/store}
	DAEMON_LOG="$directory/log"
	# The one who waits for READY=1 stays the parent of none: it says the pid and goes.
	"$PYTHON3" -B "$FOREBAY_SOURCE_DIR/tests/e2e/start_daemon.py" "$directory" \
		"$FOREBAYD" --socket "$SOCK" --state-directory "$directory/state" \
		--store "default=$DAEMON_STORE" ${FOREBAY_TEST_ENGINE:+--engine "$FOREBAY_TEST_ENGINE"} \
		"$@" >"$directory/pid" || { cat "$DAEMON_LOG"; exit 1; }
	DAEMON_PID=$(cat "$directory/pid")
}

daemon_stop() {
	check "the daemon ends cleanly" \
		"$PYTHON3" -B "$FOREBAY_SOURCE_DIR/tests/e2e/start_daemon.py" --stop "$DAEMON_PID" "$DAEMON_LOG"
	DAEMON_PID=
	DAEMON_STORE=
}
