/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_judge.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_mapping.h"
#include "tests/vectors/replay_fs_world.h"
#include "tests/vectors/replay_fs_write.h"

/* The case without Node's answer, as far as a line takes it. */
static void complain(const cJSON *entry, const char *what)
{
	cJSON *question = cJSON_Duplicate(entry, true);
	char *text;

	cJSON_DeleteItemFromObjectCaseSensitive(question, "got");
	text = cJSON_PrintUnformatted(question);
	replay_complain(entry, "%.900s, in %.900s", what, text);
	cJSON_free(text);
	cJSON_Delete(question);
}

bool fs_judge_same(const cJSON *entry, const char *what, const cJSON *expected, const cJSON *got)
{
	char text[900];
	char *expected_text;
	char *got_text;

	if (expected && got && cJSON_Compare(expected, got, true))
		return true;
	expected_text = expected ? cJSON_PrintUnformatted(expected) : NULL;
	got_text = got ? cJSON_PrintUnformatted(got) : NULL;
	snprintf(text, sizeof(text), "%s: expected %.400s, got %.400s", what,
		 expected_text ? expected_text : "nothing", got_text ? got_text : "nothing");
	complain(entry, text);
	cJSON_free(expected_text);
	cJSON_free(got_text);
	return false;
}

/* ---- what always holds ---- */

static bool has_broken(const struct fs_write *run, const char *what)
{
	complain(run->entry, what);
	return true;
}

static struct fs_step_write *earlier(const struct fs_step_write *write)
{
	return write->next;
}

static uint64_t accepted_bytes(const struct fs_write *run)
{
	uint64_t bytes = 0;

	for (const struct fs_step_write *write = run->writes; write; write = earlier(write))
		if (write->accepted)
			bytes += write->chunk.write.bytes;
	return bytes;
}

/* Puts what was written where it belongs; the latest write is the last of `end` bytes. */
static void lay_out(const struct fs_write *run, unsigned char *at, uint64_t end)
{
	uint64_t written = run->file.bytes_written;

	for (const struct fs_step_write *write = run->writes; write; write = earlier(write)) {
		uint64_t begin;

		if (!write->accepted)
			continue;
		begin = end - write->chunk.write.bytes;
		if (begin < written)
			memcpy(at + begin, write->chunk.bytes,
			       (end < written ? end : written) - begin);
		end = begin;
	}
}

static struct fs_bytes expected_content(const struct fs_write *run)
{
	bool opened = run->file.was_opened;
	struct fs_bytes before = fs_content_before(run->entry);
	size_t kept = opened && run->options.flags & O_TRUNC ? 0 : before.count;
	size_t start = run->options.flags & O_APPEND ? kept : run->options.start;
	uint64_t written = run->file.bytes_written;
	struct fs_bytes expected = { .count = kept };

	if (written > 0 && start + written > kept)
		expected.count = start + written;
	expected.bytes = calloc(1, expected.count > 0 ? expected.count : 1);
	if (!expected.bytes)
		abort();
	memcpy(expected.bytes, before.bytes, kept);
	if (written > 0)
		lay_out(run, expected.bytes + start, accepted_bytes(run));
	free(before.bytes);
	return expected;
}

static bool has_right_bytes(const struct fs_write *run)
{
	const struct fs_world *world = run->file.world;
	bool was_there = cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(run->entry, "before"));
	bool expects_file = was_there || run->file.was_opened;
	struct fs_bytes expected, found = { 0 };
	unsigned int mode;
	bool right;

	if (run->file.bytes_written > accepted_bytes(run))
		return !has_broken(run, "more was written than there was");
	if (fs_content_read(world->folder_fd, world->path, &found, &mode) != expects_file) {
		free(found.bytes);
		return !has_broken(run, "a file where there was to be none, or the reverse");
	}
	if (!expects_file)
		return true;
	expected = expected_content(run);
	right = found.count == expected.count &&
		memcmp(found.bytes, expected.bytes, found.count) == 0;
	free(found.bytes);
	free(expected.bytes);
	return right || !has_broken(run, "the bytes of the file are not those that were written");
}

static bool has_right_answers(const struct fs_write *run)
{
	uint64_t end = accepted_bytes(run);

	for (const struct fs_step_write *write = run->writes; write; write = earlier(write)) {
		if (write->closer)
			continue;
		if (write->answers > 1)
			return !has_broken(run, "a write was answered twice");
		if (!write->accepted && (write->answers != 1 || !write->error))
			return !has_broken(run, "a refused write was not told so");
		if (!write->accepted)
			continue;
		if (write->answers == 1 && !write->error && end > run->file.bytes_written)
			return !has_broken(run,
					   "a write was answered well that is not in the file");
		if (write->answers == 0 && flow_is_closed(&run->flow))
			return !has_broken(run, "closed, and a write was never answered");
		end -= write->chunk.write.bytes;
	}
	return true;
}

bool fs_judge_always(const struct fs_write *run)
{
	if (run->broken)
		return !has_broken(run, run->broken);
	if (flow_is_finished(&run->flow) && run->file.bytes_written != accepted_bytes(run))
		return !has_broken(run, "finished, though not all was written");
	return has_right_answers(run) && has_right_bytes(run);
}

/* ---- judging ---- */

static cJSON *name_or_null(const char *name)
{
	return name ? cJSON_CreateString(name) : cJSON_CreateNull();
}

