/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/json_number.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/json_scan.h"

/*
 * The value is judged from its digits and, where they do not settle it, from the double that
 * cJSON will make. The token is rewritten without a decimal point for that, since strtod()
 * looks for the locale's.
 */
#define EXACT_TEXT "9007199254740992"
#define EXACT_DIGITS 16
#define EXACT ((double)((int64_t)1 << 53))
#define EXPONENT_MAX 100000

struct number {
	char digits[JSON_NUMBER_BYTES_MAX + 1]; /* significant ones: no zeros at either end */
	size_t count;
	long exponent; /* the value is digits * 10^exponent */
	bool plain;    /* neither fraction nor exponent was written */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *text)
{
	while (is_digit(*text))
		text++;
	return text;
}

/* Where the token ends; NULL if it breaks the grammar. */
static const char *find_end(const char *text)
{
	if (*text == '-')
		text++;
	if (!is_digit(*text))
		return NULL;
	text = *text == '0' ? text + 1 : skip_digits(text);
	if (is_digit(*text))
		return NULL;
	if (*text == '.') {
		if (!is_digit(text[1]))
			return NULL;
		text = skip_digits(text + 1);
	}
	if (*text == 'e' || *text == 'E') {
		text++;
		if (*text == '+' || *text == '-')
			text++;
		if (!is_digit(*text))
			return NULL;
		text = skip_digits(text);
	}
	return text;
}

static long read_exponent(const char *text)
{
	bool negative = *text == '-';
	long exponent = 0;

	if (*text == '+' || *text == '-')
		text++;
	for (; is_digit(*text); text++)
		if (exponent < EXPONENT_MAX)
			exponent = exponent * 10 + (*text - '0');
	return negative ? -exponent : exponent;
}

/* Of the token only, which is at most JSON_NUMBER_BYTES_MAX long: "1.5.5" is not all token. */
static void read_number(const char *text, const char *end, struct number *number)
{
	bool fraction = false;

	*number = (struct number){ .plain = true };
	if (*text == '-')
		text++;
	for (; text < end && (is_digit(*text) || *text == '.'); text++) {
		if (*text == '.') {
			fraction = true;
			number->plain = false;
			continue;
		}
		if (fraction)
			number->exponent--;
		if (number->count > 0 || *text != '0')
			number->digits[number->count++] = *text;
	}
	if (text < end) {
		number->plain = false;
		number->exponent += read_exponent(text + 1);
	}
	while (number->count > 0 && number->digits[number->count - 1] == '0') {
		number->count--;
		number->exponent++;
	}
	number->digits[number->count] = '\0';
}

static double read_double(const struct number *number)
{
	char text[JSON_NUMBER_BYTES_MAX + 32];

	(void)snprintf(text, sizeof(text), "%se%ld", number->digits, number->exponent);
	return strtod(text, NULL);
}

/* The size of an integer of few digits is known without a look at the double. */
static enum json_number judge(const struct number *number)
{
	bool integral = number->exponent >= 0;
	double value;

	if (number->count == 0)
		return JSON_NUMBER_GOOD;
	if (integral && number->exponent + (long)number->count < EXACT_DIGITS)
		return JSON_NUMBER_GOOD;

	value = read_double(number);
	if (isinf(value) || value == 0)
		return JSON_NUMBER_RANGE;
	if (!integral)
		return value >= EXACT || value == (double)(int64_t)value ? JSON_NUMBER_INEXACT :
									   JSON_NUMBER_GOOD;
	/* 2^53 + 1 reads as 2^53. */
	if (value == EXACT && strcmp(number->digits, EXACT_TEXT) != 0)
		return JSON_NUMBER_INEXACT;
	return number->plain && value > EXACT ? JSON_NUMBER_INEXACT : JSON_NUMBER_GOOD;
}

enum json_number json_number_scan(const char *text, size_t *ret_bytes)
{
	const char *end = find_end(text);
	struct number number;

	if (!end)
		return JSON_NUMBER_MALFORMED;
	*ret_bytes = (size_t)(end - text);
	if (*ret_bytes > JSON_NUMBER_BYTES_MAX)
		return JSON_NUMBER_RANGE;
	read_number(text, end, &number);
	return judge(&number);
}
