/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/json_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/encoding.h"
#include "proto/json_number.h"

/*
 * Recursive descent, as deep as JSON_DEPTH_MAX and no deeper; what is nested beyond is passed
 * over by counting brackets. The text ends in a NUL, which no rule accepts, so that looking
 * one byte ahead is always safe.
 *
 * The keys of all open objects lie on one stack. When an object closes, its keys are sorted
 * and neighbours compared: a table of hashes could be filled with collisions by the sender.
 */
struct key {
	uint32_t offset; /* behind the opening quote */
	uint32_t bytes;	 /* as written, escapes and all */
};

struct level {
	bool is_array;
	size_t index;	  /* of an array's element */
	struct key key;	  /* of an object's member */
	size_t first_key; /* on the stack of keys */
};

struct scanner {
	const char *text;
	size_t at;
	size_t values;
	size_t values_max;
	struct level *levels; /* JSON_DEPTH_MAX of them */
	size_t depth;
	struct key *keys; /* heap_keys, or a few on the C stack */
	struct key *heap_keys;
	size_t key_count;
	size_t key_capacity;
	size_t member_start; /* of the value, one level below the top, that is being read */
	bool found;
	const struct json_listener *listener;
	struct json_scan *result;
};

/* So many keys need no memory of their own, which is enough for most calls. */
#define FEW_KEYS 16

static int scan_value(struct scanner *scanner);

static int malformed(struct scanner *scanner)
{
	scanner->result->error_offset = scanner->at;
	return JSON_SCAN_E_MALFORMED;
}

static size_t put_key(const struct scanner *scanner, struct key key, char *path, size_t room)
{
	const char *text = scanner->text + key.offset;
	size_t used = 0, read = 0;
	uint32_t character;

	while (read < key.bytes && room - used > 4) {
		read += json_string_next(text + read, key.bytes - read, &character);
		if (character == 0 || json_string_is_half(character))
			character = 0xfffd;
		used += encoding_utf8_put(character, path + used);
	}
	return used;
}

/* "parameters.steps[0].name", of the levels that are open now; cut where there is no room. */
static void put_path(struct scanner *scanner)
{
	char *path = scanner->result->path;
	size_t used = 0, i;

	for (i = 0; i < scanner->depth && JSON_PATH_BYTES - used > 32; i++) {
		const struct level *level = &scanner->levels[i];

		if (level->is_array) {
			used += (size_t)snprintf(path + used, JSON_PATH_BYTES - used, "[%zu]",
						 level->index);
			continue;
		}
		if (i > 0)
			path[used++] = '.';
		used += put_key(scanner, level->key, path + used, JSON_PATH_BYTES - used - 1);
	}
	path[used] = '\0';
}

/* Only the first finding is told. */
static void refuse(struct scanner *scanner, enum json_scan_reason reason)
{
	if (scanner->found)
		return;
	scanner->found = true;
	scanner->result->reason = reason;
	scanner->result->member_offset = scanner->member_start;
	scanner->result->member_bytes = 0;
	put_path(scanner);
}

/* Stands for itself in a string: most of any text. */
static bool is_plain(char c)
{
	return (signed char)c >= 0x20 && c != '"' && c != '\\';
}

/*
 * A string, at being on its opening quote. What is to be refused in it is only told, since a
 * key must be known before its path can be written.
 */
static int scan_string(struct scanner *scanner, enum json_scan_reason *ret_reason)
{
	*ret_reason = 0;
	scanner->at++;
	for (;;) {
		const char *text = scanner->text + scanner->at;
		uint32_t character;
		size_t bytes;

		while (is_plain(*text))
			text++;
		scanner->at = (size_t)(text - scanner->text);
		if (*text == '"')
			break;
		if ((unsigned char)*text < 0x20)
			return malformed(scanner);
		if (*text == '\\') {
			bytes = json_string_escape(text, &character);
			if (bytes > 0 && character == 0)
				*ret_reason = JSON_SCAN_NUL_CHARACTER;
			else if (bytes > 0 && json_string_is_half(character))
				*ret_reason = JSON_SCAN_LONE_SURROGATE;
		} else {
			bytes = encoding_utf8_next(text, strnlen(text, 4), NULL, NULL);
		}
		if (bytes == 0)
			return malformed(scanner);
		scanner->at += bytes;
	}
	scanner->at++;
	return 0;
}