static cJSON *tell(const struct fs_write *run, const char *name)
{
	const struct flow *flow = &run->flow;
	int error = flow_errored(flow);

	if (strcmp(name, "rets") == 0)
		return cJSON_Duplicate(run->rets, true);
	if (strcmp(name, "log") == 0)
		return cJSON_Duplicate(run->log, true);
	if (strcmp(name, "bytesWritten") == 0)
		return cJSON_CreateNumber((double)run->file.bytes_written);
	if (strcmp(name, "len") == 0)
		return cJSON_CreateNumber((double)flow_length(flow));
	if (strcmp(name, "closed") == 0)
		return cJSON_CreateBool(flow_is_closed(flow));
	if (strcmp(name, "destroyed") == 0)
		return cJSON_CreateBool(flow_is_destroyed(flow));
	if (strcmp(name, "finished") == 0)
		return cJSON_CreateBool(flow_is_finished(flow));
	if (strcmp(name, "errored") == 0)
		return name_or_null(error ? case_error_name(&run->errors, error) : NULL);
	return cJSON_CreateBool(run->file.fd >= 0);
}

static bool has_right_file(const struct fs_write *run, const cJSON *got)
{
	const struct fs_world *world = run->file.world;
	const cJSON *expected = cJSON_GetObjectItemCaseSensitive(got, "after");
	cJSON *after = fs_content_tell(world->folder_fd, world->path, case_has(expected, "hex"));
	bool same;

	if (cJSON_IsObject(expected) && !case_has(expected, "size")) {
		cJSON_DeleteItemFromObjectCaseSensitive(after, "size");
		cJSON_DeleteItemFromObjectCaseSensitive(after, "sha");
	}
	same = fs_judge_same(run->entry, "after", expected, after);
	cJSON_Delete(after);
	return same;
}

static bool is_as_told(const struct fs_write *run, const cJSON *got)
{
	static const char *const names[] = { "rets",	"log",	    "bytesWritten",
					     "len",	"closed",   "destroyed",
					     "errored", "finished", "fdOpen" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cJSON *own = tell(run, names[i]);
		bool same = fs_judge_same(run->entry, names[i],
					  cJSON_GetObjectItemCaseSensitive(got, names[i]), own);

		cJSON_Delete(own);
		if (!same)
			return false;
	}
	return has_right_file(run, got);
}

static bool has_step(const cJSON *entry, const char *op)
{
	const cJSON *phase;
	const cJSON *step;

	cJSON_ArrayForEach(phase, cJSON_GetObjectItemCaseSensitive(entry, "phases"))
		cJSON_ArrayForEach(step, phase)
			if (case_is(case_text(step, "op"), op))
				return true;
	return false;
}

/* A late write alone has spoilt nothing. */
static bool is_unharmed(const struct fs_write *run)
{
	if (has_step(run->entry, "destroy") || case_has(run->entry, "faults") ||
	    !run->file.was_opened || (run->options.flags & O_ACCMODE) == O_RDONLY ||
	    flow_corked(&run->flow) > 0)
		return true;
	if (flow_errored(&run->flow) || !flow_is_finished(&run->flow) ||
	    (run->options.auto_close && !flow_is_closed(&run->flow)))
		return !has_broken(run, "a late write did harm");
	return true;
}

/* Up to the rule as Node, and from there on what always holds. */
static bool is_as_told_up_to(const struct fs_write *run, const cJSON *got)
{
	const cJSON *expected = cJSON_GetObjectItemCaseSensitive(got, "log");

	if (!fs_judge_same(run->entry, "rets", cJSON_GetObjectItemCaseSensitive(got, "rets"),
			   run->rets))
		return false;
	for (int i = 0; i < run->touch.entry; i++)
		if (!fs_judge_same(run->entry, "log up to a rule", cJSON_GetArrayItem(expected, i),
				   cJSON_GetArrayItem(run->log, i)))
			return false;
	for (const struct fs_step_write *write = run->writes; write; write = earlier(write))
		if (write->accepted && write->answers != 1 && run->file.was_opened &&
		    flow_corked(&run->flow) == 0)
			return !has_broken(run, "a write was not answered exactly once");
	return !(run->touch.rules & FS_RULE_W25) || is_unharmed(run);
}

/*
 * More than what the one rule says is different: two of them meet, or what was in hand has
 * still to be gone on with, or a stream that has no error does not answer who ends it only
 * then.
 */
static bool is_further(const struct fs_write *run, const cJSON *answer, const cJSON *got)
{
	unsigned int rules = run->touch.rules;
	bool had_error = case_text(answer, "errored") && !case_text(got, "errored");

	return rules & (FS_RULE_W25 | FS_RULE_W27) || rules & (rules - 1) ||
	       (rules & FS_RULE_F10 && !fs_touch_hand_is_whole(&run->touch)) ||
	       (had_error && run->touch.ended_after);
}

bool fs_judge_write(const struct fs_write *run)
{
	const cJSON *answer = cJSON_GetObjectItemCaseSensitive(run->entry, "got");
	cJSON *got = cJSON_Duplicate(answer, true);
	bool right;

	fs_mapping_apply(run, got);
	if (is_further(run, answer, got))
		right = is_as_told_up_to(run, got);
	else
		right = is_as_told(run, got);
	cJSON_Delete(got);
	return right && fs_judge_always(run);
}
