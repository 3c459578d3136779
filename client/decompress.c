/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/decompress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "client/file_copy.h"

#define CHUNK_BYTES ((size_t)128 * 1024)

/* As many first bytes as are looked at. */
#define MAGIC_BYTES 4

/* The largest window, in a gzip member rather than a bare zlib stream. */
#define GZIP_WINDOW_BITS (15 + 16)

enum format {
	FORMAT_OTHER,
	FORMAT_GZIP,
	FORMAT_ZSTD,
};

struct decompress {
	int from_fd;
	int to_fd;
	z_stream gzip;
	ZSTD_DCtx *zstd;
	size_t begin; /* of what is in `in` and not taken yet */
	size_t end;
	unsigned char in[CHUNK_BYTES];
	unsigned char out[CHUNK_BYTES];
};

static int init(struct decompress *decompress, int from_fd, int to_fd)
{
	decompress->from_fd = from_fd;
	decompress->to_fd = to_fd;
	if (inflateInit2(&decompress->gzip, GZIP_WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	decompress->zstd = ZSTD_createDCtx();
	return decompress->zstd ? 0 : -ENOMEM;
}

static void fini(struct decompress *decompress)
{
	(void)inflateEnd(&decompress->gzip); /* also one that could not be begun */
	ZSTD_freeDCtx(decompress->zstd);
}

/* Until so many bytes are there, or the file's end. */
static int fill(struct decompress *decompress, size_t wanted)
{
	memmove(decompress->in, decompress->in + decompress->begin,
		decompress->end - decompress->begin);
	decompress->end -= decompress->begin;
	decompress->begin = 0;
	while (decompress->end < wanted) {
		ssize_t got = read(decompress->from_fd, decompress->in + decompress->end,
				   CHUNK_BYTES - decompress->end);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		decompress->end += (size_t)got;
	}
	return 0;
}

/* zstd has frames without content too, which are skipped; their first byte is any of sixteen. */
static enum format recognize_bytes(const unsigned char *bytes, size_t length)
{
	if (length >= 3 && memcmp(bytes, "\x1f\x8b\x08", 3) == 0)
		return FORMAT_GZIP;
	if (length < 4)
		return FORMAT_OTHER;
	if (memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0)
		return FORMAT_ZSTD;
	if ((bytes[0] & 0xf0) == 0x50 && memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0)
		return FORMAT_ZSTD;
	return FORMAT_OTHER;
}

static enum format recognize(const struct decompress *decompress)
{
	return recognize_bytes(decompress->in + decompress->begin,
			       decompress->end - decompress->begin);
}

int decompress_find_step(int file_fd, const char **ret_step)
{
	static const char *const names[] = {
		[FORMAT_OTHER] = NULL,
		[FORMAT_GZIP] = "gunzip",
		[FORMAT_ZSTD] = "unzstd",
	};
	unsigned char bytes[MAGIC_BYTES];
	ssize_t got;

	do {
		got = pread(file_fd, bytes, sizeof(bytes), 0);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	*ret_step = names[recognize_bytes(bytes, (size_t)got)];
	return 0;
}

static int give(struct decompress *decompress, size_t bytes)
{
	return file_write_all(decompress->to_fd, decompress->out, bytes);
}

/* Takes from `in` and gives out until the input is used up (0) or the member has ended (1). */
static int run_gzip(struct decompress *decompress)
{
	z_stream *gzip = &decompress->gzip;
	int result, r;

	do {
		gzip->next_in = decompress->in + decompress->begin;
		gzip->avail_in = (uInt)(decompress->end - decompress->begin);
		gzip->next_out = decompress->out;
		gzip->avail_out = CHUNK_BYTES;
		result = inflate(gzip, Z_NO_FLUSH);
		decompress->begin = decompress->end - gzip->avail_in;
		r = give(decompress, CHUNK_BYTES - gzip->avail_out);
		if (r < 0)
			return r;
		if (result == Z_MEM_ERROR)
			return -ENOMEM;
		if (result == Z_STREAM_END)
			return inflateReset(gzip) == Z_OK ? 1 : -ENOTRECOVERABLE;
		if (result != Z_OK && result != Z_BUF_ERROR)
			return -EBADMSG;
	} while (gzip->avail_in > 0 || gzip->avail_out == 0);
	return 0;
}

/* The same for a zstd frame. */
static int run_zstd(struct decompress *decompress)
{
	ZSTD_inBuffer in = { decompress->in, decompress->end, decompress->begin };
	ZSTD_outBuffer out;
	size_t result;
	int r;

	do {
		out = (ZSTD_outBuffer){ decompress->out, CHUNK_BYTES, 0 };
		result = ZSTD_decompressStream(decompress->zstd, &out, &in);
		decompress->begin = in.pos;
		r = give(decompress, out.pos);
		if (r < 0)
			return r;
		if (ZSTD_isError(result))
			return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? -ENOMEM :
											   -EBADMSG;
		if (result == 0)
			return 1;
	} while (in.pos < in.size || out.pos == out.size);
	return 0;
}

/* One member or frame, from its first byte to its last. */
static int undo(struct decompress *decompress, enum format format)
{
	for (;;) {
		int r = format == FORMAT_GZIP ? run_gzip(decompress) : run_zstd(decompress);

		if (r == -EBADMSG)
			return DECOMPRESS_E_DAMAGED;
		if (r != 0)
			return r < 0 ? r : 0;
		r = fill(decompress, 1);
		if (r < 0)
			return r;
		if (decompress->end == 0)
			return DECOMPRESS_E_CUT_SHORT;
	}
}

static int copy_plain(struct decompress *decompress)
{
	int r = file_write_all(decompress->to_fd, decompress->in, decompress->end);

	return r ? r : file_copy(decompress->from_fd, decompress->to_fd);
}

static int run(struct decompress *decompress)
{
	int r = fill(decompress, MAGIC_BYTES);
	enum format format;

	if (r < 0)
		return r;
	format = recognize(decompress);
	if (format == FORMAT_OTHER)
		return copy_plain(decompress);
	while (r == 0 && decompress->end > decompress->begin) {
		if (format == FORMAT_OTHER)
			return DECOMPRESS_E_DAMAGED;
		r = undo(decompress, format);
		if (r == 0)
			r = fill(decompress, MAGIC_BYTES);
		format = recognize(decompress);
	}
	return r;
}

int decompress_copy(int from_fd, int to_fd)
{
	struct decompress *decompress = calloc(1, sizeof(*decompress));
	int r;

	if (!decompress)
		return -ENOMEM;
	r = init(decompress, from_fd, to_fd);
	if (r == 0)
		r = run(decompress);
	fini(decompress);
	free(decompress);
	return r;
}

const char *decompress_outcome_text(enum decompress_outcome outcome)
{
	switch (outcome) {
	case DECOMPRESS_E_CUT_SHORT:
		return "the compressed file ends too early";
	case DECOMPRESS_E_DAMAGED:
		break;
	}
	return "the compressed file is damaged";
}
