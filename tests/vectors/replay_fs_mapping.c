/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_mapping.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_write.h"

static bool is_entry(const cJSON *entry, const char *text)
{
	return strcmp(entry->valuestring, text) == 0;
}

static bool begins(const cJSON *entry, const char *text)
{
	return strncmp(entry->valuestring, text, strlen(text)) == 0;
}

static void set(cJSON *object, const char *name, cJSON *value)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	cJSON_AddItemToObject(object, name, value);
}

static cJSON *name_or_null(const char *name)
{
	return name ? cJSON_CreateString(name) : cJSON_CreateNull();
}

static void drop(cJSON *log, const char *text)
{
	for (int i = cJSON_GetArraySize(log) - 1; i >= 0; i--)
		if (is_entry(cJSON_GetArrayItem(log, i), text))
			cJSON_DeleteItemFromArray(log, i);
}

/* "name from" becomes "name to". */
static void reword(cJSON *log, const char *name, const char *from, const char *to)
{
	char old_text[96], new_text[96];

	snprintf(old_text, sizeof(old_text), "%s %s", name, from);
	snprintf(new_text, sizeof(new_text), "%s %s", name, to);
	for (int i = 0; i < cJSON_GetArraySize(log); i++)
		if (is_entry(cJSON_GetArrayItem(log, i), old_text))
			cJSON_ReplaceItemInArray(log, i, cJSON_CreateString(new_text));
}

/* The error of a call of that name. */
static const char *call_error(const cJSON *got, const char *name)
{
	const cJSON *call;

	cJSON_ArrayForEach(call, cJSON_GetObjectItemCaseSensitive(got, "calls"))
		if (case_is(case_text(call, "call"), name))
			return case_text(call, "err");
	return NULL;
}

/* The stream's error, and that which is told, is this one, or there is none. */
static void set_error(cJSON *got, const char *error)
{
	cJSON *log = cJSON_GetObjectItemCaseSensitive(got, "log");
	char text[96];

	snprintf(text, sizeof(text), "error %s", error ? error : "");
	for (int i = cJSON_GetArraySize(log) - 1; i >= 0; i--) {
		if (!begins(cJSON_GetArrayItem(log, i), "error "))
			continue;
		if (error)
			cJSON_ReplaceItemInArray(log, i, cJSON_CreateString(text));
		else
			cJSON_DeleteItemFromArray(log, i);
	}
	set(got, "errored", name_or_null(error));
}

/* Of what is written only the mode can still be asked of Node's file; see has_right_bytes(). */
static void keep_mode_only(cJSON *got)
{
	cJSON *after = cJSON_GetObjectItemCaseSensitive(got, "after");

	cJSON_DeleteItemFromObjectCaseSensitive(after, "size");
	cJSON_DeleteItemFromObjectCaseSensitive(after, "sha");
	cJSON_DeleteItemFromObjectCaseSensitive(after, "hex");
}

/* The answer of a write; what comes with an end is answered by that. */
static void own_up(const struct fs_step_write *write, cJSON *log)
{
	char name[24];

	snprintf(name, sizeof(name), "cb%d", write->number);
	if (!write->silent)
		reword(log, name, "ERR_STREAM_DESTROYED", "null");
}

static void apply_f10(const struct fs_write *run, cJSON *got)
{
	cJSON *log = cJSON_GetObjectItemCaseSensitive(got, "log");
	double bytes = case_number(got, "bytesWritten");
	const cJSON *number;

	cJSON_ArrayForEach(number, run->touch.hand)
		for (const struct fs_step_write *write = run->writes; write; write = write->next)
			if (write->number == number->valueint) {
				own_up(write, log);
				bytes += (double)write->chunk.write.bytes;
			}
	set(got, "bytesWritten", cJSON_CreateNumber(bytes));
	/* That answer, where it is the first error, is also that of the stream. */
	if (case_is(case_text(got, "errored"), "ERR_STREAM_DESTROYED"))
		set_error(got, call_error(got, "close") ? call_error(got, "close") :
							  call_error(got, "fsync"));
}

/* The error with which the stream was destroyed before it was open. */
static const char *early_error(const cJSON *entry)
{
	const cJSON *phases = cJSON_GetObjectItemCaseSensitive(entry, "phases");
	const cJSON *step;

	cJSON_ArrayForEach(step, cJSON_GetArrayItem(phases, 0))
		if (case_is(case_text(step, "op"), "destroy"))
			return case_text(step, "err");
	return NULL;
}

static cJSON *tell_before(const cJSON *entry)
{
	struct fs_bytes before;
	char sha[FS_SHA_BYTES], mode[8];
	cJSON *after;

	if (!cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(entry, "before")))
		return cJSON_CreateNull();
	before = fs_content_before(entry);
	fs_content_sha(before.bytes, before.count, sha);
	snprintf(mode, sizeof(mode), "%o", FS_BEFORE_MODE);
	after = cJSON_CreateObject();
	cJSON_AddNumberToObject(after, "size", (double)before.count);
	cJSON_AddStringToObject(after, "mode", mode);
	cJSON_AddStringToObject(after, "sha", sha);
	free(before.bytes);
	return after;
}

static void apply_f11(const struct fs_write *run, cJSON *got)
{
	cJSON *log = cJSON_GetObjectItemCaseSensitive(got, "log");

	drop(log, "open");
	drop(log, "ready");
	set_error(got, early_error(run->entry));
	set(got, "after", tell_before(run->entry));
}

static void apply_f12(const struct fs_write *run, cJSON *got)
{
	cJSON *log = cJSON_GetObjectItemCaseSensitive(got, "log");
	const char *error = call_error(got, "fsync");

	drop(log, "finish");
	for (const struct fs_step_end *end = run->ends; end; end = end->next) {
		reword(log, end->name, "null", error);
		reword(log, end->name, "ERR_STREAM_ALREADY_FINISHED", "ERR_STREAM_DESTROYED");
	}
	set(got, "finished", cJSON_CreateFalse());
	set(got, "errored", cJSON_CreateString(error));
}

void fs_mapping_apply(const struct fs_write *run, cJSON *got)
{
	switch (run->touch.rules) {
	case FS_RULE_F8:
		keep_mode_only(got);
		break;
	case FS_RULE_F10:
		apply_f10(run, got);
		break;
	case FS_RULE_F11:
		apply_f11(run, got);
		break;
	case FS_RULE_F12:
		apply_f12(run, got);
		break;
	default:
		break;
	}
}
