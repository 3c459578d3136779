/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>

#include "daemon/ctl/view.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

void view_steps(struct args *args, const struct stream_options *options)
{
	struct args list, step;

	if (options->steps_count == 0)
		return;
	args_begin_array(args, "steps", &list);
	for (uint32_t i = 0; i < options->steps_count; i++) {
		args_begin_object(&list, NULL, &step);
		args_add_string(&step, "name", stream_step_name(options->steps[i].kind));
		if (options->steps[i].level != OPTION_UNSET)
			args_add_int(&step, "level", options->steps[i].level);
	}
}

static void view_rule(struct args *args, const char *name, int64_t value)
{
	if (value != OPTION_UNSET)
		args_add_int(args, name, value);
}

static void view_rotation(struct args *args, const struct stream_options *options)
{
	struct args rules;

	if (!stream_options_rotate(options))
		return;
	args_begin_object(args, "rotate", &rules);
	view_rule(&rules, "everyBytes", options->rotate_every_bytes);
	view_rule(&rules, "everyUSec", options->rotate_every_usec);
	if (options->keep_last == OPTION_UNSET && options->keep_usec == OPTION_UNSET &&
	    options->maximum_bytes == OPTION_UNSET && options->minimum_free_bytes == OPTION_UNSET)
		return;
	args_begin_object(args, "retention", &rules);
	view_rule(&rules, "keepLast", options->keep_last);
	view_rule(&rules, "keepUSec", options->keep_usec);
	view_rule(&rules, "maximumBytes", options->maximum_bytes);
	view_rule(&rules, "minimumFreeBytes", options->minimum_free_bytes);
}

static void view_options(struct args *args, const struct stream_context *context)
{
	const struct stream_options *options = context->options;
	char mode[8];

	/* A passed descriptor is as its opener made it. */
	if (context->target == STREAM_TARGET_PATH) {
		(void)snprintf(mode, sizeof(mode), "%04o", (unsigned int)options->mode & 07777);
		args_add_string(args, "open", stream_open_name(options->open));
		args_add_string(args, "mode", mode);
		args_add_int(args, "start", options->start);
	}
	args_add_int(args, "highWaterMark", options->high_water_mark);
	args_add_int(args, "lowWaterMark", options->low_water_mark);
	args_add_int(args, "maximumLength", options->maximum_length);
	args_add_int(args, "syncIntervalUSec", options->sync_interval_usec);
	args_add_string(args, "ack", stream_ack_name(options->ack));
	view_steps(args, options);
	args_add_string(args, "checksum", stream_checksum_name(options->checksum));
	args_add_bool(args, "sideFile", options->side_file);
	args_add_string(args, "onDisconnect", stream_disconnect_name(options->on_disconnect));
	args_add_int(args, "attachTimeoutUSec", options->attach_timeout_usec);
	args_add_string(args, "onError", stream_on_error_name(options->on_error));
	args_add_int(args, "rateBytesPerSecond", options->rate_bytes_per_second);
	args_add_int(args, "sizeHint", options->size_hint);
}

void view_stream_context(struct args *args, const struct stream *stream)
{
	struct stream_context context;
	struct args object;

	stream_get_context(stream, &context);
	args_begin_object(args, "context", &object);
	args_add_optional_string(&object, "store", context.store);
	args_add_optional_string(&object, "path", context.path);
	view_options(&object, &context);
	view_rotation(&object, context.options);
	view_labels(&object, context.labels);
}

void view_stream_runtime(struct args *args, const struct stream *stream)
{
	struct stream_runtime runtime;
	struct args object;

	stream_get_runtime(stream, &runtime);
	args_begin_object(args, "runtime", &object);
	args_add_string(&object, "state", stream_state_name(runtime.state));
	args_add_int(&object, "ownerUid", runtime.owner_uid);
	view_count(&object, "writableLength", runtime.writable_length);
	args_add_bool(&object, "needDrain", runtime.need_drain);
	args_add_int(&object, "corked", runtime.corked);
	args_add_bool(&object, "attached", runtime.attached);
	view_count(&object, "sequence", runtime.sequence);
	view_count(&object, "doneSequence", runtime.done_sequence);
	view_count(&object, "bytesAccepted", runtime.bytes_accepted);
	view_count(&object, "bytesWritten", runtime.bytes_written);
	view_count(&object, "bytesSynced", runtime.bytes_synced);
	view_count(&object, "drains", runtime.drains);
	view_count(&object, "blockedUSec", runtime.blocked_usec);
	if (runtime.path)
		view_text(&object, "path", runtime.path);
	args_add_optional_string(&object, "digest", runtime.digest);
	if (runtime.fault)
		view_fault(&object, "fault", runtime.fault);
}

void view_stream(struct args *args, const struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	view_id(args, "id", ID_STREAM, runtime.id);
	view_stream_context(args, stream);
	view_stream_runtime(args, stream);
}

void view_readable_runtime(struct args *args, const struct readable *readable)
{
	struct readable_runtime runtime;
	struct args object;

	readable_get_runtime(readable, &runtime);
	args_begin_object(args, "readable", &object);
	args_add_string(&object, "state", stream_state_name(runtime.state));
	args_add_int(&object, "ownerUid", runtime.owner_uid);
	view_count(&object, "highWaterMark", runtime.high_water_mark);
	view_count(&object, "readableLength", runtime.readable_length);
	view_count(&object, "bytesRead", runtime.read_bytes);
	view_count(&object, "bytesTaken", runtime.taken_bytes);
	if (runtime.total_bytes != UINT64_MAX)
		view_count(&object, "totalBytes", runtime.total_bytes);
	if (runtime.path)
		view_text(&object, "path", runtime.path);
	if (runtime.fault)
		view_fault(&object, "fault", runtime.fault);
}

void view_readable(struct args *args, const struct readable *readable)
{
	struct readable_runtime runtime;

	readable_get_runtime(readable, &runtime);
	view_id(args, "id", ID_STREAM, runtime.id);
	view_readable_runtime(args, readable);
}

size_t view_ring(struct args *args, const struct stream_ring_fds *ring, int ret_fds[static 2])
{
	struct args object;

	if (ring->ring_bytes == 0)
		return 0;
	args_begin_object(args, "ring", &object);
	args_add_int(&object, "memoryFileDescriptorIndex", 0);
	args_add_int(&object, "signalFileDescriptorIndex", 1);
	view_count(&object, "ringBytes", ring->ring_bytes);
	ret_fds[0] = ring->memory_fd;
	ret_fds[1] = ring->signal_fd;
	return 2;
}
