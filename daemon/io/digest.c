/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <xxhash.h>
#include <zlib.h>

#define SHA256_BYTES 32

/* How many hex digits follow the kind's name. */
static const size_t digits[] = {
	[STREAM_CHECKSUM_NONE] = 0,
	[STREAM_CHECKSUM_CRC32] = 8,
	[STREAM_CHECKSUM_XXH3] = 16,
	[STREAM_CHECKSUM_SHA256] = (size_t)2 * SHA256_BYTES,
};

struct digest {
	enum stream_checksum kind;
	uLong crc;
	XXH3_state_t *xxh3; /* NULL unless of this kind */
	EVP_MD_CTX *sha256; /* the same */
};

static int make_state(struct digest *digest)
{
	switch (digest->kind) {
	case STREAM_CHECKSUM_NONE:
		return -EINVAL;
	case STREAM_CHECKSUM_CRC32:
		break;
	case STREAM_CHECKSUM_XXH3:
		digest->xxh3 = XXH3_createState();
		return digest->xxh3 ? 0 : -ENOMEM;
	case STREAM_CHECKSUM_SHA256:
		digest->sha256 = EVP_MD_CTX_new();
		return digest->sha256 ? 0 : -ENOMEM;
	}
	return 0;
}

int digest_new(enum stream_checksum kind, struct digest **ret_digest)
{
	struct digest *digest = calloc(1, sizeof(*digest));
	int r;

	if (!digest)
		return -ENOMEM;
	digest->kind = kind;
	r = make_state(digest);
	if (r == 0)
		r = digest_reset(digest);
	if (r < 0) {
		digest_free(digest);
		return r;
	}
	*ret_digest = digest;
	return 0;
}

struct digest *digest_free(struct digest *digest)
{
	if (!digest)
		return NULL;
	XXH3_freeState(digest->xxh3);
	EVP_MD_CTX_free(digest->sha256);
	free(digest);
	return NULL;
}

/* libcrypto says 1 for done; what is left to fail in what is asked of it here is memory. */
static int crypto_result(int result)
{
	return result == 1 ? 0 : -ENOMEM;
}

int digest_reset(struct digest *digest)
{
	digest->crc = crc32(0, NULL, 0);
	if (digest->xxh3)
		(void)XXH3_64bits_reset(digest->xxh3); /* fails for NULL only */
	if (digest->sha256)
		return crypto_result(EVP_DigestInit_ex(digest->sha256, EVP_sha256(), NULL));
	return 0;
}

int digest_update(struct digest *digest, const void *bytes, size_t length)
{
	if (length == 0)
		return 0;
	if (digest->xxh3)
		(void)XXH3_64bits_update(digest->xxh3, bytes, length); /* fails for NULL only */
	else if (digest->sha256)
		return crypto_result(EVP_DigestUpdate(digest->sha256, bytes, length));
	else
		digest->crc = crc32_z(digest->crc, bytes, length);
	return 0;
}

int digest_copy(struct digest *to, const struct digest *from)
{
	if (to->kind != from->kind)
		return -EINVAL;
	to->crc = from->crc;
	if (from->xxh3)
		XXH3_copyState(to->xxh3, from->xxh3);
	if (from->sha256)
		return crypto_result(EVP_MD_CTX_copy_ex(to->sha256, from->sha256));
	return 0;
}

static void write_sha256(const EVP_MD_CTX *sha256, char *text)
{
	unsigned char bytes[SHA256_BYTES];
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	bool done = copy && EVP_MD_CTX_copy_ex(copy, sha256) == 1 &&
		    EVP_DigestFinal_ex(copy, bytes, NULL) == 1;

	EVP_MD_CTX_free(copy);
	text[0] = '\0';
	if (!done)
		return;
	text = stpcpy(text, "sha256:");
	for (size_t i = 0; i < sizeof(bytes); i++)
		text += sprintf(text, "%02x", bytes[i]);
}

void digest_text(const struct digest *digest, char text[static DIGEST_TEXT_BYTES])
{
	if (digest->sha256)
		write_sha256(digest->sha256, text);
	else if (digest->xxh3)
		(void)snprintf(text, DIGEST_TEXT_BYTES, "xxh3:%016" PRIx64,
			       (uint64_t)XXH3_64bits_digest(digest->xxh3));
	else
		(void)snprintf(text, DIGEST_TEXT_BYTES, "crc32:%08lx", digest->crc);
}

int64_t digest_text_parse_kind(const char *text)
{
	const char *colon = strchr(text, ':');

	for (int64_t kind = STREAM_CHECKSUM_CRC32; colon && kind <= STREAM_CHECKSUM_SHA256;
	     kind++) {
		const char *name = stream_checksum_name(kind);
		size_t length = strlen(name);

		if ((size_t)(colon - text) != length || memcmp(text, name, length) != 0)
			continue;
		if (strlen(colon + 1) == digits[kind] &&
		    strspn(colon + 1, "0123456789abcdef") == digits[kind])
			return kind;
	}
	return OPTION_UNSET;
}
