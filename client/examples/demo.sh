#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# demo.sh [BUILD-DIRECTORY]: the main job on real input, shown and verified. A private daemon in
# a temporary directory; nothing else of the machine is touched, and all of it is taken away.

set -eu

build=${1:-${FOREBAY_BUILD_DIR:?"usage: demo.sh BUILD-DIRECTORY"}}
forebayctl=$build/client/forebayctl
forebayd=$build/daemon/forebayd
limit_kib=$((300 * 1024))

work=$(mktemp -d "${TMPDIR:-/tmp}/forebay.XXXXXX")
daemon=
producer=

clean_up()
{
	status=$?
	trap - EXIT
	[ -z "$producer" ] || kill -9 "$producer" 2>/dev/null || true
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || true
		wait "$daemon" 2>/dev/null || true
	fi
	if [ "$status" -ne 0 ] && [ -s "$work/log" ]; then
		echo "The daemon said:"
		cat "$work/log"
	fi
	rm -rf "$work"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

say()
{
	printf '\n== %s\n' "$*"
}

fail()
{
	echo "demo: $*" >&2
	exit 1
}

# number NAME: a member of the last object that forebayctl printed.
number()
{
	sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$work/result"
}

sha256()
{
	sha256sum | cut -d ' ' -f 1
}

say "A private daemon in $work"
mkdir "$work/store"
FOREBAY_SOCKET=$work/socket
export FOREBAY_SOCKET
"$forebayd" --socket "$FOREBAY_SOCKET" --state-directory "$work/state" \
	--store "default=$work/store" 2>"$work/log" &
daemon=$!
tries=0
until "$forebayctl" ping 2>/dev/null; do
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || fail "the daemon does not answer"
	sleep 0.1
done
"$forebayctl" store list

# Directories of this machine, until there are some hundred MiB of them.
set --
total_kib=0
for directory in /usr/lib/* /usr/share/* /usr/bin; do
	[ "$total_kib" -lt "$limit_kib" ] || break
	kib=$(du -skx "$directory" 2>/dev/null | cut -f 1)
	if [ -n "$kib" ] && [ $((total_kib + kib)) -le $((limit_kib * 5 / 4)) ]; then
		set -- "$@" "$directory"
		total_kib=$((total_kib + kib))
	fi
done

say "tar of $# directories, about $((total_kib / 1024)) MiB, through a ring of 16 MiB"
mkfifo "$work/copy"
sha256 <"$work/copy" >"$work/source.sha256" &
summing=$!
tar -c -f - "$@" 2>/dev/null | tee "$work/copy" |
	"$forebayctl" write demo/tree.tar --ring 16M --size-hint "${total_kib}K" --json >"$work/result"
wait "$summing"
published=$work/store/demo/tree.tar
source_sum=$(cat "$work/source.sha256")
published_sum=$(sha256 <"$published")
echo "what tar wrote     $source_sum"
echo "what is published  $published_sum"
[ "$source_sum" = "$published_sum" ] || fail "they differ"
echo "accepted $(number bytesAccepted) bytes, synced $(number bytesSynced);" \
	"the producer was told to wait $(number drains) times"

say "A producer that is killed half way"
echo "the old version" | "$forebayctl" write demo/killed.tar
size=$(wc -c <"$published")
"$forebayctl" write demo/killed.tar --ring 4M --rate "$((size / 4))" <"$published" >/dev/null 2>&1 &
producer=$!
while :; do
	"$forebayctl" stream list --json >"$work/result"
	accepted=$(number bytesAccepted)
	[ "${accepted:-0}" -lt $((size / 2)) ] || break
	kill -0 "$producer" 2>/dev/null || fail "the producer ended too early"
	sleep 0.1
done
"$forebayctl" stream list
kill -9 "$producer"
wait "$producer" 2>/dev/null || true
producer=
salvaged=$work/store/demo/killed.tar.partial
tries=0
until [ -e "$salvaged" ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 300 ] || fail "nothing was salvaged"
	sleep 0.1
done
kept=$(wc -c <"$salvaged")
echo "killed after $accepted bytes of $size; salvaged $kept bytes"
[ "$kept" -ge "$accepted" ] || fail "bytes that were taken are missing"
[ "$(sha256 <"$salvaged")" = "$(head -c "$kept" "$published" | sha256)" ] ||
	fail "what was salvaged is no prefix of the source"
echo "demo/killed.tar.partial is a prefix of the source; demo/killed.tar is still:" \
	"$("$forebayctl" read demo/killed.tar)"
"$forebayctl" store files demo/

say "The daemon stops"
"$forebayctl" shutdown --drain
wait "$daemon" || fail "the daemon ended with status $?"
daemon=
echo "It is gone, and so is everything in $work."
