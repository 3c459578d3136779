/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_read.h"

#include <stdint.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "daemon/base/err.h"
#include "proto/encoding.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_file.h"
#include "tests/vectors/replay_fs_judge.h"
#include "tests/vectors/replay_fs_options.h"
#include "tests/vectors/replay_fs_world.h"

/*
 * A whole file has memory of its own, of its size: that is what is asked for here. One of no
 * length is read into this much: it may have more than it says.
 */
#define UNKNOWN_BYTES 65536

struct loading {
	struct fs_file file;
	int result;
	struct fs_bytes memory;
	uint64_t backing_bytes;
};

static void on_file_closed(struct fs_file *file, int64_t result)
{
	(void)file;
	(void)result;
}

static void on_loaded(struct fs_file *file, int64_t result)
{
	struct loading *loading = file->owner;

	loading->result = (int)result;
	loading->memory.count = file->position;
	file->done = on_file_closed;
	fs_file_close(file);
}

static void on_file_opened(struct fs_file *file, int64_t result)
{
	struct loading *loading = file->owner;

	loading->result = (int)result;
	if (result < 0)
		return;
	loading->backing_bytes = file->bytes_found > 0 ? file->bytes_found : UNKNOWN_BYTES;
	loading->memory.bytes = malloc(loading->backing_bytes);
	if (!loading->memory.bytes)
		abort();
	file->done = on_loaded;
	if (file->bytes_found > 0)
		fs_file_load(file, loading->memory.bytes, file->bytes_found);
	else
		fs_file_read(file, loading->memory.bytes, UNKNOWN_BYTES);
}

static void add_sha(cJSON *got, const void *bytes, size_t count)
{
	char sha[FS_SHA_BYTES];

	fs_content_sha(bytes, count, sha);
	cJSON_AddStringToObject(got, "sha", sha);
}

static void tell_text(cJSON *got, const struct fs_bytes *memory, enum encoding encoding)
{
	size_t count = encoding_encode_utf8(encoding, memory->bytes, memory->count, NULL, 0);
	char *text = malloc(count > 0 ? count : 1);

	if (!text)
		abort();
	(void)encoding_encode_utf8(encoding, memory->bytes, memory->count, text, count);
	cJSON_AddStringToObject(got, "type", "string");
	cJSON_AddNumberToObject(
		got, "length",
		(double)encoding_encode_units(encoding, memory->bytes, memory->count, NULL, 0));
	add_sha(got, text, count);
	free(text);
}

static cJSON *tell_loaded(const struct loading *loading, const struct fs_options *options)
{
	cJSON *got = cJSON_CreateObject();

	if (loading->result < 0) {
		cJSON_AddStringToObject(got, "error", err_name(loading->result));
	} else if (options->has_encoding) {
		tell_text(got, &loading->memory, options->encoding);
	} else {
		cJSON_AddStringToObject(got, "type", "buffer");
		cJSON_AddNumberToObject(got, "length", (double)loading->memory.count);
		add_sha(got, loading->memory.bytes, loading->memory.count);
		cJSON_AddNumberToObject(got, "byteOffset", 0);
		cJSON_AddNumberToObject(got, "backingLen", (double)loading->backing_bytes);
	}
	return got;
}

bool fs_read_file(const cJSON *entry, struct fs_world *world, const struct fs_options *options)
{
	struct loading loading = {
		.file = {
			.world = world,
			.flags = options->flags,
			.mode = options->mode,
			.done = on_file_opened,
			.owner = &loading,
			.fd = -1,
		},
	};
	cJSON *got;
	bool same;

	fs_file_open(&loading.file);
	fs_world_settle(world);
	got = tell_loaded(&loading, options);
	same = fs_judge_same(entry, "got", cJSON_GetObjectItemCaseSensitive(entry, "got"), got);
	cJSON_Delete(got);
	free(loading.memory.bytes);
	return same;
}
