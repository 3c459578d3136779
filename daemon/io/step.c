/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/io/step_codec.h"

#define MIB (UINT64_C(1024) * 1024)

#define GZIP_MEMORY_BYTES (UINT64_C(300) * 1024)
/* The largest window that a frame may ask for, and what is around it. */
#define UNZSTD_MEMORY_BYTES (129 * MIB)

struct step {
	struct step_codec *codec;
	enum stream_step_kind kind;
	int error;	/* of the call that failed */
	bool is_begun;	/* a frame is half done */
	bool is_ending; /* the rest of it goes out first, whatever is asked for next */
	bool is_full;	/* there may be more that had no room */
};

static int new_codec(enum stream_step_kind kind, int64_t level, struct step_codec **ret_codec)
{
	switch (kind) {
	case STREAM_STEP_GZIP:
		return codec_new_gzip(level, ret_codec);
	case STREAM_STEP_GUNZIP:
		return codec_new_gunzip(ret_codec);
	case STREAM_STEP_ZSTD:
		return codec_new_zstd(level, ret_codec);
	case STREAM_STEP_UNZSTD:
		return codec_new_unzstd(ret_codec);
	}
	return -EINVAL;
}

int step_new(enum stream_step_kind kind, int64_t level, struct step **ret_step)
{
	struct step *step = calloc(1, sizeof(*step));
	int r;

	if (!step)
		return -ENOMEM;
	step->kind = kind;
	r = new_codec(kind, level, &step->codec);
	if (r < 0) {
		free(step);
		return r;
	}
	*ret_step = step;
	return 0;
}

struct step *step_free(struct step *step)
{
	if (!step)
		return NULL;
	step->codec->ops->free(step->codec);
	free(step);
	return NULL;
}

static int fail(struct step *step, int error)
{
	step->error = error;
	return error;
}

/* One call of the codec. Without room there is nothing to ask it. */
static int code(struct step *step, struct step_data *data, enum codec_order order)
{
	int r;

	if (data->out_bytes == 0)
		return 0;
	r = step->codec->ops->code(step->codec, data, order);
	return r < 0 ? fail(step, r) : r;
}

/* Input that is there already belongs to the next one. */
static int end_frame(struct step *step, struct step_data *data)
{
	struct step_data rest = { .out = data->out, .out_bytes = data->out_bytes };
	int r;

	step->is_ending = true;
	r = code(step, &rest, CODEC_END);
	data->out = rest.out;
	data->out_bytes = rest.out_bytes;
	if (r < 0)
		return r;
	if (r != CODEC_E_ENDED)
		return STEP_E_FULL;
	step->is_ending = false;
	step->is_begun = false;
	return 0;
}

static int compress(struct step *step, struct step_data *data, enum step_flush flush)
{
	int r = step->is_ending ? end_frame(step, data) : 0;

	if (r)
		return r;
	if (data->in_bytes > 0) {
		step->is_begun = true;
		r = code(step, data, CODEC_TAKE);
		if (r < 0)
			return r;
		if (data->in_bytes > 0)
			return STEP_E_FULL;
	}
	return flush == STEP_END_FRAME && step->is_begun ? end_frame(step, data) : 0;
}

/*
 * The flush makes no difference here: there is nothing that more input would do better. A
 * codec that filled the room to its end may hold more, unless that was the end of a frame.
 */
static int decompress(struct step *step, struct step_data *data)
{
	while (data->in_bytes > 0 || step->is_full) {
		int r;

		if (data->out_bytes == 0)
			return STEP_E_FULL;
		step->is_begun = true;
		r = code(step, data, CODEC_TAKE);
		if (r < 0)
			return r;
		step->is_begun = r != CODEC_E_ENDED;
		step->is_full = step->is_begun && data->out_bytes == 0;
	}
	return 0;
}

int step_run(struct step *step, struct step_data *data, enum step_flush flush)
{
	if (step->error)
		return step->error;
	return stream_step_is_compressing(step->kind) ? compress(step, data, flush) :
							decompress(step, data);
}

int step_end_empty(struct step *step, struct step_data *data)
{
	if (step->error)
		return step->error;
	return stream_step_is_compressing(step->kind) ? end_frame(step, data) : 0;
}

bool step_is_at_boundary(const struct step *step)
{
	return !step->is_begun && !step->is_ending;
}

void step_reset(struct step *step)
{
	step->error = step->codec->ops->reset(step->codec);
	step->is_begun = false;
	step->is_ending = false;
	step->is_full = false;
}

/* As ZSTD_sizeof_CCtx() says after a long frame at the highest level of each row. */
static uint64_t zstd_memory_bytes(int64_t level)
{
	static const struct {
		int64_t up_to_level;
		uint64_t mib;
	} rows[] = { { 3, 4 }, { 8, 9 }, { 9, 17 }, { 11, 29 }, { 14, 53 }, { 18, 69 } };

	if (level == OPTION_UNSET)
		level = STREAM_ZSTD_LEVEL_DEFAULT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (level <= rows[i].up_to_level)
			return rows[i].mib * MIB;
	return 90 * MIB;
}

uint64_t step_memory_bytes(enum stream_step_kind kind, int64_t level)
{
	switch (kind) {
	case STREAM_STEP_ZSTD:
		return zstd_memory_bytes(level);
	case STREAM_STEP_UNZSTD:
		return UNZSTD_MEMORY_BYTES;
	case STREAM_STEP_GZIP:
	case STREAM_STEP_GUNZIP:
		break;
	}
	return GZIP_MEMORY_BYTES;
}

enum stream_step_kind step_kind(const struct step *step)
{
	return step->kind;
}
