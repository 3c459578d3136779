/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/core/flow.h"
#include "tests/vectors/replay.h"

const char *case_text(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

int case_number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(item) ? item->valueint : 0;
}

bool case_truth(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool case_has(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name) != NULL;
}

bool case_is(const char *text, const char *other)
{
	return text && strcmp(text, other) == 0;
}

int case_error_number(struct case_errors *errors, const char *name)
{
	int i = 0;

	if (!name)
		return 0;
	while (i < errors->count && strcmp(errors->names[i], name) != 0)
		i++;
	/* More would have to be a broken file: there is nothing to be compared with it. */
	if (i == CASE_ERRORS_MAX)
		abort();
	if (i == errors->count)
		errors->names[errors->count++] = name;
	return -1 - i;
}

const char *case_error_name(const struct case_errors *errors, int error)
{
	static const char *const own[] = {
		[FLOW_ERROR_NONE] = "",
		[FLOW_ERROR_WRITE_AFTER_END] = "ERR_STREAM_WRITE_AFTER_END",
		[FLOW_ERROR_DESTROYED] = "ERR_STREAM_DESTROYED",
		[FLOW_ERROR_ALREADY_FINISHED] = "ERR_STREAM_ALREADY_FINISHED",
		[FLOW_ERROR_PUSH_AFTER_END] = "ERR_STREAM_PUSH_AFTER_EOF",
		[FLOW_ERROR_UNSHIFT_AFTER_END] = "ERR_STREAM_UNSHIFT_AFTER_END_EVENT",
		[FLOW_ERROR_PREMATURE_CLOSE] = "ERR_STREAM_PREMATURE_CLOSE",
	};

	return error >= 0 ? own[error] : errors->names[-1 - error];
}

void case_add_error(const struct case_errors *errors, cJSON *object, const char *name, int error)
{
	if (error == FLOW_ERROR_NONE)
		cJSON_AddNullToObject(object, name);
	else
		cJSON_AddStringToObject(object, name, case_error_name(errors, error));
}

bool case_same(const cJSON *scenario, int turn, const char *what, const cJSON *expected,
	       const cJSON *got)
{
	char *expected_text;
	char *got_text;

	if (expected && got && cJSON_Compare(expected, got, true))
		return true;
	expected_text = expected ? cJSON_PrintUnformatted(expected) : NULL;
	got_text = got ? cJSON_PrintUnformatted(got) : NULL;
	replay_complain(scenario, "turn %d, %s: expected %s, got %s", turn, what,
			expected_text ? expected_text : "nothing", got_text ? got_text : "nothing");
	cJSON_free(expected_text);
	cJSON_free(got_text);
	return false;
}

bool case_same_log(const cJSON *scenario, int turn, const cJSON *expected, const cJSON *got,
		   int count)
{
	const cJSON *left = expected ? expected->child : NULL;
	const cJSON *right = got->child;
	char what[32];

	for (int i = 0; count < 0 ? left || right : i < count; i++) {
		snprintf(what, sizeof(what), "entry %d", i);
		if (!case_same(scenario, turn, what, left, right))
			return false;
		left = left->next;
		right = right->next;
	}
	return true;
}
