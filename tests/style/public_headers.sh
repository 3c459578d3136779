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
	for header in client/forebay.h client/forebay_job.h client/forebay_memory.h \
		client/forebay_readable.h proto/ring.h proto/versions.h; do
		echo "#include \"$FOREBAY_SOURCE_DIR/$header\"" | "$language"
	done
	cat <<-END | "$language"
		#include "$FOREBAY_SOURCE_DIR/client/forebay.h"
		#include "$FOREBAY_SOURCE_DIR/client/forebay_job.h"
		#include "$FOREBAY_SOURCE_DIR/client/forebay_memory.h"
		#include "$FOREBAY_SOURCE_DIR/client/forebay_readable.h"
		int use(void);
		int use(void)
		{
			struct forebay_stream_options stream = FOREBAY_STREAM_OPTIONS_INIT;
			struct forebay_pool_options pool = FOREBAY_POOL_OPTIONS_INIT;
			struct forebay_load_options load = FOREBAY_LOAD_OPTIONS_INIT;
			struct forebay_job_options job = FOREBAY_JOB_OPTIONS_INIT;
			struct forebay_view view = forebay_view_of_memory(&job, sizeof(job));
			double numbers[2] = { 0, 1 };
			struct forebay_readable_options readable = FOREBAY_READABLE_OPTIONS_INIT;
			struct forebay_pipe_options pipe = FOREBAY_PIPE_OPTIONS_INIT;

			if (forebay_view_set_float32be(&view, 0, 1.5f) ||
			    forebay_view_get_float64le_array(&view, 8, numbers, 2))
				return 1;
			return stream.directory_fd + stream.file_fd + (int)stream.start + pool.huge_pages +
				(int)load.length + job.replace + readable.file_fd +
				(int)pipe.buffer_offset;
		}
	END
	echo "$language: passed"
done

# Every function that the headers have is exported, and nothing else but those that are inline.
declared=$(grep -hE '^[a-z]' "$FOREBAY_SOURCE_DIR"/client/forebay{,_job,_memory,_readable}.h |
	grep -v '^static' | grep -oE 'forebay_[a-z0-9_]+\(' | tr -d '(' | sort -u)
exported=$(grep -oE 'forebay_[a-z0-9_]+;' "$FOREBAY_SOURCE_DIR/client/forebay.map" | tr -d ';' | sort -u)
if [ "$declared" != "$exported" ] || [ -z "$declared" ]; then
	diff <(echo "$declared") <(echo "$exported") || true
	exit 1
fi
for name in $declared; do
	if ! grep -q "\\b$name\\b" "$FOREBAY_SOURCE_DIR/client/libforebay.3"; then
		echo "libforebay.3 does not name $name()"
		exit 1
	fi
done
