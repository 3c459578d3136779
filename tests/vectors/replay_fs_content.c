/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_content.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "tests/vectors/replay_case.h"

#define BEFORE_SEED 100

static struct fs_bytes bytes_new(size_t count)
{
	struct fs_bytes bytes = { .bytes = malloc(count > 0 ? count : 1), .count = count };

	if (!bytes.bytes)
		abort();
	return bytes;
}

static struct fs_bytes pattern(size_t count, unsigned int seed)
{
	struct fs_bytes bytes = bytes_new(count);

	for (size_t i = 0; i < count; i++)
		bytes.bytes[i] = (unsigned char)(i * 7 + (i >> 8) * 13 + seed);
	return bytes;
}

struct fs_bytes fs_content_before(const cJSON *entry)
{
	return pattern((size_t)case_number(entry, "before"), BEFORE_SEED);
}

/* U+2400 stands for U+0000, which cJSON cannot have in a text; see replay.c. */
static size_t put_zeros_back(char *text)
{
	static const char symbol[] = "\xe2\x90\x80";
	char *to = text;

	for (const char *from = text; *from;) {
		bool zero = strncmp(from, symbol, 3) == 0;

		*to++ = *from;
		if (zero)
			to[-1] = '\0';
		from += zero ? 3 : 1;
	}
	return (size_t)(to - text);
}

static struct fs_bytes decode(const char *string, enum encoding encoding)
{
	char *copy = strdup(string);
	struct encoding_text text = { .utf8 = copy };
	struct fs_bytes bytes;

	if (!copy)
		abort();
	text.length = put_zeros_back(copy);
	bytes = bytes_new(encoding_decode(encoding, text, NULL, 0));
	(void)encoding_decode(encoding, text, bytes.bytes, bytes.count);
	free(copy);
	return bytes;
}

bool fs_content_chunk(const cJSON *op, unsigned int number, enum encoding encoding,
		      struct fs_bytes *ret_bytes)
{
	const char *string = case_text(op, "str");
	const char *name = case_text(op, "enc");

	if (name && !encoding_from_name(name, &encoding))
		return false;
	*ret_bytes =
		string ? decode(string, encoding) : pattern((size_t)case_number(op, "n"), number);
	return true;
}

void fs_content_sha(const void *bytes, size_t count, char sha[static FS_SHA_BYTES])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int length;

	if (!EVP_Digest(bytes, count, digest, &length, EVP_sha256(), NULL))
		abort();
	for (size_t i = 0; i < (FS_SHA_BYTES - 1) / 2; i++)
		snprintf(sha + 2 * i, 3, "%02x", digest[i]);
}

bool fs_content_read(int folder_fd, const char *path, struct fs_bytes *ret_bytes,
		     unsigned int *ret_mode)
{
	int fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC);
	struct stat facts;

	if (fd < 0)
		return false;
	if (fstat(fd, &facts) < 0)
		abort();
	*ret_bytes = bytes_new((size_t)facts.st_size);
	*ret_mode = facts.st_mode & 07777;
	if (read(fd, ret_bytes->bytes, ret_bytes->count) != (ssize_t)ret_bytes->count)
		abort();
	close(fd);
	return true;
}

static void add_hex(cJSON *after, const struct fs_bytes *bytes)
{
	char *hex = malloc(2 * bytes->count + 1);

	if (!hex)
		abort();
	hex[0] = '\0';
	for (size_t i = 0; i < bytes->count; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes->bytes[i]);
	cJSON_AddStringToObject(after, "hex", hex);
	free(hex);
}

cJSON *fs_content_tell(int folder_fd, const char *path, bool with_hex)
{
	char sha[FS_SHA_BYTES], octal[8];
	struct fs_bytes bytes;
	unsigned int mode;
	cJSON *after;

	if (!fs_content_read(folder_fd, path, &bytes, &mode))
		return cJSON_CreateNull();
	after = cJSON_CreateObject();
	fs_content_sha(bytes.bytes, bytes.count, sha);
	snprintf(octal, sizeof(octal), "%o", mode);
	cJSON_AddNumberToObject(after, "size", (double)bytes.count);
	cJSON_AddStringToObject(after, "mode", octal);
	cJSON_AddStringToObject(after, "sha", sha);
	if (with_hex)
		add_hex(after, &bytes);
	free(bytes.bytes);
	return after;
}
