/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "daemon/base/err.h"
#include "daemon/base/fd.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_world.h"

void fs_write_break(struct fs_write *run, const char *what)
{
	if (!run->broken)
		run->broken = what;
}

static void say(struct fs_write *run, const char *what, int error)
{
	char text[96];

	snprintf(text, sizeof(text), "%s %s", what,
		 error ? case_error_name(&run->errors, error) : "null");
	cJSON_AddItemToArray(run->log, cJSON_CreateString(text));
}

static void say_event(struct fs_write *run, const char *what)
{
	cJSON_AddItemToArray(run->log, cJSON_CreateString(what));
}

/* A negative errno as an error of the flow. */
static int error_of(struct fs_write *run, int64_t result)
{
	return result < 0 ? case_error_number(&run->errors, err_name((int)result)) : 0;
}

static void perform_all(struct fs_write *run);
static void perform_deferred(struct fs_write *run);

/* ---- what the flow wants of the file ---- */

static void on_written(struct fs_file *file, int64_t result)
{
	struct fs_write *run = file->owner;
	struct flow_sink *sink = run->sink;

	run->sink = NULL;
	/* Node's word for the last of those that asked to be tried again. */
	run->write_error = result == -EAGAIN ? case_error_number(&run->errors, "ERR_SYSTEM_ERROR") :
					       error_of(run, result);
	if (run->write_error)
		flow_fail(&run->flow, sink, run->write_error);
	else
		flow_complete(&run->flow, sink);
	perform_deferred(run);
}

static void do_sink(struct fs_write *run, struct flow_sink *sink)
{
	if (run->sink)
		fs_write_break(run, "two sink calls at once");
	run->sink = sink;
	run->file.done = on_written;
	fs_file_write(&run->file, sink);
}

static void on_closed(struct fs_file *file, int64_t result)
{
	struct fs_write *run = file->owner;
	int error = error_of(run, result);

	/* F13: of close, else of what came first. F10: that may be what was in hand. */
	if (!error && !run->release_error)
		error = run->write_error ? run->write_error : run->sync_error;
	flow_released(&run->flow, error);
	perform_deferred(run);
}

static void close_file(struct fs_write *run)
{
	run->file.done = on_closed;
	fs_file_close(&run->file);
}

static void on_final_synced(struct fs_file *file, int64_t result)
{
	struct fs_write *run = file->owner;

	run->finalizing = false;
	run->sync_error = error_of(run, result);
	flow_final_done(&run->flow, run->sync_error);
	if (run->release_due)
		close_file(run);
	perform_deferred(run);
}

/* Synced before it is said to be finished; once, whatever comes of it. */
static void do_final(struct fs_write *run)
{
	run->synced = true;
	run->finalizing = true;
	run->file.done = on_final_synced;
	fs_file_sync(&run->file);
}

static void on_release_synced(struct fs_file *file, int64_t result)
{
	struct fs_write *run = file->owner;

	run->sync_error = error_of(run, result);
	close_file(run);
}

static void do_release(struct fs_write *run, int error)
{
	if (run->sink)
		fs_write_break(run, "released with a sink call in hand");
	run->release_error = error;
	if (run->file.fd < 0) {
		flow_released(&run->flow, 0);
	} else if (run->finalizing) {
		run->release_due = true;
	} else if (run->options.flush && !run->synced) {
		run->file.done = on_release_synced;
		fs_file_sync(&run->file);
	} else {
		close_file(run);
	}
}

/* ---- what the flow says ---- */

static void do_answer_write(struct fs_write *run, struct flow_write *write, int error)
{
	struct fs_step_write *step = container_of(write, struct fs_step_write, chunk.write);
	char name[24];

	if (step->closer) {
		say(run, "closecb", 0);
		return;
	}
	step->answers++;
	step->error = error;
	if (step->silent)
		return;
	snprintf(name, sizeof(name), "cb%d", step->number);
	say(run, name, error);
}

