#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The layers include each other in one direction only. First that this can fail.

set -eu
rules=$FOREBAY_SOURCE_DIR/tests/style/includes.awk

# check_tree DIRECTORY
check_tree() {
	(cd "$1" && find proto daemon client -name '*.[ch]' ! -name interface_texts.c -print0 |
		sort -z | xargs -0 awk -f "$rules")
}

# Programs and headers for users show what a user would write, so no rule of ours is theirs.
source_tree() {
	mkdir -p "$TMPDIR/tree/client"
	cp -R "$FOREBAY_SOURCE_DIR/proto" "$FOREBAY_SOURCE_DIR/daemon" "$TMPDIR/tree"
	cp "$FOREBAY_SOURCE_DIR"/client/*.[ch] "$TMPDIR/tree/client" 2>/dev/null || true
	check_tree "$TMPDIR/tree"
}

planted=0

# must_refuse FILE INCLUDE...: a tree with this one file in it is refused.
must_refuse() {
	planted=$((planted + 1))
	local tree=$TMPDIR/planted.$planted file=$1
	mkdir -p "$tree/proto" "$tree/daemon" "$tree/client" "$tree/$(dirname "$file")"
	shift
	{
		echo '/* SPDX-License-Identifier: LGPL-2.1-or-later */'
		printf '#include %s\n' "$@"
	} >"$tree/$file"
	if check_tree "$tree" >/dev/null 2>&1; then
		echo "not refused: $* in $file"
		exit 1
	fi
}

must_refuse daemon/core/a.c '"config.h"' '<unistd.h>'
must_refuse daemon/core/a.c '"config.h"' '<time.h>'
must_refuse daemon/core/a.c '"config.h"' '<event2/event.h>'
must_refuse daemon/core/a.c '"config.h"' '<cjson/cJSON.h>'
must_refuse daemon/core/a.c '"config.h"' '"daemon/base/log.h"'
must_refuse daemon/core/a.h '"daemon/io/workers.h"'
must_refuse daemon/base/a.h '"daemon/core/flow.h"'
must_refuse daemon/io/a.h '"daemon/objects/streams.h"'
must_refuse daemon/objects/a.h '"daemon/ctl/session.h"'
must_refuse daemon/objects/a.h '<cjson/cJSON.h>'
must_refuse daemon/objects/a.h '"proto/args.h"'
must_refuse daemon/ctl/a.h '"daemon/io/file.h"'
must_refuse daemon/ctl/a.h '<sys/mman.h>'
must_refuse daemon/main.c '"config.h"' '<stdio.h>'
must_refuse daemon/core/a.c '<stdint.h>' '"config.h"'
must_refuse proto/a.h '"daemon/base/list.h"'
must_refuse proto/a.h '<sys/socket.h>'
must_refuse client/a.h '"daemon/base/list.h"'
must_refuse client/a.c '"config.h"' '"a.h"'
must_refuse elsewhere/../daemon/unknown/a.h '<stdint.h>'

source_tree
