/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_DIGEST_H
#define FOREBAY_IO_DIGEST_H

/*
 * A running digest of bytes that come in pieces: CRC-32 as gzip and zip have it, XXH3 with 64
 * bits, SHA-256. As text it is "crc32:", "xxh3:" or "sha256:" and lower-case hex digits, the
 * most significant first, as sha256sum and xxhsum print them. One thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/stream_options.h"

struct digest;

#define DIGEST_TEXT_BYTES (sizeof("sha256:") + 64)

/* -EINVAL for STREAM_CHECKSUM_NONE; -ENOMEM. */
int digest_new(enum stream_checksum kind, struct digest **ret_digest) must_check;
struct digest *digest_free(struct digest *digest);

/* As if no byte had come yet. -ENOMEM: it is of no use any more, only to be freed. */
int digest_reset(struct digest *digest) must_check;

/* -ENOMEM, as above. */
int digest_update(struct digest *digest, const void *bytes, size_t length) must_check;

/* `to`, of the same kind (else -EINVAL), becomes what `from` is now. -ENOMEM, as above. */
int digest_copy(struct digest *to, const struct digest *from) must_check;

/*
 * Of what came so far; more may come after it. Empty if there was no memory for it.
 */
void digest_text(const struct digest *digest, char text[static DIGEST_TEXT_BYTES]);

/* The kind of a digest's text, OPTION_UNSET if it is none: another word, or not all digits. */
int64_t digest_text_parse_kind(const char *text);

#endif
