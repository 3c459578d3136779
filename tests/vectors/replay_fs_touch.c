/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_touch.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay_case.h"

static const cJSON *got_of(const struct fs_touch *touch, const char *name)
{
	const cJSON *got = cJSON_GetObjectItemCaseSensitive(touch->entry_case, "got");

	return cJSON_GetObjectItemCaseSensitive(got, name);
}

bool fs_touch_log_has(const cJSON *log, const char *prefix)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, log)
		if (strncmp(entry->valuestring, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

void fs_touch_init(struct fs_touch *touch, const cJSON *entry, bool auto_close)
{
	*touch = (struct fs_touch){
		.entry_case = entry,
		.auto_close = auto_close,
		.phase = -1,
		.hand = cJSON_CreateArray(),
		.at_sink = cJSON_CreateArray(),
		.waiting = cJSON_CreateArray(),
	};
}

void fs_touch_fini(struct fs_touch *touch)
{
	cJSON_Delete(touch->hand);
	cJSON_Delete(touch->at_sink);
	cJSON_Delete(touch->waiting);
}

static void meet(struct fs_touch *touch, enum fs_rule rule, const cJSON *log)
{
	if (!touch->rules)
		touch->entry = cJSON_GetArraySize(log);
	touch->rules |= rule;
}

static void empty(cJSON **io_numbers)
{
	cJSON_Delete(*io_numbers);
	*io_numbers = cJSON_CreateArray();
}

/* Between two phases all that can be done is done. */
void fs_touch_phase(struct fs_touch *touch, const cJSON *log)
{
	touch->phase++;
	empty(&touch->at_sink);
	if (touch->corked == 0)
		empty(&touch->waiting);
	if (touch->auto_close && fs_touch_log_has(log, "error "))
		touch->destroyed = true;
	/* A cork behind the end holds back what is still waiting. */
	if (touch->auto_close && touch->ended && cJSON_GetArraySize(touch->waiting) == 0)
		touch->destroyed = true;
	if (touch->closing && fs_touch_log_has(log, "finish"))
		touch->destroyed = true;
}

/* W3, W7, W11-W13, for what is in hand when the stream is destroyed. */
static void pump(struct fs_touch *touch)
{
	cJSON *none = touch->at_sink;

	if (touch->phase == 0 || touch->corked > 0 || cJSON_GetArraySize(none) > 0)
		return;
	touch->at_sink = touch->waiting;
	touch->waiting = none;
}

static void take_write(struct fs_touch *touch, int number)
{
	cJSON_AddItemToArray(touch->waiting, cJSON_CreateNumber(number));
	pump(touch);
}

static void look_at_write(struct fs_touch *touch, int number, const cJSON *log)
{
	bool failed = fs_touch_log_has(log, "error ");

	if (touch->destroyed)
		return;
	if (touch->ended)
		meet(touch, FS_RULE_W25, log);
	else if (failed)
		meet(touch, FS_RULE_W27, log);
	else
		take_write(touch, number);
}

static void look_at_end(struct fs_touch *touch, const cJSON *log)
{
	touch->corked = 0;
	pump(touch);
	if (touch->rules & (FS_RULE_F10 | FS_RULE_F11) && !touch->ended)
		touch->ended_after = true;
	if (!fs_touch_log_has(log, "error "))
		touch->ended = true;
}

/* The call of the write in hand: once a stream is destroyed Node makes none after it. */
static const cJSON *last_write(const struct fs_touch *touch)
{
	const cJSON *last = NULL;
	const cJSON *call;

	cJSON_ArrayForEach(call, got_of(touch, "calls"))
		if (case_is(case_text(call, "call"), "write") ||
		    case_is(case_text(call, "call"), "writev"))
			last = call;
	return last;
}

/* One that fails by itself has its own error. */
static bool is_disowned(const cJSON *call)
{
	const char *error = case_text(call, "err");

	return !error || strcmp(error, "EAGAIN") == 0;
}

static void look_at_destroy(struct fs_touch *touch, const cJSON *log)
{
	if (touch->destroyed)
		return;
	touch->destroyed = true;
	if (touch->phase == 0) {
		meet(touch, FS_RULE_F11, log);
		return;
	}
	if (!fs_touch_log_has(log, "ready"))
		return;
	if (cJSON_GetArraySize(touch->at_sink) == 0 || !is_disowned(last_write(touch)))
		return;
	meet(touch, FS_RULE_F10, log);
	cJSON_Delete(touch->hand);
	touch->hand = cJSON_Duplicate(touch->at_sink, true);
}

void fs_touch_step(struct fs_touch *touch, const cJSON *step, int number, const cJSON *log)
{
	const char *op = case_text(step, "op");
	bool has_chunk = case_has(step, "n") || case_has(step, "str");

	if (case_is(op, "write") || (case_is(op, "end") && has_chunk))
		look_at_write(touch, number, log);
	if (case_is(op, "close") && !fs_touch_log_has(log, "finish"))
		touch->closing = true;
	if (case_is(op, "end") || case_is(op, "close"))
		look_at_end(touch, log);
	else if (case_is(op, "cork"))
		touch->corked++;
	else if (case_is(op, "destroy"))
		look_at_destroy(touch, log);
	if (case_is(op, "uncork") && touch->corked > 0) {
		touch->corked--;
		pump(touch);
	}
}

static int length_of(const cJSON *call)
{
	int total = case_number(call, "len");
	const cJSON *length;

	cJSON_ArrayForEach(length, cJSON_GetObjectItemCaseSensitive(call, "lens"))
		total += length->valueint;
	return total;
}

bool fs_touch_hand_is_whole(const struct fs_touch *touch)
{
	const cJSON *call = last_write(touch);

	return case_has(call, "wrote") && case_number(call, "wrote") == length_of(call);
}

/* A batch at a position that was written in part or not at all, and is gone on with. */
static bool is_cut(const cJSON *call)
{
	return case_is(case_text(call, "call"), "writev") && is_disowned(call) &&
	       case_number(call, "wrote") < length_of(call) &&
	       cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(call, "pos"));
}

static bool has_cut_batch(const struct fs_touch *touch)
{
	const cJSON *call;

	cJSON_ArrayForEach(call, got_of(touch, "calls"))
		if (call->next && is_cut(call) && case_number(call->next, "wrote") > 0)
			return true;
	return false;
}

static bool has_failed_sync(const struct fs_touch *touch)
{
	const cJSON *call;

	cJSON_ArrayForEach(call, got_of(touch, "calls"))
		if (case_is(case_text(call, "call"), "fsync") && case_text(call, "err"))
			return true;
	return false;
}

void fs_touch_end(struct fs_touch *touch)
{
	const cJSON *log = got_of(touch, "log");

	if (has_cut_batch(touch))
		meet(touch, FS_RULE_F8, NULL);
	if (touch->auto_close && has_failed_sync(touch) && fs_touch_log_has(log, "finish"))
		meet(touch, FS_RULE_F12, NULL);
}

const char *fs_touch_name(const struct fs_touch *touch)
{
	static const struct {
		enum fs_rule rule;
		const char *name;
	} names[] = {
		{ FS_RULE_W25, "W25" }, { FS_RULE_W27, "W27" }, { FS_RULE_F11, "F11" },
		{ FS_RULE_F10, "F10" }, { FS_RULE_F8, "F8" },	{ FS_RULE_F12, "F12" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (touch->rules & names[i].rule)
			return names[i].name;
	return NULL;
}
