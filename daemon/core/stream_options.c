/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/stream_options.h"

#include <stddef.h>
#include <string.h>

#define USEC_PER_SEC INT64_C(1000000)
#define MARK_DEFAULT 65536
#define MAXIMUM_LENGTH_FLOOR (1024 * 1024)

#define NAME_ROW(name, text) text,

static const char *const open_names[] = { STREAM_OPEN_LIST(NAME_ROW) };
static const char *const ack_names[] = { STREAM_ACK_LIST(NAME_ROW) };
static const char *const disconnect_names[] = { STREAM_DISCONNECT_LIST(NAME_ROW) };
static const char *const on_error_names[] = { STREAM_ON_ERROR_LIST(NAME_ROW) };
static const char *const step_names[] = { STREAM_STEP_LIST(NAME_ROW) };
static const char *const checksum_names[] = { STREAM_CHECKSUM_LIST(NAME_ROW) };

#define COUNT(names) ((int64_t)(sizeof(names) / sizeof((names)[0])))

static const char *name_of(const char *const *names, int64_t count, int64_t value)
{
	return value >= 0 && value < count ? names[value] : NULL;
}

static int64_t value_of(const char *const *names, int64_t count, const char *text)
{
	for (int64_t i = 0; i < count; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return OPTION_UNSET;
}

const char *stream_open_name(int64_t value)
{
	return name_of(open_names, COUNT(open_names), value);
}

const char *stream_ack_name(int64_t value)
{
	return name_of(ack_names, COUNT(ack_names), value);
}

const char *stream_disconnect_name(int64_t value)
{
	return name_of(disconnect_names, COUNT(disconnect_names), value);
}

const char *stream_on_error_name(int64_t value)
{
	return name_of(on_error_names, COUNT(on_error_names), value);
}

const char *stream_step_name(int64_t value)
{
	return name_of(step_names, COUNT(step_names), value);
}

const char *stream_checksum_name(int64_t value)
{
	return name_of(checksum_names, COUNT(checksum_names), value);
}

int64_t stream_open_parse(const char *text)
{
	return value_of(open_names, COUNT(open_names), text);
}

int64_t stream_ack_parse(const char *text)
{
	return value_of(ack_names, COUNT(ack_names), text);
}

int64_t stream_disconnect_parse(const char *text)
{
	return value_of(disconnect_names, COUNT(disconnect_names), text);
}

int64_t stream_on_error_parse(const char *text)
{
	return value_of(on_error_names, COUNT(on_error_names), text);
}

int64_t stream_step_parse(const char *text)
{
	return value_of(step_names, COUNT(step_names), text);
}

int64_t stream_checksum_parse(const char *text)
{
	return value_of(checksum_names, COUNT(checksum_names), text);
}

int64_t stream_mode_parse(const char *text)
{
	int64_t mode = 0;

	if (text[0] == '\0' || strlen(text) > 4)
		return OPTION_UNSET;
	for (const char *digit = text; *digit != '\0'; digit++) {
		if (*digit < '0' || *digit > '7')
			return OPTION_UNSET;
		mode = mode * 8 + (*digit - '0');
	}
	return mode <= 0777 ? mode : OPTION_UNSET;
}

bool stream_open_is_temporary(enum stream_open open)
{
	return open == STREAM_OPEN_REPLACE || open == STREAM_OPEN_EXCLUSIVE;
}

bool stream_step_is_compressing(enum stream_step_kind kind)
{
	return kind == STREAM_STEP_GZIP || kind == STREAM_STEP_ZSTD;
}

void stream_options_init(struct stream_options *options)
{
	*options = (struct stream_options){
		.open = OPTION_UNSET,
		.ack = OPTION_UNSET,
		.on_disconnect = OPTION_UNSET,
		.on_error = OPTION_UNSET,
		.mode = OPTION_UNSET,
		.start = OPTION_UNSET,
		.high_water_mark = OPTION_UNSET,
		.low_water_mark = OPTION_UNSET,
		.maximum_length = OPTION_UNSET,
		.sync_interval_usec = OPTION_UNSET,
		.attach_timeout_usec = OPTION_UNSET,
		.rate_bytes_per_second = OPTION_UNSET,
		.size_hint = OPTION_UNSET,
		.ring_bytes = OPTION_UNSET,
		.rotate_every_bytes = OPTION_UNSET,
		.rotate_every_usec = OPTION_UNSET,
		.keep_last = OPTION_UNSET,
		.keep_usec = OPTION_UNSET,
		.maximum_bytes = OPTION_UNSET,
		.minimum_free_bytes = OPTION_UNSET,
		.checksum = OPTION_UNSET,
	};
}

static void set_default(int64_t *option, int64_t value)
{
	if (*option == OPTION_UNSET)
		*option = value;
}

static int64_t round_up_to_power_of_two(int64_t bytes)
{
	int64_t power = STREAM_RING_BYTES_MIN;

	while (power < bytes)
		power *= 2;
	return power;
}

/* A ring's size first: the marks of a ring stream are counted from it. */
static const char *resolve_ring(struct stream_options *options)
{
	set_default(&options->ring_bytes, 0);
	if (options->ring_bytes == 0)
		return NULL;
	if (options->ring_bytes < STREAM_RING_BYTES_MIN ||
	    options->ring_bytes > STREAM_RING_BYTES_MAX)
		return "ringBytes";
	options->ring_bytes = round_up_to_power_of_two(options->ring_bytes);
	return NULL;
}

static const char *resolve_marks(struct stream_options *options)
{
	int64_t ring = options->ring_bytes;
	int64_t high, low;

	set_default(&options->high_water_mark, ring ? ring / 2 : MARK_DEFAULT);
	high = options->high_water_mark;
	if (high < 0 || (ring && high > ring))
		return "highWaterMark";

	set_default(&options->low_water_mark, ring ? high / 2 : 0);
	low = options->low_water_mark;
	if (low < 0 || (low >= high && !(low == 0 && high == 0)))
		return "lowWaterMark";

	/* Four marks, or a floor; a mark beyond what can be multiplied stands for itself. */
	set_default(&options->maximum_length, high > INT64_MAX / 4 ? high :
					      4 * high > MAXIMUM_LENGTH_FLOOR ?
								     4 * high :
								     MAXIMUM_LENGTH_FLOOR);
	if (options->maximum_length < 1)
		return "maximumLength";
	return NULL;
}

bool stream_options_rotate(const struct stream_options *options)
{
	return options->rotate_every_bytes != OPTION_UNSET ||
	       options->rotate_every_usec != OPTION_UNSET;
}

/* Each segment is a new file under a new name. */
static const char *resolve_rotation(struct stream_options *options, enum stream_target target)
{
	const struct {
		int64_t value;
		const char *name;
		const char *group;
	} numbers[] = {
		{ options->rotate_every_bytes, "rotate.everyBytes", "rotate" },
		{ options->rotate_every_usec, "rotate.everyUSec", "rotate" },
		{ options->keep_last, "retention.keepLast", "retention" },
		{ options->keep_usec, "retention.keepUSec", "retention" },
		{ options->maximum_bytes, "retention.maximumBytes", "retention" },
		{ options->minimum_free_bytes, "retention.minimumFreeBytes", "retention" },
	};
	bool rotates = stream_options_rotate(options) && target == STREAM_TARGET_PATH;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (numbers[i].value == OPTION_UNSET)
			continue;
		if (!rotates)
			return numbers[i].group;
		if (numbers[i].value < 1)
			return numbers[i].name;
	}
	if (!rotates)
		return NULL;
	set_default(&options->open, STREAM_OPEN_EXCLUSIVE);
	return options->open == STREAM_OPEN_EXCLUSIVE ? NULL : "open";
}