static void skip_space(struct scanner *scanner)
{
	const char *at = scanner->text + scanner->at;

	/* Mostly there is none: strspn() would make its table each time. */
	while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')
		at++;
	scanner->at = (size_t)(at - scanner->text);
}

static int grow_keys(struct scanner *scanner)
{
	size_t capacity = scanner->key_capacity * 2;
	struct key *keys = reallocarray(scanner->heap_keys, capacity, sizeof(*keys));

	if (!keys)
		return -ENOMEM;
	if (!scanner->heap_keys)
		memcpy(keys, scanner->keys, scanner->key_count * sizeof(*keys));
	scanner->heap_keys = keys;
	scanner->keys = keys;
	scanner->key_capacity = capacity;
	return 0;
}

static int push_key(struct scanner *scanner, struct key key)
{
	int r;

	/* Beyond the limit the object is refused already and its keys need no memory. */
	if (scanner->key_count >= scanner->values_max)
		return 0;
	if (scanner->key_count == scanner->key_capacity) {
		r = grow_keys(scanner);
		if (r)
			return r;
	}
	scanner->keys[scanner->key_count++] = key;
	return 0;
}

/* By characters, so that an escaped key equals the same key without escapes. */
static int compare_keys(const void *left, const void *right, void *text)
{
	const struct key *a = left, *b = right;
	const char *a_text = (const char *)text + a->offset;
	const char *b_text = (const char *)text + b->offset;
	size_t a_at = 0, b_at = 0;

	while (a_at < a->bytes && b_at < b->bytes) {
		uint32_t a_character, b_character;

		a_at += json_string_next(a_text + a_at, a->bytes - a_at, &a_character);
		b_at += json_string_next(b_text + b_at, b->bytes - b_at, &b_character);
		if (a_character != b_character)
			return a_character < b_character ? -1 : 1;
	}
	return (a_at < a->bytes) - (b_at < b->bytes);
}

/* Refuses the object's first key that was there before. */
static void check_keys(struct scanner *scanner, struct level *level)
{
	size_t count = scanner->key_count - level->first_key;
	const struct key *repeated = NULL;
	struct key *keys;
	size_t i;

	scanner->key_count = level->first_key;
	if (count < 2)
		return;
	keys = scanner->keys + level->first_key;
	qsort_r(keys, count, sizeof(*keys), compare_keys, (void *)(uintptr_t)scanner->text);
	for (i = 1; i < count; i++) {
		const struct key *later =
			keys[i].offset > keys[i - 1].offset ? &keys[i] : &keys[i - 1];

		if (compare_keys(&keys[i - 1], &keys[i], (void *)(uintptr_t)scanner->text) == 0 &&
		    (!repeated || later->offset < repeated->offset))
			repeated = later;
	}
	if (repeated) {
		level->key = *repeated;
		refuse(scanner, JSON_SCAN_DUPLICATE_KEY);
	}
}

static int scan_key(struct scanner *scanner, struct level *level)
{
	enum json_scan_reason reason;
	int r;

	skip_space(scanner);
	if (scanner->text[scanner->at] != '"')
		return malformed(scanner);
	level->key.offset = (uint32_t)scanner->at + 1;
	r = scan_string(scanner, &reason);
	if (r)
		return r;
	level->key.bytes = (uint32_t)scanner->at - 1 - level->key.offset;
	if (reason)
		refuse(scanner, reason);
	r = push_key(scanner, level->key);
	if (r)
		return r;
	skip_space(scanner);
	if (scanner->text[scanner->at] != ':')
		return malformed(scanner);
	scanner->at++;
	return 0;
}

/* What has been read is a value one level below the top; `found` is new if it was in it. */
static void end_member(struct scanner *scanner, const struct level *level, bool found)
{
	size_t bytes = scanner->at - scanner->member_start;

	if (found) {
		scanner->result->member_offset = scanner->member_start;
		scanner->result->member_bytes = bytes;
	}
	if (scanner->listener && !level->is_array) {
		const struct json_member member = {
			.key = { scanner->text + level->key.offset, level->key.bytes },
			.value = scanner->text + scanner->member_start,
			.value_bytes = bytes,
		};

		scanner->listener->member(scanner->listener->data, &member);
	}
}

