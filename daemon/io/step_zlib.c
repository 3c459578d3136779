/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step_codec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#define ZLIB_CONST /* zlib does not write to its input */
#include <zlib.h>

#include "daemon/core/stream_options.h"
#include "daemon/io/step.h"

/* The largest window, in a gzip member rather than a bare zlib stream; nothing else is taken. */
#define WINDOW_BITS (15 + 16)
#define MEMORY_LEVEL 8 /* zlib's own default */

/* How zlib counts room. */
#define PIECE_BYTES ((size_t)UINT_MAX)

struct zlib_codec {
	struct step_codec codec;
	z_stream stream;
};

static struct zlib_codec *from_codec(struct step_codec *codec)
{
	return (struct zlib_codec *)codec;
}

/* zlib wants input to be somewhere even if there is none. */
static void give_room(z_stream *stream, const struct step_data *data)
{
	static const unsigned char nowhere;

	stream->next_in = data->in_bytes ? data->in : &nowhere;
	stream->avail_in = (uInt)(data->in_bytes < PIECE_BYTES ? data->in_bytes : PIECE_BYTES);
	stream->next_out = data->out;
	stream->avail_out = (uInt)(data->out_bytes < PIECE_BYTES ? data->out_bytes : PIECE_BYTES);
}

static void take_result(const z_stream *stream, struct step_data *data)
{
	size_t given = (size_t)(stream->next_out - data->out);

	if (data->in_bytes > 0) {
		size_t taken = (size_t)(stream->next_in - data->in);

		data->in += taken;
		data->in_bytes -= taken;
	}
	data->out += given;
	data->out_bytes -= given;
}

static int error_of(int result)
{
	switch (result) {
	case Z_OK:
	case Z_BUF_ERROR: /* nothing was left to do */
		return 0;
	case Z_MEM_ERROR:
		return -ENOMEM;
	case Z_DATA_ERROR:
	case Z_NEED_DICT:
		return -EBADMSG;
	default:
		return -ENOTRECOVERABLE;
	}
}

static int gzip_code(struct step_codec *codec, struct step_data *data, enum codec_order order)
{
	z_stream *stream = &from_codec(codec)->stream;
	int result;

	do {
		give_room(stream, data);
		result = deflate(stream, order == CODEC_END ? Z_FINISH : Z_NO_FLUSH);
		take_result(stream, data);
	} while (result == Z_OK && data->out_bytes > 0 && data->in_bytes > 0);
	if (result == Z_STREAM_END)
		return deflateReset(stream) == Z_OK ? CODEC_E_ENDED : -ENOTRECOVERABLE;
	return error_of(result);
}

static int gzip_reset(struct step_codec *codec)
{
	return error_of(deflateReset(&from_codec(codec)->stream));
}

static void gzip_free(struct step_codec *codec)
{
	(void)deflateEnd(&from_codec(codec)->stream); /* complains of a member half done */
	free(from_codec(codec));
}

static const struct step_codec_ops gzip_ops = { gzip_code, gzip_reset, gzip_free };

int codec_new_gzip(int64_t level, struct step_codec **ret_codec)
{
	struct zlib_codec *zlib = calloc(1, sizeof(*zlib));
	int result;

	if (!zlib)
		return -ENOMEM;
	zlib->codec.ops = &gzip_ops;
	result = deflateInit2(&zlib->stream,
			      level == OPTION_UNSET ? Z_DEFAULT_COMPRESSION : (int)level,
			      Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
	if (result != Z_OK) {
		free(zlib);
		return result == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
	}
	*ret_codec = &zlib->codec;
	return 0;
}

static int gunzip_code(struct step_codec *codec, struct step_data *data, enum codec_order order)
{
	z_stream *stream = &from_codec(codec)->stream;
	int result;

	(void)order; /* a decompressing codec is only told to take */
	do {
		give_room(stream, data);
		result = inflate(stream, Z_NO_FLUSH);
		take_result(stream, data);
	} while (result == Z_OK && data->out_bytes > 0 && data->in_bytes > 0);
	if (result == Z_STREAM_END)
		return inflateReset(stream) == Z_OK ? CODEC_E_ENDED : -ENOTRECOVERABLE;
	return error_of(result);
}

static int gunzip_reset(struct step_codec *codec)
{
	return error_of(inflateReset(&from_codec(codec)->stream));
}

static void gunzip_free(struct step_codec *codec)
{
	(void)inflateEnd(&from_codec(codec)->stream); /* cannot fail for a stream of its own */
	free(from_codec(codec));
}

static const struct step_codec_ops gunzip_ops = { gunzip_code, gunzip_reset, gunzip_free };

int codec_new_gunzip(struct step_codec **ret_codec)
{
	struct zlib_codec *zlib = calloc(1, sizeof(*zlib));
	int result;

	if (!zlib)
		return -ENOMEM;
	zlib->codec.ops = &gunzip_ops;
	result = inflateInit2(&zlib->stream, WINDOW_BITS);
	if (result != Z_OK) {
		free(zlib);
		return result == Z_MEM_ERROR ? -ENOMEM : -EINVAL;
	}
	*ret_codec = &zlib->codec;
	return 0;
}