static const char *resolve_target(struct stream_options *options, enum stream_target target)
{
	bool is_path = target == STREAM_TARGET_PATH;

	if (!is_path) {
		if (options->open != OPTION_UNSET)
			return "open";
		if (options->mode != OPTION_UNSET)
			return "mode";
		if (options->start != OPTION_UNSET)
			return "start";
	}
	if (target == STREAM_TARGET_OUTLET) {
		if (options->ack != OPTION_UNSET && options->ack != STREAM_ACK_WRITTEN)
			return "ack";
		options->ack = STREAM_ACK_WRITTEN;
	}

	/* A passed descriptor is written from where it stands, which is what update does. */
	set_default(&options->open, is_path ? STREAM_OPEN_REPLACE : STREAM_OPEN_UPDATE);
	set_default(&options->ack, STREAM_ACK_SYNCED);
	set_default(&options->mode, 0640);
	if (options->start != OPTION_UNSET && options->open != STREAM_OPEN_UPDATE)
		return "start";
	set_default(&options->start, 0);
	if (options->start < 0)
		return "start";
	return NULL;
}

static const char *resolve_disconnect(struct stream_options *options, enum stream_target target)
{
	bool temporary = target == STREAM_TARGET_PATH &&
			 stream_open_is_temporary((enum stream_open)options->open);

	set_default(&options->on_disconnect,
		    temporary ? STREAM_DISCONNECT_SALVAGE : STREAM_DISCONNECT_FINISH);
	if (options->on_disconnect == STREAM_DISCONNECT_SALVAGE && !temporary)
		return "onDisconnect";
	return NULL;
}

