/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/job_row_texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/labels.h"
#include "daemon/core/stream_options.h"

void job_steps_to_text(const struct stream_options *options, char text[static JOB_STEPS_TEXT_BYTES])
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < options->steps_count; i++) {
		const struct stream_step *step = &options->steps[i];

		at += (size_t)snprintf(text + at, JOB_STEPS_TEXT_BYTES - at, "%s%s",
				       i > 0 ? "," : "", stream_step_name(step->kind));
		if (step->level != OPTION_UNSET)
			at += (size_t)snprintf(text + at, JOB_STEPS_TEXT_BYTES - at, ":%d",
					       (int)step->level);
	}
}

bool job_steps_from_text(const char *text, struct stream_options *options)
{
	char copy[JOB_STEPS_TEXT_BYTES], *rest = copy, *word;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	while ((word = strsep(&rest, ",")) && word[0] != '\0') {
		struct stream_step step = { .level = OPTION_UNSET };
		char *level = strchr(word, ':');
		int64_t kind;

		if (level) {
			*level = '\0';
			step.level = strtol(level + 1, NULL, 10);
		}
		kind = stream_step_parse(word);
		if (kind == OPTION_UNSET || options->steps_count == STREAM_STEPS_MAX)
			return false;
		step.kind = (enum stream_step_kind)kind;
		options->steps[options->steps_count++] = step;
	}
	return true;
}

char *job_labels_to_bytes(const struct labels *labels, int64_t *ret_bytes)
{
	size_t bytes = 0;
	char *memory, *at;

	for (uint32_t i = 0; i < labels->count; i++)
		bytes += strlen(labels->items[i].name) + strlen(labels->items[i].value) + 2;
	memory = malloc(bytes + 1);
	if (!memory)
		return NULL;
	at = memory;
	for (uint32_t i = 0; i < labels->count; i++) {
		at = stpcpy(at, labels->items[i].name) + 1;
		at = stpcpy(at, labels->items[i].value) + 1;
	}
	*ret_bytes = (int64_t)bytes;
	return memory;
}

int job_labels_from_bytes(const char *memory, int64_t bytes, struct labels *labels)
{
	const char *at = memory, *end = memory + bytes;

	labels_init(labels);
	if (bytes > 0 && end[-1] != '\0')
		return -EUCLEAN;
	while (at < end) {
		const char *name = at, *value = name + strlen(name) + 1;
		int r;

		if (value >= end)
			return -EUCLEAN;
		r = labels_add(labels, name, value);
		if (r != 0)
			return r < 0 ? r : -EUCLEAN;
		at = value + strlen(value) + 1;
	}
	return 0;
}
