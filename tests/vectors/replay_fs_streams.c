/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_judge.h"
#include "tests/vectors/replay_fs_options.h"
#include "tests/vectors/replay_fs_read.h"
#include "tests/vectors/replay_fs_touch.h"
#include "tests/vectors/replay_fs_world.h"
#include "tests/vectors/replay_fs_write.h"

/*
 * Kind fs_streams: file streams and whole files, on a real file in a folder of the case's own.
 * What decides is the daemon's: core/flow when a write is answered and what is said,
 * core/read_flow when the file is read and what is delivered, proto/string_decoder what text
 * it becomes, io/root what is opened, io/io_engine with its threads how a write goes on that
 * came back short or was refused for a while, io/file_pass how a whole file is read. What is
 * here turns Node's words into theirs.
 *
 * The kernel calls themselves are not compared. replay_fs_touch.h says which rules are not
 * Node's.
 */

static const cJSON *got_of(const cJSON *entry, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(entry, "got"),
						name);
}

/* Nothing has come of it, and nothing has happened to the file. */
static bool is_refused(const cJSON *entry, const struct fs_world *world, const char *as,
		       const char *refusal)
{
	const cJSON *expected = got_of(entry, "after");
	cJSON *code = cJSON_CreateString(refusal);
	bool same = fs_judge_same(entry, as, got_of(entry, as), code);
	cJSON *after;

	cJSON_Delete(code);
	if (!same || !expected)
		return same;
	after = fs_content_tell(world->folder_fd, world->path, case_has(expected, "hex"));
	same = fs_judge_same(entry, "after", expected, after);
	cJSON_Delete(after);
	return same;
}

static struct replay_verdict run_write_stream(const cJSON *entry, struct fs_world *world,
					      const struct fs_options *options)
{
	struct replay_verdict verdict;
	struct fs_write run;

	fs_write_run(&run, entry, world, options);
	verdict.passed = fs_judge_write(&run);
	verdict.rule = fs_touch_name(&run.touch);
	fs_write_fini(&run);
	return verdict;
}

static struct replay_verdict run_read_stream(const cJSON *entry, struct fs_world *world,
					     const struct fs_options *options)
{
	return (struct replay_verdict){ .passed = fs_read_stream(entry, world, options) };
}

/* The case as a stream that is given all of it and ended, as the daemon writes a file. */
static cJSON *as_stream(const cJSON *entry)
{
	const char *members[] = { "n", "str" };
	cJSON *stream = cJSON_Duplicate(entry, true);
	cJSON *phase = cJSON_CreateArray();
	cJSON *write = cJSON_CreateObject();
	cJSON *end = cJSON_CreateObject();

	cJSON_AddStringToObject(write, "op", "write");
	cJSON_AddStringToObject(end, "op", "end");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const cJSON *member = cJSON_GetObjectItemCaseSensitive(entry, members[i]);

		if (member)
			cJSON_AddItemToObject(write, members[i], cJSON_Duplicate(member, true));
	}
	cJSON_AddItemToArray(phase, write);
	cJSON_AddItemToArray(phase, end);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(stream, "phases"), phase);
	return stream;
}

/* The error that was told before the close, if there was one; NULL: it was never closed. */
static cJSON *outcome_of(const struct fs_write *run)
{
	static const char error[] = "error ";
	const cJSON *entry;
	bool closed = false;
	const char *told = NULL;

	cJSON_ArrayForEach(entry, run->log) {
		if (strncmp(entry->valuestring, error, strlen(error)) == 0)
			told = entry->valuestring + strlen(error);
		closed = closed || strcmp(entry->valuestring, "close") == 0;
	}
	if (!closed)
		return NULL;
	return told ? cJSON_CreateString(told) : cJSON_CreateNull();
}

static struct replay_verdict run_write_file(const cJSON *entry, struct fs_world *world,
					    const struct fs_options *options)
{
	cJSON *stream = as_stream(entry);
	const cJSON *expected = got_of(entry, "after");
	struct fs_write run;
	cJSON *outcome;
	cJSON *after;
	bool passed;

	fs_write_run(&run, stream, world, options);
	outcome = outcome_of(&run);
	after = fs_content_tell(world->folder_fd, world->path, case_has(expected, "hex"));
	passed = fs_judge_same(entry, "error", got_of(entry, "error"), outcome) &&
		 fs_judge_same(entry, "after", expected, after) && fs_judge_always(&run);
	cJSON_Delete(outcome);
	cJSON_Delete(after);
	fs_write_fini(&run);
	cJSON_Delete(stream);
	return (struct replay_verdict){ .passed = passed };
}

static struct replay_verdict run_read_file(const cJSON *entry, struct fs_world *world,
					   const struct fs_options *options)
{
	return (struct replay_verdict){ .passed = fs_read_file(entry, world, options) };
}

static const struct way {
	const char *name;
	enum fs_use use;
	const char *refused; /* the member of `got` that has a refusal's code */
	struct replay_verdict (*run)(const cJSON *entry, struct fs_world *world,
				     const struct fs_options *options);
} ways[] = {
	{ "write_stream", FS_USE_WRITE_STREAM, "thrown", run_write_stream },
	{ "read_stream", FS_USE_READ_STREAM, "thrown", run_read_stream },
	{ "write_file", FS_USE_WRITE_FILE, "error", run_write_file },
	{ "read_file", FS_USE_READ_FILE, "error", run_read_file },
};

static struct replay_verdict run_in(const cJSON *entry, const struct way *way,
				    struct fs_world *world)
{
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(entry, "opts");
	enum fs_use use = case_truth(entry, "append") ? FS_USE_APPEND_FILE : way->use;
	struct replay_verdict verdict = { .passed = false };
	struct fs_options options;
	const char *refusal;

	if (!fs_world_init(world, entry))
		return verdict;
	refusal = fs_options_read(opts, use, &options);
	if (refusal)
		verdict.passed = is_refused(entry, world, way->refused, refusal);
	else
		verdict = way->run(entry, world, &options);
	return verdict;
}

static struct replay_verdict run_case(const cJSON *entry)
{
	const char *name = case_text(entry, "t");
	struct replay_verdict verdict = { .passed = false };
	struct fs_world world;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!case_is(name, ways[i].name) || !case_has(entry, "got"))
			continue;
		verdict = run_in(entry, &ways[i], &world);
		fs_world_fini(&world);
		return verdict;
	}
	replay_complain(entry, "not a case of this kind");
	return verdict;
}

const struct replay_kind replay_fs_streams = { "fs_streams", "cases", run_case };