static bool resolve_level(struct stream_step *step)
{
	switch (step->kind) {
	case STREAM_STEP_GZIP:
		set_default(&step->level, STREAM_GZIP_LEVEL_DEFAULT);
		return step->level >= 0 && step->level <= STREAM_GZIP_LEVEL_MAX;
	case STREAM_STEP_ZSTD:
		set_default(&step->level, STREAM_ZSTD_LEVEL_DEFAULT);
		return step->level >= 1 && step->level <= STREAM_ZSTD_LEVEL_MAX;
	case STREAM_STEP_GUNZIP:
	case STREAM_STEP_UNZSTD:
		break;
	}
	return step->level == OPTION_UNSET;
}

bool stream_options_resolve_steps(struct stream_options *options)
{
	if (options->steps_count > STREAM_STEPS_MAX)
		return false;
	for (uint32_t i = 0; i < options->steps_count; i++)
		if (!resolve_level(&options->steps[i]))
			return false;
	return true;
}

static const char *resolve_steps(struct stream_options *options)
{
	return stream_options_resolve_steps(options) ? NULL : "steps";
}

/*
 * A digest is that of a whole file, so the file must be this stream's from its first byte.
 * After resolve_target(): a passed descriptor stands as update.
 */
static const char *resolve_checksum(struct stream_options *options, enum stream_target target)
{
	bool is_whole = options->open != STREAM_OPEN_APPEND && options->open != STREAM_OPEN_UPDATE;

	if (options->side_file) {
		if (target != STREAM_TARGET_PATH || !is_whole)
			return "sideFile";
		set_default(&options->checksum, STREAM_CHECKSUM_SHA256);
		if (options->checksum != STREAM_CHECKSUM_SHA256)
			return "sideFile";
	}
	set_default(&options->checksum, STREAM_CHECKSUM_NONE);
	if (options->checksum != STREAM_CHECKSUM_NONE && !is_whole)
		return "checksum";
	return NULL;
}

/* A hundred years are as good as never, and can be counted in nanoseconds. */
static void bound_time(int64_t *io_usec)
{
	if (*io_usec > 100 * 365 * INT64_C(86400) * USEC_PER_SEC)
		*io_usec = 100 * 365 * INT64_C(86400) * USEC_PER_SEC;
}

static const char *resolve_rest(struct stream_options *options)
{
	set_default(&options->on_error, STREAM_ON_ERROR_FAIL);
	set_default(&options->sync_interval_usec, USEC_PER_SEC);
	set_default(&options->attach_timeout_usec, 3600 * USEC_PER_SEC);
	set_default(&options->rate_bytes_per_second, 0);
	set_default(&options->size_hint, 0);
	/* It is for one file. */
	if (options->rotate_every_bytes != OPTION_UNSET &&
	    options->size_hint > options->rotate_every_bytes)
		options->size_hint = options->rotate_every_bytes;
	bound_time(&options->sync_interval_usec);
	bound_time(&options->attach_timeout_usec);
	bound_time(&options->rotate_every_usec);
	if (options->sync_interval_usec < 1)
		return "syncIntervalUSec";
	if (options->attach_timeout_usec < 0)
		return "attachTimeoutUSec";
	if (options->rate_bytes_per_second < 0)
		return "rateBytesPerSecond";
	if (options->size_hint < 0)
		return "sizeHint";
	return NULL;
}

int stream_options_resolve(struct stream_options *options, enum stream_target target,
			   const char **ret_parameter)
{
	const char *wrong = resolve_ring(options);

	if (!wrong)
		wrong = resolve_marks(options);
	if (!wrong)
		wrong = resolve_rotation(options, target);
	if (!wrong)
		wrong = resolve_target(options, target);
	if (!wrong)
		wrong = resolve_disconnect(options, target);
	if (!wrong)
		wrong = resolve_steps(options);
	if (!wrong)
		wrong = resolve_checksum(options, target);
	if (!wrong)
		wrong = resolve_rest(options);
	if (!wrong)
		return 0;
	*ret_parameter = wrong;
	return STREAM_OPTIONS_E_PARAMETER;
}
