/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/path_template.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NUMBER "{n}"
#define NUMBER_BYTES (sizeof(NUMBER) - 1)

/* What a conversion's text looks like: 0 a digit, a a letter, + a sign, others themselves. */
struct conversion {
	char letter;
	const char *shape;
};

static const struct conversion conversions[] = {
	{ 'Y', "0000" },  { 'y', "00" },	 { 'C', "00" },	      { 'G', "0000" },
	{ 'g', "00" },	  { 'm', "00" },	 { 'd', "00" },	      { 'j', "000" },
	{ 'H', "00" },	  { 'I', "00" },	 { 'M', "00" },	      { 'S', "00" },
	{ 'u', "0" },	  { 'w', "0" },		 { 'U', "00" },	      { 'V', "00" },
	{ 'W', "00" },	  { 'a', "aaa" },	 { 'b', "aaa" },      { 'p', "aa" },
	{ 'z', "+0000" }, { 'F', "0000-00-00" }, { 'T', "00:00:00" },
};

/* One piece of a template: a character, a conversion, the number, or a word of a job's path. */
enum piece_kind {
	PIECE_END,
	PIECE_CHARACTER,
	PIECE_CONVERSION,
	PIECE_NUMBER,
	PIECE_JOB,
	PIECE_HOST,
	PIECE_RUN,
	PIECE_BAD_CONVERSION,
	PIECE_BAD_BRACE,
};

struct piece {
	enum piece_kind kind;
	char character; /* also the letter of a conversion */
	const char *shape;
};

static const char *find_shape(char letter)
{
	for (size_t i = 0; i < sizeof(conversions) / sizeof(conversions[0]); i++)
		if (conversions[i].letter == letter)
			return conversions[i].shape;
	return NULL;
}

static const struct word {
	const char *text;
	enum piece_kind kind;
} words_in_braces[] = {
	{ NUMBER, PIECE_NUMBER },
	{ "{job}", PIECE_JOB },
	{ "{host}", PIECE_HOST },
	{ "{run}", PIECE_RUN },
};

/* How long the word in braces is that the text begins with, which becomes the piece's kind. */
static size_t read_word(const char *text, struct piece *piece)
{
	for (size_t i = 0; i < sizeof(words_in_braces) / sizeof(words_in_braces[0]); i++) {
		size_t bytes = strlen(words_in_braces[i].text);

		if (strncmp(text, words_in_braces[i].text, bytes) == 0) {
			piece->kind = words_in_braces[i].kind;
			return bytes;
		}
	}
	piece->kind = PIECE_BAD_BRACE;
	return 1;
}

/* The piece at *io_text, which moves behind it. */
static struct piece next_piece(const char **io_text)
{
	const char *text = *io_text;
	struct piece piece = { .kind = PIECE_CHARACTER, .character = text[0] };

	if (text[0] == '\0')
		return (struct piece){ .kind = PIECE_END };
	if (text[0] == '{') {
		*io_text = text + read_word(text, &piece);
		return piece;
	}
	if (text[0] == '%' && text[1] != '%') {
		piece.shape = find_shape(text[1]);
		piece.kind = piece.shape ? PIECE_CONVERSION : PIECE_BAD_CONVERSION;
		piece.character = text[1];
	}
	*io_text = text[0] == '%' && text[1] ? text + 2 : text + 1;
	return piece;
}

static bool is_job_word(enum piece_kind kind)
{
	return kind == PIECE_JOB || kind == PIECE_HOST || kind == PIECE_RUN;
}

/* ---- checks ---- */

static const char *find_fault(const char *text)
{
	unsigned int numbers = 0, conversions_seen = 0;
	struct piece piece;

	while ((piece = next_piece(&text)).kind != PIECE_END) {
		if (piece.kind == PIECE_BAD_CONVERSION)
			return "an unknown conversion follows a percent sign";
		if (piece.kind == PIECE_BAD_BRACE || is_job_word(piece.kind))
			return "a brace that does not begin {n}";
		if (piece.kind == PIECE_NUMBER && ++numbers > 1)
			return "{n} stands there twice";
		if (piece.kind == PIECE_CONVERSION)
			conversions_seen++;
		if (piece.kind == PIECE_CHARACTER && piece.character == '/' && numbers > 0)
			return "{n} stands in a directory";
	}
	return numbers + conversions_seen > 0 ? NULL : "neither {n} nor a conversion of the time";
}

/* All paths of one template are as long as one another, but for the number. */
static size_t write_shape(const struct path_template_time *unused_time, char letter, char *room,
			  size_t room_bytes)
{
	int length = snprintf(room, room_bytes, "%s", find_shape(letter));

	(void)unused_time;
	return length > 0 && (size_t)length < room_bytes ? (size_t)length : 0;
}

bool path_template_check(const char *text, const char **ret_reason)
{
	static const struct path_template_time sample = { write_shape };
	char path[PATH_TEMPLATE_BYTES];
	const char *fault = find_fault(text);

	if (!fault && !path_template_expand(text, &sample, PATH_TEMPLATE_NUMBER_MAX, path))
		fault = "the path is too long";
	if (fault) {
		*ret_reason = fault;
		return false;
	}
	return path_check(path, ret_reason);
}

bool path_template_has_number(const char *text)
{
	return strstr(text, NUMBER) != NULL;
}

/* ---- from a template to a path ---- */

/* What stands for the pieces: NULL words for a rotation, which has a number. */
struct meaning {
	const struct path_template_time *time;
	uint64_t number;
	const struct path_template_words *words;
};