static void do_finish(struct fs_write *run)
{
	say_event(run, "finish");
	if (run->errors_said > 0 || run->closes_said > 0)
		fs_write_break(run, "finish after error or close");
	if (run->destroy_at_finish)
		flow_destroy(&run->flow, 0);
}

static void do_close(struct fs_write *run)
{
	say_event(run, "close");
	if (run->closes_said++ > 0)
		fs_write_break(run, "close twice");
	for (; run->closers > 0; run->closers--)
		say(run, "closecb", 0);
}

static void perform(struct fs_write *run, const struct flow_action *action)
{
	switch (action->what) {
	case FLOW_DO_SINK:
		do_sink(run, action->sink);
		break;
	case FLOW_DO_FINAL:
		do_final(run);
		break;
	case FLOW_DO_RELEASE:
		do_release(run, action->error);
		break;
	case FLOW_DO_ANSWER_WRITE:
		do_answer_write(run, action->write, action->error);
		break;
	case FLOW_DO_ANSWER_END:
		say(run, container_of(action->end, struct fs_step_end, end)->name, action->error);
		break;
	case FLOW_DO_DRAIN:
		say_event(run, "drain");
		break;
	case FLOW_DO_FINISH:
		do_finish(run);
		break;
	case FLOW_DO_ERROR:
		say(run, "error", action->error);
		if (run->errors_said++ > 0 || run->closes_said > 0)
			fs_write_break(run, "error twice, or after close");
		break;
	case FLOW_DO_CLOSE:
		do_close(run);
		break;
	}
}

static void perform_all(struct fs_write *run)
{
	struct flow_action action;

	while (flow_next(&run->flow, &action))
		perform(run, &action);
}

static void perform_deferred(struct fs_write *run)
{
	struct flow_action action;

	while (flow_next_deferred(&run->flow, &action))
		perform(run, &action);
}

/* ---- opening ---- */

static void on_opened(struct fs_file *file, int64_t result)
{
	struct fs_write *run = file->owner;

	if (result == -EINVAL && run->options.flags < 0) {
		flow_open_failed(&run->flow,
				 case_error_number(&run->errors, "ERR_INVALID_ARG_VALUE"));
	} else if (result < 0) {
		flow_open_failed(&run->flow, error_of(run, result));
	} else {
		flow_opened(&run->flow);
		say_event(run, "open");
		say_event(run, "ready");
	}
	perform_deferred(run);
}

/* Whoever has given up by now gets no file. */
static void begin_open(struct fs_write *run)
{
	if (flow_is_destroyed(&run->flow)) {
		flow_opened(&run->flow);
	} else {
		run->file.done = on_opened;
		fs_file_open(&run->file);
	}
}

/* ---- steps ---- */

static struct fs_step_write *write_new(struct fs_write *run, const cJSON *step)
{
	struct fs_step_write *write = calloc(1, sizeof(*write));
	struct fs_bytes bytes = { 0 };

	if (!write)
		abort();
	write->number = run->number;
	write->next = run->writes;
	run->writes = write;
	if (step &&
	    !fs_content_chunk(step, (unsigned int)run->number, run->options.encoding, &bytes))
		fs_write_break(run, "an encoding of another kind");
	write->chunk.bytes = bytes.bytes;
	write->chunk.write.bytes = bytes.count;
	return write;
}

static void step_write(struct fs_write *run, const cJSON *step)
{
	struct fs_step_write *write = write_new(run, step);

	write->accepted = flow_write(&run->flow, &write->chunk.write);
	perform_all(run);
	cJSON_AddItemToArray(run->rets, cJSON_CreateBool(flow_judge(&run->flow)));
}

