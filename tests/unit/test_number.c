/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/interfaces.h"
#include "proto/number.h"
#include "proto/number_access.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define GUARD 0xa5
#define BYTES_MAX 8
#define ROUNDS 2000
#define SEED UINT64_C(0x5eed0000f0beba17)

START_TEST(types_are_those_of_the_interface_in_its_order)
{
	const char *text = interface_text_find("io.forebay.buffer")->text, *end;
	enum number_type type;
	char name[16];

	text = strstr(text, "type Number (") + strlen("type Number (");
	end = strchr(text, ')');
	for (int i = 0; i < NUMBER_TYPES; i++) {
		text += strspn(text, " ,\n");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(text, " ,\n"), text);
		text += strlen(name);
		ck_assert_str_eq(number_type_name((enum number_type)i), name);
		ck_assert(number_type_from_name(name, &type));
		ck_assert_int_eq((int)type, i);
	}
	ck_assert_ptr_eq(text + strspn(text, " ,\n"), end);
}
END_TEST

START_TEST(other_names_are_no_types)
{
	static const char *const names[] = { "",      "int",	   "int16",   "INT8",  "int8le",
					     "int8 ", "float16le", "float64", "number" };
	enum number_type type = NUMBER_INT32BE;

	for (int i = 0; i < COUNT(names); i++)
		ck_assert(!number_type_from_name(names[i], &type));
	ck_assert_int_eq((int)type, NUMBER_INT32BE);
}
END_TEST

static const struct {
	const char *text;
	enum number_type type;
	const char *bytes;
	size_t count;
	const char *back;
} settings[] = {
	{ "-1", NUMBER_UINT8, "\xff", 1, "255" },
	{ "128", NUMBER_INT8, "\x80", 1, "-128" },
	{ "-129.9", NUMBER_INT8, "\x7f", 1, "127" },
	{ "-0.9", NUMBER_UINT8, "\x00", 1, "0" },
	{ "NaN", NUMBER_INT8, "\x00", 1, "0" },
	{ "-Infinity", NUMBER_INT8, "\x00", 1, "0" },
	{ "0.5", NUMBER_UINT8CLAMPED, "\x00", 1, "0" },
	{ "0.50000000000000011", NUMBER_UINT8CLAMPED, "\x01", 1, "1" },
	{ "0.49999999999999994", NUMBER_UINT8CLAMPED, "\x00", 1, "0" },
	{ "1.5", NUMBER_UINT8CLAMPED, "\x02", 1, "2" },
	{ "2.5", NUMBER_UINT8CLAMPED, "\x02", 1, "2" },
	{ "254.5", NUMBER_UINT8CLAMPED, "\xfe", 1, "254" },
	{ "254.6", NUMBER_UINT8CLAMPED, "\xff", 1, "255" },
	{ "255.5", NUMBER_UINT8CLAMPED, "\xff", 1, "255" },
	{ "300", NUMBER_UINT8CLAMPED, "\xff", 1, "255" },
	{ "Infinity", NUMBER_UINT8CLAMPED, "\xff", 1, "255" },
	{ "-7", NUMBER_UINT8CLAMPED, "\x00", 1, "0" },
	{ "NaN", NUMBER_UINT8CLAMPED, "\x00", 1, "0" },
	{ "258", NUMBER_INT16LE, "\x02\x01", 2, "258" },
	{ "258", NUMBER_INT16BE, "\x01\x02", 2, "258" },
	{ "32768", NUMBER_INT16BE, "\x80\x00", 2, "-32768" },
	{ "65535.99", NUMBER_UINT16LE, "\xff\xff", 2, "65535" },
	{ "65536", NUMBER_UINT16BE, "\x00\x00", 2, "0" },
	{ "4294967297", NUMBER_INT32BE, "\x00\x00\x00\x01", 4, "1" },
	{ "-2147483649", NUMBER_INT32LE, "\xff\xff\xff\x7f", 4, "2147483647" },
	{ "100000000000000000000", NUMBER_UINT32BE, "\x63\x10\x00\x00", 4, "1661992960" },
	{ "-100000000000000000000", NUMBER_UINT32BE, "\x9c\xf0\x00\x00", 4, "2632974336" },
	{ "1e35", NUMBER_UINT32LE, "\x00\x00\x00\x00", 4, "0" },
	{ "1e300", NUMBER_UINT32LE, "\x00\x00\x00\x00", 4, "0" },
	{ "9223372036854775808", NUMBER_INT64BE, "\x80\0\0\0\0\0\0\0", 8, "-9223372036854775808" },
	{ "9007199254740993", NUMBER_INT64LE, "\x01\0\0\0\0\0\x20\0", 8, "9007199254740993" },
	{ "-1", NUMBER_UINT64LE, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "18446744073709551615" },
	{ "1267650600228229401496703205379", NUMBER_UINT64BE, "\0\0\0\0\0\0\0\x03", 8, "3" },
	{ "-0", NUMBER_INT64LE, "\0\0\0\0\0\0\0\0", 8, "0" },
	{ "1.5", NUMBER_FLOAT32LE, "\x00\x00\xc0\x3f", 4, "1.5" },
	{ "0.1", NUMBER_FLOAT32BE, "\x3d\xcc\xcc\xcd", 4, "0.10000000149011612" },
	{ "16777217", NUMBER_FLOAT32BE, "\x4b\x80\x00\x00", 4, "16777216" },
	{ "3.4028235677973366e+38", NUMBER_FLOAT32BE, "\x7f\x80\x00\x00", 4, "Infinity" },
	{ "7e-46", NUMBER_FLOAT32BE, "\x00\x00\x00\x00", 4, "0" },
	{ "1.401298464324817e-45", NUMBER_FLOAT32BE, "\x00\x00\x00\x01", 4,
	  "1.401298464324817e-45" },
	{ "-0", NUMBER_FLOAT32LE, "\x00\x00\x00\x80", 4, "-0" },
	{ "NaN", NUMBER_FLOAT32BE, "\x7f\xc0\x00\x00", 4, "NaN" },
	{ "-2.25", NUMBER_FLOAT64BE, "\xc0\x02\0\0\0\0\0\0", 8, "-2.25" },
	{ "NaN", NUMBER_FLOAT64LE, "\0\0\0\0\0\0\xf8\x7f", 8, "NaN" },
	{ "-Infinity", NUMBER_FLOAT64BE, "\xff\xf0\0\0\0\0\0\0", 8, "-Infinity" },
	{ "1e999", NUMBER_FLOAT64BE, "\x7f\xf0\0\0\0\0\0\0", 8, "Infinity" },
	{ "9007199254740993", NUMBER_FLOAT64BE, "\x43\x40\0\0\0\0\0\0", 8, "9007199254740992" },
};