/* Bytes put into `room` of that many bytes, with a NUL behind them; 0: they do not fit. */
static size_t put_piece(const struct piece *piece, const struct meaning *meaning, char *room,
			size_t room_bytes)
{
	const struct path_template_words *words = meaning->words;
	int length;

	if (piece->kind == PIECE_CONVERSION)
		return meaning->time->write(meaning->time, piece->character, room, room_bytes);
	if (piece->kind == PIECE_NUMBER || piece->kind == PIECE_RUN)
		length = snprintf(room, room_bytes, "%llu",
				  (unsigned long long)(words ? words->run : meaning->number));
	else if (is_job_word(piece->kind))
		length = snprintf(room, room_bytes, "%s",
				  piece->kind == PIECE_JOB ? words->job : words->host);
	else
		length = snprintf(room, room_bytes, "%c", piece->character);
	return length > 0 && (size_t)length < room_bytes ? (size_t)length : 0;
}

static bool expand(const char *text, const struct meaning *meaning,
		   char path[static PATH_TEMPLATE_BYTES])
{
	struct piece piece;
	size_t length = 0;

	while ((piece = next_piece(&text)).kind != PIECE_END) {
		size_t bytes =
			put_piece(&piece, meaning, path + length, PATH_TEMPLATE_BYTES - length);

		if (bytes == 0)
			return false;
		length += bytes;
	}
	path[length] = '\0';
	return true;
}

bool path_template_expand(const char *text, const struct path_template_time *time, uint64_t number,
			  char path[static PATH_TEMPLATE_BYTES])
{
	const struct meaning meaning = { .time = time, .number = number };

	return expand(text, &meaning, path);
}

bool path_template_expand_job(const char *text, const struct path_template_time *time,
			      const struct path_template_words *words,
			      char path[static PATH_TEMPLATE_BYTES])
{
	const struct meaning meaning = { .time = time, .words = words };

	return expand(text, &meaning, path);
}

static const char *find_fault_of_job(const char *text)
{
	struct piece piece;

	while ((piece = next_piece(&text)).kind != PIECE_END) {
		if (piece.kind == PIECE_BAD_CONVERSION)
			return "an unknown conversion follows a percent sign";
		if (piece.kind == PIECE_BAD_BRACE || piece.kind == PIECE_NUMBER)
			return "a brace that begins none of {job}, {run} and {host}";
	}
	return NULL;
}

bool path_template_check_job(const char *text, const struct path_template_words *words,
			     const char **ret_reason)
{
	static const struct path_template_time sample = { write_shape };
	struct path_template_words longest = *words;
	char path[PATH_TEMPLATE_BYTES];

	longest.run = PATH_TEMPLATE_NUMBER_MAX;
	*ret_reason = find_fault_of_job(text);
	if (!*ret_reason && !path_template_expand_job(text, &sample, &longest, path))
		*ret_reason = "the path is too long";
	return *ret_reason ? false : path_check(path, ret_reason);
}

/* ---- from a name back to its number ---- */

static bool has_shape(const char *name, const char *shape)
{
	for (; *shape != '\0'; name++, shape++) {
		bool fits = *shape == '0' ? isdigit((unsigned char)*name) :
			    *shape == 'a' ? isalpha((unsigned char)*name) :
			    *shape == '+' ? *name == '+' || *name == '-' :
					    *name == *shape;

		if (!fits)
			return false;
	}
	return true;
}

/* Only as the number would be written: no zero in front, no more than the highest one. */
static bool read_number(const char **io_name, uint64_t *ret_number)
{
	const char *name = *io_name;
	uint64_t number = 0;

	if (*name < '1' || *name > '9')
		return false;
	for (; isdigit((unsigned char)*name); name++) {
		uint64_t digit = (uint64_t)(*name - '0');

		if (number > (PATH_TEMPLATE_NUMBER_MAX - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	*io_name = name;
	*ret_number = number;
	return true;
}

/* Up to {n}, or the end, from the left. False: the name is another one. */
static bool skip_alike(const char **io_base, const char **io_name, bool *ret_at_number)
{
	struct piece piece;

	while ((piece = next_piece(io_base)).kind != PIECE_END && piece.kind != PIECE_NUMBER) {
		bool is_time = piece.kind == PIECE_CONVERSION;

		if (is_time ? !has_shape(*io_name, piece.shape) : **io_name != piece.character)
			return false;
		*io_name += is_time ? strlen(piece.shape) : 1;
	}
	*ret_at_number = piece.kind == PIECE_NUMBER;
	return true;
}

/* How long what comes after {n} is in a name. */
static size_t length_of(const char *base)
{
	struct piece piece;
	size_t length = 0;

	while ((piece = next_piece(&base)).kind != PIECE_END)
		length += piece.kind == PIECE_CONVERSION ? strlen(piece.shape) : 1;
	return length;
}

bool path_template_match(const char *base, const char *name, uint64_t *ret_number)
{
	char digits[24];
	const char *number_text = digits;
	size_t left, behind;
	uint64_t number;
	bool at_number;

	if (!skip_alike(&base, &name, &at_number) || !at_number)
		return false;
	/* What follows the number may be digits too: its length says where it begins. */
	left = strlen(name);
	behind = length_of(base);
	if (left <= behind || left - behind >= sizeof(digits))
		return false;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)(left - behind), name);
	if (!read_number(&number_text, &number) || *number_text != '\0')
		return false;
	name += left - behind;
	if (!skip_alike(&base, &name, &at_number) || *name != '\0')
		return false;
	*ret_number = number;
	return true;
}
