#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Each header compiles alone, as the first thing in a file. First that this can fail.

set -eu
cd "$FOREBAY_BUILD_DIR"

# compile_header DIRECTORY HEADER. CC and the flags are words.
compile_header() {
	# shellcheck disable=SC2086
	printf '#include <config.h>\n#include "%s"\n' "$2" |
		$CC -I"$1" $FOREBAY_CPPFLAGS -std=gnu17 -Wall -Wextra -Wstrict-prototypes -Werror \
			-fsyntax-only -x c -
}

echo 'struct planted { uint32_t number; };' >"$TMPDIR/planted.h"
if compile_header "$TMPDIR" planted.h 2>/dev/null; then
	echo "a header that lacks an include was not refused"
	exit 1
fi

status=0
count=0
while read -r header; do
	count=$((count + 1))
	compile_header "$FOREBAY_SOURCE_DIR" "$header" || status=1
	guard=$(echo "FOREBAY_$header" | sed -e 's|_daemon/|_|' -e 's|_client/forebay|_forebay|' | tr 'a-z/.' 'A-Z__')
	if ! grep -q "^#define $guard\$" "$FOREBAY_SOURCE_DIR/$header"; then
		echo "$header: the include guard is not $guard"
		status=1
	fi
done < <(cd "$FOREBAY_SOURCE_DIR" && find proto daemon client -name '*.h' | sort)
echo "$count headers"
[ "$count" -gt 0 ] || status=1
exit $status
