#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Every file of Node's answers holds. First that the program can fail: a file that says
# something else, a file of another kind, an empty one, none at all.

set -u

replay=$FOREBAY_BUILD_DIR/tests/vectors/replay
vectors=$FOREBAY_SOURCE_DIR/tests/vectors
failed=0

# must_fail WHAT KIND [FILE...]
must_fail() {
	local what=$1
	shift
	if "$replay" "$@" >/dev/null 2>&1; then
		echo "passed, though it is $what"
		failed=1
	fi
}

# holds KIND FILE...
holds() {
	echo "$1"
	"$replay" "$@" || failed=1
}

# holds_mapping MAPPED KIND FILE... Which cases depart from Node, rule by rule, is fixed.
holds_mapping() {
	local mapped=$1
	shift
	holds "$@" >"$TMPDIR/holds.out"
	cat "$TMPDIR/holds.out"
	if ! grep -qFx "$mapped" "$TMPDIR/holds.out"; then
		echo "expected: $mapped"
		failed=1
	fi
}

sed 's/"ret":true/"ret":false/' "$vectors/writable_trace.json" >"$TMPDIR/changed.json"
sed 's/"errored":null/"errored":"E1"/' "$vectors/writable_trace.json" >"$TMPDIR/state.json"
echo '{"what":"nothing","count":0,"scenarios":[]}' >"$TMPDIR/empty.json"
echo '{"what":"other","count":1,"scenarios":[{"id":"a","opts":{},"turns":[]}]}' >"$TMPDIR/other.json"
head -c 5000 "$vectors/writable_trace.json" >"$TMPDIR/cut.json"

must_fail "changed" writable_trace "$TMPDIR/changed.json"
must_fail "changed in a state" writable_trace "$TMPDIR/state.json"
# must_see KIND CHANGE...: none of them goes unnoticed in the kind's file.
must_see() {
	local kind=$1 change
	shift
	for change in "$@"; do
		sed "s/$change/" "$vectors/${kind#library_}.json" >"$TMPDIR/$kind.json"
		must_fail "changed by $change" "$kind" "$TMPDIR/$kind.json"
	done
}

must_see encodings '"written":3/"written":2' '"e9e9e9"/"e9e9e8"' '"end_u16":"fffd"/"end_u16":""' \
	'"out_u16":"feff"/"out_u16":"fefe"' '"ok":false/"ok":true' '"byteLength":3/"byteLength":4'
must_see buffer_ops '"copied":2/"copied":1' '"last":2/"last":1' '"equals":false/"equals":true' \
	'"whole":"eeee/"whole":"eeef' '"next":1/"next":2' '"value":44/"value":45'
must_see dataview '"hex":"c2c500/"hex":"c2c501' '"num":"-127"/"num":"-126"' \
	'"error":"RangeError"/"hex":""' '"byteLength":1}/"byteLength":2}' '"f64":"c05f/"f64":"c05e' \
	'"error":"TypeError"/"hex":""'
must_see dataview_f16 '"error":"RangeError"/"hex":""' '"byteLength":2}/"byteLength":3}' '"Float16"/"Float17"'
must_see arraybuffer '"zero":true/"zero":false' '"hex":"79ff"/"hex":"79fe"' \
	'"source":"01"/"source":"02"' '"hex":"0002000301"/"hex":"0002000302"' \
	'"shares":false/"shares":true' '"length":4/"length":5' '"error":"TypeError"/"hex":""' \
	'"back":{"undef":true}/"back":{"num":"0"}' '"byteOffset":2/"byteOffset":1'
must_see library_dataview '"hex":"c2c500/"hex":"c2c501' '"num":"-127"/"num":"-126"' \
	'"error":"RangeError"/"hex":""'
must_see library_buffer_ops '"copied":2/"copied":1' '"last":2/"last":1' '"whole":"eeee/"whole":"eeef'
must_see library_encodings '"written":3/"written":2' '"end_u16":"fffd"/"end_u16":""' \
	'"out_u16":"fffd"/"out_u16":"fffe"' '"ok":false/"ok":true'
must_see pool '"off":0}/"off":8}' '"backing":1,/"backing":2,'
must_see flow_trace '"ev":"pause"/"ev":"resume"' '"flowing":false/"flowing":true' \
	'"cb":"pipeline","err":"SRC"/"cb":"pipeline","err":null' '"rlen":4/"rlen":3' \
	'"ev":"unpipe"/"ev":"drain"' '"got":null/"got":0'
must_see fs_streams '"rets":\[true,false\]/"rets":[true,true]' '"drain","cb1 null"/"cb1 null","drain"' \
	'"bytesWritten":131089/"bytesWritten":131090' '"mode":"755"/"mode":"754"' \
	'"thrown":"ERR_OUT_OF_RANGE"/"thrown":"ERR_INVALID_ARG_TYPE"' '"fdOpen":true/"fdOpen":false' \
	'"cb0 ENOSPC"/"cb0 EIO"' '"sizes":\[65536,1\]/"sizes":[1,65536]' '"length":98/"length":97' \
	'"error":"EEXIST"/"error":null' '"data","end","close"/"data","close"' \
	'"finish","close"\],"calls"/"close"],"calls"' '"sha":"4bfb889f8f49f283"/"sha":"4bfb889f8f49f284"' \
	'"cb1 ERR_STREAM_DESTROYED","cb2 BOOM"/"cb1 ERR_STREAM_DESTROYED","cb2 null"' \
	'"end null","finish","error EIO"/"end null","error EIO","finish"'
must_fail "without cases" writable_trace "$TMPDIR/empty.json"
must_fail "of another kind" writable_trace "$TMPDIR/other.json"
must_fail "cut off" writable_trace "$TMPDIR/cut.json"
must_fail "beside a good one" writable_trace "$vectors/writable_trace.json" "$TMPDIR/empty.json"
must_fail "not there" writable_trace "$TMPDIR/none.json"
must_fail "without a file" writable_trace
must_fail "of no known kind" unknown "$vectors/writable_trace.json"

holds pool "$vectors/pool.json"
holds writable_trace "$vectors/writable_trace.json"
holds_mapping "51 mapped: B21 1, B22 4, B24 33, B3 2, B4 4, B5 7" buffer_ops "$vectors/buffer_ops.json"
holds_mapping "92 mapped: A10 10, A11 44, A2 3, A4 16, A8 11, undefined 8" \
	arraybuffer "$vectors/arraybuffer.json"
holds_mapping "51 mapped: A4 40, A8 9, undefined 2" dataview "$vectors/dataview.json"
holds_mapping "72 mapped: A17 65, A4 7" dataview_f16 "$vectors/dataview_f16.json"
holds_mapping "5 mapped: E4 3, negative start 2" encodings "$vectors/encodings.json"
holds_mapping "27 mapped: W25 1, W27 4, W32 22" flow_trace "$vectors/flow_trace.json"
holds_mapping "81 mapped: A4 46, A8 9, other 24, undefined 2" library_dataview "$vectors/dataview.json"
holds_mapping "305 mapped: other 305" library_buffer_ops "$vectors/buffer_ops.json"
holds_mapping "31 mapped: other 31" library_encodings "$vectors/encodings.json"
holds_mapping "5 mapped: F10 1, F11 2, F12 1, W25 1" fs_streams "$vectors/fs_streams.json"
holds_mapping "76 mapped: F10 14, F11 12, F12 12, F8 12, W25 14, W27 12" \
	fs_streams "$vectors/fs_streams_more.json"

exit $failed
