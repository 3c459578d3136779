/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_STEP_CODEC_H
#define FOREBAY_IO_STEP_CODEC_H

/*
 * What is different between the kinds of steps; for step.c, which holds what is the same, and
 * for the codecs, step_zlib.c and step_zstd.c. The codecs keep no account of frames.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct step_codec;
struct step_data;

enum codec_order {
	CODEC_TAKE, /* take input; what comes of it may be kept back */
	CODEC_END,  /* end the frame; there is no input any more */
};

/* The frame has ended and all of it was given out; the next byte begins another. */
#define CODEC_E_ENDED 1

/*
 * code() goes on until there is no more input, no more room, or a frame has ended: 0 or
 * CODEC_E_ENDED, -EBADMSG, -ENOMEM. There is always a byte of room, and a decompressing codec
 * is only told to take. reset() forgets a frame that is half done.
 */
struct step_codec_ops {
	int (*code)(struct step_codec *codec, struct step_data *data, enum codec_order order);
	int (*reset)(struct step_codec *codec);
	void (*free)(struct step_codec *codec);
};

/* Embedded at the beginning of each codec. */
struct step_codec {
	const struct step_codec_ops *ops;
};

int codec_new_gzip(int64_t level, struct step_codec **ret_codec) must_check;
int codec_new_gunzip(struct step_codec **ret_codec) must_check;
int codec_new_zstd(int64_t level, struct step_codec **ret_codec) must_check;
int codec_new_unzstd(struct step_codec **ret_codec) must_check;

#endif
