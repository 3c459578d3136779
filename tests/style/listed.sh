#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every file is part of the tarball, and every test is one that make check runs: a file that
# no .am names is never built. First that this can fail.

set -eu

# unlisted DIRECTORY "LISTED...": files below DIRECTORY that are not listed, neither
# themselves nor by a folder that they are in.
unlisted() {
	local file folder
	while read -r file; do
		folder=$file
		while [[ " $2 " != *" $folder "* && "$folder" == */* ]]; do
			folder=${folder%/*}
		done
		[[ "$folder" == */* ]] || echo "$file"
	done < <(cd "$1" && find proto daemon client systemd tests -type f ! -name '*.pyc' \
		! -name '*~' ! -name '.*' ! -name '*.am' ! -name interface_texts.c | sort)
}

# unrun DIRECTORY "TESTS...": programs and scripts with a test's name that are not run.
unrun() {
	local file
	while read -r file; do
		[[ " $2 " == *" ${file%.c} "* ]] || echo "$file"
	done < <(cd "$1" && find tests -type f \( -name 'test_*.c' -o -name 'e2e_*.sh' \
		-o -name 'e2e_*.py' -o -name 'e2e_*.c' -o -path 'tests/style/*.sh' \) | sort)
}

mkdir -p "$TMPDIR"/planted/{proto,daemon/core,client,systemd,tests/unit}
touch "$TMPDIR"/planted/daemon/core/{flow,forgotten}.c "$TMPDIR/planted/tests/unit/test_lost.c"
if [ "$(unlisted "$TMPDIR/planted" "daemon/core/flow.c tests/unit")" != daemon/core/forgotten.c ] ||
	[ "$(unrun "$TMPDIR/planted" "tests/unit/test_flow")" != tests/unit/test_lost.c ]; then
	echo "a forgotten file was not noticed"
	exit 1
fi

words() {
	echo "$1" | tr -s ' \t\n' ' '
}

forgotten=$(unlisted "$FOREBAY_SOURCE_DIR" "$(words "$FOREBAY_DISTFILES")")
idle=$(unrun "$FOREBAY_SOURCE_DIR" "$(words "$FOREBAY_TESTS")")
[ -z "$forgotten" ] || printf 'in no .am:\n%s\n' "$forgotten"
[ -z "$idle" ] || printf 'not run by make check:\n%s\n' "$idle"
[ -z "$forgotten$idle" ]