START_TEST(a_number_is_set_as_node_sets_it)
{
	enum number_type type = settings[_i].type;
	size_t count = settings[_i].count;
	unsigned char bytes[BYTES_MAX];
	char text[NUMBER_TEXT_BYTES];

	ck_assert_uint_eq(number_type_bytes(type), count);
	ck_assert_int_eq(number_from_text(type, settings[_i].text, bytes), 0);
	ck_assert_mem_eq(bytes, settings[_i].bytes, count);
	number_to_text(type, bytes, text);
	ck_assert_str_eq(text, settings[_i].back);
}
END_TEST

static const struct {
	double value;
	const char *text;
} prints[] = {
	{ 0, "0" },
	{ -0.0, "-0" },
	{ 1, "1" },
	{ -123456789, "-123456789" },
	{ 0.1, "0.1" },
	{ 0.1 + 0.2, "0.30000000000000004" },
	{ 123.456, "123.456" },
	{ 1e20, "100000000000000000000" },
	{ 123456789012345680000.0, "123456789012345680000" },
	{ 1e21, "1e+21" },
	{ 1.5e21, "1.5e+21" },
	{ 0x1p53, "9007199254740992" },
	{ 0x1p58, "288230376151711740" },
	{ 0x1p63, "9223372036854776000" },
	{ 1e-6, "0.000001" },
	{ 1.25e-6, "0.00000125" },
	{ 1e-7, "1e-7" },
	{ -1.2345678901234567e-6, "-0.0000012345678901234567" },
	{ -1.2345678901234567e-308, "-1.2345678901234567e-308" },
	{ 5e-324, "5e-324" },
	{ 2.2250738585072014e-308, "2.2250738585072014e-308" },
	{ 1.7976931348623157e308, "1.7976931348623157e+308" },
	{ 0x1p-1017, "7.120236347223045e-307" }, /* the nearest of 16 digits is another double */
	{ 0x1p-44, "5.684341886080802e-14" },	 /* halfway between two of 16 digits */
	{ 5e-7, "5e-7" },
	{ 9.5, "9.5" },
};