static void step_end(struct fs_write *run, const cJSON *step)
{
	struct fs_step_end *end = calloc(1, sizeof(*end));
	struct fs_step_write *last = NULL;

	if (!end)
		abort();
	end->next = run->ends;
	run->ends = end;
	snprintf(end->name, sizeof(end->name), "end");
	if (case_has(step, "n") || case_has(step, "str")) {
		snprintf(end->name, sizeof(end->name), "cb%d", run->number);
		last = write_new(run, step);
		last->silent = true;
		last->chunk.write.quiet = true;
	}
	flow_end(&run->flow, last ? &last->chunk.write : NULL, &end->end);
	if (last)
		last->accepted = last->chunk.write.accepted;
	perform_all(run);
}

static void step_close(struct fs_write *run)
{
	struct fs_step_write *closer;

	if (flow_is_closed(&run->flow)) {
		/* A refused write is answered in its turn among all else that is. */
		closer = write_new(run, NULL);
		closer->closer = true;
		(void)flow_write(&run->flow, &closer->chunk.write);
	} else {
		run->closers++;
		if (!run->options.auto_close)
			run->destroy_at_finish = true;
		flow_end(&run->flow, NULL, NULL);
	}
	perform_all(run);
}

static void step_run(struct fs_write *run, const cJSON *step)
{
	const char *op = case_text(step, "op");

	if (case_is(op, "write"))
		step_write(run, step);
	else if (case_is(op, "end"))
		step_end(run, step);
	else if (case_is(op, "close"))
		step_close(run);
	else if (case_is(op, "cork"))
		flow_cork(&run->flow);
	else if (case_is(op, "uncork"))
		flow_uncork(&run->flow);
	else if (case_is(op, "destroy"))
		flow_destroy(&run->flow, case_error_number(&run->errors, case_text(step, "err")));
	else
		fs_write_break(run, "a step of another kind");
	perform_all(run);
}

static void begin(struct fs_write *run, const cJSON *entry, struct fs_world *world,
		  const struct fs_options *options)
{
	const struct flow_config config = {
		.high_water_mark = options->high_water_mark,
		.sink_bytes = UINT64_MAX,
		.sink_writes = UINT32_MAX,
		.sinks = 1,
		.opening = true,
		.final = options->flush && options->auto_close,
		.release = options->auto_close,
		.announce_close = options->emit_close,
	};

	*run = (struct fs_write){ .entry = entry, .options = *options };
	run->file = (struct fs_file){
		.world = world,
		.flags = options->flags,
		.mode = options->mode,
		.start = options->start,
		.owner = run,
		.fd = -1,
	};
	run->log = cJSON_CreateArray();
	run->rets = cJSON_CreateArray();
	flow_init(&run->flow, &config);
	fs_touch_init(&run->touch, entry, options->auto_close);
}

void fs_write_run(struct fs_write *run, const cJSON *entry, struct fs_world *world,
		  const struct fs_options *options)
{
	bool opening = true;
	const cJSON *phase;
	const cJSON *step;

	begin(run, entry, world, options);
	cJSON_ArrayForEach(phase, cJSON_GetObjectItemCaseSensitive(entry, "phases")) {
		fs_touch_phase(&run->touch, run->log);
		cJSON_ArrayForEach(step, phase) {
			fs_touch_step(&run->touch, step, run->number, run->log);
			step_run(run, step);
			run->number++;
		}
		if (opening)
			begin_open(run);
		opening = false;
		perform_deferred(run);
		fs_world_settle(world);
	}
	fs_touch_end(&run->touch);
}

void fs_write_fini(struct fs_write *run)
{
	flow_fini(&run->flow);
	while (run->writes) {
		struct fs_step_write *write = run->writes;

		run->writes = write->next;
		free(write->chunk.bytes);
		free(write);
	}
	while (run->ends) {
		struct fs_step_end *end = run->ends;

		run->ends = end->next;
		free(end);
	}
	fs_touch_fini(&run->touch);
	cJSON_Delete(run->log);
	cJSON_Delete(run->rets);
	run->file.fd = fd_close(run->file.fd);
}
