#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The installed headers compile alone, as strict C11 and as C++11, and their initialisers
# leave no member out. First that this can fail.

set -eu

c11() {
	# shellcheck disable=SC2086
	$CC -std=c11 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only -x c -
}

cxx11() {
	c++ -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ -
}

if echo 'int planted() { return typeof(1){0}; }' | c11 2>/dev/null; then
	echo "something that is no C11 was not refused"
	exit 1
fi

languages=c11
if command -v c++ >/dev/null; then
	languages="c11 cxx11"
fi
for language in $languages; do
	for header in client/forebay.h client/forebay_job.h client/forebay_readable.h proto/ring.h proto/versions.h; do
		echo "#include \"$FOREBAY_SOURCE_DIR/$header\"" | "$language"
	done
	cat <<-END | "$language"
		#include "$FOREBAY_SOURCE_DIR/client/forebay.h"
		#include "$FOREBAY_SOURCE_DIR/client/forebay_job.h"
		#include "$FOREBAY_SOURCE_DIR/client/forebay_readable.h"
		int use(void);
		int use(void)
		{
			struct forebay_stream_options stream = FOREBAY_STREAM_OPTIONS_INIT;
			struct forebay_pool_options pool = FOREBAY_POOL_OPTIONS_INIT;
			struct forebay_load_options load = FOREBAY_LOAD_OPTIONS_INIT;
			struct forebay_job_options job = FOREBAY_JOB_OPTIONS_INIT;
			struct forebay_readable_options readable = FOREBAY_READABLE_OPTIONS_INIT;
			struct forebay_pipe_options pipe = FOREBAY_PIPE_OPTIONS_INIT;

			return stream.directory_fd + stream.file_fd + (int)stream.start + pool.huge_pages +
				(int)load.length + job.replace + readable.file_fd +
				(int)pipe.buffer_offset;
		}
	END
	echo "$language: passed"
done

# Every function that the headers have is exported, and nothing else.
declared=$(grep -ohE 'forebay_[a-z_]+\(' "$FOREBAY_SOURCE_DIR"/client/forebay{,_job,_readable}.h |
	tr -d '(' | sort -u)
exported=$(grep -oE 'forebay_[a-z_]+;' "$FOREBAY_SOURCE_DIR/client/forebay.map" | tr -d ';' | sort -u)
if [ "$declared" != "$exported" ]; then
	diff <(echo "$declared") <(echo "$exported") || true
	exit 1
fi
for name in $declared; do
	if ! grep -q "\\b$name\\b" "$FOREBAY_SOURCE_DIR/client/libforebay.3"; then
		echo "libforebay.3 does not name $name()"
		exit 1
	fi
done
