#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Breaks the drain contract in one line at a time and demands that the tests see it: the Node
# vectors for what Node has too, the unit tests for what is the daemon's own (low-water mark,
# wanted drains, growing, holding, several sink calls, releases that take time). A mutation
# that changes nothing, that does not compile, or that no test sees is a failure.
#
# A line is: who must see it (vectors: those of a Writable; rows: those of Readable, Transform,
# pipe and pipeline; unit: the unit tests of flow; row_unit: those of the others), the file,
# the sed expression.

set -u

source_dir=${FOREBAY_SOURCE_DIR:-$(cd "$(dirname "$0")/../.." && pwd)}
build_dir=${FOREBAY_BUILD_DIR:-.}
work=$(mktemp -d "${TMPDIR:-/tmp}/mutation.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
dir=$work

read -r -a cc <<<"${CC:-cc}"
flags=(-std=gnu17 -O0 -I"$build_dir" -I"$source_dir")
parts=(flow flow_steps read_flow read_flow_steps pipe_flow pipe_flow_events)
vectors=$source_dir/tests/vectors/writable_trace.json
rows=$source_dir/tests/vectors/flow_trace.json
read -r -a check_libs <<<"$(pkg-config --libs check)"

mutations() {
	cat <<'LIST'
vectors flow_steps s/return flow->need && flow->length <= mark;/return flow->length <= mark;/
vectors flow_steps s/return flow->need && flow->length <= mark;/return flow->need \&\& flow->length <= mark + 1;/
vectors flow_steps s/return flow->need && flow->length <= mark;/return flow->need \&\& flow->length < flow->config.high_water_mark;/
vectors flow_steps s/flow_is_drained(flow) && !flow->ended && /flow_is_drained(flow) \&\& /
vectors flow_steps s/&flow->queue) && flow->corked == 0 &&/\&flow->queue) \&\&/
vectors flow_steps s/flow->sinks_count < flow->config.sinks/flow->sinks_count <= flow->config.sinks/
vectors flow_steps s/(flow->phase == FLOW_OPEN || flow->phase == FLOW_ENDING)/flow->phase == FLOW_OPEN/
vectors flow_steps s/(flow->phase == FLOW_OPEN || flow->phase == FLOW_ENDING)/flow->phase != FLOW_DESTROYED/
vectors flow_steps s/int error = flow->error ? flow->error : FLOW_ERROR_DESTROYED;/int error = FLOW_ERROR_DESTROYED;/
vectors flow_steps s/flow->length -= write_of(link)->bytes;/(void)0;/
vectors flow_steps s/flow_push(flow, &flow->deferred, FLOW_STEP_FAIL_REST);/flow_fail_rest(flow);/
vectors flow_steps s/flow_push(flow, &flow->now, FLOW_STEP_RELEASE);/flow_push(flow, \&flow->deferred, FLOW_STEP_RELEASE);/
vectors flow_steps s/if (flow->pending > 0)/if (flow->pending > 1)/
vectors flow_steps s/flow_push(flow, &flow->deferred, FLOW_STEP_FINISH);/flow_finish(flow);/
vectors flow_steps s/flow_answer_ends(flow, FLOW_ERROR_NONE);/(void)0;/
vectors flow_steps s/flow->need = false;/(void)0;/
vectors flow_steps s/list_prepend(&flow->now, &write->step.link);/list_append(\&flow->now, \&write->step.link);/
vectors flow_steps s/if (write->accepted)/if (!write->accepted)/
vectors flow_steps s/if (flow->opening)/if (false)/
vectors flow_steps s/flow->ended ? FLOW_ENDING : FLOW_OPEN/FLOW_OPEN/
vectors flow_steps s/if (flow->error_said || !error)/if (!error)/
vectors flow_steps s/return flow->config.announce_close;/return true;/
vectors flow_steps s/if (flow->config.release)/if (!flow->config.release)/
vectors flow s/flow->queued -= sink->count;/flow->queued = 0;/
vectors flow s/link && sink->count < flow->config.sink_writes &&/link \&\&/
vectors flow s/flow->length -= sink->bytes;/(void)0;/
vectors flow s/} else if (in_call || flow->groups_deferred > 0) {/} else if (false) {/
vectors flow s/bool decide = !error;/bool decide = false;/
vectors flow s/flow->ended = true;/(void)0;/
vectors flow s/if (!flow->error && !flow->ended) {/if (!flow->ended) {/
vectors flow s/flow->end_error = FLOW_ERROR_ALREADY_FINISHED;/flow->end_error = FLOW_ERROR_DESTROYED;/
vectors flow s/if (waiter->error || flow->finished)/if (flow->finished)/
vectors flow s/^\tflow->corked = 0;/\t(void)0;/
vectors flow s/flow_answer_ends(flow, error);/(void)0;/
vectors flow s/return FLOW_ERROR_WRITE_AFTER_END;/return FLOW_ERROR_DESTROYED;/
vectors flow s/flow->length < flow->config.high_water_mark || flow->length == 0;/flow->length <= flow->config.high_water_mark;/
vectors flow s/flow->length < flow->config.high_water_mark || flow->length == 0;/flow->length < flow->config.high_water_mark;/
vectors flow s/return room && flow_is_writable(flow);/return room;/
vectors flow s/if (flow->judging && !room)/if (false)/
vectors flow s/if (flow->corked > 0)/if (flow->corked > 1)/
vectors flow s/return flow->need && !flow->ended && !flow_is_destroyed(flow);/return flow->need;/
vectors flow s/return !flow->ended && !flow_is_destroyed(flow) && !flow->error;/return !flow->ended \&\& !flow->error;/
unit flow_steps s/uint64_t mark = flow->config.low_water_mark;/uint64_t mark = 0;/
unit flow_steps s/return flow->need && flow->length <= mark;/return flow->need \&\& flow->length < mark;/
unit flow_steps s/if (flow->drain_limit < mark)/if (false)/
unit flow_steps s/flow->drain_limit = UINT64_MAX;/(void)0;/
unit flow_steps s/!flow->held/true/
unit flow_steps s/!flow->sink_stopped &&/true \&\&/
unit flow_steps s/if (flow->sinks_count == 0 && flow->sink_failed) {/if (flow->sink_failed) {/
unit flow_steps s/if (flow->sinks_count == 0 && (flow->sink_failed/if ((flow->sink_failed/
unit flow_steps s/flow->release_due = true;/flow_push(flow, \&flow->now, FLOW_STEP_RELEASE);/
unit flow s/while (flow->sinks_count > 0 && flow->sinks\[flow->sinks_first\].done)/while (flow->sinks_count > 0)/
unit flow s/flow->sinks_first = (flow->sinks_first + 1) % FLOW_SINKS_MAX;/(void)0;/
unit flow s/int error = sink->error ? sink->error : flow->sink_error;/int error = sink->error;/
unit flow s/sink->bytes <= flow->config.sink_bytes &&/true \&\&/
unit flow s/write_of(link)->bytes <= flow->config.sink_bytes - sink->bytes/true/
unit flow s/if (error && !(in_call && flow->config.sinks == 1))/if (error \&\& !in_call)/
unit flow s/flow->wanted = flow_drain_due(flow);/flow->wanted = false;/
unit flow s/if (!flow_drain_due(flow))/if (false)/
unit flow s/flow->drain_limit = limit;/(void)0;/
unit flow s/flow->drain_limit = UINT64_MAX;/(void)0;/
unit flow s/if (bytes > room)/if (false)/
unit flow s/if (write->bytes >= flow->config.sink_bytes)/if (false)/
unit flow s/if (!link || flow_refusal(flow))/if (!link)/
unit flow s/flow->length += bytes;/(void)0;/
unit flow s/flow->held = held;/flow->held = true;/
unit flow s/in_call || flow->groups_deferred > 0/in_call/
unit flow s/flow->groups_deferred--;/(void)0;/
unit flow_steps s/if (!flow->final_asked && flow->config.final) {/if (flow->config.final) {/
unit flow s/if (error && !flow->error)/if (error)/
unit flow s/else if (!flow_can_pump(flow))/else if (true)/
unit flow s/flow->terminal_error = error;/(void)0;/
rows flow s/flow_take_ticket(flow, step_of(list_first(writes)));/(void)0;/
rows flow_steps s/if (flow->config.tickets)/if (false)/
rows flow_steps s/ \&\& !flow->config.other_side//
rows read_flow s/flow->consumed && !flow->sync &&/flow->consumed \&\&/
rows read_flow s/\(flow->mode == READ_FLOW_FLOWING && flow->consumed\) &&/flow->consumed \&\&/
rows read_flow s/read_flow_frame_push(flow, READ_FLOW_FRAME_MORE_LATER, 0);/read_flow_more(flow);/
rows read_flow s/if (flow->need_readable)/if (false)/
rows read_flow s/set_mode(flow, flow->watched ? READ_FLOW_PAUSED : READ_FLOW_FLOWING);/set_mode(flow, READ_FLOW_FLOWING);/
rows read_flow s/if (flow->mode != READ_FLOW_PAUSED)/if (true)/
rows read_flow s/if (flow->mode == READ_FLOW_PAUSED)/if (false)/
rows read_flow s/flow->length < flow->config.high_water_mark || flow->length == 0/flow->length <= flow->config.high_water_mark/
rows read_flow s/if (flow->sync) {/if (true) {/
rows read_flow s/read_flow_frame_push(flow, READ_FLOW_FRAME_CALL, 0);/(void)0;/
rows read_flow_steps s/else if (asked != bytes)/else if (true)/
rows read_flow_steps s/if (asked != 0)/if (true)/
rows read_flow_steps s/return flow->ended ? flow->length : 0;/return 0;/
rows read_flow_steps s/if (bytes == 0 && flow->length <= flow->config.high_water_mark)/if (bytes == 0)/
rows read_flow_steps s/!needed || flow->reading || /!needed || /
rows read_flow_steps s/flow->length - bytes < flow->config.high_water_mark/flow->length < flow->config.high_water_mark/
rows read_flow_steps s/flow->resume_due = false;/(void)0;/
rows read_flow_steps s/action->unheard = flow->error_said || flow->close_said;/action->unheard = false;/
rows read_flow_steps s/while (mark < bytes)/while (false)/
rows pipe_flow s/length >= part->read.config.high_water_mark;/length > part->read.config.high_water_mark;/
rows pipe_flow s/return !flow_is_ended(&part->write) &&/return/
rows pipe_flow s/if (flow_needs_drain(&next->write))/if (false)/
rows pipe_flow s/(int32_t)(ticket - oldest->ticket) >= 0/(int32_t)(ticket - oldest->ticket) <= 0/
rows pipe_flow s/write.other_side = config->reads;/(void)0;/
rows pipe_flow_events s/(pipe->phase != PIPE_FLOW_LOOSE || !frame->error)/!frame->error/
rows pipe_flow_events s/read_flow_is_ended(&part->read) &&$/true \&\&/
rows pipe_flow_events s/if (!go_on && pipe->parts/if (go_on \&\& pipe->parts/
rows pipe_flow_events s/if (pipe->phase != PIPE_FLOW_GUARDED)/if (true)/
row_unit read_flow s/bytes > flow->config.high_water_mark)/false)/
row_unit read_flow s/flow->length -= chunk->bytes - chunk->used;/flow->length -= chunk->bytes;/
row_unit read_flow s/flow->terminal_error = error;/(void)0;/
row_unit read_flow s/flow->released = true;/(void)0;/
row_unit read_flow_steps s/action->offset = chunk->used;/action->offset = 0;/
row_unit read_flow_steps s/if (!list_is_empty(&flow->steps\[from\].link))/if (false)/
row_unit read_flow_steps s/if (!flow->config.other_side)/if (true)/
row_unit pipe_flow s/if (!part->in_call)/if (true)/
row_unit pipe_flow s/(int32_t)(step->ticket - oldest.ticket) < 0/step->ticket < oldest.ticket/
row_unit pipe_flow s/(int32_t)(ticket - oldest->ticket) >= 0/ticket >= oldest->ticket/
row_unit pipe_flow s/if (part->closed)/if (false)/
row_unit pipe_flow s/if (read_flow_is_ended(&part->read))/if (false)/
row_unit pipe_flow_events s/pipe->error == FLOW_ERROR_PREMATURE_CLOSE)/false)/
row_unit pipe_flow_events s/if (!pipe->error || pipe->error/if (pipe->error/
row_unit pipe_flow_events s/if (!pipe->parts\[i\].closed)/if (false)/
row_unit pipe_flow_events s/^\tpart->withheld = NULL;$/\t(void)0;/
row_unit read_flow_steps s/if (flow->mode == READ_FLOW_FLOWING && !flow->reading)/if (false)/
row_unit read_flow_steps s/flow->end_said || flow->length > 0)/flow->end_said)/
row_unit pipe_flow s/length != part->length_before &&/true \&\&/
row_unit pipe_flow s/part->hears_drain = false;/part->hears_drain = true;/
row_unit pipe_flow_events s/before->linked && before->hears_drain/before->linked/
row_unit pipe_flow_events s/read_flow_leave(&part->read);/(void)0;/
rows read_flow s/flow->reading = false;/(void)0;/
rows pipe_flow s/if (!part->in_call)/if (false)/
rows pipe_flow_events s/if (!withheld || !flow_is_destroyed(&part->write))/if (!withheld)/
rows pipe_flow_events s/return FLOW_ERROR_PREMATURE_CLOSE;/return FLOW_ERROR_NONE;/
rows pipe_flow_events s/pipe_flow_give_up(pipe, index, FLOW_ERROR_NONE);/(void)0;/
row_unit read_flow s/if (flow->ended || flow->destroyed || flow->error)/if (flow->ended)/
row_unit read_flow_steps s/action->returned = chunk->used == chunk->bytes;/action->returned = true;/
row_unit pipe_flow s/return pipe_flow_is_destroyed(part) || /return /
row_unit pipe_flow s/ || read_flow_wants(&part->read)/ || true/
row_unit pipe_flow_events s/if (pipe->phase == PIPE_FLOW_LOOSE || pipe/if (pipe/
row_unit pipe_flow_events s/^\t\*frame = (struct pipe_flow_frame){$/\tpipe->depth--;\n\t(void)(struct pipe_flow_frame){/
row_unit pipe_flow_events s/if (read->unheard)/if (false)/
LIST
}

fail() {
	echo "mutation: $*" >&2
	exit 1
}

compile() {
	"${cc[@]}" "${flags[@]}" "$@" >>"$dir/log" 2>&1
}

# The flow as it stands, and the programs around it, once.
for part in "${parts[@]}"; do
	compile -c "$source_dir/daemon/core/$part.c" -o "$work/$part.o" || fail "$part.c"
done
# Of the kinds that it knows, the flows are in these two only.
sed '/\*const kinds\[\] = {/,/^};/c static const struct replay_kind *const kinds[] = { \&replay_flow_trace, \&replay_writable };' \
	"$source_dir/tests/vectors/replay.c" >"$work/replay.c"
compile -c "$work/replay.c" -o "$work/replay.o" || fail "replay.c"
programs=(vectors/replay_case vectors/replay_flow_trace vectors/replay_flow_trace_ops
	vectors/replay_flow_trace_run vectors/replay_writable vectors/replay_writable_run
	vectors/replay_writable_touch support/flow_bench unit/test_flow unit/test_flow_end
	unit/test_pipe_flow unit/test_pipe_flow_driver unit/test_read_flow)
for program in "${programs[@]}"; do
	compile -c "$source_dir/tests/$program.c" -o "$work/$(basename "$program").o" || {
		cat "$dir/log"
		fail "$program.c"
	}
done

# run_unit "TEST..." OBJECT...
run_unit() {
	for test in $1; do
		"${cc[@]}" "$work/$test.o" "$work/flow_bench.o" "${@:2}" "${check_libs[@]}" \
			-o "$dir/$test" || return 99
		(ulimit -v 2000000 && CK_DEFAULT_TIMEOUT=2 timeout 5 "$dir/$test") || return 1
	done
}

# link_and_run PROGRAM OBJECT...: what the tests say about these objects of the flow. A mutant
# may loop or eat memory; that is seen too.
link_and_run() {
	case $1 in
	vectors | rows)
		"${cc[@]}" "$work"/replay*.o "${@:2}" -lcjson -lcrypto -o "$dir/replay" || return 99
		;;&
	vectors) (ulimit -v 2000000 && timeout 5 "$dir/replay" writable_trace "$vectors") ;;
	rows) (ulimit -v 2000000 && timeout 5 "$dir/replay" flow_trace "$rows") ;;
	unit) run_unit "test_flow test_flow_end" "${@:2}" ;;
	row_unit) run_unit "test_read_flow test_pipe_flow test_pipe_flow_driver" "${@:2}" ;;
	esac
}

as_it_stands=()
for part in "${parts[@]}"; do
	as_it_stands+=("$work/$part.o")
done
for who in vectors rows unit row_unit; do
	link_and_run $who "${as_it_stands[@]}" >"$work/out" 2>&1 || {
		tail -n 5 "$work/out" "$dir/log"
		fail "the $who tests fail as it stands"
	}
done

# worker NUMBER: the mutations whose turn it is, in a directory of its own.
worker() {
	local turn=0 killed=0 missed=0
	dir=$work/$1
	mkdir "$dir"
	while read -r who part expression; do
		[ $((turn++ % workers)) -eq "$1" ] || continue
		sed "$expression" "$source_dir/daemon/core/$part.c" >"$dir/mutant.c"
		cmp -s "$source_dir/daemon/core/$part.c" "$dir/mutant.c" &&
			fail "changes nothing: $part $expression"
		compile -c "$dir/mutant.c" -o "$dir/mutant.o" || {
			tail -n 5 "$dir/log"
			fail "does not compile: $part $expression"
		}
		objects=("$dir/mutant.o")
		for other in "${parts[@]}"; do
			[ "$other" = "$part" ] || objects+=("$work/$other.o")
		done
		link_and_run "$who" "${objects[@]}" >"$dir/out" 2>&1
		case $? in
		0)
			echo "NOT SEEN by $who: $part $expression"
			missed=$((missed + 1))
			;;
		99) fail "does not link: $part $expression" ;;
		*) killed=$((killed + 1)) ;;
		esac
	done < <(mutations)
	echo "$killed" >"$dir/killed"
	[ "$missed" -eq 0 ]
}

workers=2 failed=0
for ((i = 0; i < workers; i++)); do
	worker "$i" &
	pids[i]=$!
done
for pid in "${pids[@]}"; do
	wait "$pid" || failed=1
done
killed=0
for count in "$work"/[0-9]/killed; do
	killed=$((killed + $(cat "$count")))
done
echo "$killed mutants killed"
[ "$failed" -eq 0 ] && [ "$killed" -eq "$(mutations | wc -l)" ]
