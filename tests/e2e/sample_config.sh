#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The sample configuration is one that the daemon takes: as it is, and with every key set.

set -eu
sample=$FOREBAY_SOURCE_DIR/systemd/forebayd.conf

# In the sample a comment has a space behind its mark, a key that is not set has none.
sed 's/^#\([^ ]\)/\1/' "$sample" >"$TMPDIR/all.conf"
if cmp -s "$sample" "$TMPDIR/all.conf"; then
	echo "the sample has no key"
	exit 1
fi

"$FOREBAYD" --config "$sample" --check-config
"$FOREBAYD" --config "$TMPDIR/all.conf" --check-config

printf '[daemon]\nplantedKey = 1\n' >"$TMPDIR/planted.conf"
if "$FOREBAYD" --config "$TMPDIR/planted.conf" --check-config 2>"$TMPDIR/errors"; then
	echo "an unknown key was taken"
	exit 1
fi
grep -q 'planted.conf:2' "$TMPDIR/errors" || { cat "$TMPDIR/errors"; exit 1; }
