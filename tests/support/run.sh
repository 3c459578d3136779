#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# make check calls each test through this: run.sh [INTERPRETER] TEST [ARGUMENT...]
#
# The test finds in its environment
#	FOREBAY_SOURCE_DIR  FOREBAY_BUILD_DIR	the top of both trees
#	FOREBAYD  FOREBAYCTL			the programs as built
#	TMPDIR					its own directory, with a short name (a socket's path
#						has 108 bytes), taken away afterwards
#	FOREBAY_ENGINE				uring, threads, or unset: the test's own choice
# and stands in FOREBAY_BUILD_DIR. 0 is passed, 77 skipped, anything else failed; 124 means
# that it took longer than FOREBAY_TEST_TIMEOUT seconds. FOREBAY_WRAPPER (say, valgrind with
# its options) goes before programs, not before scripts.

set -u

temporary=$(mktemp -d "${FOREBAY_TEST_TMP:-/tmp}/fb.XXXXXX") || exit 99
trap 'rm -rf "$temporary"' EXIT
export TMPDIR="$temporary"

# Nobody's own settings may reach a test.
unset FOREBAY_SOCKET NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES STATE_DIRECTORY \
	JOURNAL_STREAM WATCHDOG_USEC WATCHDOG_PID NO_COLOR
export LC_ALL=C.UTF-8
# What may be had of descriptors, whatever a login or a service starts with.
ulimit -Sn "$(ulimit -Hn)"
export PYTHONDONTWRITEBYTECODE=1
# Check gives a test 4 s, which is for a machine that has nothing else to do.
export CK_TIMEOUT_MULTIPLIER=10
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1:halt_on_error=1}"

wrapper=()
if [ $# -eq 1 ] && [ -n "${FOREBAY_WRAPPER:-}" ]; then
	read -r -a words <<<"$FOREBAY_WRAPPER"
	wrapper=("$FOREBAY_BUILD_DIR/libtool" --mode=execute "${words[@]}")
	# valgrind sees leaks only in the process that it watches.
	export CK_FORK=no
fi

# A fuzz target replays its corpus.
case "$*" in
*/fuzz/fuzz_* | fuzz/fuzz_*)
	set -- "$1" "$FOREBAY_SOURCE_DIR/tests/fuzz/corpus/${1##*/fuzz_}"/*
	;;
esac

timeout -k 10 "${FOREBAY_TEST_TIMEOUT:-300}" "${wrapper[@]}" "$@"
