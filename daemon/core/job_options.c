/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/job_options.h"

#include <stddef.h>
#include <string.h>

#define USEC_PER_SEC INT64_C(1000000)
#define NAME_ROW(name, text) text,

static const char *const missed_names[] = { JOB_MISSED_LIST(NAME_ROW) };
static const char *const consistency_names[] = { JOB_CONSISTENCY_LIST(NAME_ROW) };

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

const char *job_missed_name(int64_t value)
{
	return name_of(missed_names, 2, value);
}

const char *job_consistency_name(int64_t value)
{
	return name_of(consistency_names, 2, value);
}

int64_t job_missed_parse(const char *text)
{
	return value_of(missed_names, 2, text);
}

int64_t job_consistency_parse(const char *text)
{
	return value_of(consistency_names, 2, text);
}

void job_options_init(struct job_options *options)
{
	*options = (struct job_options){
		.offset = OPTION_UNSET,
		.length = OPTION_UNSET,
		.at_usec = OPTION_UNSET,
		.after_usec = OPTION_UNSET,
		.every_usec = OPTION_UNSET,
		.jitter_usec = OPTION_UNSET,
		.settle_usec = OPTION_UNSET,
		.missed = OPTION_UNSET,
		.consistency = OPTION_UNSET,
		.keep_last = OPTION_UNSET,
		.keep_usec = OPTION_UNSET,
		.maximum_bytes = OPTION_UNSET,
		.minimum_free_bytes = OPTION_UNSET,
		.timeout_usec = OPTION_UNSET,
		.retries = OPTION_UNSET,
		.retry_delay_usec = OPTION_UNSET,
	};
	stream_options_init(&options->stream);
}

static void set_default(int64_t *option, int64_t value)
{
	if (*option == OPTION_UNSET)
		*option = value;
}

/* Spans that must be at least so long, with what they are where none is given. */
static const char *resolve_numbers(struct job_options *options)
{
	const struct {
		int64_t *number;
		int64_t fallback;
		int64_t minimum;
		int64_t maximum;
		const char *name;
	} numbers[] = {
		{ &options->offset, 0, 0, INT64_MAX, "offset" },
		{ &options->jitter_usec, 0, 0, JOB_SPAN_USEC_MAX, "jitterUSec" },
		{ &options->settle_usec, USEC_PER_SEC, JOB_SETTLE_USEC_MIN, JOB_SPAN_USEC_MAX,
		  "settleUSec" },
		{ &options->timeout_usec, 300 * USEC_PER_SEC, 0, JOB_SPAN_USEC_MAX, "timeoutUSec" },
		{ &options->retries, 0, 0, INT32_MAX, "retries" },
		{ &options->retry_delay_usec, 10 * USEC_PER_SEC, 0, JOB_SPAN_USEC_MAX,
		  "retryDelayUSec" },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		set_default(numbers[i].number, numbers[i].fallback);
		if (*numbers[i].number < numbers[i].minimum ||
		    *numbers[i].number > numbers[i].maximum)
			return numbers[i].name;
	}
	return options->length != OPTION_UNSET && options->length < 0 ? "length" : NULL;
}

/* What is removed must be a file of the job's own, from its first byte to its last. */
static const char *resolve_retention(const struct job_options *options)
{
	const struct {
		int64_t value;
		const char *name;
	} rules[] = {
		{ options->keep_last, "retention.keepLast" },
		{ options->keep_usec, "retention.keepUSec" },
		{ options->maximum_bytes, "retention.maximumBytes" },
		{ options->minimum_free_bytes, "retention.minimumFreeBytes" },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (rules[i].value == OPTION_UNSET)
			continue;
		if (options->stream.open == STREAM_OPEN_APPEND)
			return "retention";
		if (rules[i].value < 1)
			return rules[i].name;
	}
	/* The newest file is never removed: where nothing makes it smaller, that is too large. */
	if (options->maximum_bytes != OPTION_UNSET && options->length != OPTION_UNSET &&
	    options->stream.steps_count == 0 && options->maximum_bytes < options->length)
		return "retention.maximumBytes";
	return NULL;
}

int job_options_resolve(struct job_options *options, const char **ret_parameter)
{
	const char *wrong = resolve_numbers(options);

	set_default(&options->missed, JOB_MISSED_ONCE);
	set_default(&options->consistency, JOB_CONSISTENCY_VERSIONED);
	set_default(&options->stream.ack, STREAM_ACK_PUBLISHED);
	/* What a run that was cut off has written is worth nothing: the memory is still there. */
	options->stream.on_disconnect = STREAM_DISCONNECT_ABORT;
	if (!wrong && options->stream.open == STREAM_OPEN_UPDATE)
		wrong = "open";
	if (!wrong && stream_options_resolve(&options->stream, STREAM_TARGET_PATH, &wrong) == 0)
		wrong = resolve_retention(options);
	/* Each run resolves them once more, and only a stream that updates may be told this. */
	options->stream.start = OPTION_UNSET;
	if (!wrong)
		return 0;
	*ret_parameter = wrong;
	return JOB_OPTIONS_E_PARAMETER;
}

static uint64_t rule(int64_t option)
{
	return option == OPTION_UNSET ? 0 : (uint64_t)option;
}

struct retention_rules job_options_retention(const struct job_options *options)
{
	return (struct retention_rules){
		.keep_last = rule(options->keep_last),
		.keep_usec = rule(options->keep_usec),
		.maximum_bytes = rule(options->maximum_bytes),
		.minimum_free_bytes = rule(options->minimum_free_bytes),
	};
}

bool job_options_has_retention(const struct job_options *options)
{
	return options->keep_last != OPTION_UNSET || options->keep_usec != OPTION_UNSET ||
	       options->maximum_bytes != OPTION_UNSET ||
	       options->minimum_free_bytes != OPTION_UNSET;
}
