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

void stream_options_init(struct stream_options *options)
{
	int64_t *fields = (int64_t *)options;

	for (size_t i = 0; i < sizeof(*options) / sizeof(*fields); i++)
		fields[i] = OPTION_UNSET;
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

static const char *resolve_rest(struct stream_options *options)
{
	set_default(&options->on_error, STREAM_ON_ERROR_FAIL);
	set_default(&options->sync_interval_usec, USEC_PER_SEC);
	set_default(&options->attach_timeout_usec, 3600 * USEC_PER_SEC);
	set_default(&options->rate_bytes_per_second, 0);
	set_default(&options->size_hint, 0);
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
		wrong = resolve_target(options, target);
	if (!wrong)
		wrong = resolve_disconnect(options, target);
	if (!wrong)
		wrong = resolve_rest(options);
	if (!wrong)
		return 0;
	*ret_parameter = wrong;
	return STREAM_OPTIONS_E_PARAMETER;
}
