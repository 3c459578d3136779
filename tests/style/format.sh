#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every file is as clang-format would have it; how far a comment stands off the code before
# it is left to the author. First that this can fail.
#
# To mend a file: clang-format -i FILE

set -eu
command -v "$CLANG_FORMAT" >/dev/null || exit 77
cd "$FOREBAY_SOURCE_DIR"

even_out() {
	sed -E 's,([^ \t/])[ \t]+/\*,\1 /*,'
}

# check_file FILE
check_file() {
	diff -u --label "$1" <(even_out <"$1") --label formatted \
		<("$CLANG_FORMAT" --style=file --assume-filename=a.c <"$1" | even_out)
}

printf 'int  f( void ){return 0;}\n' >"$TMPDIR/planted.c"
if check_file "$TMPDIR/planted.c" >/dev/null; then
	echo "a badly formatted file was not refused"
	exit 1
fi

status=0
while read -r file; do
	check_file "$file" || status=1
done < <(find proto daemon client tests -name '*.[ch]' ! -name interface_texts.c | sort)
exit $status