START_TEST(a_double_is_printed_as_javascript_prints_it)
{
	unsigned char bytes[BYTES_MAX];
	char text[NUMBER_TEXT_BYTES];

	number_set_double(NUMBER_FLOAT64LE, bytes, prints[_i].value);
	number_to_text(NUMBER_FLOAT64LE, bytes, text);
	ck_assert_str_eq(text, prints[_i].text);
}
END_TEST

static const struct {
	const char *text;
	double value;
} readings[] = {
	{ "+1", 1 },
	{ ".5", 0.5 },
	{ "5.", 5 },
	{ "1E3", 1000 },
	{ "1e+03", 1000 },
	{ "25e-1", 2.5 },
	{ "007", 7 },
	{ "0.000e99999999999999999999", 0 },
	{ "1e99999999999999999999", INFINITY },
	{ "1e18446744073709551617", INFINITY },
	{ "-1e-99999999999999999999", -0.0 },
	{ "+Infinity", INFINITY },
	{ "9007199254740992.9999999999999999999999999999999999999999999999", 0x1p53 },
	{ "9007199254740993.0000000000000000000000000000000000000000000001", 0x1p53 + 2 },
};

START_TEST(a_decimal_is_read_as_javascript_reads_it)
{
	unsigned char bytes[BYTES_MAX], expected[BYTES_MAX];

	number_set_double(NUMBER_FLOAT64LE, expected, readings[_i].value);
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, readings[_i].text, bytes), 0);
	ck_assert_mem_eq(bytes, expected, sizeof(bytes));
}
END_TEST

/* Halfway between 1 and the next double, and then far behind something that decides. */
START_TEST(every_digit_of_a_long_decimal_counts)
{
	static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
	char text[2000];
	double value;
	unsigned char bytes[BYTES_MAX];

	memset(text, '0', sizeof(text));
	memcpy(text, half, sizeof(half) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, text, bytes), 0);
	value = number_get_double(NUMBER_FLOAT64LE, bytes);
	ck_assert(value == 1);
	text[sizeof(text) - 2] = '1';
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, text, bytes), 0);
	value = number_get_double(NUMBER_FLOAT64LE, bytes);
	ck_assert(value == 1 + 0x1p-52);
	memset(text, '0', sizeof(text));
	memcpy(text, "1", 1);
	memcpy(text + 1500, "e-1499", sizeof("e-1499"));
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, text, bytes), 0);
	ck_assert(number_get_double(NUMBER_FLOAT64LE, bytes) == 1);
	memset(text, '0', sizeof(text));
	memcpy(text, "0.", 2);
	memcpy(text + 1500, "1e1499", sizeof("1e1499"));
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, text, bytes), 0);
	ck_assert(number_get_double(NUMBER_FLOAT64LE, bytes) == 1);
}
END_TEST

static const char *const refused[] = {
	"",	" ",   "1 ",  " 1",	  "abc",       "0x10", "1_000", "1,5",	"1.2.3", ".",
	"-",	"+",   "--1", "+-1",	  "1e",	       "1e+",  "e5",	".e5",	"1n",	 "-NaN",
	"+NaN", "nan", "inf", "infinity", "Infinity1", "NaN0", "true",	"null", "1\n",	 "\xc2\xb1",
};

/* What only the 64-bit types refuse: they hold integers alone. */
static const char *const no_integers[] = { "1.5", "1.0", "1e3", "NaN", "Infinity", "5.", ".5" };

static void assert_refused(enum number_type type, const char *text)
{
	unsigned char bytes[BYTES_MAX], before[BYTES_MAX];

	memset(bytes, GUARD, sizeof(bytes));
	memset(before, GUARD, sizeof(before));
	ck_assert_int_eq(number_from_text(type, text, bytes), -EINVAL);
	ck_assert_mem_eq(bytes, before, sizeof(bytes));
}