/* One member or element. */
static int scan_element(struct scanner *scanner, struct level *level)
{
	bool found = scanner->found;
	int r;

	if (!level->is_array) {
		r = scan_key(scanner, level);
		if (r)
			return r;
	}
	skip_space(scanner);
	if (scanner->depth == 1)
		scanner->member_start = scanner->at;
	r = scan_value(scanner);
	if (r)
		return r;
	if (scanner->depth == 1)
		end_member(scanner, level, scanner->found && !found);
	return 0;
}

static int scan_container(struct scanner *scanner, bool is_array)
{
	struct level *level = &scanner->levels[scanner->depth];
	char close = is_array ? ']' : '}';
	int r;

	*level = (struct level){ .is_array = is_array, .first_key = scanner->key_count };
	scanner->depth++;
	scanner->at++;
	skip_space(scanner);
	if (scanner->text[scanner->at] != close) {
		for (;;) {
			r = scan_element(scanner, level);
			if (r)
				return r;
			skip_space(scanner);
			if (scanner->text[scanner->at] != ',')
				break;
			scanner->at++;
			level->index++;
		}
		if (scanner->text[scanner->at] != close)
			return malformed(scanner);
	}
	scanner->at++;
	if (!is_array)
		check_keys(scanner, level);
	scanner->depth--;
	return 0;
}

/* Passes over a value that is nested too deep: only its strings and brackets are looked at. */
static int skip_deep(struct scanner *scanner)
{
	enum json_scan_reason reason;
	size_t open = 0;
	int r;

	refuse(scanner, JSON_SCAN_TOO_DEEP);
	do {
		switch (scanner->text[scanner->at]) {
		case '\0':
			return malformed(scanner);
		case '"':
			r = scan_string(scanner, &reason);
			if (r)
				return r;
			continue;
		case '[':
		case '{':
			open++;
			break;
		case ']':
		case '}':
			open--;
			break;
		}
		scanner->at++;
	} while (open > 0);
	return 0;
}

static int scan_number(struct scanner *scanner)
{
	size_t bytes = 0;

	switch (json_number_scan(scanner->text + scanner->at, &bytes)) {
	case JSON_NUMBER_MALFORMED:
		return malformed(scanner);
	case JSON_NUMBER_INEXACT:
		refuse(scanner, JSON_SCAN_INEXACT_INTEGER);
		break;
	case JSON_NUMBER_RANGE:
		refuse(scanner, JSON_SCAN_NUMBER_RANGE);
		break;
	case JSON_NUMBER_GOOD:
		break;
	}
	scanner->at += bytes;
	return 0;
}

static int scan_word(struct scanner *scanner, const char *word)
{
	size_t bytes = strlen(word);

	if (strncmp(scanner->text + scanner->at, word, bytes) != 0)
		return malformed(scanner);
	scanner->at += bytes;
	return 0;
}

static int scan_value(struct scanner *scanner)
{
	enum json_scan_reason reason;
	char c;
	int r;

	if (++scanner->values > scanner->values_max)
		refuse(scanner, JSON_SCAN_TOO_MANY_VALUES);
	skip_space(scanner);
	c = scanner->text[scanner->at];
	switch (c) {
	case '{':
	case '[':
		if (scanner->depth == JSON_DEPTH_MAX)
			return skip_deep(scanner);
		return scan_container(scanner, c == '[');
	case '"':
		r = scan_string(scanner, &reason);
		if (r == 0 && reason)
			refuse(scanner, reason);
		return r;
	case 't':
		return scan_word(scanner, "true");
	case 'f':
		return scan_word(scanner, "false");
	case 'n':
		return scan_word(scanner, "null");
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return scan_number(scanner);
		return malformed(scanner);
	}
}

int json_scan(const char *text, size_t text_bytes, size_t values_max,
	      const struct json_listener *listener, struct json_scan *ret_scan)
{
	struct level levels[JSON_DEPTH_MAX];
	struct key few_keys[FEW_KEYS];
	struct scanner scanner = {
		.text = text,
		.values_max = values_max,
		.levels = levels,
		.keys = few_keys,
		.key_capacity = FEW_KEYS,
		.listener = listener,
		.result = ret_scan,
	};
	int r;

	if (text_bytes >= UINT32_MAX)
		return malformed(&scanner);
	r = scan_value(&scanner);
	free(scanner.heap_keys);
	if (r)
		return r;
	skip_space(&scanner);
	if (scanner.at != text_bytes)
		return malformed(&scanner);
	return scanner.found ? JSON_SCAN_E_REFUSED : 0;
}
