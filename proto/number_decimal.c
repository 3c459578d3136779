/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/number_decimal.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many digits name every double. */
#define SHORTEST_MAX 17

/* Integers below are exact, and print as they are. */
#define EXACT 0x1p53

/* JavaScript writes no exponent while the point is at most so far away. */
#define POINT_MAX 21
#define POINT_MIN (-6)

/*
 * So many digits settle every reading: a point halfway between two doubles has fewer than 768.
 * All that is of interest beyond is whether anything but zeros follows.
 */
#define READ_DIGITS_MAX 800
#define READ_BYTES (READ_DIGITS_MAX + 32)

/* What an exponent in the text may count up to, so that no text is long enough to undo it. */
#define WRITTEN_EXPONENT_MAX INT64_C(1000000000000000)

/* The value is 0.digits * 10^point. */
struct decimal {
	char digits[SHORTEST_MAX + 2];
	int count;
	int point;
};

/* strtod() of digits and an exponent, which no locale changes. */
static double decimal_value(const struct decimal *decimal)
{
	char text[SHORTEST_MAX + 16];

	snprintf(text, sizeof(text), "%se%d", decimal->digits, decimal->point - decimal->count);
	return strtod(text, NULL);
}

/* The value to `count` digits; zeros at the end are left out. The point is passed over. */
static void decimal_round(struct decimal *decimal, double value, int count)
{
	char text[SHORTEST_MAX + 32];
	const char *next = text;

	snprintf(text, sizeof(text), "%.*e", count - 1, value);
	decimal->count = 0;
	for (; *next != 'e'; next++)
		if (*next >= '0' && *next <= '9')
			decimal->digits[decimal->count++] = *next;
	decimal->point = atoi(next + 1) + 1;
	while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
		decimal->count--;
	decimal->digits[decimal->count] = '\0';
}

/* The next larger one of as many digits; there is none after nines only. */
static bool decimal_next(struct decimal *decimal, int count)
{
	int i;

	while (decimal->count < count)
		decimal->digits[decimal->count++] = '0';
	decimal->digits[count] = '\0';
	for (i = count - 1; i >= 0 && decimal->digits[i] == '9'; i--)
		decimal->digits[i] = '0';
	if (i < 0)
		return false;
	decimal->digits[i]++;
	return true;
}

/*
 * With DBL_DIG digits any decimal that short is found again in a normal double, so fewer need
 * not be tried. Below a power of two doubles lie closer than above it: the nearest decimal of
 * some length, below, may read as another double where the next one, above, does not.
 */
static void decimal_shorten(struct decimal *decimal, double value)
{
	int count = value < DBL_MIN ? 1 : DBL_DIG;
	int exponent;
	bool is_power = frexp(value, &exponent) == 0.5;

	for (;; count++) {
		decimal_round(decimal, value, count);
		if (count == SHORTEST_MAX || decimal_value(decimal) == value)
			return;
		if (is_power && decimal_next(decimal, count) && decimal_value(decimal) == value)
			return;
	}
}

static void print_digits(const struct decimal *decimal, char *text, size_t text_bytes)
{
	const char *digits = decimal->digits;
	int count = decimal->count, point = decimal->point;

	if (point > POINT_MAX || point < POINT_MIN + 1)
		snprintf(text, text_bytes, "%c%s%se%+d", digits[0], count > 1 ? "." : "",
			 digits + 1, point - 1);
	else if (point <= 0)
		snprintf(text, text_bytes, "0.%.*s%s", -point, "000000", digits);
	else if (point < count)
		snprintf(text, text_bytes, "%.*s.%s", point, digits, digits + point);
	else
		snprintf(text, text_bytes, "%s%.*s", digits, point - count, "00000000000000000000");
}

void number_decimal_print(double value, char text[static NUMBER_TEXT_BYTES])
{
	struct decimal decimal;
	size_t sign = 0;

	if (isnan(value)) {
		memcpy(text, "NaN", sizeof("NaN"));
		return;
	}
	if (signbit(value)) {
		text[sign++] = '-';
		value = -value;
	}
	if (isinf(value)) {
		memcpy(text + sign, "Infinity", sizeof("Infinity"));
	} else if (value < EXACT && value == (double)(int64_t)value) {
		snprintf(text + sign, NUMBER_TEXT_BYTES - sign, "%" PRId64, (int64_t)value);
	} else {
		decimal_shorten(&decimal, value);
		print_digits(&decimal, text + sign, NUMBER_TEXT_BYTES - sign);
	}
}

/* A text being read: the value is digits * 10^exponent. */
struct reading {
	char digits[READ_BYTES];
	size_t count;
	int64_t exponent;
	bool any; /* there was a digit */
};

/* Zeros in front say nothing; of what is too much, only that it is there. */
static void take_digit(struct reading *reading, char digit, bool fraction)
{
	reading->any = true;
	if (reading->count == READ_DIGITS_MAX) {
		if (digit != '0')
			reading->digits[READ_DIGITS_MAX - 1] = '1';
		reading->exponent += !fraction;
		return;
	}
	if (reading->count > 0 || digit != '0')
		reading->digits[reading->count++] = digit;
	reading->exponent -= fraction;
}

static const char *take_digits(struct reading *reading, const char *text)
{
	bool fraction = false;

	for (; (*text >= '0' && *text <= '9') || (*text == '.' && !fraction); text++) {
		if (*text == '.')
			fraction = true;
		else
			take_digit(reading, *text, fraction);
	}
	return text;
}

/* NULL: an exponent is begun and has no digit. */
static const char *take_exponent(struct reading *reading, const char *text)
{
	int64_t exponent = 0;
	bool negative;

	if (*text != 'e' && *text != 'E')
		return text;
	text++;
	negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if (*text < '0' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++)
		if (exponent < WRITTEN_EXPONENT_MAX)
			exponent = exponent * 10 + (*text - '0');
	reading->exponent += negative ? -exponent : exponent;
	return text;
}

static double reading_value(struct reading *reading)
{
	if (reading->count == 0)
		return 0;
	snprintf(reading->digits + reading->count, READ_BYTES - reading->count, "e%" PRId64,
		 reading->exponent);
	return strtod(reading->digits, NULL);
}

bool number_decimal_read(const char *text, double *ret_value)
{
	struct reading reading = { .count = 0 };
	bool negative = *text == '-';
	double value;

	if (strcmp(text, "NaN") == 0) {
		*ret_value = NAN;
		return true;
	}
	if (*text == '-' || *text == '+')
		text++;
	if (strcmp(text, "Infinity") == 0) {
		value = INFINITY;
	} else {
		text = take_digits(&reading, text);
		text = reading.any ? take_exponent(&reading, text) : NULL;
		if (!text || *text != '\0')
			return false;
		value = reading_value(&reading);
	}
	*ret_value = negative ? -value : value;
	return true;
}
