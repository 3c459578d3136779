/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/units.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define USEC UINT64_C(1)
#define MSEC (1000 * USEC)
#define SECOND (1000 * MSEC)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define WEEK (7 * DAY)
/* As systemd has them: 30.44 and 365.25 days. */
#define MONTH (2629800 * SECOND)
#define YEAR (31557600 * SECOND)

struct unit {
	const char *name;
	uint64_t factor;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/*
 * whole.fraction times factor, without a double: each digit of the fraction counts a tenth of
 * the one before, what is below 1 is dropped.
 */
struct decimal {
	uint64_t whole;
	const char *fraction; /* its digits; NULL if there is no point */
	size_t fraction_digits;
};

static int read_decimal(const char **text, struct decimal *ret_decimal)
{
	const char *at = *text;
	struct decimal decimal = { 0 };

	if (!is_digit(*at))
		return UNITS_E_SYNTAX;
	for (; is_digit(*at); at++)
		if (__builtin_mul_overflow(decimal.whole, 10, &decimal.whole) ||
		    __builtin_add_overflow(decimal.whole, (uint64_t)(*at - '0'), &decimal.whole))
			return UNITS_E_OVERFLOW;
	if (*at == '.') {
		decimal.fraction = ++at;
		decimal.fraction_digits = strspn(at, "0123456789");
		if (decimal.fraction_digits == 0)
			return UNITS_E_SYNTAX;
		at += decimal.fraction_digits;
	}
	*text = at;
	*ret_decimal = decimal;
	return 0;
}

static int scale(const struct decimal *decimal, uint64_t factor, uint64_t *ret_value)
{
	unsigned __int128 fraction = 0, divisor = 1;
	uint64_t value;
	size_t i;

	/* Digits beyond the 18th stand for less than one unit of any factor below 10^18. */
	for (i = 0; i < decimal->fraction_digits && i < 18; i++) {
		fraction = fraction * 10 + (unsigned)(decimal->fraction[i] - '0');
		divisor *= 10;
	}
	if (__builtin_mul_overflow(decimal->whole, factor, &value) ||
	    __builtin_add_overflow(value, (uint64_t)(fraction * factor / divisor), &value))
		return UNITS_E_OVERFLOW;
	*ret_value = value;
	return 0;
}

static const char *skip_space(const char *text)
{
	return text + strspn(text, " \t\n\r");
}

static const char size_letters[] = "KMGTPE";

/* "", "B", "K", "KB", "KiB", ...; false if it is none of them. */
static bool size_factor(const char *suffix, uint64_t *ret_factor)
{
	const char *letter;

	*ret_factor = 1;
	if (*suffix == '\0' || strcasecmp(suffix, "B") == 0)
		return true;
	for (letter = size_letters; *letter; letter++) {
		*ret_factor <<= 10;
		if ((*suffix & ~0x20) == *letter)
			return suffix[1] == '\0' || strcasecmp(suffix + 1, "B") == 0 ||
			       strcasecmp(suffix + 1, "iB") == 0;
	}
	return false;
}

int units_parse_size(const char *text, uint64_t *ret_bytes)
{
	struct decimal decimal;
	uint64_t factor;
	char suffix[8];
	size_t bytes;
	int r;

	text = skip_space(text);
	r = read_decimal(&text, &decimal);
	if (r)
		return r;
	text = skip_space(text);
	bytes = strcspn(text, " \t\n\r");
	if (bytes >= sizeof(suffix) || *skip_space(text + bytes) != '\0')
		return UNITS_E_SYNTAX;
	memcpy(suffix, text, bytes);
	suffix[bytes] = '\0';
	if (!size_factor(suffix, &factor) || (decimal.fraction && factor == 1))
		return UNITS_E_SYNTAX;
	return scale(&decimal, factor, ret_bytes);
}

/* Case counts: m is a minute, M a month. Both letters that stand for micro are taken. */
static const struct unit span_units[] = {
	{ "us", USEC },	      { "usec", USEC },	     { "\xc2\xb5s", USEC }, { "\xce\xbcs", USEC },
	{ "ms", MSEC },	      { "msec", MSEC },	     { "s", SECOND },	    { "sec", SECOND },
	{ "second", SECOND }, { "seconds", SECOND }, { "m", MINUTE },	    { "min", MINUTE },
	{ "minute", MINUTE }, { "minutes", MINUTE }, { "h", HOUR },	    { "hr", HOUR },
	{ "hour", HOUR },     { "hours", HOUR },     { "d", DAY },	    { "day", DAY },
	{ "days", DAY },      { "w", WEEK },	     { "week", WEEK },	    { "weeks", WEEK },
	{ "M", MONTH },	      { "month", MONTH },    { "months", MONTH },   { "y", YEAR },
	{ "year", YEAR },     { "years", YEAR },
};

/* The unit at text, seconds where there is none. Returns its size; SIZE_MAX if it is unknown. */
static size_t span_factor(const char *text, uint64_t *ret_factor)
{
	size_t bytes = strcspn(text, " \t\n\r.0123456789"), i;

	*ret_factor = SECOND;
	if (bytes == 0)
		return 0;
	for (i = 0; i < sizeof(span_units) / sizeof(span_units[0]); i++) {
		const struct unit *unit = &span_units[i];

		if (strlen(unit->name) == bytes && memcmp(unit->name, text, bytes) == 0) {
			*ret_factor = unit->factor;
			return bytes;
		}
	}
	return SIZE_MAX;
}

static int parse_span_part(const char **text, uint64_t *sum)
{
	struct decimal decimal;
	uint64_t factor, value;
	size_t bytes;
	int r;

	r = read_decimal(text, &decimal);
	if (r)
		return r;
	*text = skip_space(*text);
	bytes = span_factor(*text, &factor);
	if (bytes == SIZE_MAX)
		return UNITS_E_SYNTAX;
	*text = skip_space(*text + bytes);
	r = scale(&decimal, factor, &value);
	if (r)
		return r;
	return __builtin_add_overflow(*sum, value, sum) ? UNITS_E_OVERFLOW : 0;
}

int units_parse_span(const char *text, uint64_t *ret_usec)
{
	uint64_t sum = 0;
	int r;

	text = skip_space(text);
	if (strncmp(text, "infinity", 8) == 0 && *skip_space(text + 8) == '\0') {
		*ret_usec = UINT64_MAX;
		return 0;
	}
	do {
		r = parse_span_part(&text, &sum);
		if (r)
			return r;
	} while (*text);
	if (sum == UINT64_MAX)
		return UNITS_E_OVERFLOW;
	*ret_usec = sum;
	return 0;
}

const char *units_format_size_exact(uint64_t bytes, char text[static UNITS_TEXT_BYTES])
{
	size_t letter = 0;

	while (bytes > 0 && bytes % 1024 == 0 && letter < sizeof(size_letters) - 1) {
		bytes /= 1024;
		letter++;
	}
	if (letter == 0)
		(void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, bytes);
	else
		(void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%c", bytes,
			       size_letters[letter - 1]);
	return text;
}

const char *units_format_size(uint64_t bytes, char text[static UNITS_TEXT_BYTES])
{
	uint64_t factor = 1, tenths;
	size_t letter = 0;

	while (bytes / factor >= 1024) {
		factor <<= 10;
		letter++;
	}
	if (letter == 0) {
		(void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, bytes);
		return text;
	}
	tenths = (uint64_t)((unsigned __int128)(bytes % factor) * 10 / factor);
	if (tenths == 0)
		(void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%c", bytes / factor,
			       size_letters[letter - 1]);
	else
		(void)snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 ".%" PRIu64 "%c", bytes / factor,
			       tenths, size_letters[letter - 1]);
	return text;
}

const char *units_format_span(uint64_t usec, char text[static UNITS_TEXT_BYTES])
{
	static const struct unit units[] = {
		{ "y", YEAR },	 { "month", MONTH }, { "w", WEEK },
		{ "d", DAY },	 { "h", HOUR },	     { "min", MINUTE },
		{ "s", SECOND }, { "ms", MSEC },     { "us", USEC },
	};
	size_t used = 0, i;

	if (usec == UINT64_MAX || usec == 0) {
		(void)snprintf(text, UNITS_TEXT_BYTES, "%s", usec == 0 ? "0" : "infinity");
		return text;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (usec < units[i].factor)
			continue;
		used += (size_t)snprintf(text + used, UNITS_TEXT_BYTES - used, "%s%" PRIu64 "%s",
					 used > 0 ? " " : "", usec / units[i].factor,
					 units[i].name);
		usec %= units[i].factor;
	}
	return text;
}
