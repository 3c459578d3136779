#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Breaks what file streams rest on in one line at a time and demands that Node's answers for
# them (kind fs_streams) see it: how a write goes on, what is opened, what the flow says and
# when. A mutation that changes nothing, that does not compile, or that no case sees is a
# failure. mutation.sh is the larger one, of the flows alone.
#
# A line is: the file, the sed expression.

set -u

source_dir=${FOREBAY_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build_dir=${FOREBAY_BUILD_DIR:-.}
work=$(mktemp -d "${TMPDIR:-/tmp}/mutation.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT

read -r -a cc <<<"${CC:-cc}"
flags=(-std=gnu17 -O0 -I"$build_dir" -I"$source_dir")
vectors=("$source_dir/tests/vectors/fs_streams.json" "$source_dir/tests/vectors/fs_streams_more.json")
read -r -a libs <<<"$(pkg-config --libs libcjson libcrypto libevent_core libevent_pthreads liburing zlib libzstd libxxhash)"

mutations() {
	cat <<'LIST'
io/engine_step s/return request->bytes_done < request->total_bytes;/return false;/
io/engine_step s/.offset = request->offset + request->bytes_done,/.offset = request->offset,/
io/engine_step s/request->iov_cut = bytes;/request->iov_cut = 0;/
io/engine_step s/bytes += request->iov_cut;/(void)0;/
io/engine_step s/#define FRUITLESS_MAX 6/#define FRUITLESS_MAX 3/
io/engine_step s/return result == -EAGAIN/return result == -EBADF/
io/engine_step s/if (request->operation == IO_WRITE && result == 0)/if (false)/
io/engine_step s/^\t\tresult = -EAGAIN;/\t\tresult = -EIO;/
io/engine_step s/request->result = result;/request->result = 0;/
io/engine_step s/request->result = (int64_t)request->bytes_done;/request->result = -EIO;/
io/root s/made && request->flags & O_TRUNC && ftruncate(fd, 0) < 0/made \&\& false/
io/root s/if (!(flags & O_EXCL))/if (true)/
io/root s/return fchmod(fd, mode) < 0/return fchmod(fd, 0640) < 0/
io/file_pass s/pass->position += (uint64_t)n;/pass->position += (uint64_t)n - (n > 1);/
core/flow s/flow->length -= sink->bytes;/(void)0;/
core/flow s/if (flow->judging && !room)/if (false)/
core/flow s/^\tflow->corked = 0;/\t(void)0;/
core/flow s/return FLOW_ERROR_WRITE_AFTER_END;/return FLOW_ERROR_DESTROYED;/
core/flow s/flow->terminal_error = error;/(void)0;/
core/flow s/link && sink->count < flow->config.sink_writes &&/false \&\&/
core/flow_steps s/flow_push(flow, &flow->deferred, FLOW_STEP_FAIL_REST);/flow_fail_rest(flow);/
core/flow_steps s/if (flow->opening)/if (false)/
core/flow_steps s/int error = flow->error ? flow->error : FLOW_ERROR_DESTROYED;/int error = FLOW_ERROR_DESTROYED;/
core/flow_steps s/return flow->config.announce_close;/return true;/
core/flow_steps s/list_prepend(&flow->now, &write->step.link);/list_append(\&flow->now, \&write->step.link);/
core/read_flow s/^\tflow->ended = true;/\t(void)0;/
LIST
}

fail() {
	echo "mutation: $*" >&2
	exit 1
}

compile() {
	"${cc[@]}" "${flags[@]}" "$@" >>"$work/log" 2>&1
}

# object_of FILE: the name of what is compiled of it.
object_of() {
	echo "$work/$(echo "$1" | tr / -).o"
}

# Of the kinds that it knows, this one only.
sed '/\*const kinds\[\] = {/,/^};/c static const struct replay_kind *const kinds[] = { \&replay_fs_streams };' \
	"$source_dir/tests/vectors/replay.c" >"$work/replay.c"
compile -c "$work/replay.c" -o "$work/replay.o" || fail "replay.c"

# All that a case goes through, once: as it stands, whatever the build directory was built with.
parts=(daemon/base/{err,fd}
	daemon/core/{fair,flow,flow_steps,path_rule,read_flow,read_flow_steps,stream_options}
	daemon/io/{clock,digest,engine_faulty,engine_step,engine_threads,engine_uring}
	daemon/io/{fault_plan,file,file_pass,io_engine,lanes,room,root,shared_syncs}
	daemon/io/{step,step_chain,step_zlib,step_zstd,workers}
	proto/{args,encoding,encoding_text,string_decoder})
for path in "$source_dir"/tests/vectors/replay_{case,fs_*}.c; do
	parts+=("tests/vectors/$(basename "$path" .c)")
done
for part in "${parts[@]}"; do
	compile -c "$source_dir/$part.c" -o "$(object_of "$part")" || {
		cat "$work/log"
		fail "$part.c"
	}
done

# link_and_run PART OBJECT: with this object for that part. A mutant may loop or wait; that is
# seen too.
link_and_run() {
	local objects=("$work/replay.o") part
	for part in "${parts[@]}"; do
		if [ "$part" = "$1" ]; then
			objects+=("$2")
		else
			objects+=("$(object_of "$part")")
		fi
	done
	"${cc[@]}" "${objects[@]}" -Wl,--wrap=pwritev "${libs[@]}" -lm -o "$work/replay" \
		>>"$work/log" 2>&1 || return 99
	timeout 10 "$work/replay" fs_streams "${vectors[@]}"
}

link_and_run none none >"$work/out" 2>&1 || {
	tail -n 5 "$work/out" "$work/log"
	fail "the cases fail as it stands"
}

killed=0 missed=0
while read -r part expression; do
	sed "$expression" "$source_dir/daemon/$part.c" >"$work/mutant.c"
	cmp -s "$source_dir/daemon/$part.c" "$work/mutant.c" &&
		fail "changes nothing: $part $expression"
	compile -c "$work/mutant.c" -o "$work/mutant.o" || {
		tail -n 5 "$work/log"
		fail "does not compile: $part $expression"
	}
	link_and_run "daemon/$part" "$work/mutant.o" >"$work/out" 2>&1
	case $? in
	0)
		echo "NOT SEEN: $part $expression"
		missed=$((missed + 1))
		;;
	99) fail "does not link: $part $expression" ;;
	*) killed=$((killed + 1)) ;;
	esac
done < <(mutations)

echo "$killed mutants killed, $missed missed"
[ "$missed" -eq 0 ] && [ "$killed" -ge 25 ]
