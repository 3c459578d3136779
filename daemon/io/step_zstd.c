/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step_codec.h"

#include <errno.h>
#include <stdlib.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "daemon/core/stream_options.h"
#include "daemon/io/step.h"

/*
 * 128 MiB: what `zstd -d` takes unless told otherwise, so nothing that it reads is refused.
 * What is written here never needs more than 8 MiB: the highest level has that window.
 */
#define WINDOW_LOG_READ_MAX 27

struct zstd_codec {
	struct step_codec codec;
	ZSTD_CCtx *compress;
};

struct unzstd_codec {
	struct step_codec codec;
	ZSTD_DCtx *decompress;
};

static int error_of(size_t result, int otherwise)
{
	if (!ZSTD_isError(result))
		return 0;
	return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM : otherwise;
}

static void move_on(struct step_data *data, size_t in_bytes, size_t out_bytes)
{
	if (in_bytes > 0)
		data->in += in_bytes;
	data->in_bytes -= in_bytes;
	data->out += out_bytes;
	data->out_bytes -= out_bytes;
}

static int zstd_code(struct step_codec *codec, struct step_data *data, enum codec_order order)
{
	struct zstd_codec *zstd = (struct zstd_codec *)codec;
	ZSTD_inBuffer in = { data->in, data->in_bytes, 0 };
	ZSTD_outBuffer out = { data->out, data->out_bytes, 0 };
	size_t left;

	do {
		left = ZSTD_compressStream2(zstd->compress, &out, &in,
					    order == CODEC_END ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return error_of(left, -ENOTRECOVERABLE);
	} while (out.pos < out.size && (in.pos < in.size || (order == CODEC_END && left > 0)));
	move_on(data, in.pos, out.pos);
	return order == CODEC_END && left == 0 ? CODEC_E_ENDED : 0;
}

static int zstd_reset(struct step_codec *codec)
{
	struct zstd_codec *zstd = (struct zstd_codec *)codec;

	return error_of(ZSTD_CCtx_reset(zstd->compress, ZSTD_reset_session_only), -ENOTRECOVERABLE);
}

static void zstd_free(struct step_codec *codec)
{
	struct zstd_codec *zstd = (struct zstd_codec *)codec;

	ZSTD_freeCCtx(zstd->compress);
	free(zstd);
}

static const struct step_codec_ops zstd_ops = { zstd_code, zstd_reset, zstd_free };

/* With a check sum in each frame, so that whoever reads it notices damage. */
static int set_up(ZSTD_CCtx *compress, int64_t level)
{
	size_t result = ZSTD_CCtx_setParameter(compress, ZSTD_c_checksumFlag, 1);

	if (!ZSTD_isError(result) && level != OPTION_UNSET)
		result = ZSTD_CCtx_setParameter(compress, ZSTD_c_compressionLevel, (int)level);
	return error_of(result, -EINVAL);
}

int codec_new_zstd(int64_t level, struct step_codec **ret_codec)
{
	struct zstd_codec *zstd = calloc(1, sizeof(*zstd));
	int r;

	if (!zstd)
		return -ENOMEM;
	zstd->codec.ops = &zstd_ops;
	zstd->compress = ZSTD_createCCtx();
	r = zstd->compress ? set_up(zstd->compress, level) : -ENOMEM;
	if (r < 0) {
		zstd_free(&zstd->codec);
		return r;
	}
	*ret_codec = &zstd->codec;
	return 0;
}

static int unzstd_code(struct step_codec *codec, struct step_data *data, enum codec_order order)
{
	struct unzstd_codec *unzstd = (struct unzstd_codec *)codec;
	ZSTD_inBuffer in = { data->in, data->in_bytes, 0 };
	ZSTD_outBuffer out = { data->out, data->out_bytes, 0 };
	size_t wanted;

	(void)order; /* a decompressing codec is only told to take */
	do {
		wanted = ZSTD_decompressStream(unzstd->decompress, &out, &in);
		if (ZSTD_isError(wanted))
			return error_of(wanted, -EBADMSG);
	} while (wanted > 0 && out.pos < out.size && in.pos < in.size);
	move_on(data, in.pos, out.pos);
	return wanted == 0 ? CODEC_E_ENDED : 0;
}

static int unzstd_reset(struct step_codec *codec)
{
	struct unzstd_codec *unzstd = (struct unzstd_codec *)codec;

	return error_of(ZSTD_DCtx_reset(unzstd->decompress, ZSTD_reset_session_only),
			-ENOTRECOVERABLE);
}

static void unzstd_free(struct step_codec *codec)
{
	struct unzstd_codec *unzstd = (struct unzstd_codec *)codec;

	ZSTD_freeDCtx(unzstd->decompress);
	free(unzstd);
}

static const struct step_codec_ops unzstd_ops = { unzstd_code, unzstd_reset, unzstd_free };

int codec_new_unzstd(struct step_codec **ret_codec)
{
	struct unzstd_codec *unzstd = calloc(1, sizeof(*unzstd));
	int r = -ENOMEM;

	if (!unzstd)
		return r;
	unzstd->codec.ops = &unzstd_ops;
	unzstd->decompress = ZSTD_createDCtx();
	if (unzstd->decompress)
		r = error_of(ZSTD_DCtx_setParameter(unzstd->decompress, ZSTD_d_windowLogMax,
						    WINDOW_LOG_READ_MAX),
			     -EINVAL);
	if (r < 0) {
		unzstd_free(&unzstd->codec);
		return r;
	}
	*ret_codec = &unzstd->codec;
	return 0;
}