START_TEST(what_is_no_number_is_refused_and_nothing_is_written)
{
	enum number_type type = (enum number_type)_i;
	unsigned char bytes[BYTES_MAX];

	for (int i = 0; i < COUNT(refused); i++)
		assert_refused(type, refused[i]);
	for (int i = 0; i < COUNT(no_integers); i++) {
		if (number_type_is_64bit(type))
			assert_refused(type, no_integers[i]);
		else
			ck_assert_int_eq(number_from_text(type, no_integers[i], bytes), 0);
	}
}
END_TEST

static uint64_t random_next(uint64_t *state)
{
	uint64_t mixed;

	*state += UINT64_C(0x9e3779b97f4a7c15);
	mixed = (*state ^ *state >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

/* Few bits set or unset give small numbers, powers of two, subnormals, infinities. */
static uint64_t random_bits(uint64_t *state)
{
	uint64_t bits = random_next(state);

	switch (random_next(state) % 4) {
	case 0:
		return bits >> random_next(state) % 64;
	case 1:
		return ~(bits >> random_next(state) % 64);
	case 2:
		return bits & random_next(state) & random_next(state) & random_next(state);
	default:
		return bits;
	}
}

static bool is_nan(enum number_type type, const unsigned char *bytes)
{
	return number_type_is_float(type) && isnan(number_get_double(type, bytes));
}

/* At every alignment, and with nothing beside it touched. NaN has one form that is written. */
START_TEST(bytes_are_the_same_after_they_were_text)
{
	enum number_type type = (enum number_type)_i;
	size_t size = number_type_bytes(type);
	unsigned char bytes[3 * BYTES_MAX], back[3 * BYTES_MAX];
	uint64_t state = SEED + (uint64_t)_i, bits;
	char text[NUMBER_TEXT_BYTES];

	for (int round = 0; round < ROUNDS; round++) {
		size_t at = 1 + (size_t)round % BYTES_MAX;

		memset(bytes, GUARD, sizeof(bytes));
		memset(back, GUARD, sizeof(back));
		bits = random_bits(&state);
		memcpy(bytes + at, &bits, size);
		number_to_text(type, bytes + at, text);
		ck_assert_int_eq(number_from_text(type, text, back + at), 0);
		if (is_nan(type, bytes + at))
			number_set_double(type, bytes + at, NAN);
		ck_assert_msg(memcmp(bytes, back, sizeof(bytes)) == 0,
			      "%s of %s, seed %#llx, round %d", text, number_type_name(type),
			      (unsigned long long)SEED, round);
	}
}
END_TEST

START_TEST(a_nan_is_written_in_one_form_only)
{
	static const unsigned char other[] = { 0x55, 0x55, 0xf5, 0xff };
	unsigned char bytes[BYTES_MAX];
	double value = number_get_double(NUMBER_FLOAT32LE, other);

	ck_assert(isnan(value));
	number_set_double(NUMBER_FLOAT32BE, bytes, value);
	ck_assert_mem_eq(bytes, "\x7f\xc0\x00\x00", 4);
	number_set_double(NUMBER_FLOAT64BE, bytes, -value);
	ck_assert_mem_eq(bytes, "\x7f\xf8\0\0\0\0\0\0", 8);
}
END_TEST

/* The three ways in and out agree wherever a value is exact in all of them. */
START_TEST(values_are_what_their_texts_say)
{
	enum number_type type = (enum number_type)_i;
	unsigned char by_text[BYTES_MAX], by_value[BYTES_MAX];
	size_t size = number_type_bytes(type);
	uint64_t state = SEED - (uint64_t)_i;
	char text[NUMBER_TEXT_BYTES];

	for (int round = 0; round < ROUNDS; round++) {
		int64_t value = (int64_t)random_bits(&state) >> 11; /* within 2^52 */

		snprintf(text, sizeof(text), "%lld", (long long)value);
		ck_assert_int_eq(number_from_text(type, text, by_text), 0);
		number_set_int64(type, by_value, value);
		ck_assert_mem_eq(by_value, by_text, size);
		number_set_double(type, by_value, (double)value);
		ck_assert_mem_eq(by_value, by_text, size);
		if (value >= 0) {
			number_set_uint64(type, by_value, (uint64_t)value);
			ck_assert_mem_eq(by_value, by_text, size);
		}
		number_to_text(type, by_text, text);
		ck_assert(number_get_double(type, by_text) == strtod(text, NULL));
		if (type == NUMBER_UINT64LE || type == NUMBER_UINT64BE)
			ck_assert_uint_eq(number_get_uint64(type, by_text),
					  strtoull(text, NULL, 10));
		else
			ck_assert_int_eq(number_get_int64(type, by_text),
					 (int64_t)strtod(text, NULL));
	}
}
END_TEST

START_TEST(values_that_do_not_fit_are_wrapped_clamped_and_cut)
{
	unsigned char bytes[BYTES_MAX];

	number_set_uint64(NUMBER_UINT8CLAMPED, bytes, UINT64_MAX);
	ck_assert_uint_eq(bytes[0], 255);
	number_set_int64(NUMBER_UINT8CLAMPED, bytes, INT64_MIN);
	ck_assert_uint_eq(bytes[0], 0);
	number_set_uint64(NUMBER_FLOAT64LE, bytes, UINT64_MAX);
	ck_assert(number_get_double(NUMBER_FLOAT64LE, bytes) == 0x1p64);
	number_set_double(NUMBER_UINT64LE, bytes, 0x1p63);
	ck_assert_uint_eq(number_get_uint64(NUMBER_UINT64LE, bytes), UINT64_C(1) << 63);
	ck_assert(number_get_double(NUMBER_UINT64LE, bytes) == 0x1p63);
	number_set_double(NUMBER_INT64BE, bytes, -0x1p64 - 0x1p12);
	ck_assert_int_eq(number_get_int64(NUMBER_INT64BE, bytes), -4096);
	number_set_double(NUMBER_FLOAT64BE, bytes, -7.9);
	ck_assert_int_eq(number_get_int64(NUMBER_FLOAT64BE, bytes), -7);
	number_set_double(NUMBER_FLOAT32BE, bytes, INFINITY);
	ck_assert_int_eq(number_get_int64(NUMBER_FLOAT32BE, bytes), 0);
}
END_TEST

/* Where the system has a locale with another decimal point; the digits are the same anyway. */
START_TEST(no_locale_changes_a_text)
{
	static const char *const locales[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8",
					       "ps_AF" };
	unsigned char bytes[BYTES_MAX];
	char text[NUMBER_TEXT_BYTES];

	for (int i = 0; i < COUNT(locales); i++)
		if (setlocale(LC_ALL, locales[i]))
			break;
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, "-1234567.25", bytes), 0);
	number_to_text(NUMBER_FLOAT64LE, bytes, text);
	ck_assert_str_eq(text, "-1234567.25");
	ck_assert_int_eq(number_from_text(NUMBER_FLOAT64LE, "1,5", bytes), -EINVAL);
	setlocale(LC_ALL, "C");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("number");
	TCase *tests = tcase_create("number");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, types_are_those_of_the_interface_in_its_order);
	tcase_add_test(tests, other_names_are_no_types);
	tcase_add_loop_test(tests, a_number_is_set_as_node_sets_it, 0, COUNT(settings));
	tcase_add_loop_test(tests, a_double_is_printed_as_javascript_prints_it, 0, COUNT(prints));
	tcase_add_loop_test(tests, a_decimal_is_read_as_javascript_reads_it, 0, COUNT(readings));
	tcase_add_test(tests, every_digit_of_a_long_decimal_counts);
	tcase_add_loop_test(tests, what_is_no_number_is_refused_and_nothing_is_written, 0,
			    NUMBER_TYPES);
	tcase_add_loop_test(tests, bytes_are_the_same_after_they_were_text, 0, NUMBER_TYPES);
	tcase_add_test(tests, a_nan_is_written_in_one_form_only);
	tcase_add_loop_test(tests, values_are_what_their_texts_say, 0, NUMBER_TYPES);
	tcase_add_test(tests, values_that_do_not_fit_are_wrapped_clamped_and_cut);
	tcase_add_test(tests, no_locale_changes_a_text);
	suite_add_tcase(suite, tests);
	printf("seed %#llx\n", (unsigned long long)SEED);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
